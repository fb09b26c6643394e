#!/usr/bin/env python3
"""Documents stay true: every relative link leads somewhere, every `file.rs::test` and `path` in backticks exists,
no document names a place of one machine or a package registry. Exit 3 and one line for each thing that is not right.

Usage: tests/oracle/docs_check.py [FILE.md ...]   (default: all that git knows)
"""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)|!\[[^\]]*\]\(([^)\s]+)\)")
# `kms/server/tests/issue.rs::a_test_that_exists`
TEST = re.compile(r"`([\w./-]+\.(?:rs|py))::(\w+)`")
# `cardlib/card/profiles/rhc-2012.toml`: whatever begins with a folder of ours and has no placeholder in it
PATH = re.compile(r"`((?:kms|issuance|cardlib|hsm-sim|tests|docs)/[\w./-]+)`")
FORBIDDEN = re.compile(r"(?<![\w/])/(?:work|root|home/\w+)/|crates\.io/api|static\.crates\.io|pypi\.org|registry\.npmjs")
FENCE = re.compile(r"^(```|~~~)")


def documents(names):
    if names:
        return [Path(name).resolve() for name in names]
    told = subprocess.run(["git", "ls-files", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True)
    return [ROOT / line for line in told.stdout.splitlines() if (ROOT / line).exists()]


def prose(text):
    """Lines outside fenced blocks, with their numbers."""
    fenced = False
    for number, line in enumerate(text.splitlines(), 1):
        if FENCE.match(line.strip()):
            fenced = not fenced
        elif not fenced:
            yield number, line


def wrong_in(line, folder):
    for match in LINK.finditer(line):
        target = (match.group(1) or match.group(2)).split("#")[0]
        if target and "://" not in target and not target.startswith("mailto:") and not (folder / target).exists():
            yield f"link to {target}, which is not there"
    for path, test in TEST.findall(line):
        source = ROOT / path
        if not source.exists():
            yield f"names {path}, which is not there"
        elif not re.search(rf"\b(?:fn|def) {test}\b", source.read_text()):
            yield f"names the test {test}, which is not in {path}"
    for path in PATH.findall(line):
        if not (ROOT / path.rstrip("/.")).exists() and not path.startswith("docs/evidence"):
            yield f"names {path}, which is not there"


def main():
    wrong = []
    files = documents(sys.argv[1:])
    for file in files:
        text = file.read_text()
        name = file.relative_to(ROOT)
        for number, line in prose(text):
            wrong += [f"{name}:{number}: {what}" for what in wrong_in(line, file.parent)]
        for number, line in enumerate(text.splitlines(), 1):
            if FORBIDDEN.search(line):
                wrong.append(f"{name}:{number}: names a place of one machine or a registry host")
    print("\n".join(wrong) or f"{len(files)} documents: links, tests and paths are there")
    return 3 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
