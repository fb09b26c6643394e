#!/usr/bin/env python3
"""A foreign desk: every flow of the specification on a card and a SAM of the house, with pyscard, OpenSSL and the public test
hierarchy, no code of this project.

Reads and updates each data area, appends an allergy and a vaccination, blocks and unblocks each application, records an
in- and an outpatient visit that the SAM signs, verifies data, signature and chain as a back office would, and frees their
places again. With --block-card it ends by blocking the card for ever.

    flows.py --reader "Virtual PCD 0 00 00" --sam-reader "Virtual PCD 0 00 07" --sam-pin 123456 [--block-card] [--json]

Exit 0 all as expected, 3 something is not, 4 no reader or card.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from judges.card import Card, select  # noqa: E402
from judges.conversation import Conversation, connect, run  # noqa: E402
from judges.tables import DFS, ELEMENTS, FILES, PARTS  # noqa: E402
from oracle import certificates, hierarchy as h  # noqa: E402
from oracle.openssl import sm3  # noqa: E402
from oracle.suites import NATIONAL  # noqa: E402

NAMES = {df: name for name, df in DFS.items()}
VALUES = {1: bytes([0x1F]), 3: b"1  ", 4: bytes.fromhex("20360101")}


class Desk(Card):
    """A card of the house with what the flows need beside reading."""

    def enter(self, df, status=0x9000):
        name = NAMES.get(df)
        command = bytes([0x00, 0xA4, 0x04, 0x0C, len(name)]) + name if name else bytes.fromhex("00A4000C023F00")
        self.expect(f"select {df}", command, status=status)

    def enter_anew(self, df):
        """By way of the MF: selecting the current directory would keep its rights (R35)."""
        self.enter("3F00")
        self.enter(df)

    def open(self, path):
        self.expect(f"select {path}", select(path[-4:]))

    def protected(self, what, header, stk, status=0x9000, plain=None, damage=False):
        """A command with MAC (and cipher where there is plain text) under an STK."""
        session, _ = self.session(stk, self.challenge())
        command = bytearray(h.sealed(session, header) if plain is None else h.update_record(session, header, plain))
        if damage:
            command[-1] ^= 1
        self.expect(what, bytes(command), status=status)

    def record(self, number, what="record", status=0x9000, data=None):
        return self.expect(what, bytes([0x00, 0xB2, number, 0x04, 0x00]), status=status, data=data)


def areas(card):
    """Every element of every file that may be updated: another value, read again, and back to the old one."""
    for path, tagged in ELEMENTS.items():
        read, update, _, protection = FILES[path]
        if protection != "cipher-mac":
            continue
        df, stk = path[:4], f"STK_{path[:4]}"
        card.enter_anew(df)
        card.open(path)
        card.record(1, f"{path} is closed", status=0x6982)
        card.authenticate(read)
        before = [card.record(number, f"{path}, element {tag}") for number, (tag, _) in enumerate(tagged, 1)]
        header = bytes.fromhex("04DC0104")
        card.protected(f"{path}: update without {update}", header, stk, status=0x6982, plain=before[0])
        card.authenticate(update)
        card.protected(f"{path}: a wrong MAC", header, stk, status=0x6988, plain=before[0], damage=True)
        for number, (tag, length) in enumerate(tagged, 1):
            value = VALUES.get(length, "试".encode("gb18030").ljust(length, b"\0"))
            new = bytes([tag, length]) + value
            header = bytes([0x04, 0xDC, number, 0x04])
            for record in (new, before[number - 1]):
                card.protected(f"{path}, element {tag}: update", header, stk, plain=record)
                card.record(number, f"{path}, element {tag}: read again", data=record)


def photo(card):
    card.enter_anew("DDF1")
    card.open("DDF1/EF07")
    card.authenticate("RK1_DDF1")
    head = card.expect("photo", bytes.fromhex("00B0000010"))
    card.expect("photo: update without the right", bytes.fromhex("00D60000020000"), status=0x6982)
    card.authenticate("UK1_DDF1")
    for part in (b"\x5a" * 16, head):
        card.expect("photo: update", bytes.fromhex("00D6000010") + part)
        card.expect("photo: read again", bytes.fromhex("00B0000010"), data=part)


def cyclic(card):
    """The new record is number 1, the one before it becomes number 2 (R19)."""
    allergy = "青霉素".encode("gb18030").ljust(20, b"\0") + "皮疹".encode("gb18030").ljust(100, b"\0")
    vaccination = "乙肝疫苗".encode("gb18030").ljust(20, b"\0") + bytes.fromhex("20261101")
    card.enter("DF02")
    for path, record in (("DF02/EF07", allergy), ("DF02/EF08", vaccination)):
        card.open(path)
        card.authenticate("RK1_DF02")
        card.authenticate("UK3_DF02")
        for number in (1, 2):
            new = bytes([0x40 + number]) + record[1:]
            card.protected(f"{path}: append", bytes.fromhex("04DC0003"), "STK_DF02", plain=new)
            card.record(1, f"{path}: the newest", data=new)
        card.record(2, f"{path}: the one before", data=bytes([0x41]) + record[1:])


def blocks(card):
    for df in ("DF01", "DF02", "DF03"):
        path = next(path for path in FILES if path.startswith(df))
        card.enter(df)
        card.protected(f"{df}: unblock what is not blocked", bytes.fromhex("84180000"), f"STK_{df}", status=0x6985)
        card.authenticate(f"LK_{df}")
        card.protected(f"{df}: block", bytes.fromhex("841E0000"), f"STK_{df}")
        card.expect(f"{df}: its files are closed", select(path[-4:]), status=0x6A81)
        card.enter("DDF1")
        card.enter(df, status=0x6A81)
        card.authenticate(f"LK_{df}")
        card.protected(f"{df}: unblock", bytes.fromhex("84180000"), f"STK_{df}")
        card.enter(df)
        card.open(path)


class Sam(Conversation):
    def ready(self, pin):
        self.expect("SAM: select MF", bytes.fromhex("00A4000C023F00"))
        self.expect("SAM: select 0015", bytes.fromhex("00A4000C020015"))
        self.serial = self.expect("SAM: serial", bytes.fromhex("00B000000A"))
        self.expect("SAM: PIN", bytes.fromhex("0020000003") + bytes.fromhex(pin))
        self.expect("SAM: select DF01", bytes.fromhex("00A4000C02DF01"))
        self.issuer = self.file("001B", 180)
        self.own = self.file("001C", 190)

    def file(self, fid, size):
        self.expect(f"SAM: select {fid}", bytes.fromhex(f"00A4000C02{fid}"))
        parts = [bytes([0x00, 0xB0, 0, at, min(0x80, size - at)]) for at in range(0, size, 0x80)]
        return b"".join(self.expect(f"SAM: {fid}", part) for part in parts)

    def sign(self, data):
        for at in range(0, len(data), 0x80):
            piece = data[at : at + 0x80]
            last = at + 0x80 >= len(data)
            wanted = sm3(data) if last else b""
            command = bytes([0x80, 0xC8, 0x00 if last else 0x02, 0x00, len(piece)]) + piece
            digest = self.expect("SAM: digest as OpenSSL's" if last else "SAM: data", command, data=wanted)
        return self.expect("SAM: signature", bytes.fromhex("80C4000020") + digest)


def record(card, sam, kind, index):
    """Into the first free place; gives its number and the bytes."""
    data_len, size = PARTS[kind]
    data = "郑州市第一人民医院".encode("gb18030").ljust(70, b"\0") + b"4101001234" + bytes.fromhex("2026112109300000")
    data = data.ljust(data_len, b"\xff" if kind == "EE" else b"\0")
    card.enter_anew("DF03")
    card.open(index)
    card.record(1, f"{index} is closed", status=0x6982)
    card.authenticate("RK1_DF03")
    count = 3 if kind == "EE" else 5
    flags = [card.record(number, f"{index}, record {number}") for number in range(1, count + 1)]
    number = flags.index(b"\xff") + 1
    path = f"DF03/{kind}{number:02d}"
    card.open(path)
    card.expect(f"{path}: write without the right", bytes.fromhex("00D600000100"), status=0x6982)
    card.authenticate("UK1_DF03")
    whole = data + sam.sign(data) + sam.own
    for at in range(0, size, 0x80):
        piece = whole[at : at + 0x80]
        card.expect(f"{path}: write", bytes([0x00, 0xD6, at >> 8, at & 0xFF, len(piece)]) + piece)
    card.open(index)
    header = bytes([0x84, 0xD2, number, 0x00])
    card.protected(f"{index}: a wrong MAC", header, "STK_DF03", status=0x6988, damage=True)
    card.record(number, f"{index}: still empty", data=b"\xff")
    card.protected(f"{index}: the record counts", header, "STK_DF03")
    card.record(number, f"{index}: written", data=b"\x00")
    return number, whole


def settle(card, sam, kind, index, number, wanted):
    data_len, size = PARTS[kind]
    card.enter_anew("DF03")
    card.open(index)
    card.authenticate("RK1_DF03")
    card.record(number, f"{index}: a visit is there", data=b"\x00")
    path = f"DF03/{kind}{number:02d}"
    card.open(path)
    parts = [bytes([0x00, 0xB0, at >> 8, at & 0xFF, min(0x80, size - at)]) for at in range(0, size, 0x80)]
    whole = b"".join(card.expect(f"{path}: read", part) for part in parts)
    if whole != wanted:
        raise AssertionError(f"{path}: other bytes than were written")
    data, signature, certificate = whole[:data_len], whole[data_len : data_len + 64], whole[data_len + 64 :]
    certificates.sam(certificate, certificates.issuer(sam.issuer, card.province), sam.serial)
    if not NATIONAL.verify_digest(certificate[62:126], sm3(data), signature):
        raise AssertionError(f"{path}: the SAM did not sign these data")
    card.passed.append(f"{path}: signature and chain hold")
    card.open(index)
    header = bytes([0x84, 0x0C, number, 0x00])
    card.protected(f"{index}: erase without the right", header, "STK_DF03", status=0x6982)
    card.authenticate("UK2_DF03")
    card.protected(f"{index}: erase", header, "STK_DF03")
    card.record(number, f"{index}: empty again", data=b"\xff")
    card.open(path)
    card.expect(f"{path}: the bytes stay (R25)", bytes.fromhex("00B0000050"), data=whole[:0x50])


def block_card(card):
    card.enter("3F00")
    card.protected("block the card without the right", bytes.fromhex("84160000"), "STK_MF", status=0x6982)
    card.authenticate("BK_MF")
    card.protected("block the card", bytes.fromhex("84160000"), "STK_MF")
    card.expect("it answers nothing more", bytes.fromhex("00A4000C023F00"), status=0x6A81)
    card.expect("not even a challenge", bytes.fromhex("0084000008"), status=0x6A81)


def judge(connection, given):
    card = Desk(connection, given.province)
    yield card
    sam = Sam(connect(given.sam_reader))
    sam.ready(given.sam_pin)
    card.enter("DDF1")
    card.internal()
    areas(card)
    photo(card)
    cyclic(card)
    for kind, index in (("EE", "DF03/EF05"), ("ED", "DF03/EF06")):
        number, whole = record(card, sam, kind, index)
        settle(card, sam, kind, index, number, whole)
    blocks(card)
    if given.block_card:
        block_card(card)
    card.passed += sam.passed


def options(parser):
    parser.add_argument("--sam-reader", required=True)
    parser.add_argument("--sam-pin", required=True)
    parser.add_argument("--block-card", action="store_true")


if __name__ == "__main__":
    sys.exit(run(__doc__, judge, options))
