#!/usr/bin/env python3
"""Compares the card profile with the specification's tables, typed here a second time. Exit 3 on a difference."""

import sys
import tomllib
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from oracle.hierarchy import KEYS  # noqa: E402

PROFILE = HERE.parent.parent / "cardlib/card/profiles/rhc-2012.toml"

# path: kind, records or size, read, update, erase, protection of updates, elements "tag:type length" (tables 4-1 to 4-16, 8-2)
FILES = """
DDF1/EF05 variable 10 free never - - 1:ans1 2:ans4 3:ans30 4:cn11 5:b180 6:cn4 8:ans18 9:ans3 10:ans10 57:cn3
DDF1/EF06 variable 5 RK1_DDF1 never - - 11:ans30 12:b1 13:cn1 14:cn4 15:ans18
DDF1/EF07 binary 3074 RK1_DDF1 UK1_DDF1 - -
DDF1/EF08 variable 6 RK1_DDF1 UK1_DDF1 - cipher-mac 7:cn4 16:ans20 17:ans20 18:cn1 19:cn1 20:cn1
DF01/EF05 variable 4 RK1_DF01 UK1_DF01 - cipher-mac 21:cn1 22:ans100 23:cn1 24:ans100
DF01/EF06 variable 9 RK1_DF01 UK1_DF01 - cipher-mac 25:ans30 26:cn1 27:ans20 28:ans30 29:cn1 30:ans20 31:ans30 32:cn1 33:ans20
DF01/EF07 variable 3 RK1_DF01 UK1_DF01 - cipher-mac 34:cn1 35:cn1 36:ans3
DF01/EF08 variable 4 RK1_DF01 UK1_DF01 - cipher-mac 37:cn1 38:ans18 39:ans17 40:ans18
DF02/EF05 variable 15 RK1_DF02 UK1_DF02 - cipher-mac 41:b1 42:cn1 43:b1 44:b1 45:b1 46:b1 47:b1 48:b1 49:b1 50:b1 51:b1 52:b1 53:b1 54:b1 55:ans40
DF02/EF06 variable 1 RK1_DF02 UK2_DF02 - cipher-mac 56:b1
DF02/EF07 cyclic 3 RK1_DF02 UK3_DF02 - cipher-mac
DF02/EF08 cyclic 10 RK1_DF02 UK3_DF02 - cipher-mac
DF03/EF05 fixed 3 RK1_DF03 UK1_DF03 UK2_DF03 mac
DF03/EF06 fixed 5 RK1_DF03 UK1_DF03 UK2_DF03 mac
DF03/EE01 binary 1893 RK1_DF03 UK1_DF03 - -
DF03/EE02 binary 1893 RK1_DF03 UK1_DF03 - -
DF03/EE03 binary 1893 RK1_DF03 UK1_DF03 - -
DF03/ED01 binary 3267 RK1_DF03 UK1_DF03 - -
DF03/ED02 binary 3267 RK1_DF03 UK1_DF03 - -
DF03/ED03 binary 3267 RK1_DF03 UK1_DF03 - -
DF03/ED04 binary 3267 RK1_DF03 UK1_DF03 - -
DF03/ED05 binary 3267 RK1_DF03 UK1_DF03 - -
"""
READING = {"IRK_DDF1", "RK1_DDF1", "RK1_DF01", "RK1_DF02", "RK1_DF03"}
VISITS = READING | {"STK_DF02", "STK_DF03", "UK1_DF02", "UK3_DF02", "UK1_DF03"}
SAM_TYPES = {
    1: READING,
    2: VISITS | {"UK2_DF02"},
    3: VISITS,
    4: {"IRK_DDF1", "STK_MF", "STK_DDF1", "STK_DF01", "STK_DF02", "STK_DF03", "BK_MF", "LK_DF01", "LK_DF02", "LK_DF03"},
    5: {key.name for key in KEYS},
}
SAM_FILES = {"MF/0001": 0, "MF/0015": 14, "MF/0016": 6, "DF01/001A": 25, "DF01/001B": 180, "DF01/001C": 190}


def files(profile):
    wanted = [line.split() for line in FILES.strip().splitlines()]
    found = {file["path"]: file for file in profile["file"]}
    yield "file paths", sorted(found), sorted(line[0] for line in wanted)
    for path, kind, amount, read, update, erase, protection, *elements in wanted:
        file = found.get(path, {})
        yield f"{path} kind", file.get("kind"), kind
        yield f"{path} size or records", file.get("size" if kind == "binary" else "records"), int(amount)
        yield f"{path} read", file.get("read"), read
        yield f"{path} update", file.get("update"), update
        yield f"{path} erase", file.get("erase", "-"), erase
        yield f"{path} protection", file.get("secure_messaging", "-"), protection
        if kind == "variable":
            own = [f"{element['tag']}:{element['type']}{element['len']}" for element in file.get("elements", [])]
            yield f"{path} elements", own, elements


def keys(profile):
    found = {key["name"]: key for key in profile["key"]}
    yield "key names", sorted(found), sorted(key.name for key in KEYS)
    for key in KEYS:
        own = found.get(key.name, {})
        df = "MF" if key.df == "3F00" else key.df
        mine = (own.get("df"), own.get("kid"), own.get("groups"), own.get("sam_usage"), own.get("sam_index"), own.get("scope"))
        yield key.name, mine, (df, key.kid, key.groups, key.usage, key.index, key.scope)
        yield f"{key.name} factors", own.get("factors"), ["province", "card"] if key.levels == 2 else ["card"]


def sams(profile):
    for kind in profile["sam"]["type"]:
        yield f"SAM type {kind['number']}", set(kind["keys"]), SAM_TYPES[kind["number"]]
    yield "SAM types", sorted(kind["number"] for kind in profile["sam"]["type"]), sorted(SAM_TYPES)
    yield "SAM files", {file["path"]: file["size"] for file in profile["sam"]["file"]}, SAM_FILES


def main():
    profile = tomllib.loads(PROFILE.read_text(encoding="utf-8"))
    compared, wrong = 0, 0
    for part in (files, keys, sams):
        for what, own, wanted in part(profile):
            compared += 1
            if own != wanted:
                wrong += 1
                print(f"{what}: the profile says {own}, the specification {wanted}")
    print(f"profile rhc-2012: {compared} items compared with the specification, {wrong} differ")
    return 3 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
