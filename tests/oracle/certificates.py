"""The two certificates of the health card (D20, D21), taken apart and verified by OpenSSL from the public test root."""

from .hierarchy import luhn
from .openssl import sm2_public, sm2_secret, sm2_verify

ROOT_LABEL = "RHC-TEST-SM2-ROOT"
TEST_INDEX = 0xFF


class Wrong(AssertionError):
    """A certificate that is not as it should be; the text says in what."""


def issuer(data, province):
    """Checks an issuer certificate of 180 bytes and gives its public key."""
    if len(data) != 180:
        raise Wrong(f"issuer certificate: {len(data)} bytes")
    head(data, 0x01)
    key = data[52:116]
    if key != sm2_public(sm2_secret(f"RHC-TEST-SM2-ISSUER-{province}")):
        raise Wrong("issuer certificate: the key is not the province's test key (D36)")
    if not sm2_verify(sm2_public(sm2_secret(ROOT_LABEL)), data[:116], data[116:]):
        raise Wrong("issuer certificate: the ministry's root did not sign it")
    return key


def sam(data, issuer_key, serial):
    """Checks a SAM certificate of 190 bytes against its issuer."""
    if len(data) != 190:
        raise Wrong(f"SAM certificate: {len(data)} bytes")
    head(data, 0x02)
    if data[52:62] != serial:
        raise Wrong("SAM certificate: another serial than in 0015")
    if data[62:126] != sm2_public(sm2_secret(f"RHC-TEST-SM2-SAM-{serial.hex()}")):
        raise Wrong("SAM certificate: the key is not the SAM's test key (D37)")
    if not sm2_verify(issuer_key, data[:126], data[126:]):
        raise Wrong("SAM certificate: the issuer did not sign it")


def head(data, kind):
    """The 52 bytes that both begin with: format, kind, issuer code, serial, dates, algorithms, root index, mark."""
    if data[0] != 1 or data[1] != kind:
        raise Wrong("certificate: format or kind")
    code = data[2:13].hex()
    if code[16:] != "ffffff" or luhn(code[:15]) != code[15]:
        raise Wrong("certificate: issuer code")
    if not data[21:25].hex() < data[25:29].hex():
        raise Wrong("certificate: ends before it begins")
    if data[29:31] != b"\x04\x04" or data[31] != TEST_INDEX or not data[32:52].startswith(b"TEST"):
        raise Wrong("certificate: algorithms or mark")
