#!/usr/bin/env python3
"""Builds test programs with cargo and runs them side by side, as many as there are cores: most of them wait for a disk or a
reader, not for the processor. Prints each program's output whole, one after another, and its time; exit 1 when one failed.

Usage: tests/run.py [--jobs N] [--loud PATH] CARGO-TEST-ARGUMENTS... [-- ARGUMENTS OF THE TEST PROGRAMS...]
Programs of the crate in PATH (which may be given more than once) also print what their tests print when they pass.
"""

import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path


def build(words):
    """The test programs with the folders they want to run in, as cargo itself would choose it."""
    command = ["cargo", "test", "--no-run", "--message-format=json-render-diagnostics", *words]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit(done.returncode)
    programs = []
    for line in done.stdout.splitlines():
        message = json.loads(line)
        if message.get("reason") == "compiler-artifact" and message["profile"]["test"] and message["executable"]:
            programs.append((message["executable"], Path(message["manifest_path"]).parent))
    return programs


def run(program, folder, words):
    begun = time.monotonic()
    environment = {**os.environ, "CARGO_MANIFEST_DIR": str(folder)}
    command = [*os.environ.get("RHC_TEST_RUNNER", "").split(), program, *words]
    done = subprocess.run(command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    text = done.stdout.decode(errors="replace")
    return Path(program).name.rsplit("-", 1)[0], time.monotonic() - begun, done.returncode, text


def main():
    words, jobs = sys.argv[1:], os.cpu_count() or 2
    loud = set()
    while words[:1] in (["--jobs"], ["--loud"]):
        if words[0] == "--jobs":
            jobs = int(words[1])
        else:
            loud.add(Path(words[1]).resolve())
        words = words[2:]
    cut = words.index("--") if "--" in words else len(words)
    programs = build(words[:cut])
    took, failed = [], []
    with ThreadPoolExecutor(jobs) as pool:
        own = words[cut + 1 :]
        said = {True: [*own, "--nocapture"], False: own}
        started = [pool.submit(run, program, folder, said[folder in loud]) for program, folder in programs]
        for each in as_completed(started):
            name, seconds, code, text = each.result()
            took.append((seconds, name))
            print(f"--- {name}: {seconds:.1f} s\n{text}", flush=True)
            if code != 0:
                failed.append(name)
                # A program that dies says nothing of its tests.
                if "test result:" not in text:
                    print(f"test result: FAILED. 0 passed; 1 failed; {name} ended with {code}")
    longest = ", ".join(f"{name} {seconds:.0f} s" for seconds, name in sorted(took, reverse=True)[:8])
    print(f"longest: {longest}")
    if failed:
        print(f"failed: {', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
