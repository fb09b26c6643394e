"""The specification's tables as the judges of conversations use them: files, headers of commands, what the test card holds,
where a visit's values stand."""

from oracle import hierarchy as h
from oracle.profile_check import FILES as FILE_TABLE


def bcd(text):
    return bytes.fromhex(text)


BY_INDEX = {key.index: key for key in h.KEYS}
PIN = bytes.fromhex("123456")
DFS = {b"WS.SYS.DDF01": "DDF1", bytes.fromhex("915600013200"): "DF01", bytes.fromhex("915600013201"): "DF02",
       bytes.fromhex("915600013202"): "DF03"}
PARTS = {"EE": (1639, 1893), "ED": (3013, 3267)}


def table():
    """path -> (read, update, erase, protection)."""
    rows = (line.split() for line in FILE_TABLE.strip().splitlines())
    return {row[0]: tuple(row[3:7]) for row in rows}


FILES = table()


def elements():
    """path -> [(tag, length)] of tagged records."""
    tagged = {}
    for line in FILE_TABLE.strip().splitlines():
        path, kind, *rest = line.split()
        if kind == "variable":
            found = (item.split(":") for item in rest if ":" in item)
            tagged[path] = [(int(tag), int(form.lstrip("abcns"))) for tag, form in found]
    return tagged


ELEMENTS = elements()
RAW = {"DF02/EF07": 120, "DF02/EF08": 24, "DF03/EF05": 1, "DF03/EF06": 1}
# Headers with every byte that is not the flow's to choose; what follows is Lc and data, or Le.
HEADERS = {"00A4": "00A40[04]00", "00B0": "00B0", "0020": "00200000", "0084": "00840000", "80DE": "80DE",
           "80FA": "80FA0[05]00",
           "80C8": "80C80[02]00", "80C4": "80C40000", "00B2": "00B2..0[04]", "0088": "00880000", "0082": "008200",
           "04DC": "04DC..0[34]", "84D2": "84D2..00", "840C": "840C..00", "00D6": "00D6", "841E": "841E000[01]",
           "8418": "84180000", "8416": "84160000"}
READS = ("00B0", "00B2", "0084")

# Elements of the test card, as the pages of the specification write them.
CONTENT = {1: b"1", 2: b"V1.1", 3: "河南省卫生健康委员会".encode("gb18030"), 6: bcd("20261122"), 8: b"410101198507120012",
           9: b"A1B", 10: b"41ABCDEFGH", 57: bcd("4101"), 11: "张三".encode("gb18030"), 12: b"\x01", 13: b"\x01",
           14: bcd("19850712"), 15: b"410101198507120012", 7: bcd("20361231"), 16: b"13800000000", 17: b"", 18: b"", 19: b"",
           20: b"", 21: b"\x1f", 22: "河南省郑州市中原区".encode("gb18030"), 23: b"", 24: b"",
           25: "李四".encode("gb18030"), 26: b"\x1f", 27: b"13700000000", 41: b"\x03", **dict.fromkeys(range(28, 41), b""),
           **dict.fromkeys(range(42, 57), b"")}

# Offsets of the specification's tables, values of the tests' two visits.
VISIT_PLACES = {
    "EE": {0: "郑州市第一人民医院".encode("gb18030").ljust(70, b"\0"), 70: b"4101001234", 80: bcd("20261110"),
           86: b"ZY20261110000003", 1009: bcd("20261118"), 1063: bcd("8FFFFF"), 1589: bcd("1234567FFF")},
    "ED": {0: "郑州市第一人民医院".encode("gb18030").ljust(70, b"\0"), 70: b"4101001234", 80: bcd("20261121093000"),
           87: b"MZ20261121000017\0\0", 105: "呼吸内科".encode("gb18030"), 155: bcd("1F"),
           156: "发热".encode("gb18030"), 211: bcd("20261121"), 2041: "布洛芬缓释胶囊".encode("gb18030"), 2092: bcd("3FFFFF"),
           2763: "西药费".encode("gb18030"), 2784: bcd("2350FFFF")},
}
