"""User-card cases: the chain vector in use, R11, R28, R36."""

from cases import CHAIN_CARD, CHALLENGES, NUMBER, OK, Talk, up
from oracle import hierarchy as h
from oracle.openssl import sm4

EDUCATION = bytes.fromhex("22012F")  # tag 34, one byte, code 2


def chain():
    talk = Talk("chain-update-record", "chain", "card", "UPDATE RECORD of the chain vector writes the record",
                keys={"STK_DF01-v0": CHAIN_CARD})
    session_challenge_first(talk, "DF01", "UK1_DF01", "EF07")
    talk.update("STK_DF01", "04DC0104", bytes.fromhex("220120"))
    talk.drawn = 1
    talk.right("RK1_DF01").say("00B2010400", "220120" + OK, "read it back")
    yield talk

    talk = Talk("chain-write-erase", "chain", "card", "WRITE and ERASE RECORD of the chain vector set and clear the flag",
                keys={"STK_DF03-v0": CHAIN_CARD})
    talk.df("DF03").ef("EF05")
    talk.drawn = 1
    talk.right("RK1_DF03").say("00B2010400", "FF" + OK, "empty").right("UK1_DF03")
    chain_challenge(talk)
    talk.say(h.sealed(talk.session("STK_DF03"), bytes.fromhex("84D20100")), OK, "write record")
    talk.say("00B2010400", "00" + OK, "valid")
    talk.drawn = 3
    talk.right("UK2_DF03")
    chain_challenge(talk)
    talk.say(h.sealed(talk.session("STK_DF03"), bytes.fromhex("840C0100")), OK, "erase record")
    talk.say("00B2010400", "FF" + OK, "empty again")
    yield talk


def chain_challenge(talk):
    """The chain's random number is the first challenge of the list; here it comes again."""
    talk.value = CHALLENGES[0]
    talk.say("0084000008", up(CHALLENGES[0]) + OK, "challenge of the chain")


def session_challenge_first(talk, df, key, fid):
    talk.df(df)
    talk.drawn = 2
    talk.right(key).ef(fid)
    chain_challenge(talk)


def r11():
    record = up(bytes([8, 18]) + NUMBER)
    talk = Talk("R11-read-record-le", "R11", "card", "Le of READ RECORD: absent and 00 mean all; else the record's length")
    talk.say("00A404000C57532E5359532E4444463031", "6110", "select DDF1 by name")
    talk.say("00C0000010", "6F0E840C57532E5359532E4444463031" + OK, "its FCI").ef("EF05")
    for apdu, answer, note in [
        ("00B2080000", record + OK, "Le 00, record number = tag"),
        ("00B20800", record + OK, "Le absent"),
        ("00B2080014", record + OK, "Le exact"),
        ("00B2080010", "6C14", "Le too small"),
        ("00B20800FF", "6C14", "Le too large"),
        ("00B2060400", record_at_position_6() + OK, "P2 = 04: position 6 is tag 06"),
    ]:
        talk.say(apdu, answer, note)
    yield talk

    talk = Talk("R11-read-binary-le", "R11", "card", "Le of READ BINARY at the end of the photo file")
    talk.df("DDF1").right("RK1_DDF1").ef("EF07")
    for apdu, answer, note in [
        ("00B0000008", "00" * 8 + OK, "8 bytes"),
        ("00B00C0000", "0000" + OK, "all of the last two"),
        ("00B00C00", "0000" + OK, "Le absent"),
        ("00B00C0002", "0000" + OK, "exactly two"),
        ("00B00C0003", "6C02", "one more than is left"),
        ("00B00C00FF", "6C02", "many more"),
        ("00B00C0200", "6B00", "offset = size"),
        ("00B00D0001", "6B00", "offset beyond"),
    ]:
        talk.say(apdu, answer, note)
    yield talk

    talk = Talk("R11-get-challenge-le", "R11", "card", "GET CHALLENGE gives 8 bytes or says 6C08")
    talk.say("0084000004", "6C08").say("0084000010", "6C08").challenge()
    value = up(CHALLENGES[talk.drawn])
    talk.say("0084000000", value + OK, "Le 00")
    value = up(CHALLENGES[talk.drawn + 1])
    talk.say("00840000", value + OK, "Le absent")
    talk.drawn += 2
    yield talk


def record_at_position_6():
    return "0604FFFFFFFF"  # tag 06 (发卡时间, cn4) is absent: all padding


def raw(plain):
    """A block of the case's own making in place of the padded record."""
    return lambda session: sm4(session, bytes.fromhex(plain))


def r28():
    bad = [
        ("length-zero", raw("00" + "80" + "00" * 14), "length byte 0"),
        ("length-beyond", raw("20" + "22012F80" + "00" * 11), "length byte beyond the block"),
        ("length-fills-all", raw("0F" + "22012F" + "00" * 12), "no room for the padding"),
        ("no-80", raw("03" + "22012F" + "00" * 12), "padding does not begin with 80"),
        ("padding-dirty", raw("03" + "22012F80" + "00" * 10 + "01"), "a byte after 80 is not 00"),
        ("padding-long", raw("03" + "22012F80" + "00" * 27), "padding of 28 bytes"),
        ("wrong-tag", raw("03" + "23012F80" + "00" * 11), "tag of another record"),
        ("wrong-length", raw("04" + "22022F2F80" + "00" * 10), "length not the record's"),
        ("value-short", raw("02" + "220180" + "00" * 12), "value missing"),
    ]
    for name, body, note in bad:
        talk = Talk(f"R28-{name}", "R28", "card", f"right MAC, wrong content: {note}")
        talk.df("DF01").right("UK1_DF01").ef("EF07").challenge()
        talk.update("STK_DF01", "04DC0104", b"", "6A80", note, body=body)
        talk.update("STK_DF01", "04DC0104", EDUCATION, "6984", "the challenge is spent")
        talk.right("RK1_DF01").say("00B2010400", "2201FF" + OK, "nothing changed")
        yield talk

    talk = Talk("R28-cyclic-length", "R28", "card", "a cyclic record has exactly the file's record length")
    talk.df("DF02").right("UK3_DF02").ef("EF08").challenge()
    vaccine = b"BCG".ljust(20, b"\0") + bytes.fromhex("20200102")
    talk.update("STK_DF02", "04DC0003", vaccine[:-1], "6A80", "one byte short")
    talk.challenge().update("STK_DF02", "04DC0003", vaccine, OK, "exactly 24 bytes")
    talk.right("RK1_DF02").say("00B2010400", up(vaccine) + OK, "newest record first")
    yield talk

    talk = Talk("R28-mac-counter", "R28", "card", "6A80 after a right MAC puts the MAC counter back to 3 (D10)")
    talk.df("DF01").right("UK1_DF01").ef("EF07")
    for _ in range(2):
        talk.challenge().update("STK_DF01", "04DC0104", EDUCATION, "6988", "wrong MAC", wrong=True)
    talk.challenge().update("STK_DF01", "04DC0104", b"", "6A80", "right MAC, bad content", body=raw("00" + "80" + "00" * 14))
    for _ in range(2):
        talk.challenge().update("STK_DF01", "04DC0104", EDUCATION, "6988", "wrong MAC", wrong=True)
    talk.challenge().update("STK_DF01", "04DC0104", EDUCATION, OK, "still open")
    yield talk

    talk = Talk("R28-three-wrong-macs", "R28", "card", "three wrong MACs in a row block the application (D10)")
    talk.df("DF01").right("UK1_DF01").ef("EF07")
    for _ in range(3):
        talk.challenge().update("STK_DF01", "04DC0104", EDUCATION, "6988", "wrong MAC", wrong=True)
    talk.say("00B2010400", "6A81", "blocked").say("00A4040006915600013200", "6A81", "SELECT says so too")
    talk.df("DF02")
    yield talk

    talk = Talk("R28-cipher-length", "R28", "card", "cipher text that is no positive multiple of 16: 6700, the challenge stays")
    talk.df("DF01").right("UK1_DF01").ef("EF07").challenge()
    talk.update("STK_DF01", "04DC0104", b"", "6700", "15 bytes", body=lambda session: bytes(15))
    talk.update("STK_DF01", "04DC0104", b"", "6700", "none", body=lambda session: b"")
    talk.update("STK_DF01", "04DC0104", EDUCATION, OK, "the same challenge still serves")
    yield talk


def r36():
    talk = Talk("R36-needed", "R36", "card", "without a challenge: 6984")
    talk.df("DF01")
    talk.value = CHALLENGES[0]
    talk.authenticate("UK1_DF01", "6984").right("UK1_DF01").ef("EF07")
    talk.update("STK_DF01", "04DC0104", EDUCATION, "6984", "used up by the authentication")
    talk.df("DF03").right("UK1_DF03").ef("EF05")
    talk.say(h.sealed(talk.session("STK_DF03"), bytes.fromhex("84D20100")), "6984", "write record")
    yield talk

    talk = Talk("R36-spent-when-wrong", "R36", "card", "a wrong cryptogram spends the challenge; tries count down (R33)")
    talk.df("DF01").challenge().authenticate("UK1_DF01", "63C9", wrong=True)
    talk.authenticate("UK1_DF01", "6984", note="right, but the challenge is spent")
    talk.challenge().authenticate("UK1_DF01", "63C8", wrong=True)
    talk.right("UK1_DF01")
    talk.challenge().authenticate("UK1_DF01", "63C9", wrong=True, note="success put the counter back to 10")
    yield talk

    talk = Talk("R36-kept-by-refusals", "R36", "card", "a command refused earlier leaves the challenge")
    talk.df("DF01").ef("EF07").challenge()
    talk.update("STK_DF01", "04DC0104", EDUCATION, "6982", "no right")
    talk.say("0082000411" + "00" * 16 + "01", "6A88", "no such key here")
    talk.say("0082008510" + "00" * 16, "6700", "Lc not 11")
    talk.say("00B2010400", "6982", "read without right")
    talk.authenticate("UK1_DF01", note="the challenge was still there")
    talk.challenge().update("STK_DF01", "04DC0904", EDUCATION, "6A83", "no record 9")
    talk.update("STK_DF01", "04DC0104", EDUCATION, OK, "the challenge was still there")
    yield talk

    talk = Talk("R36-others-between", "R36", "card", "SELECT of an EF, free reads and INTERNAL AUTHENTICATE do not spend it (D15)")
    talk.df("DDF1").challenge().ef("EF05").say("00B2390400", "6A83", "position 57 does not exist")
    talk.say("00B2390000", "3903410100" + OK, "tag 57")
    random, info = CHALLENGES[5], bytes.fromhex("1122334455667788")
    proof = h.authenticator(h.spread(talk.key("IRK_DDF1", 1), random), info)
    talk.say("0088000011" + up(random + info) + "01", "6108", "internal authenticate").fetch(proof, "its answer")
    talk.authenticate("RK1_DDF1")
    yield talk

    talk = Talk("R36-replaced", "R36", "card", "a new challenge replaces the old one")
    talk.df("DF01").challenge()
    first = talk.value
    talk.challenge()
    second, talk.value = talk.value, first
    talk.authenticate("UK1_DF01", "63C9", note="answers the first challenge")
    talk.value = second
    talk.authenticate("UK1_DF01", "6984", note="the second is spent")
    yield talk

    talk = Talk("R36-gone", "R36", "card", "another DF or a reset discards it, the same DF keeps it (D15, R35)")
    talk.df("DF01").challenge().df("DF01").authenticate("UK1_DF01", note="same DF: kept")
    talk.challenge().df("DF02").df("DF01").authenticate("UK1_DF01", "6984", note="other DF: gone")
    talk.challenge().reset().df("DF01").authenticate("UK1_DF01", "6984", note="reset: gone")
    yield talk


def card():
    return [*chain(), *r11(), *r28(), *r36()]
