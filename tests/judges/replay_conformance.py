#!/usr/bin/env python3
"""Replays the conversations that the conformance harness recorded on other chips of the same state and seed, over PC/SC.

No code of the project: pyscard speaks, OpenSSL computes. Whatever a client must compute from the chip's challenge
(proofs of EXTERNAL AUTHENTICATE, cipher texts and MACs of secure messaging) is computed here, from the public test
hierarchy, and must be the recorded bytes before it is sent; the card's proof of INTERNAL AUTHENTICATE is checked too. All
else is sent as it was recorded. Every answer to reset and every answer must be the recorded one, byte by byte.
Exit code 0: the same; 3: a difference, with its place; 4: the environment.
"""

import argparse
import json
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from oracle import hierarchy as h  # noqa: E402
from oracle.suites import SUITES  # noqa: E402


class Different(Exception):
    """Other bytes than recorded."""


class Environment(Exception):
    """No reader, no card, no recording."""


class Chip:
    """A card or SAM in a reader."""

    def __init__(self, reader):
        from smartcard.System import readers

        found = [each for each in readers() if str(each) == reader]
        if not found:
            raise Environment(f"no reader {reader!r}")
        self.connection = found[0].createConnection()
        self.connection.connect()
        self.challenge = None

    def reset(self):
        from smartcard.scard import SCARD_RESET_CARD

        self.challenge = None
        self.connection.reconnect(disposition=SCARD_RESET_CARD)
        return bytes(self.connection.getATR())

    def transmit(self, command):
        data, first, second = self.connection.transmit(list(command))
        answer = bytes([*data, first, second])
        if command[:4] == bytes.fromhex("00840000") and (first, second) == (0x90, 0x00):
            self.challenge = answer[:-2]
        return answer


# `auth RK1_DF01 v2 -> 9000 [2/2]`: the flow, its key, the version if one is named.
FLOW = re.compile(r"^(?:card: )?(?:x\d+ )?(auth|wrong|update|append|put|lock) (\w+)(?: v(\d))?(?: |$)")
INTERNAL = re.compile(r"^(?:card: )?internal(?: v(\d))?(?: |$)")


class Client:
    """Computes for itself what a recorded step says that a client computes."""

    def __init__(self, preset, area, factor):
        self.suite, self.area, self.factor = SUITES[preset], area, factor
        self.computed = self.proofs = self.checked = 0
        self.asked = b""

    def _key(self, key, version):
        return self.suite.card_key(key, version, self.area, self.factor)

    def command(self, step, recorded, challenge):
        """The command to send, or None where the step has nothing to compute."""
        flow = FLOW.match(step)
        if not flow or recorded[1] in (0x84, 0xA4, 0xC0):
            return None
        name, version = flow[2], flow[3]
        key = h.BY_NAME[name]
        version = int(version) if version else int(key.groups > 1)
        if challenge is None:
            raise Different(f"{step}: no challenge to compute with")
        session = self.suite.spread(self._key(key, version), challenge)
        self.computed += 1
        if flow[1] in ("auth", "wrong"):
            info = bytes.fromhex("1122334455667788")
            proof = self.suite.authenticator(session, info)
            if flow[1] == "wrong":
                proof = proof[:-1] + bytes([proof[-1] ^ 1])
            else:
                self.proofs += 1
            return bytes([0x00, 0x82, 0x00, key.kid, 17]) + proof + info + bytes([version])
        header, body = recorded[:4], recorded[5:-4]
        if body:  # what is written is the recording's; how it is wrapped is ours
            plain = self.suite.decrypt(session, body)
            content = plain[1 : 1 + plain[0]]
            body = self.suite.encrypt(session, h.pad(bytes([len(content)]) + content))
        lengthened = header + bytes([len(body) + 4]) + body
        return lengthened + self.suite.mac(session, h.pad(lengthened))

    def check_answer(self, step, command, answer):
        """The card proves that it knows IRK_DDF1."""
        internal = INTERNAL.match(step)
        if not internal:
            return
        if command[1] == 0x88:
            self.asked = command
        if answer[-2:] != b"\x90\x00" or len(answer) == 2:  # 61xx: the proof comes with GET RESPONSE
            return
        version, command = int(internal[1]) if internal[1] else 1, self.asked
        session = self.suite.spread(self._key(h.BY_NAME["IRK_DDF1"], version), command[5:13])
        if answer[:-2] != self.suite.authenticator(session, command[13:21]):
            raise Different(f"{step}: the card's proof is not what OpenSSL computes")
        self.checked += 1


def replay(records, chips):
    facts = next(record["facts"] for record in records if record["t"] == "sample")
    head = next(record for record in records if record["t"] == "run")
    client = Client(head["preset"], facts["area"], bytes.fromhex(facts["factor"]))
    told, case, step, commands = {}, "orientation", "", 0
    for record in records:
        kind = record["t"]
        if kind == "case":
            case, step = record["id"], ""
            told[case] = {"group": record["group"], "commands": 0, "proofs": 0}
        elif kind == "step":
            step = record["text"]
        elif kind == "trouble":
            raise Environment(f"{case}: the recording has trouble in it: {record['what']}")
        elif kind == "atr":
            seen = chips[record["c"]].reset()
            if seen != bytes.fromhex(record["a"]):
                raise Different(f"{case}: ATR {seen.hex()}, recorded {record['a']}")
        elif kind == "x":
            chip, recorded = chips[record["c"]], bytes.fromhex(record["q"])
            before = client.proofs
            own = client.command(step, recorded, chip.challenge) if record["c"] == "card" else None
            if own is not None and own != recorded:
                raise Different(f"{case}, {step}: computed {own.hex()}, recorded {recorded.hex()}")
            answer = chip.transmit(own or recorded)
            if answer != bytes.fromhex(record["a"]):
                raise Different(f"{case}, {step}: answer {answer.hex()}, recorded {record['a']}")
            client.check_answer(step, recorded, answer)
            commands += 1
            if case in told:
                told[case]["commands"] += 1
                if client.proofs > before and answer == b"\x90\x00":
                    told[case]["proofs"] += 1
    return {
        "conversations": len(told),
        "groups": sorted({each["group"] for each in told.values()}),
        "authenticated": sum(each["proofs"] > 0 for each in told.values()),
        "commands": commands,
        "computed": client.computed,
        "checked": client.checked,
    }


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--evidence", required=True, help="evidence.jsonl of a package")
    options.add_argument("--reader", required=True)
    options.add_argument("--sam-reader", required=True)
    given = options.parse_args()
    try:
        lines = Path(given.evidence).read_text(encoding="utf-8").splitlines()
        records = [json.loads(line) for line in lines]
        told = replay(records, {"card": Chip(given.reader), "sam": Chip(given.sam_reader)})
    except Different as difference:
        print(json.dumps({"difference": str(difference)}))
        return 3
    except (Environment, OSError, StopIteration) as cause:
        print(json.dumps({"environment": str(cause)}))
        return 4
    print(json.dumps(told))
    return 0


if __name__ == "__main__":
    sys.exit(main())
