#!/usr/bin/env python3
"""Checks transcripts of key ceremonies with OpenSSL: digests, both officers' and the HSM's signatures, the chain, and the
words to read aloud. Shares no code with rhc-kms; what it must find is said in docs/operations/ceremony.md.

    ceremony.py TRANSCRIPT... [--hsm FINGERPRINT] [--words WORDS]

Oldest first. Exit 0 all fits, 3 something does not (the first thing is named).
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

IDENTITY = "1234567812345678"
# SubjectPublicKeyInfo of an SM2 key, up to the point (RFC 8998, SM2 curve 1.2.156.10197.1.301).
SPKI = bytes.fromhex("3059301306072a8648ce3d020106082a811ccf5501822d03420004")
ZEROS = "0" * 64
WORDS = Path(__file__).resolve().parents[2] / "kms/core/src/ceremony/words.rs"


class Refused(Exception):
    """What does not fit."""


def sm3(data):
    out = subprocess.run(["openssl", "dgst", "-sm3", "-binary"], input=data, capture_output=True, check=True)
    return out.stdout.hex()


def integer(raw):
    body = raw.lstrip(b"\0") or b"\0"
    if body[0] & 0x80:
        body = b"\0" + body
    return b"\x02" + bytes([len(body)]) + body


def signature_fits(public_key, message, signature):
    """SM2 over the message, with ZA of the default identity."""
    raw = bytes.fromhex(signature)
    if len(raw) != 64:
        return False
    parts = integer(raw[:32]) + integer(raw[32:])
    with tempfile.TemporaryDirectory() as folder:
        key, sig, text = Path(folder, "key"), Path(folder, "sig"), Path(folder, "text")
        key.write_bytes(SPKI + bytes.fromhex(public_key))
        sig.write_bytes(b"\x30" + bytes([len(parts)]) + parts)
        text.write_bytes(message)
        command = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", key, "-keyform", "DER", "-rawin", "-digest", "sm3",
                   "-pkeyopt", f"distid:{IDENTITY}", "-in", text, "-sigfile", sig]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0


def two_officers(what, statement, signatures, officers, author):
    signers = set()
    for given in signatures:
        name = given["officer"]
        if name.strip().lower() == author.strip().lower():
            raise Refused(f"{what}: the author signed")
        if name not in officers or not signature_fits(officers[name], statement.encode(), given["signature"]):
            raise Refused(f"{what}: {name}")
        signers.add(name)
    if len(signers) < 2:
        raise Refused(f"{what}: {len(signers)} of 2")


def field(text, name):
    """One value of the reviewed TOML file, by its line: this judge wants no TOML library."""
    found = re.search(rf'^{name} = "([^"]*)"$', text, re.MULTILINE)
    if not found:
        raise Refused(f"the reviewed file has no {name}")
    return found.group(1)


def check(path, before):
    text = Path(path).read_bytes()
    outer = json.loads(text)
    body_text = outer["body"].encode()
    body, name = json.loads(body_text), sm3(body_text)
    if sm3(body["file"].encode()) != body["ceremony"]:
        raise Refused("the reviewed file was changed")
    author = field(body["file"], "author")
    named = re.search(r"^officers = \[([^\]]*)\]", body["file"], re.MULTILINE)
    present = re.findall(r'"([^"]*)"', named.group(1)) if named else []
    officers = {one["name"]: one["public_key"] for one in body["officers"]}
    two_officers("review", f"rhc-kms ceremony review {body['ceremony'].upper()}", body["reviews"], officers, author)
    room = {one: officers[one] for one in present if one in officers}
    two_officers("officers", f"rhc-kms ceremony transcript {name.upper()}", outer["signatures"], room, author)
    hsm, seal = body["hsm"], outer["seal"]
    if sm3(bytes.fromhex(hsm["signing_key"] + hsm["encryption_key"])) != hsm["fingerprint"]:
        raise Refused("the fingerprint is not that of the HSM's keys")
    if not signature_fits(hsm["signing_key"], seal["text"].encode(), seal["signature"]):
        raise Refused("the HSM's signature")
    said = json.loads(seal["text"])
    wanted = {"format": "rhc-hsm-seal-1", "hsm": hsm["fingerprint"], "number": body["number"], "previous": body["previous"],
              "ceremony": body["ceremony"], "transcript": name}
    for key, value in wanted.items():
        if str(said[key]).lower() != str(value).lower():
            raise Refused(f"the HSM sealed another {key}")
    if field(body["file"], "hsm").lower() != hsm["fingerprint"]:
        raise Refused("reviewed for another HSM")
    if before is not None and (body["previous"], body["number"], hsm) != (before[0], before[1] + 1, before[2]):
        raise Refused("not the next of the one before")
    if body["number"] == 1 and body["previous"] != ZEROS:
        raise Refused("the first follows something")
    return name, body["number"], hsm, body


def spoken(name):
    source = WORDS.read_text(encoding="utf-8")
    words = source.split('const ENGLISH: &str = "')[1].split('"')[0].split()
    return " ".join(words[byte] for byte in bytes.fromhex(name)[:12])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("transcripts", nargs="+")
    parser.add_argument("--hsm", help="fingerprint that the HSM must have")
    parser.add_argument("--words", help="words that were read aloud, of the last")
    given = parser.parse_args()
    before = None
    for path in given.transcripts:
        try:
            before = check(path, before)
            if given.hsm and given.hsm.lower() != before[2]["fingerprint"]:
                raise Refused("another HSM's")
        except (Refused, KeyError, ValueError, TypeError, AttributeError) as why:
            print(f"{path}: refused: {type(why).__name__} {why}")
            return 3
        steps = ", ".join(f"{step['deed']} {step['object']}".strip() for step in before[3]["steps"])
        print(f"{path}: ceremony {before[1]} fits: {steps}")
    if given.words and given.words != spoken(before[0]):
        print("the words are not those of the last transcript")
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
