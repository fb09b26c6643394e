#!/usr/bin/env python3
"""A foreign eye on a card of the house: pyscard, OpenSSL and the public test hierarchy, no code of this project.

In one PC/SC connection: selects WS.SYS.DDF01 by name, reads the card number free, is refused the holder's data,
authenticates, reads the name, and updates a telephone number with cipher and MAC.

    card.py --reader "Virtual PCD 0 00 00" --number 41... --name 张三 [--json]

Exit 0 all as expected, 3 something is not, 4 no reader or card.
"""

import argparse
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from oracle import hierarchy as h  # noqa: E402

INFO = bytes.fromhex("0011223344556677")
TELEPHONE = "13900000042"


class Judge:
    """One connection; a failed expectation is noted and ends the run."""

    def __init__(self, connection, province):
        self.connection = connection
        self.province = province
        self.factor = bytes(connection.getATR())[4:12]
        self.passed = []

    def send(self, apdu):
        """(data, status); follows 61xx as a T=0 reader would."""
        data, first, second = self.connection.transmit(list(apdu))
        data = bytes(data)
        while first == 0x61:
            more, first, second = self.connection.transmit([0x00, 0xC0, 0x00, 0x00, second])
            data += bytes(more)
        return data, first << 8 | second

    def expect(self, what, apdu, status=0x9000, data=None):
        got, answer = self.send(apdu)
        if answer != status:
            raise AssertionError(f"{what}: the card answered {answer:04X}, expected {status:04X}")
        if data is not None and got != data:
            raise AssertionError(f"{what}: the card answered other data than expected")
        self.passed.append(what)
        return got

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


def judge(card, number, name):
    """The whole conversation, as the issue tells it."""
    by_name = b"WS.SYS.DDF01"
    fci = bytes([0x6F, 2 + len(by_name), 0x84, len(by_name)]) + by_name
    card.expect("select WS.SYS.DDF01 by name", bytes([0x00, 0xA4, 0x04, 0x00, len(by_name)]) + by_name, data=fci)
    card.expect("select EF05", select("EF05"))
    card.expect("card number without any right", bytes.fromhex("00B2080000"), data=bytes([8, 18]) + number.encode())
    card.internal()
    card.expect("select EF06", select("EF06"))
    card.expect("holder's data are refused", bytes.fromhex("00B2010400"), status=0x6982)
    card.authenticate("RK1_DDF1")
    padded = name.encode("gb18030").ljust(30, b"\0")
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


def connect(reader):
    from smartcard.Exceptions import CardConnectionException, NoCardException
    from smartcard.System import readers

    found = [each for each in readers() if str(each) == reader]
    if not found:
        raise SystemExit(f"no reader {reader!r}; there are: {', '.join(map(str, readers()))}")
    connection = found[0].createConnection()
    try:
        connection.connect()
    except (NoCardException, CardConnectionException) as error:
        raise SystemExit(f"no card in {reader!r}: {error}") from error
    return connection


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--reader", required=True)
    options.add_argument("--number", required=True)
    options.add_argument("--name", required=True)
    options.add_argument("--province", default="41")
    options.add_argument("--json", action="store_true")
    given = options.parse_args()
    try:
        connection = connect(given.reader)
    except SystemExit as nothing:
        print(nothing, file=sys.stderr)
        return 4
    card = Judge(connection, given.province)
    failed = []
    try:
        judge(card, given.number, given.name)
    except AssertionError as wrong:
        failed.append(str(wrong))
    finally:
        connection.disconnect()
    if given.json:
        print(json.dumps({"passed": card.passed, "failed": failed}, ensure_ascii=False))
    else:
        for line in failed:
            print(f"failed: {line}")
        print(f"{len(card.passed)} passed, {len(failed)} failed")
    return 3 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
