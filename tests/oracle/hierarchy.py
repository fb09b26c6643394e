"""Keys of the public test hierarchy and the formulas D1-D3, D8, D31-D42; the key table is sam.md 4.4 typed a second time."""

from dataclasses import dataclass

from .openssl import cmac, sm3, sm4


@dataclass(frozen=True)
class Key:
    name: str
    df: str
    kid: int
    groups: int
    usage: int
    index: int

    @property
    def levels(self):
        return self.usage >> 5

    @property
    def scope(self):
        return "national" if self.levels == 2 else "provincial"


KEYS = [
    Key("IRK_DDF1", "DDF1", 0x04, 4, 0x47, 0x01),
    Key("STK_DDF1", "DDF1", 0x02, 1, 0x28, 0x02),
    Key("STK_DF01", "DF01", 0x82, 1, 0x28, 0x03),
    Key("STK_DF02", "DF02", 0x82, 1, 0x48, 0x04),
    Key("STK_DF03", "DF03", 0x82, 1, 0x48, 0x05),
    Key("LK_DF01", "DF01", 0x83, 1, 0x27, 0x07),
    Key("LK_DF02", "DF02", 0x83, 1, 0x27, 0x08),
    Key("LK_DF03", "DF03", 0x83, 1, 0x27, 0x09),
    Key("UK1_DDF1", "DDF1", 0x05, 4, 0x27, 0x0A),
    Key("UK1_DF01", "DF01", 0x85, 4, 0x27, 0x0B),
    Key("UK1_DF02", "DF02", 0x85, 4, 0x47, 0x0C),
    Key("UK2_DF02", "DF02", 0x86, 4, 0x47, 0x0D),
    Key("UK3_DF02", "DF02", 0x87, 4, 0x47, 0x0E),
    Key("UK1_DF03", "DF03", 0x85, 4, 0x47, 0x0F),
    Key("UK2_DF03", "DF03", 0x86, 4, 0x27, 0x10),
    Key("RK1_DDF1", "DDF1", 0x04, 4, 0x47, 0x11),
    Key("RK1_DF01", "DF01", 0x84, 4, 0x47, 0x12),
    Key("RK1_DF02", "DF02", 0x84, 4, 0x47, 0x13),
    Key("RK1_DF03", "DF03", 0x84, 4, 0x47, 0x14),
    Key("BK_MF", "3F00", 0x03, 1, 0x27, 0x15),
    Key("STK_MF", "3F00", 0x02, 1, 0x28, 0x16),
]
BY_NAME = {key.name: key for key in KEYS}
PROVINCIAL_SERVICE = ("CVK", "CMK", )
NATIONAL_SERVICE = ("SMK_N", "SMK_P")


def inverted(data):
    return bytes(255 - value for value in data)


def spread(key, factor):
    """D1 and D2: one step of diversification, and the session key."""
    return sm4(key, factor + inverted(factor))


def province_factor(province):
    return province.encode("ascii") + b"0" * 6


def kcv(key):
    return sm4(key, bytes(16))[:3]


def test_root(name, version, province=None):
    """D31, or D32 when a province is named."""
    middle = f"{province}-" if province else ""
    return sm3(f"RHC-TEST-{middle}{name}-v{version}".encode("ascii"))[:16]


def root_of(key, version, province):
    return test_root(key.name, version, province if key.scope == "provincial" else None)


def province_key(key, version, province):
    """What the province's HSM holds: the national root one step down, or its own root."""
    root = root_of(key, version, province)
    return spread(root, province_factor(province)) if key.scope == "national" else root


def card_key(key, version, province, factor):
    return spread(province_key(key, version, province), factor)


def transport_key(factor):
    """D34, D41."""
    return spread(sm3(b"RHC-TEST-TRANSPORT")[:16], factor)


def fold(block):
    """left 8 xor right 8 of an authentication block (R37)."""
    return bytes(a ^ b for a, b in zip(block[:8], block[8:16]))


def authenticator(session, info):
    return fold(sm4(session, info + bytes(8)))


def pad(data):
    """D9: 80 00..., at least one byte, to whole blocks."""
    return data + b"\x80" + bytes(-(len(data) + 1) % 16)


def cbc_mac(key, data):
    state = bytes(16)
    for at in range(0, len(data), 16):
        state = sm4(key, bytes(a ^ b for a, b in zip(state, data[at : at + 16])))
    return state


def command_mac(session, header, body=b""):
    """Four bytes over CLA INS P1 P2 Lc and the cipher text; Lc counts the MAC."""
    return cbc_mac(session, pad(header + bytes([len(body) + 4]) + body))[:4]


def update_record(session, header, plain):
    """Cipher and MAC of `04 DC`: plain = the TLV, or the raw record of a cyclic file."""
    body = sm4(session, pad(bytes([len(plain)]) + plain))
    return sealed(session, header, body)


def sealed(session, header, body=b""):
    return header + bytes([len(body) + 4]) + body + command_mac(session, header, body)


def luhn(digits):
    """GB/T 14504 check digit over the digits before it."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if place % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return str(-total % 10)


class Scp:
    """One session of the personalisation dialect (docs/cos-dialect.md)."""

    def __init__(self, base, counter, host_challenge):
        self.k_enc = sm4(base, b"SCP-SM4-V1-ENC" + bytes(2))
        self.k_mac = sm4(base, b"SCP-SM4-V1-MAC" + bytes(2))
        self.k_dek = sm4(base, b"SCP-SM4-V1-DEK" + bytes(2))
        self.card_challenge = sm4(base, b"SCP-SM4-V1-CC" + counter.to_bytes(3, "big"))[:8]
        both = host_challenge + self.card_challenge
        self.host_challenge = host_challenge
        self.s_enc = sm4(self.k_enc, both)
        self.s_mac = sm4(self.k_mac, both)
        self.card_cryptogram = cmac(self.s_mac, b"SCP-SM4-V1-CARD\x00" + both)[:8]
        self.host_cryptogram = cmac(self.s_mac, b"SCP-SM4-V1-HOST\x00" + both)[:8]
        self.chain = bytes(16)
        self.count = 0

    def _mac(self, header, sent):
        self.chain = cmac(self.s_mac, self.chain + header + bytes([len(sent) + 8]) + sent)
        return header + bytes([len(sent) + 8]) + sent + self.chain[:8]

    def open(self, level):
        return self._mac(bytes([0x84, 0x82, level, 0]), self.host_cryptogram)

    def command(self, header, plain, encrypted=True):
        from .openssl import sm4_cbc

        self.count += 1
        sent = plain
        if encrypted and plain:
            initial = sm4(self.s_enc, self.count.to_bytes(16, "big"))
            sent = sm4_cbc(self.s_enc, initial, pad(plain))
        return self._mac(header, sent)

    def wrap(self, key):
        """A key slot: one block under K_DEK with IV 0."""
        return sm4(self.k_dek, key)
