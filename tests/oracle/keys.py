#!/usr/bin/env python3
"""Every key of the public test hierarchy that a house can hold, by OpenSSL alone, as JSON for the tests.

    keys.py --province 41 [--profile rhc-aes] [--factor HEX]... [--chip HEX]... [--sam-serial DIGITS]...

`secrets`: label -> hexadecimal bytes. `check_values`: name, version, scope and the check value of the key at the
ministry, at the province (and its prefectures) and on each card.
"""

import argparse
import json
import sys
from functools import lru_cache
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from oracle import hierarchy as h  # noqa: E402
from oracle.openssl import aes128, p256_secret, sha256, sm2_secret, sm4  # noqa: E402

cached_spread = lru_cache(None)(h.spread)
LABELS = (b"SCP-SM4-V1-ENC\0\0", b"SCP-SM4-V1-MAC\0\0", b"SCP-SM4-V1-DEK\0\0")


def use_aes():
    """D46: AES-128, SHA-256 and P-256 in the places of SM4, SM3 and SM2."""
    global sm4, sm2_secret
    sm4 = h.sm4 = aes128
    h.sm3 = sha256
    sm2_secret = p256_secret


class Collection:
    def __init__(self):
        self.secrets = {}

    def add(self, label, value):
        self.secrets[label] = value
        return value

    def base(self, label, value):
        """A session base key and the three keys it yields."""
        self.add(label, value)
        for name in LABELS:
            self.add(f"{label} {name[11:14].decode()}", sm4(value, name))


def card_instances(given, out):
    rows = []
    factor = h.province_factor(given.province)
    for key in h.KEYS:
        for version in range(key.groups):
            label = f"{key.name}-v{version}"
            root = out.add(f"root {label}", h.root_of(key, version, given.province))
            national = key.scope == "national"
            province = out.add(f"province {label}", cached_spread(root, factor)) if national else root
            row = {"name": key.name, "version": version, "scope": key.scope,
                   "ministry": h.kcv(root).hex().upper() if national else None,
                   "province": h.kcv(province).hex().upper(), "cards": {}}
            for card in given.factor:
                value = out.add(f"card {card} {label}", cached_spread(province, bytes.fromhex(card)))
                row["cards"][card] = h.kcv(value).hex().upper()
            rows.append(row)
    return rows


def service_keys(given, out):
    factor = h.province_factor(given.province)
    out.add("CVK", h.test_root("CVK", 0, given.province))
    master = out.add("CMK", h.test_root("CMK", 0, given.province))
    transport = out.add("transport", h.sm3(b"RHC-TEST-TRANSPORT")[:16])
    national = out.add("SMK_N", h.test_root("SMK_N", 0))
    sam_root = out.add("SMK_P", h.test_root("SMK_P", 0))
    sam_province = out.add("SMK_P of the province", h.spread(sam_root, factor))
    for card in given.factor:
        out.base(f"CMK of {card}", h.spread(master, bytes.fromhex(card)))
        out.base(f"transport of {card}", h.spread(transport, bytes.fromhex(card)))
    for chip in given.chip:
        out.base(f"SMK_N of {chip}", h.spread(national, bytes.fromhex(chip)))
        out.base(f"SMK_P of {chip}", h.spread(sam_province, bytes.fromhex(chip)))
        out.base(f"transport of {chip}", h.spread(transport, bytes.fromhex(chip)))


def sm2_keys(given, out):
    labels = ["RHC-TEST-SM2-ROOT", f"RHC-TEST-SM2-ISSUER-{given.province}", "RHC-TEST-SM2-MAKER-5454"]
    labels += [f"RHC-TEST-SM2-SAM-{serial}" for serial in given.sam_serial]
    for label in labels:
        out.add(label, sm2_secret(label).to_bytes(32, "big"))


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--province", default="41")
    options.add_argument("--profile", choices=("rhc-2012", "rhc-aes"), default="rhc-2012")
    for name in ("--factor", "--chip", "--sam-serial"):
        options.add_argument(name, action="append", default=[])
    given = options.parse_args()
    if given.profile == "rhc-aes":
        use_aes()
    out = Collection()
    rows = card_instances(given, out)
    service_keys(given, out)
    sm2_keys(given, out)
    json.dump({"secrets": {label: value.hex().upper() for label, value in out.secrets.items()}, "check_values": rows}, sys.stdout)


if __name__ == "__main__":
    main()
