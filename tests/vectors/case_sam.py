"""SAM cases: the chain vector in use, R50-R53."""

from cases import CHAIN_ROOT, FACTOR, OK, PROVINCE_FACTOR, Talk
from oracle import hierarchy as h

READ = "RK1_DDF1"  # two levels, usage 47: encrypt only
STK1 = "STK_DF01"  # one level, usage 28: MAC and encrypt
HEADER = bytes.fromhex("04DC010414")


def sam_talk(ident, rule, about, sam_type=5, keys=None):
    return Talk(ident, rule, "sam", about, sam_type, keys)


def chain():
    talk = sam_talk("chain-sam", "chain", "the SAM gives the chain's E", keys={"RK1_DDF1-v1": CHAIN_ROOT})
    talk.ready().deliver(READ).encrypt(READ)
    yield talk


def r50():
    talk = sam_talk("R50-erased-by-00", "R50", "mode 00 ends the session key")
    talk.ready().deliver(READ).encrypt(READ).gone()
    yield talk

    talk = sam_talk("R50-erased-by-05", "R50", "mode 05 ends the session key")
    talk.ready().deliver(STK1)
    mac(talk, STK1).gone()
    yield talk

    talk = sam_talk("R50-erased-by-01", "R50", "mode 01 ends the session key; 07 and 03 keep it")
    talk.ready().deliver(STK1)
    chunked_mac(talk, STK1).gone()
    yield talk

    talk = sam_talk("R50-kept-by-02", "R50", "mode 02 keeps the session key")
    talk.ready().deliver(READ).encrypt(READ, 0x02).encrypt(READ, 0x02).encrypt(READ, 0x00).gone()
    yield talk

    talk = sam_talk("R50-refused-delivery", "R50", "a DELIVERY refused with 6A88 or 6A80 erases it; one refused earlier does not")
    talk.ready().deliver(READ).deliver(READ, "6A88", index=0x06, note="no key 06").gone()
    talk.deliver(READ).deliver(READ, "6A80", usage=0x48, note="usage byte is not the key's").gone()
    talk.deliver(READ).deliver(READ, "6700", cut=1, note="Lc 17").encrypt(READ)
    yield talk

    talk = sam_talk("R50-refused-cipher", "R50", "a refused CIPHER DATA keeps it")
    talk.ready().deliver(READ)
    talk.cipher(0x00, bytes(15), "6700", "15 bytes").cipher(0x04, bytes(16), "6A86", "no such mode")
    talk.cipher(0x05, bytes(32), "6985", "an encrypting key makes no MAC").encrypt(READ)
    yield talk

    talk = sam_talk("R50-reset", "R50", "a reset erases it, and the PIN status with it; without a session key 6901")
    talk.ready().gone().deliver(READ).reset().ready().gone()
    yield talk


def r51():
    talk = sam_talk("R51-order", "R51", "checks in order: Lc, DF, PIN, key, usage and levels")
    talk.deliver(READ, "6700", cut=1, note="Lc 17 in the MF, no PIN")
    talk.deliver(READ, "6985", note="right Lc in the MF").sam_df()
    talk.deliver(READ, "6982", note="no PIN").deliver(READ, "6982", index=0x06, note="no PIN, no key: PIN first (R66)")
    talk.reset().ready()
    talk.deliver(READ, "6A88", index=0x06, usage=0x28, note="no key 06, wrong usage: key first")
    talk.deliver(READ, "6A88", version=4, note="version 4 is not loaded")
    talk.deliver(STK1, "6A88", version=1, note="a one-group key has version 0 only")
    talk.deliver(READ, "6A80", usage=0x48, note="usage not the key's")
    talk.deliver(READ, "6A80", factors=[FACTOR], note="one factor for a two-level key")
    talk.deliver(STK1, "6A80", factors=[FACTOR, PROVINCE_FACTOR], note="two factors for a one-level key")
    talk.deliver(READ, "6A80", factors=[FACTOR, b"4101" + b"0" * 4, PROVINCE_FACTOR], note="three factors for a two-level key")
    talk.deliver(READ, "6700", factors=[], note="Lc 08")
    talk.deliver(READ).deliver(STK1)
    yield talk

    talk = sam_talk("R51-every-version", "R51", "a TEST SAM holds versions 0-3 of a 4-group key (R56)")
    talk.ready()
    for version in range(4):
        talk.deliver(READ, version=version)
    yield talk

    for sam_type, present, absent in ((1, "RK1_DF02", "UK1_DDF1"), (4, "LK_DF01", READ)):
        talk = sam_talk(f"R51-type-{sam_type}", "R51", f"a SAM of type {sam_type} has {present} but not {absent}", sam_type)
        talk.ready().deliver("IRK_DDF1").deliver(present).deliver(absent, "6A88")
        yield talk


def r52():
    talk = sam_talk("R52-encrypt-only", "R52", "kind 7 (encrypt): modes 00 and 02 only")
    talk.ready().deliver(READ)
    for mode in (0x05, 0x07, 0x03, 0x01):
        talk.cipher(mode, bytes(32), "6985", f"mode {mode:02X}")
    talk.encrypt(READ, 0x02).encrypt(READ, 0x00)
    yield talk

    talk = sam_talk("R52-both", "R52", "kind 8 (MAC and encrypt): every mode")
    talk.ready().deliver(STK1).encrypt(STK1, 0x02)
    chunked_mac(talk, STK1)
    talk.deliver(STK1)
    mac(talk, STK1)
    talk.deliver(STK1).encrypt(STK1, 0x00)
    yield talk

    talk = sam_talk("R52-undefined", "R52", "undefined P1, or P2 other than 00: 6A86")
    talk.ready().deliver(STK1)
    for mode in (0x04, 0x06, 0x08, 0xFF):
        talk.cipher(mode, bytes(16), "6A86", f"P1 {mode:02X}")
    talk.cipher(0x00, bytes(16), "6A86", "P2 01", p2=1).encrypt(STK1)
    yield talk


def blocks(count):
    """Bytes that are not all alike."""
    return bytes((17 * at + 3) & 0xFF for at in range(16 * count))


def message():
    """What a secure-messaging MAC covers: header, one block of cipher text, padding."""
    return h.pad(HEADER + blocks(1))


def mac(talk, name):
    """Mode 05: IV and message in one call."""
    data = message()
    value = h.cbc_mac(talk.sam_session(name), data)[:4]
    return talk.cipher(0x05, bytes(16) + data, "6104", "single MAC").fetch(value)


def chunked_mac(talk, name):
    """Modes 07, 03, 01 over the message and 32 bytes before it."""
    data = blocks(2) + message()
    value = h.cbc_mac(talk.sam_session(name), data)[:4]
    talk.cipher(0x07, bytes(16) + data[:16], OK, "first, with IV").cipher(0x03, data[16:32], OK, "next")
    return talk.cipher(0x01, data[32:], "6104", "last").fetch(value)


def r53():
    talk = sam_talk("R53-lengths", "R53", "Lc 10..F0 in steps of 10; mode 05 needs 20")
    talk.ready().deliver(STK1)
    for length in (1, 15, 17, 0xF1, 0xFF):
        talk.cipher(0x00, bytes(length), "6700", f"Lc {length:02X}")
    talk.say("80FA0000", "6700", "no data").cipher(0x05, bytes(16), "6700", "mode 05 with the IV alone")
    talk.encrypt(STK1, 0x02, bytes(0xF0))
    mac(talk, STK1)
    yield talk

    talk = sam_talk("R53-sequence", "R53", "03 or 01 without 07 before: 6985")
    talk.ready().deliver(STK1).cipher(0x03, bytes(16), "6985").cipher(0x01, bytes(16), "6985")
    chunked_mac(talk, STK1)
    talk.deliver(STK1).cipher(0x01, bytes(16), "6985", "the chain ended with the last MAC")
    yield talk

    talk = sam_talk("R53-order", "R53", "checks in order: 6A86, 6700, DF, PIN, session key, usage")
    talk.cipher(0x04, bytes(15), "6A86", "everything wrong").cipher(0x05, bytes(15), "6700", "length next")
    talk.cipher(0x05, bytes(32), "6985", "in the MF").sam_df()
    talk.cipher(0x05, bytes(32), "6982", "no PIN").reset().ready()
    talk.cipher(0x05, bytes(32), "6901", "no session key").deliver(READ).cipher(0x05, bytes(32), "6985", "usage last")
    yield talk

    talk = sam_talk("R53-iv", "R53", "the first block of 05 is the IV: another IV, another MAC")
    talk.ready().deliver(STK1)
    initial, data = blocks(1), message()
    shifted = bytes(a ^ b for a, b in zip(initial, data[:16])) + data[16:]
    value = h.cbc_mac(talk.sam_session(STK1), shifted)[:4]
    talk.cipher(0x05, initial + data, "6104", "IV not zero").fetch(value)
    yield talk


def sam():
    return [*chain(), *r50(), *r51(), *r52(), *r53()]
