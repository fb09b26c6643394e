#!/usr/bin/env python3
"""Builds all test programs with cargo and runs each as soon as it is there, as many at once as there are cores: most of
them wait for a disk or a reader, not for the processor, and so does the linker. Prints each program's output whole, one
after another, and its time; exit 1 when one failed.

Usage: tests/run.py [--loud PATH]... [--first NAME]... [--house PATH]... CARGO-TEST-ARGUMENTS...
Programs of the crate in a loud PATH also print what their tests print when they pass. Programs with a NAME that comes first
do not wait for others that are ready: long ones, so that none is alone at the end.
Programs of the crate in a house PATH raise a house of their own (daemon, readers, ports, folders) for each test: they run
when all others have ended, one test after another within each; some look into other processes and start one as another
user, so RHC_TEST_RUNNER stands before their command.
"""

import argparse
import heapq
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path


class Queue:
    """Programs that wait, in the order of their ranks; the end is announced by whoever puts them in."""

    def __init__(self):
        self.waiting, self.count, self.open = [], 0, True
        self.changed = threading.Condition()

    def put(self, rank, program):
        with self.changed:
            heapq.heappush(self.waiting, (rank, self.count, program))
            self.count += 1
            self.changed.notify()

    def close(self):
        with self.changed:
            self.open = False
            self.changed.notify_all()

    def take(self):
        """The next one; None at the end."""
        with self.changed:
            while not self.waiting and self.open:
                self.changed.wait()
            return heapq.heappop(self.waiting)[2] if self.waiting else None


class Run:
    """Runs programs of one or several queues and keeps the score."""

    def __init__(self, options):
        self.options = options
        self.took, self.failed = [], []
        self.lock = threading.Lock()

    def drain(self, queue):
        """Runs a queue's programs side by side until it is closed and empty."""
        workers = [threading.Thread(target=self.work, args=(queue,)) for _ in range(os.cpu_count() or 2)]
        for worker in workers:
            worker.start()
        return workers

    def work(self, queue):
        while (taken := queue.take()) is not None:
            self.one(*taken)

    def one(self, program, folder):
        house = folder in self.options.house
        words = ["--nocapture"] if folder in self.options.loud else []
        words += ["--test-threads=1"] if house else []
        runner = os.environ.get("RHC_TEST_RUNNER", "").split() if house else []
        begun = time.monotonic()
        environment = {**os.environ, "CARGO_MANIFEST_DIR": str(folder)}
        done = subprocess.run(
            [*runner, program, *words], cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        seconds, text, name = time.monotonic() - begun, done.stdout.decode(errors="replace"), name_of(program)
        with self.lock:
            self.took.append((seconds, name))
            print(f"--- {name}: {seconds:.1f} s\n{text}", flush=True)
            if done.returncode != 0:
                self.failed.append(name)
                # A program that dies says nothing of its tests.
                if "test result:" not in text:
                    print(f"test result: FAILED. 0 passed; 1 failed; {name} ended with {done.returncode}")


def name_of(program):
    return Path(program).name.rsplit("-", 1)[0]


def built(words):
    """Cargo's messages as they come; ends this program where it does not compile."""
    command = ["cargo", "test", "--no-run", "--message-format=json-render-diagnostics", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as cargo:
        for line in cargo.stdout:
            message = json.loads(line)
            if message.get("reason") == "compiler-artifact" and message["executable"]:
                yield message
    if cargo.returncode != 0:
        print("the test programs do not compile")
        yield None


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--loud", action="append", type=lambda path: Path(path).resolve(), default=[])
    parser.add_argument("--house", action="append", type=lambda path: Path(path).resolve(), default=[])
    parser.add_argument("--first", action="append", default=[])
    options, words = parser.parse_known_args()
    run, plain, houses = Run(options), Queue(), Queue()
    workers, anew, broken = run.drain(plain), [], False
    for message in built(words):
        if message is None:
            broken = True
        elif message["profile"]["test"]:
            program, folder = message["executable"], Path(message["manifest_path"]).parent
            queue = houses if folder in options.house else plain
            queue.put(name_of(program) not in options.first, (program, folder))
        elif not message["fresh"]:
            anew.append(message["target"]["name"])
    plain.close()
    for worker in workers:
        worker.join()
    houses.close()
    if not broken:
        for worker in run.drain(houses):
            worker.join()
    longest = ", ".join(f"{name} {seconds:.0f} s" for seconds, name in sorted(run.took, reverse=True)[:8])
    print(f"longest: {longest}")
    if run.failed:
        print(f"failed: {', '.join(run.failed)}")
    if anew:
        # They were replaced under tests that run them, and everything was compiled twice.
        print(f"test result: FAILED. 0 passed; 1 failed; `cargo test` built other programs than `cargo build`: {', '.join(anew)}")
        print("give tests-e2e the dependency whose features differ (see its Cargo.toml), or build before you test")
    return 1 if run.failed or anew or broken else 0


if __name__ == "__main__":
    sys.exit(main())
