"""What a SAM and a user card may say: both follow a conversation and recompute with OpenSSL what they hear.

Rights, files and keys are the specification's tables as oracle/profile_check.py and oracle/hierarchy.py have them typed.
"""

import re

from judges.tables import (BY_INDEX, CONTENT, DFS, ELEMENTS, FILES, HEADERS, PARTS, PIN, RAW, READS, VISIT_PLACES,
                           bcd)
from oracle import hierarchy as h
from oracle.profile_check import SAM_TYPES


def require(condition, what):
    if not condition:
        raise AssertionError(what)


def shape(command):
    """Header, and an Lc that counts the data."""
    text = command.hex().upper()
    kind = text[:4]
    require(kind in HEADERS and re.match(HEADERS[kind], text[:8]), f"header {text[:8]}")
    if kind == "0084":
        require(command[4:] == b"\x08", "Le of GET CHALLENGE")
    elif kind == "00B2":
        require(command[4:] == b"\x00", "Le of READ RECORD")
    elif kind not in READS:
        require(command[4] == len(command) - 5, "Lc")
    return kind


class Sam:
    def __init__(self, suite, area, factor, sam_type):
        self.suite, self.area, self.factor, self.type = suite, area, factor, sam_type
        self.checked = 0
        self.pin = False
        self.df, self.file = "3F00", None
        self.session, self.key = None, None
        self.challenge = {"sam": None, "card": None}
        self.hashed = b""
        self.contents = {}
        self.signed = None

    def hear(self, command, data, status):
        kind = shape(command)
        handler = {"00A4": self.select, "00B0": self.read, "0020": self.verify, "0084": self.random, "80DE": self.deliver,
                   "80FA": self.cipher, "80C8": self.compress, "80C4": self.sign}.get(kind)
        require(handler, f"the judge does not know SAM command {kind}")
        handler(command, data, status)

    def select(self, command, data, status):
        fid = command[5:].hex().upper()
        require(status == 0x9000 and fid in ("3F00", "DF01", "0015", "001A", "001B", "001C"), "SELECT")
        if fid in ("3F00", "DF01"):
            self.df, self.file, self.session = fid, None, None
            require(data == bytes.fromhex("6F048302" + fid), "FCI (R5)")
        else:
            self.file = f"{self.df}/{fid}"

    def read(self, command, data, status):
        require(status == 0x9000 and len(data) == command[4], "READ BINARY")
        content, at = self.contents.setdefault(self.file, bytearray()), command[2] << 8 | command[3]
        if at == len(content):
            content += data
        require(content[at : at + len(data)] == data, "reads other bytes than before")
        if self.file == "3F00/0015":
            luhn = h.luhn(data[:10].hex()[:19]) == data[:10].hex()[19]
            require(luhn and data[10:] == bytes([1, self.type, 0, 0]) and data[0] == int(self.area[:2], 16), "0015 (D19, R55)")
        if self.file == "DF01/001A":
            identifiers = (self.area[:2].encode() + b"0" * 6) * 2
            require(data == b"\x01" + identifiers + bcd("2026010120361231"), "001A (R67)")

    def verify(self, command, data, status):
        require(command[5:] == PIN and status == 0x9000, "PIN")
        self.pin = True

    def random(self, command, data, status):
        require(len(data) == 8 and status == 0x9000, "GET CHALLENGE")
        self.challenge["sam"] = data

    def deliver(self, command, data, status):
        """The right key, usage byte, factors and challenge; a key that the type lacks is refused (R51, R69)."""
        require(self.pin and self.df == "DF01", "DELIVERY without PIN or outside DF01")
        key, version = BY_INDEX[command[3] & 0x1F], command[3] >> 5
        self.session = None
        require(command[2] == self.suite.usage(key), f"usage byte of {key.name}")
        require(version == (1 if key.groups == 4 else 0), f"version of {key.name}")
        random = self.challenge["sam" if key.name.startswith("IRK") else "card"]
        wanted = b"".join(self.suite.factors(key, self.area, self.factor)) + random
        require(command[5:] == wanted, f"factors or challenge of {key.name}")
        if key.name not in SAM_TYPES[self.type]:
            require(status == 0x6A88, f"type {self.type} has no {key.name}")
            return
        require(status == 0x9000, f"DELIVERY of {key.name}")
        self.key = key
        self.session = self.suite.spread(self.suite.card_key(key, version, self.area, self.factor), random)

    def cipher(self, command, data, status):
        require(self.session and status == 0x9000, "CIPHER DATA without session key")
        if command[2] == 0x00:
            wanted = self.suite.encrypt(self.session, command[5:])
        else:
            require(command[2] == 0x05 and command[5:21] == bytes(16), "CIPHER DATA mode or IV")
            wanted = self.suite.mac(self.session, command[21:])
        require(data == wanted, f"CIPHER DATA under {self.key.name} is not what OpenSSL computes")
        self.session = None
        self.checked += 1

    def compress(self, command, data, status):
        require(self.pin and self.df == "DF01", "DATA COMPRESS")
        self.hashed += command[5:]
        if command[2] == 0x00:
            require(data == self.suite.digest(self.hashed), "digest is not what OpenSSL computes")
            self.hashed, self.signed = b"", {"data": self.hashed, "digest": data}
            self.checked += 1

    def sign(self, command, data, status):
        require(self.signed and command[5:] == self.signed["digest"], "signs another digest than the data's")
        serial = bytes(self.contents["3F00/0015"][:10]).hex()
        key = self.suite.public(f"RHC-TEST-SM2-SAM-{serial}")
        require(self.suite.verify_digest(key, command[5:], data), "signature")
        self.signed["signature"] = data
        self.checked += 1

    def certificate(self):
        return bytes(self.contents["DF01/001C"])

    def issuer(self):
        return bytes(self.contents["DF01/001B"])


class Card:
    def __init__(self, suite, area, factor, sam):
        self.suite, self.area, self.factor, self.sam = suite, area, factor, sam
        self.checked = 0
        self.df, self.file, self.record = "3F00", None, 0
        self.challenge = None
        self.rights = {}
        self.blocked = {}
        self.memory = {}
        self.issuer = None
        self.order = []

    def hear(self, command, data, status):
        kind = shape(command)
        handler = {"00A4": self.select, "00B2": self.read_record, "00B0": self.read_binary, "0084": self.random,
                   "0088": self.internal, "0082": self.external, "04DC": self.update_record, "84D2": self.mark,
                   "840C": self.mark, "00D6": self.update_binary, "841E": self.block, "8418": self.unblock,
                   "8416": self.block_card}.get(kind)
        require(handler, f"the judge does not know card command {kind}")
        handler(command, data, status)

    def select(self, command, data, status):
        body = command[5:]
        if command[2] == 0x04 or body == b"\x3f\x00":
            name = DFS.get(body, "3F00")
            if name != self.df:
                self.rights, self.challenge = {}, None
            self.df, self.file = name, None
            if name == "DDF1" and status == 0x6A81 and not self.order:
                self.blocked["DDF1"] = "before"
            if self.blocked.get(name):
                require(status == 0x6A81 and not data, f"{name} is blocked")
                return
            wanted = bytes([0x84, len(body)]) + body if command[2] == 0x04 else bytes([0x83, 2]) + body
            require(status == 0x9000 and data == bytes([0x6F, len(wanted)]) + wanted, "FCI (D29)")
            return
        require(status == 0x9000, "SELECT of a file")
        self.file, self.record = f"{self.df}/{body.hex().upper()}", 0
        require(self.file in FILES, f"no file {self.file}")

    def may(self, right, what):
        require(right == "free" or right in self.rights.values(), f"{what} without {right}")

    def read_record(self, command, data, status):
        self.may(FILES[self.file][0], "READ RECORD")
        place = (self.file, command[2])
        self.record += 1
        require(command[3] == 0 or command[2] == self.record, "records are read from the first on")
        if status == 0x6A83:
            require(self.file in ("DF02/EF07", "DF02/EF08"), "only cyclic files may lack a record")
            require(place not in self.memory, "a written record is missing")
            return
        require(status == 0x9000 and not data[RAW.get(self.file, 256) :], "READ RECORD")
        self.form(command, data)
        if self.file == "DDF1/EF05" and command[2] == 5:
            self.issuer = bytes(data[2:])
            self.check_issuer(self.issuer)
            require(self.memory.get("code", self.issuer[2:13]) == self.issuer[2:13], "element 4 is another issuer's code")
        if place in self.memory:
            require(data == self.memory[place], "reads another value than was written")
            self.checked += 1

    def form(self, command, data):
        """Tag and length of the specification's table (R17, R20)."""
        if self.file in RAW:
            require(command[3] == 4 and len(data) == RAW[self.file], "length of a raw record")
            require(self.file[:4] != "DF03" or data in (b"\x00", b"\xff"), "index record (R25)")
            return
        by_tag = self.file == "DDF1/EF05"
        require(command[3] == (0 if by_tag else 4), "P2 of READ RECORD (R17)")
        tags = dict(ELEMENTS[self.file])
        tag = command[2] if by_tag else ELEMENTS[self.file][command[2] - 1][0]
        require(data[:2] == bytes([tag, tags[tag]]) and len(data) == tags[tag] + 2, f"tag or length of element {tag}")
        if tag == 4:
            self.memory["code"] = data[2:]
        if tag in CONTENT and (self.file, command[2]) not in self.memory:
            require(data[2:].rstrip(b"\0\xff") == CONTENT[tag], f"element {tag} is not what was minted")

    def read_binary(self, command, data, status):
        self.may(FILES[self.file][0], "READ BINARY")
        require(status == 0x9000 and len(data) == command[4] <= 0x80, "READ BINARY")
        at = command[2] << 8 | command[3]
        content = self.memory.setdefault(self.file, {})
        for place, byte in enumerate(data, at):
            require(content.setdefault(place, byte) == byte, "reads other bytes than were written")

    def random(self, command, data, status):
        require(len(data) == 8 and status == 0x9000, "GET CHALLENGE")
        self.challenge = self.sam.challenge["card"] = data

    def internal(self, command, data, status):
        random, info, version = command[5:13], command[13:21], command[21]
        key = h.BY_NAME["IRK_DDF1"]
        session = self.suite.spread(self.suite.card_key(key, version, self.area, self.factor), random)
        fits = self.df == "DDF1" and random == self.sam.challenge["sam"] and status == 0x9000
        require(fits, "INTERNAL AUTHENTICATE")
        require(data == self.suite.authenticator(session, info), "the card's proof is not what OpenSSL computes")
        self.checked += 1

    def session(self, key):
        require(self.challenge, f"no challenge for {key.name}")
        version = 1 if key.groups == 4 else 0
        used, self.challenge = self.challenge, None
        return self.suite.spread(self.suite.card_key(key, version, self.area, self.factor), used)

    def external(self, command, data, status):
        proof, info, version = command[5:13], command[13:21], command[21]
        key = next(key for key in h.KEYS if key.df == self.df and key.kid == command[3] and key.name[0] != "I")
        require(version == (1 if key.groups == 4 else 0), f"version of {key.name}")
        require(not self.blocked.get(self.df) or key.name.startswith("LK"), "only LK works in a blocked application")
        wanted = self.suite.authenticator(self.session(key), info)
        require(proof == wanted and status == 0x9000, f"cryptogram of {key.name} is not what OpenSSL computes")
        self.rights["erase" if key.name == "UK2_DF03" else key.name[0]] = key.name
        self.checked += 1

    def sealed(self, command):
        """Checks the MAC under the directory's STK; gives the session key and the cipher text."""
        name = "STK_MF" if self.df == "3F00" else f"STK_{self.df}"
        session = self.session(h.BY_NAME[name])
        body, mac = command[5:-4], command[-4:]
        require(mac == self.suite.mac(session, h.pad(command[:5] + body)), f"MAC under {name} is not what OpenSSL computes")
        self.checked += 1
        return session, body

    def update_record(self, command, data, status):
        self.may(FILES[self.file][1], "UPDATE RECORD")
        session, body = self.sealed(command)
        plain = self.suite.decrypt(session, body)
        length = plain[0]
        record, padding = plain[1 : 1 + length], plain[1 + length :]
        require(padding[:1] == b"\x80" and not any(padding[1:]) and len(padding) <= 16, "padding (D9)")
        require(status == 0x9000, "UPDATE RECORD")
        if command[2:4] == b"\x00\x03":
            number = len([1 for place in self.memory if isinstance(place, tuple) and place[0] == self.file])
            for older in range(number, 0, -1):
                self.memory[(self.file, older + 1)] = self.memory[(self.file, older)]
            self.memory[(self.file, 1)] = record
        else:
            require(record[1] == len(record) - 2, "length of the record")
            self.memory[(self.file, command[2])] = record
        self.order.append("UPDATE RECORD")
        self.checked += 1

    def update_binary(self, command, data, status):
        self.may(FILES[self.file][1], "UPDATE BINARY")
        require(status == 0x9000 and command[4] <= 0x80, "UPDATE BINARY")
        if self.file == "DDF1/EF07" and self.file not in self.memory:
            require(command[2:] == bytes.fromhex("0000020000"), "the photo's length is not cleared first")
        content = self.memory.setdefault(self.file, {})
        content.update(enumerate(command[5:], command[2] << 8 | command[3]))
        self.order.append("UPDATE BINARY")

    def mark(self, command, data, status):
        erases = command[1] == 0x0C
        self.may(FILES[self.file][2 if erases else 1], "WRITE or ERASE RECORD")
        self.sealed(command)
        require(status == 0x9000 and self.file in ("DF03/EF05", "DF03/EF06"), "WRITE or ERASE RECORD")
        self.memory[(self.file, command[2])] = b"\xff" if erases else b"\x00"
        visit = f"DF03/{'EE' if self.file.endswith('EF05') else 'ED'}{command[2]:02d}"
        self.check_visit(visit, written=not erases)
        self.order.append("ERASE RECORD" if erases else "WRITE RECORD")

    def block(self, command, data, status):
        require(f"LK_{self.df}" in self.rights.values(), "APPLICATION BLOCK without LK")
        self.sealed(command)
        require(status == 0x9000, "APPLICATION BLOCK")
        self.blocked[self.df] = "for ever" if command[3] else "for a time"
        self.rights, self.challenge = {}, None

    def unblock(self, command, data, status):
        if self.blocked.get(self.df) == "for ever":
            self.sealed(command)
            require(status == 0x9303, "UNBLOCK of what is blocked for ever (R42)")
            return
        require(self.df == "DDF1" or f"LK_{self.df}" in self.rights.values(), "APPLICATION UNBLOCK without LK")
        self.sealed(command)
        require(status == 0x9000 and self.blocked.pop(self.df, None), "APPLICATION UNBLOCK")

    def block_card(self, command, data, status):
        require(self.df == "3F00" and "BK_MF" in self.rights.values(), "CARD BLOCK without BK")
        self.sealed(command)
        require(status == 0x9000, "CARD BLOCK")
        self.order.append("CARD BLOCK")

    # certificates and visits
    def check_issuer(self, data):
        """D20: 180 bytes under the ministry's TEST root, with the province's test key."""
        self.head(data, 0x01, 180)
        require(data[52:116] == self.suite.public(f"RHC-TEST-SM2-ISSUER-{self.area[:2]}"), "issuer key (D36)")
        root = self.suite.public("RHC-TEST-SM2-ROOT")
        require(self.suite.verify_message(root, data[:116], data[116:]), "the root did not sign the issuer certificate")
        self.checked += 1

    def head(self, data, kind, size):
        algorithms = bytes([self.suite.algorithm] * 2)
        require(len(data) == size and data[:2] == bytes([1, kind]), "certificate: format, kind or length")
        require(data[29:31] == algorithms and data[31] == 0xFF and data[32:36] == b"TEST", "certificate: algorithms or mark")

    def check_visit(self, path, written):
        """Data, signature and certificate in the file fit each other up to the root (R76, D17, D21)."""
        data_len, size = PARTS[path[5:7]]
        content = self.memory.get(path, {})
        require(sorted(content) == list(range(size)), f"{path} is not whole")
        whole = bytes(content[at] for at in range(size))
        data, signature, certificate = whole[:data_len], whole[data_len : data_len + 64], whole[data_len + 64 :]
        self.head(certificate, 0x02, 190)
        require(self.suite.verify_message(self.issuer[52:116], certificate[:126], certificate[126:]), "the issuer did not sign")
        point = certificate[62:126]
        require(self.suite.verify_digest(point, self.suite.digest(data), signature), "the record's signature")
        if written:
            require(certificate == self.sam.certificate() and data == self.sam.signed["data"], "not what the SAM signed")
            require(signature == self.sam.signed["signature"], "not the SAM's signature")
            self.check_issuer(self.sam.issuer())
        for at, value in VISIT_PLACES[path[5:7]].items():
            require(data[at : at + len(value)] == value, f"{path}: other bytes at offset {at}")
        self.checked += 3

    def finish(self, name):
        """The order that makes a torn card harmless: the index is written last; and each flow did what it is for."""
        if name.startswith("record-"):
            require(self.order[-1] == "WRITE RECORD" and self.order.count("WRITE RECORD") == 1, "the index is not written last")
        for word, deed in (("settle-", "ERASE RECORD"), ("block-card", "CARD BLOCK"), ("update-", "UPDATE RECORD"),
                           ("append-", "UPDATE RECORD")):
            require(not name.startswith(word) or deed in self.order, f"no {deed}")
        require(not name.startswith("refused") or not self.order, "a refused SAM changed something")
        require(not name.endswith("unblock") or not self.blocked, "still blocked")
