#!/usr/bin/env python3
"""Judges the conversations in tests/conversations: OpenSSL recomputes every session key, cryptogram, cipher text, MAC,
digest and signature in them from the public test hierarchy; rights and order follow the specification's tables.

    conversations.py [FILE...] [--json]          default: all files
    conversations.py --spoil N --seed S          changes one digit, N times, and expects to find each

Exit 0 all as it should be, 3 something is not.
"""

import argparse
import json
import random
import re
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from judges.chips import Card, Sam  # noqa: E402
from oracle.suites import SUITES  # noqa: E402


def events(text):
    """(line, chip, command or 'atr' or 'reset', answer); GET RESPONSE is joined to its command."""
    waiting = {}
    for number, line in enumerate(text.splitlines(), 1):
        line = line.split("#", 1)[0].strip()
        if not line:
            continue
        chip, first, *rest = line.split()
        if first in ("atr", "reset"):
            yield number, chip, first, bytes.fromhex(rest[0])
            continue
        if rest[0] != ">" or len(rest) != 2:
            raise AssertionError(f"line {number}: no conversation")
        command, answer = bytes.fromhex(first), bytes.fromhex(rest[1])
        if chip in waiting:
            began, told = waiting.pop(chip)
            if command[:4] != bytes.fromhex("00C00000") or command[4] != told[-1] or len(answer) != told[-1] + 2:
                raise AssertionError(f"line {number}: {told[-1]} bytes wait and are not fetched")
            yield number, chip, began, answer
        elif answer[0] == 0x61:
            waiting[chip] = command, answer
        else:
            yield number, chip, command, answer
    if waiting:
        raise AssertionError("bytes wait at the end")


WRONG = (AssertionError, KeyError, IndexError, ValueError, StopIteration)


def judge(name, text):
    """Number of values that were recomputed."""
    about = re.search(r"^# profile (\S+), test card ([0-9A-F]{16}) of (\d{6}), SAM type (\d)$", text, re.M)
    if not about:
        raise AssertionError("no line that names profile, card and SAM")
    suite = SUITES[about[1]]
    sam = Sam(suite, about[3], bytes.fromhex(about[2]), int(about[4]))
    card = Card(suite, about[3], bytes.fromhex(about[2]), sam)
    chips, state = {"card": card, "sam": sam}, {}
    for number, name, command, answer in events(text):
        try:
            if isinstance(command, str):
                ended = command == "reset"
                if state.get(name, True) == ended:
                    pass
                elif not ended and name in state:
                    raise AssertionError("begins a second time")
                state[name] = ended
                continue
            if state.get(name, True):
                raise AssertionError("speaks outside a transaction")
            chips[name].hear(command, answer[:-2], int.from_bytes(answer[-2:], "big"))
        except AssertionError as wrong:
            raise AssertionError(f"line {number}: {wrong}") from wrong
    if state != {"card": True, "sam": True}:
        raise AssertionError("a transaction does not end in a reset")
    card.finish(name)
    return card.checked + sam.checked


def spoiled(text, draw):
    """The same with one hexadecimal digit of one exchange changed."""
    lines = text.splitlines(keepends=True)
    at = draw.choice([number for number, line in enumerate(lines) if " > " in line])
    place = draw.choice([found.start() for found in re.finditer("[0-9A-F]", lines[at])])
    other = draw.choice([digit for digit in "0123456789ABCDEF" if digit != lines[at][place]])
    line = lines[at]
    lines[at] = line[:place] + other + line[place + 1 :]
    return "".join(lines), f"line {at + 1}, column {place + 1}"


def spoil(files, count, seed):
    """Changes that nobody noticed."""
    draw = random.Random(seed)
    for path in draw.choices(files, k=count):
        text, where = spoiled(path.read_text(encoding="utf-8"), draw)
        try:
            judge(path.stem, text)
        except WRONG:
            continue
        yield f"{path.parent.name}/{path.name}: the change in {where} is not noticed"


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("files", nargs="*", type=Path)
    options.add_argument("--json", action="store_true")
    options.add_argument("--spoil", type=int, metavar="N")
    options.add_argument("--seed", type=int, default=1)
    given = options.parse_args()
    files = given.files or sorted(HERE.parent.glob("conversations/*/*.txt"))
    checked, failed = 0, []
    if given.spoil:
        failed = list(spoil(files, given.spoil, given.seed))
        print("\n".join(failed + [f"{given.spoil} changes, {len(failed)} not noticed"]))
        return 3 if failed else 0
    for path in files:
        try:
            checked += judge(path.stem, path.read_text(encoding="utf-8"))
        except WRONG as wrong:
            failed.append(f"{path.parent.name}/{path.name}: {wrong or type(wrong).__name__}")
    if given.json:
        print(json.dumps({"files": len(files), "values": checked, "failed": failed}, ensure_ascii=False))
    else:
        print("\n".join(failed + [f"{len(files)} conversations, {checked} values recomputed, {len(failed)} failed"]))
    return 3 if failed or not files else 0


if __name__ == "__main__":
    sys.exit(main())
