#!/usr/bin/env python3
"""A foreign eye on a card of the house: pyscard, OpenSSL and the public test hierarchy, no code of this project.

In one PC/SC connection: selects WS.SYS.DDF01 by name, reads the card number free, is refused the holder's data,
authenticates, reads the name, and updates a telephone number with cipher and MAC.

    card.py --reader "Virtual PCD 0 00 00" --number 41... --name 张三 [--json]

Exit 0 all as expected, 3 something is not, 4 no reader or card.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from judges.conversation import Conversation, run  # noqa: E402
from oracle import certificates, hierarchy as h  # noqa: E402

INFO = bytes.fromhex("0011223344556677")
TELEPHONE = "13900000042"


class Card(Conversation):
    """A user card whose keys OpenSSL computes from the factor in its answer to reset."""

    def __init__(self, connection, province):
        super().__init__(connection)
        self.province = province
        self.factor = bytes(connection.getATR())[4:12]

    def challenge(self):
        random = self.expect("challenge", bytes.fromhex("0084000008"))
        if len(random) != 8:
            raise AssertionError("challenge: not 8 bytes")
        return random

    def session(self, name, random):
        key = h.BY_NAME[name]
        version = 1 if key.groups == 4 else 0
        return h.spread(h.card_key(key, version, self.province, self.factor), random), version

    def authenticate(self, name):
        session, version = self.session(name, self.challenge())
        data = h.authenticator(session, INFO) + INFO + bytes([version])
        self.expect(f"external authentication with {name}", bytes([0x00, 0x82, 0x00, h.BY_NAME[name].kid, 0x11]) + data)

    def internal(self):
        random = bytes(range(8))
        session, version = self.session("IRK_DDF1", random)
        proof = h.authenticator(session, INFO)
        command = bytes([0x00, 0x88, 0x00, 0x00, 0x11]) + random + INFO + bytes([version])
        self.expect("internal authentication with IRK_DDF1", command, data=proof)


def select(fid):
    return bytes.fromhex(f"00A4000C02{fid}")


def judge(connection, given):
    """The whole conversation, as the issue tells it."""
    card = Card(connection, given.province)
    yield card
    by_name = b"WS.SYS.DDF01"
    fci = bytes([0x6F, 2 + len(by_name), 0x84, len(by_name)]) + by_name
    card.expect("select WS.SYS.DDF01 by name", bytes([0x00, 0xA4, 0x04, 0x00, len(by_name)]) + by_name, data=fci)
    card.expect("select EF05", select("EF05"))
    card.expect("card number without any right", bytes.fromhex("00B2080000"), data=bytes([8, 18]) + given.number.encode())
    certificates.issuer(card.expect("issuer certificate", bytes.fromhex("00B2050000"))[2:], given.province)
    card.passed.append("issuer certificate verified")
    card.internal()
    card.expect("select EF06", select("EF06"))
    card.expect("holder's data are refused", bytes.fromhex("00B2010400"), status=0x6982)
    card.authenticate("RK1_DDF1")
    padded = given.name.encode("gb18030").ljust(30, b"\0")
    card.expect("holder's name", bytes.fromhex("00B2010400"), data=bytes([11, 30]) + padded)
    telephone(card)


def telephone(card):
    """UPDATE RECORD of tag 17 (second record of DDF1/EF08) and back to what it was."""
    card.expect("select EF08", select("EF08"))
    before = card.expect("old telephone", bytes.fromhex("00B2030400"))
    new = bytes([17, 20]) + TELEPHONE.encode().ljust(20, b"\0")
    session, _ = card.session("STK_DDF1", card.challenge())
    card.expect("update without the right", h.update_record(session, bytes.fromhex("04DC0304"), new), status=0x6982)
    card.authenticate("UK1_DDF1")
    session, _ = card.session("STK_DDF1", card.challenge())
    damaged = bytearray(h.update_record(session, bytes.fromhex("04DC0304"), new))
    damaged[-1] ^= 1
    card.expect("update with a wrong MAC", bytes(damaged), status=0x6988)
    for value, what in ((new, "update of the telephone"), (before, "and back")):
        session, _ = card.session("STK_DDF1", card.challenge())
        card.expect(what, h.update_record(session, bytes.fromhex("04DC0304"), value))
        card.expect("read it again", bytes.fromhex("00B2030400"), data=value)


def options(parser):
    parser.add_argument("--number", required=True)
    parser.add_argument("--name", required=True)


if __name__ == "__main__":
    sys.exit(run(__doc__, judge, options))
