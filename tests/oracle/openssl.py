"""SM3, SM4, CMAC and SM2, and what rhc-aes has in their places, by the OpenSSL command line (3.0 or later)."""

import subprocess
import tempfile

SM2_ORDER = int("FFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123", 16)
P256_ORDER = int("FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551", 16)
SM2_OID = bytes.fromhex("06082A811CCF5501822D")


def run(arguments, data=b""):
    done = subprocess.run(["openssl", *arguments], input=data, capture_output=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"openssl {arguments[0]} failed: {done.stderr.decode(errors='replace')}")
    return done.stdout


def sm3(data):
    return run(["dgst", "-sm3", "-binary"], data)


def sm4(key, blocks):
    """SM4-ECB of whole blocks."""
    if len(blocks) % 16:
        raise ValueError("whole blocks only")
    return run(["enc", "-sm4-ecb", "-nopad", "-K", key.hex()], blocks)


def sha256(data):
    return run(["dgst", "-sha256", "-binary"], data)


def aes128(key, blocks):
    """AES-128-ECB of whole blocks."""
    if len(blocks) % 16:
        raise ValueError("whole blocks only")
    return run(["enc", "-aes-128-ecb", "-nopad", "-K", key.hex()], blocks)


def sm4_cbc(key, initial, blocks):
    return run(["enc", "-sm4-cbc", "-nopad", "-K", key.hex(), "-iv", initial.hex()], blocks)


def cmac(key, data):
    text = run(["mac", "-cipher", "SM4-CBC", "-macopt", "hexkey:" + key.hex(), "-in", "-", "CMAC"], data)
    return bytes.fromhex(text.decode().strip())


def sm2_secret(label):
    """d = SM3(label) mod (n-1) + 1, the rule of all public test keys (D33, D36, D37, D42)."""
    return int.from_bytes(sm3(label.encode("ascii")), "big") % (SM2_ORDER - 1) + 1


def p256_secret(label):
    """The same rule with SHA-256 and the order of P-256 (D46)."""
    return int.from_bytes(sha256(label.encode("ascii")), "big") % (P256_ORDER - 1) + 1


def sm2_key_der(secret):
    """SEC1 ECPrivateKey that names the curve SM2; OpenSSL works out the public half."""
    body = b"\x02\x01\x01\x04\x20" + secret.to_bytes(32, "big")
    body += bytes([0xA0, len(SM2_OID)]) + SM2_OID
    return bytes([0x30, len(body)]) + body


def sm2_public(secret):
    """X || Y, 64 bytes."""
    der = run(["pkey", "-inform", "DER", "-pubout", "-outform", "DER"], sm2_key_der(secret))
    if der[-65] != 4:
        raise RuntimeError("no uncompressed point in the public key")
    return der[-64:]


def sm2_public_pem(point):
    """SubjectPublicKeyInfo of X || Y, for `openssl pkeyutl -verify`."""
    algorithm = bytes.fromhex("06072A8648CE3D0201") + SM2_OID
    bits = b"\x03\x42\x00\x04" + point
    body = bytes([0x30, len(algorithm)]) + algorithm + bits
    return run(["pkey", "-pubin", "-inform", "DER", "-pubout"], bytes([0x30, len(body)]) + body)


def sm2_verify(point, message, signature):
    """SM2 signature r || s over a message, with ZA of the default identity 1234567812345678."""
    with tempfile.TemporaryDirectory() as folder:
        paths = {name: f"{folder}/{name}" for name in ("key", "message", "signature")}
        contents = {"key": sm2_public_pem(point), "message": message, "signature": der_signature(signature)}
        for name, path in paths.items():
            with open(path, "wb") as file:
                file.write(contents[name])
        done = subprocess.run(
            ["openssl", "pkeyutl", "-verify", "-rawin", "-digest", "sm3", "-pkeyopt", "distid:1234567812345678",
             "-pubin", "-inkey", paths["key"], "-in", paths["message"], "-sigfile", paths["signature"]],
            capture_output=True, check=False)
    return done.returncode == 0


def der_signature(signature):
    def integer(value):
        value = value.lstrip(b"\0") or b"\0"
        value = b"\0" + value if value[0] & 0x80 else value
        return bytes([2, len(value)]) + value

    body = integer(signature[:32]) + integer(signature[32:])
    return bytes([0x30, len(body)]) + body
