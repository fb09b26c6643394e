#!/usr/bin/env python3
"""A foreign eye on a SAM of the house: pyscard, OpenSSL and the public test hierarchy, no code of this project.

Reads the public files, verifies the certificate chain up to the public test root, and lets the SAM deliver and use
session keys of its type, comparing every answer with OpenSSL.

    sam.py --reader "Virtual PCD 0 00 01" --type 5 [--json]

Exit 0 all as expected, 3 something is not, 4 no reader or card.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from judges.conversation import Conversation, run  # noqa: E402
from oracle import certificates, hierarchy as h  # noqa: E402
from oracle.openssl import sm4  # noqa: E402
from oracle.profile_check import SAM_TYPES  # noqa: E402

CARD = bytes.fromhex("1122334455667788")
RANDOM = bytes.fromhex("0102030405060708")
PIN = bytes.fromhex("0020000003123456")


def public_files(sam, given):
    """0015, 001B and 001C, free to read; the chain holds."""
    sam.expect("select 0015", bytes.fromhex("00A4000C020015"))
    info = sam.expect("public data", bytes.fromhex("00B000000E"))
    serial, digits = info[:10], info[:10].hex()
    if h.luhn(digits[:19]) != digits[19] or digits[:2] != given.province or int(digits[4:6]) != given.type:
        raise AssertionError("0015: province, type or check digit of the serial")
    sam.expect("select DF01", bytes.fromhex("00A4000C02DF01"))
    sam.expect("select 001B", bytes.fromhex("00A4000C02001B"))
    issuer = sam.expect("issuer certificate", bytes.fromhex("00B00000B4"))
    sam.expect("select 001C", bytes.fromhex("00A4000C02001C"))
    own = sam.expect("SAM certificate", bytes.fromhex("00B00000BE"))
    certificates.sam(own, certificates.issuer(issuer, given.province), serial)
    sam.passed.append("certificate chain")


def deliver(key, version, province):
    factors = [CARD, h.province_factor(province)][: key.levels]
    data = b"".join(factors) + RANDOM
    return bytes([0x80, 0xDE, key.usage, version << 5 | key.index, len(data)]) + data


def keys(sam, given):
    """Keys of the type answer as OpenSSL computes; the others are absent."""
    first = deliver(h.BY_NAME["IRK_DDF1"], 1, given.province)
    sam.expect("no PIN, no session key", first, status=0x6982)
    sam.expect("select MF", bytes.fromhex("00A4000C023F00"))
    sam.expect("PIN", PIN)
    sam.expect("select DF01", bytes.fromhex("00A4000C02DF01"))
    block = bytes(range(16))
    for key in h.KEYS:
        version = 1 if key.groups == 4 else 0
        command = deliver(key, version, given.province)
        if key.name not in SAM_TYPES[given.type]:
            sam.expect(f"{key.name} is absent", command, status=0x6A88)
            continue
        sam.expect(f"deliver {key.name}", command)
        session = h.spread(h.card_key(key, version, given.province, CARD), RANDOM)
        sam.expect(f"use {key.name}", bytes([0x80, 0xFA, 0, 0, 16]) + block, data=sm4(session, block))


def judge(connection, given):
    sam = Conversation(connection)
    yield sam
    public_files(sam, given)
    keys(sam, given)


if __name__ == "__main__":
    sys.exit(run(__doc__, judge, lambda options: options.add_argument("--type", type=int, required=True)))
