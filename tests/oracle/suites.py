"""Cipher, hash and signature of a profile (D46), each by the OpenSSL command line, and the formulas over them.

`rhc-2012` and its kin use SM4, SM3 and SM2; `rhc-aes` uses AES-128, SHA-256 and ECDSA over P-256 in their places.
`rhc-three-level` puts the prefecture factor between province and card (D4).
"""

import subprocess
import tempfile
from dataclasses import dataclass
from functools import lru_cache

from . import hierarchy as h
from .openssl import SM2_OID, SM2_ORDER, der_signature, run, sm2_verify

P256_OID = bytes.fromhex("06082A8648CE3D030107")
P256_ORDER = int("FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551", 16)


@lru_cache(maxsize=None)
def _ecb(name, key, blocks, direction):
    return run(["enc", f"-{name}-ecb", direction, "-nopad", "-K", key.hex()], blocks)


@dataclass(frozen=True)
class Suite:
    cipher: str
    hash: str
    oid: bytes
    order: int
    algorithm: int
    three_level: bool = False

    # cipher
    def encrypt(self, key, blocks):
        return _ecb(self.cipher, key, blocks, "-e")

    def decrypt(self, key, blocks):
        return _ecb(self.cipher, key, blocks, "-d")

    def spread(self, key, factor):
        return self.encrypt(key, factor + h.inverted(factor))

    def mac(self, key, blocks):
        """First four bytes of the CBC-MAC with zero IV."""
        chain = run(["enc", f"-{self.cipher}-cbc", "-nopad", "-K", key.hex(), "-iv", "00" * 16], blocks)
        return chain[-16:][:4]

    def authenticator(self, session, info):
        return h.fold(self.encrypt(session, info + bytes(8)))

    # keys
    def digest(self, data):
        return run(["dgst", f"-{self.hash}", "-binary"], data)

    def levels(self, key):
        return key.levels + 1 if self.three_level else key.levels

    def usage(self, key):
        return self.levels(key) << 5 | key.usage & 0x1F

    def factors(self, key, area, card):
        """From the card upwards, as DELIVERY has them."""
        upwards = [card]
        if self.three_level:
            upwards.append(area[:4].encode() + b"0" * 4)
        if key.scope == "national":
            upwards.append(area[:2].encode() + b"0" * 6)
        return upwards

    @lru_cache(maxsize=None)
    def card_key(self, key, version, area, card):
        middle = f"{area[:2]}-" if key.scope == "provincial" else ""
        value = self.digest(f"RHC-TEST-{middle}{key.name}-v{version}".encode())[:16]
        for factor in reversed(self.factors(key, area, card)):
            value = self.spread(value, factor)
        return value

    # signatures
    def public(self, label):
        """X || Y of a public test key."""
        secret = int.from_bytes(self.digest(label.encode()), "big") % (self.order - 1) + 1
        body = b"\x02\x01\x01\x04\x20" + secret.to_bytes(32, "big") + bytes([0xA0, len(self.oid)]) + self.oid
        der = bytes([0x30, len(body)]) + body
        return run(["pkey", "-inform", "DER", "-pubout", "-outform", "DER"], der)[-64:]

    def verify_digest(self, point, digest, signature):
        """A signature over a digest as it is (D17)."""
        with tempfile.TemporaryDirectory() as folder:
            paths = [f"{folder}/{name}" for name in ("key", "digest", "signature")]
            for path, content in zip(paths, (self._pem(point), digest, der_signature(signature))):
                with open(path, "wb") as file:
                    file.write(content)
            done = subprocess.run(["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", paths[0], "-in", paths[1],
                                   "-sigfile", paths[2]], capture_output=True, check=False)
        return done.returncode == 0

    def verify_message(self, point, message, signature):
        if self.oid == SM2_OID:
            return sm2_verify(point, message, signature)
        return self.verify_digest(point, self.digest(message), signature)

    def _pem(self, point):
        algorithm = bytes.fromhex("06072A8648CE3D0201") + self.oid
        body = bytes([0x30, len(algorithm)]) + algorithm + b"\x03\x42\x00\x04" + point
        return run(["pkey", "-pubin", "-inform", "DER", "-pubout"], bytes([0x30, len(body)]) + body)


NATIONAL = Suite("sm4", "sm3", SM2_OID, SM2_ORDER, 0x04)
SUITES = {
    "rhc-2012": NATIONAL,
    "rhc-2012-bank": NATIONAL,
    "rhc-three-level": Suite("sm4", "sm3", SM2_OID, SM2_ORDER, 0x04, three_level=True),
    "rhc-aes": Suite("aes-128", "sha256", P256_OID, P256_ORDER, 0x05),
}
