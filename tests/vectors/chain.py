#!/usr/bin/env python3
"""Computes tests/vectors/chain.toml with OpenSSL alone, from the formulas of the specification; profiles.toml too.

    chain.py            compares the files with what OpenSSL says; exit 3 when they differ
    chain.py --write    writes the files anew (after adding a case)

The first is passed by three separate test programs: the terminal's, the simulators' and the HSM's.
"""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import cases  # noqa: E402
import profiles  # noqa: E402
from cases import CHAIN_CARD, CHAIN_ROOT, FACTOR, INFO, PROVINCE, PROVINCE_FACTOR, up  # noqa: E402
from oracle import hierarchy as h  # noqa: E402
from oracle.openssl import sm2_public, sm2_secret, sm4  # noqa: E402

RANDOM = bytes.fromhex("0102030405060708")
# The values printed in the specification: the only constants here that are not computed.
PRINTED = {
    "kcv": "2677F4",
    "kp": "71B5329BB4EC4E2F8ABDE61BD953DE5E",
    "kc": "0F320AC49E8E03DD667A74D1A8E505AC",
    "sk": "659B3B7AB063EA0C0F6EFDC1817C17E9",
    "e": "DC457CC91CB7A38326097818A5EB0F4D",
    "auth": "FA4C04D1B95CACCE",
    "update_record": "04DC010414F2A8F3CB5C9AA233D721EA90404F1E7D7D019C7B",
    "write_record": "84D20100043D8415B0",
    "erase_record": "840C01000420D81EFF",
}
HEADLINE = """\
# The one vector file: keys, the chain, and conversations with cards (rules R11, R28, R36, R50-R53).
# Made and checked by chain.py beside it with the openssl program alone. All byte strings are hexadecimal.
# A case runs on an active card or SAM whose challenges come, in turn, from `challenges`;
# a step is [command, whole answer, note], and the command RESET is a power cycle.
"""


def table(name, values, many=False):
    lines = [f"[[{name}]]" if many else f"[{name}]"]
    for key, value in values.items():
        lines.append(f"{key} = {literal(value)}")
    return "\n".join(lines) + "\n"


def literal(value):
    if isinstance(value, bytes):
        value = up(value)
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, dict):
        return "{ " + ", ".join(f'"{key}" = {literal(item)}' for key, item in value.items()) + " }"
    if isinstance(value, (list, tuple)):
        if value and isinstance(value[0], (list, tuple)):
            return "[\n" + "".join(f"  {literal(item)},\n" for item in value) + "]"
        return "[" + ", ".join(literal(item) for item in value) + "]"
    return str(value)


def chain():
    session = h.spread(CHAIN_CARD, RANDOM)
    values = {
        "root": CHAIN_ROOT, "kcv": h.kcv(CHAIN_ROOT), "province": PROVINCE, "province_factor": PROVINCE_FACTOR,
        "kp": h.spread(CHAIN_ROOT, PROVINCE_FACTOR), "card_factor": FACTOR, "kc": CHAIN_CARD, "random": RANDOM,
        "sk": session, "info": INFO, "e": sm4(session, INFO + bytes(8)), "auth": h.authenticator(session, INFO),
        "update_plain": bytes.fromhex("220120"),
        "update_record": h.update_record(session, bytes.fromhex("04DC0104"), bytes.fromhex("220120")),
        "write_record": h.sealed(session, bytes.fromhex("84D20100")),
        "erase_record": h.sealed(session, bytes.fromhex("840C0100")),
    }
    for name, printed in PRINTED.items():
        if up(values[name]) != printed:
            sys.exit(f"chain.py: {name} is {up(values[name])} by OpenSSL, the specification prints {printed}")
    return table("chain", values)


def roots():
    for key in h.KEYS:
        for version in range(key.groups):
            value = h.root_of(key, version, PROVINCE)
            yield table("root", {"name": key.name, "version": version, "scope": key.scope, "value": value, "kcv": h.kcv(value)}, True)
    for name in h.PROVINCIAL_SERVICE + h.NATIONAL_SERVICE:
        value = h.test_root(name, 0, PROVINCE if name in h.PROVINCIAL_SERVICE else None)
        yield table("root", {"name": name, "version": 0, "scope": "service", "value": value, "kcv": h.kcv(value)}, True)


def card_keys():
    for key in h.KEYS:
        for version in range(key.groups):
            province = h.province_key(key, version, PROVINCE)
            value = h.spread(province, FACTOR)
            yield table("card_key", {
                "name": key.name, "version": version, "df": key.df, "kid": f"{key.kid:02X}",
                "province_kcv": h.kcv(province), "value": value, "kcv": h.kcv(value)}, True)


def sm2_keys():
    body = "4101052026" + "000000001"
    serial = body + h.luhn(body)
    for ident, label in (
        ("D33", "RHC-TEST-SM2-ROOT"), ("D36", f"RHC-TEST-SM2-ISSUER-{PROVINCE}"),
        ("D37", f"RHC-TEST-SM2-SAM-{serial}"), ("D42", "RHC-TEST-SM2-MAKER-5454"),
    ):
        secret = sm2_secret(label)
        point = sm2_public(secret)
        yield table("sm2", {"id": ident, "label": label, "d": secret.to_bytes(32, "big"), "x": point[:32], "y": point[32:]}, True)


def scp():
    """A session on a blank card: open, new master key, and after it a session under that key with data."""
    transport = h.transport_key(FACTOR)
    master = h.spread(h.test_root("CMK", 0, PROVINCE), FACTOR)
    yield table("transport", {"factor": FACTOR, "value": transport, "cmk": master})
    header = bytes.fromhex("000000010100000000")
    for base, counter, commands in (
        (transport, 0, [("84D40100", header + b"SLOT", 3)]),
        (master, 0, [("84E40000", b"", 3), ("84D40000", bytes.fromhex("DDF102040104" + "0A0000") + b"SLOT", 3), ("84DA0000", bytes.fromhex("DDF1EF05000001" + "0131"), 3), ("84F00500", b"", 3)]),
        (master, 7, [("84F00700", b"", 1)]),
    ):
        level = commands[0][2]
        session = h.Scp(base, counter, RANDOM)
        steps = [[f"8482{level:02X}00", "", session.open(level)]]
        for command, plain, _ in commands:
            key = master if command == "84D40100" else h.card_key(h.BY_NAME["RK1_DDF1"], 1, PROVINCE, FACTOR)
            plain = plain.replace(b"SLOT", session.wrap(key) + h.kcv(key))
            steps.append([command, plain, session.command(bytes.fromhex(command), plain, level == 3)])
        yield table("scp", {
            "base": base, "counter": counter, "host_challenge": RANDOM, "card_challenge": session.card_challenge,
            "k_enc": session.k_enc, "k_mac": session.k_mac, "k_dek": session.k_dek, "s_enc": session.s_enc,
            "s_mac": session.s_mac, "card_cryptogram": session.card_cryptogram,
            "host_cryptogram": session.host_cryptogram, "level": level, "steps": steps}, True)


def terminal():
    """What the terminal must send: to the SAM, and to the card."""
    for name, version in (("RK1_DDF1", 1), ("UK1_DF01", 1), ("STK_DF01", 0), ("STK_DF03", 0), ("IRK_DDF1", 1), ("LK_DF02", 0)):
        key = h.BY_NAME[name]
        talk = cases.Talk("", "", "sam", "")
        talk.deliver(name)
        yield table("delivery", {
            "key": name, "version": version, "card_factor": FACTOR, "province_factor": PROVINCE_FACTOR,
            "random": RANDOM, "levels": key.levels, "apdu": talk.steps[0][0]}, True)
    for kind, name in (("internal", "IRK_DDF1"), ("external", "RK1_DDF1"), ("external", "UK1_DF01"), ("external", "BK_MF")):
        key = h.BY_NAME[name]
        version = 1 if key.groups == 4 else 0
        session = h.spread(h.card_key(key, version, PROVINCE, FACTOR), RANDOM)
        block = sm4(session, INFO + bytes(8))
        data = (RANDOM if kind == "internal" else h.fold(block)) + INFO + bytes([version])
        header = bytes([0, 0x88, 0, 0]) if kind == "internal" else bytes([0, 0x82, 0, key.kid])
        yield table("authentication", {
            "kind": kind, "key": name, "version": version, "random": RANDOM, "info": INFO,
            "sam_command": bytes([0x80, 0xFA, 0, 0, 0x10]) + INFO + bytes(8), "sam_answer": block,
            "proof": h.fold(block), "apdu": header + bytes([len(data)]) + data}, True)
    for name, header, plain in (
        ("STK_DF01", "04DC0104", bytes.fromhex("22012F")),
        ("STK_DDF1", "04DC0204", bytes([16, 20]) + b"13800000001".ljust(20, b"\0")),
        ("STK_DF02", "04DC0003", b"penicillin".ljust(20, b"\0") + b"rash".ljust(100, b"\0")),
        ("STK_DF03", "84D20200", b""),
        ("STK_DF03", "840C0200", b""),
    ):
        session = h.spread(h.card_key(h.BY_NAME[name], 0, PROVINCE, FACTOR), RANDOM)
        head = bytes.fromhex(header)
        padded = h.pad(bytes([len(plain)]) + plain) if plain else b""
        body = sm4(session, padded) if padded else b""
        text = h.pad(head + bytes([len(body) + 4]) + body)
        talk = cases.Talk("", "", "sam", "")
        if padded:
            talk.deliver(name).cipher(0x00, padded, f"61{len(padded):02X}").fetch(body)
        talk.deliver(name).cipher(0x05, bytes(16) + text, "6104").fetch(h.cbc_mac(session, text)[:4])
        yield table("secure_message", {
            "key": name, "header": header, "plain": plain, "random": RANDOM, "padded": padded, "cipher": body,
            "mac": h.cbc_mac(session, text)[:4], "apdu": h.sealed(session, head, body),
            "sam": [step[:2] for step in talk.steps]}, True)


def content():
    for path, tag, value in cases.CONTENT:
        yield table("content", {"path": path, "tag": tag, "value": value}, True)


def conversations():
    seen = set()
    for talk in cases.build():
        if talk.ident in seen:
            sys.exit(f"chain.py: two cases are called {talk.ident}")
        seen.add(talk.ident)
        values = {"id": talk.ident, "rule": talk.rule, "on": talk.on, "about": talk.about}
        if talk.sam_type:
            values["sam_type"] = talk.sam_type
        if talk.keys:
            values["keys"] = talk.keys
        drawn = [answer[:16] for command, answer, _ in talk.steps if command.startswith("0084") and answer.endswith("9000")]
        if drawn:
            values["challenges"] = drawn
        values["steps"] = talk.steps
        yield table("case", values, True)


def build():
    parts = [chain(), *roots(), *card_keys(), *sm2_keys(), *scp(), *terminal(), *content(), *conversations()]
    return HEADLINE + "\n" + "\n".join(parts)


def main():
    files = {"chain.toml": build(), "profiles.toml": profiles.build(table)}
    wrong = []
    for name, text in files.items():
        path = HERE / name
        if sys.argv[1:] == ["--write"]:
            path.write_text(text, encoding="utf-8")
        elif not path.exists() or path.read_text(encoding="utf-8") != text:
            wrong.append(name)
        print(f"{name}: {text.count('[[case]]')} cases, {text.count('[[card_key]]')} card keys")
    if wrong:
        print(f"{', '.join(wrong)}: not what OpenSSL computes; run tests/vectors/chain.py --write and read the difference")
        return 3
    print("written" if sys.argv[1:] else "all agree with OpenSSL")
    return 0


if __name__ == "__main__":
    sys.exit(main())
