"""The conversations of rules R11, R28, R36 and R50-R53, as lists of [command, answer, note]."""

from oracle import hierarchy as h

FACTOR = bytes.fromhex("1122334455667788")
PROVINCE = "41"
PROVINCE_FACTOR = h.province_factor(PROVINCE)
INFO = bytes.fromhex("1122334455667788")
CHALLENGES = [bytes([first + step for step in range(8)]) for first in (0x01, 0x11, 0x21, 0x31, 0x41, 0x51, 0x61, 0x71)]
CHAIN_ROOT = bytes.fromhex("0123456789ABCDEFFEDCBA9876543210")
CHAIN_CARD = h.spread(h.spread(CHAIN_ROOT, PROVINCE_FACTOR), FACTOR)

NUMBER = b"410102199003070417"
CONTENT = [  # path, tag (decimal, as in the tables), whole value
    ("DDF1/EF05", 1, b"1"),
    ("DDF1/EF05", 8, NUMBER),
    ("DDF1/EF05", 57, bytes.fromhex("410100")),
    ("DDF1/EF06", 15, NUMBER),
    ("DDF1/EF08", 16, b"13800000000".ljust(20, b"\0")),
]
DFS = {
    "DDF1": "00A4040C0C57532E5359532E4444463031",
    "DF01": "00A4040C06915600013200",
    "DF02": "00A4040C06915600013201",
    "DF03": "00A4040C06915600013202",
}
OK = "9000"


def up(data):
    return data.hex().upper()


class Talk:
    """Collects the steps of one case; knows which challenges the card has been told to draw."""

    def __init__(self, ident, rule, on, about, sam_type=None, keys=None):
        self.ident, self.rule, self.on, self.about = ident, rule, on, about
        self.sam_type, self.keys = sam_type, keys or {}
        self.steps, self.drawn = [], 0

    def say(self, command, answer, note=""):
        self.steps.append((command if isinstance(command, str) else up(command), answer, note))
        return self

    def reset(self):
        return self.say("RESET", "", "power off and on")

    # -- user card ----------------------------------------------------------------------------
    def df(self, name):
        return self.say(DFS[name], OK, f"select {name}")

    def ef(self, fid):
        return self.say(f"00A4000C02{fid}", OK, f"select {fid}")

    def challenge(self):
        value = CHALLENGES[self.drawn]
        self.drawn += 1
        self.say("0084000008", up(value) + OK, "challenge")
        self.value = value
        return self

    def key(self, name, version=0):
        instead = self.keys.get(f"{name}-v{version}")
        return instead or h.card_key(h.BY_NAME[name], version, PROVINCE, FACTOR)

    def session(self, name, version=0):
        return h.spread(self.key(name, version), self.value)

    def authenticate(self, name, answer=OK, wrong=False, note=""):
        """EXTERNAL AUTHENTICATE with the challenge drawn last."""
        key = h.BY_NAME[name]
        version = 1 if key.groups == 4 else 0
        proof = h.authenticator(self.session(name, version), INFO)
        if wrong:
            proof = bytes([proof[0] ^ 1]) + proof[1:]
        command = bytes([0x00, 0x82, 0x00, key.kid, 0x11]) + proof + INFO + bytes([version])
        return self.say(command, answer, note or f"authenticate {name}" + (" wrongly" if wrong else ""))

    def right(self, name):
        return self.challenge().authenticate(name)

    def update(self, key, header, plain, answer=OK, note="", wrong=False, body=None):
        session = self.session(key)
        header = bytes.fromhex(header)
        apdu = h.sealed(session, header, body(session)) if body else h.update_record(session, header, plain)
        if wrong:
            apdu = apdu[:-1] + bytes([apdu[-1] ^ 1])
        return self.say(apdu, answer, note or "update record")

    # -- SAM ----------------------------------------------------------------------------------
    def pin(self):
        return self.say("0020000003123456", OK, "PIN")

    def sam_df(self):
        return self.say("00A4000C02DF01", OK, "select DF01")

    def ready(self):
        return self.pin().sam_df()

    def deliver(self, name, answer=OK, version=None, usage=None, factors=None, note="", index=None, cut=0):
        key = h.BY_NAME[name]
        version = (1 if key.groups == 4 else 0) if version is None else version
        if factors is None:
            factors = [FACTOR, PROVINCE_FACTOR][: key.levels]
        data = b"".join(factors) + CHALLENGES[0]
        if cut:
            data = data[:-cut]
        head = bytes([0x80, 0xDE, key.usage if usage is None else usage,
                      (version << 5) | (key.index if index is None else index), len(data)])
        return self.say(head + data, answer, note or f"deliver {name} version {version}")

    def sam_session(self, name):
        key = h.BY_NAME[name]
        version = 1 if key.groups == 4 else 0
        root = self.keys.get(f"{name}-v{version}") or h.root_of(key, version, PROVINCE)
        step = h.spread(root, PROVINCE_FACTOR) if key.levels == 2 else root
        return h.spread(h.spread(step, FACTOR), CHALLENGES[0])

    def cipher(self, mode, data, answer, note="", p2=0):
        data = bytes.fromhex(data) if isinstance(data, str) else data
        return self.say(bytes([0x80, 0xFA, mode, p2, len(data)]) + data, answer, note)

    def fetch(self, data, note="get response"):
        return self.say(f"00C00000{len(data):02X}", up(data) + OK, note)

    def encrypt(self, name, mode=0x00, blocks=None):
        blocks = blocks or INFO + bytes(8)
        self.cipher(mode, blocks, f"61{len(blocks):02X}", f"encrypt, mode {mode:02X}")
        from oracle.openssl import sm4

        return self.fetch(sm4(self.sam_session(name), blocks))

    def gone(self):
        return self.cipher(0x00, bytes(16), "6901", "no session key any more")


def build():
    """All cases, in file order."""
    from case_card import card
    from case_sam import sam

    return [*card(), *sam()]
