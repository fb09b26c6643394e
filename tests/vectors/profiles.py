"""Computes tests/vectors/profiles.toml with OpenSSL alone: keys and formulas of the profiles beside rhc-2012.

Run by chain.py. What rhc-2012-bank has is rhc-2012's.
"""

from cases import FACTOR, INFO, PROVINCE
from oracle import hierarchy as h
from oracle.suites import SUITES

AREA = PROVINCE + "0100"
RANDOM = bytes.fromhex("0102030405060708")
PROFILES = ("rhc-three-level", "rhc-aes")
HEADLINE = """\
# Vectors of the profiles beside rhc-2012: keys of the public test hierarchy (D31, D32, D46), and what terminal and SAM send.
# Made and checked by chain.py with the openssl program alone. All byte strings are hexadecimal. Area code 410100.
"""


def root(suite, key, version):
    middle = f"{PROVINCE}-" if key.scope == "provincial" else ""
    return suite.digest(f"RHC-TEST-{middle}{key.name}-v{version}".encode())[:16]


def card_keys(profile, suite, table):
    for key in h.KEYS:
        for version in range(key.groups):
            value = suite.card_key(key, version, AREA, FACTOR)
            yield table("card_key", {
                "profile": profile, "name": key.name, "version": version, "root": root(suite, key, version),
                "value": value, "kcv": suite.encrypt(value, bytes(16))[:3]}, True)


def deliveries(profile, suite, table):
    """DELIVERY of each key in its flow version, and the session key's block over the info (D1, R37, R51)."""
    for key in h.KEYS:
        version = 1 if key.groups == 4 else 0
        data = b"".join(suite.factors(key, AREA, FACTOR)) + RANDOM
        head = bytes([0x80, 0xDE, suite.usage(key), version << 5 | key.index, len(data)])
        session = suite.spread(suite.card_key(key, version, AREA, FACTOR), RANDOM)
        block = suite.encrypt(session, INFO + bytes(8))
        yield table("delivery", {
            "profile": profile, "key": key.name, "version": version, "random": RANDOM, "apdu": head + data,
            "info": INFO, "block": block, "proof": h.fold(block)}, True)


def messages(profile, suite, table):
    """Commands with MAC, with and without cipher text (D9, user card 3.4)."""
    for name, header, plain in (
        ("STK_DF01", "04DC0104", bytes.fromhex("22012F")),
        ("STK_DDF1", "04DC0204", bytes([16, 20]) + b"13800000001".ljust(20, b"\0")),
        ("STK_DF02", "04DC0003", b"penicillin".ljust(20, b"\0") + b"rash".ljust(100, b"\0")),
        ("STK_DF03", "84D20200", b""),
        ("STK_DF03", "840C0200", b""),
    ):
        session = suite.spread(suite.card_key(h.BY_NAME[name], 0, AREA, FACTOR), RANDOM)
        head = bytes.fromhex(header)
        body = suite.encrypt(session, h.pad(bytes([len(plain)]) + plain)) if plain else b""
        front = head + bytes([len(body) + 4]) + body
        yield table("message", {
            "profile": profile, "key": name, "header": header, "plain": plain, "random": RANDOM,
            "apdu": front + suite.mac(session, h.pad(front))}, True)


def signing_keys(profile, suite, table):
    for label in ("RHC-TEST-SM2-ROOT", f"RHC-TEST-SM2-ISSUER-{PROVINCE}"):
        point = suite.public(label)
        yield table("public", {"profile": profile, "label": label, "x": point[:32], "y": point[32:]}, True)


def build(table):
    parts = []
    for profile in PROFILES:
        suite = SUITES[profile]
        for part in (card_keys, deliveries, messages, signing_keys):
            parts.extend(part(profile, suite, table))
    return HEADLINE + "\n" + "\n".join(parts)
