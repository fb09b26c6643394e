"""What a loss touches, counted from the profile's tables and an export of the registry alone: the other side of
`rhc-kms compromise`. Usage: python3 -m tests.oracle.losses POPULATION.json {sam SERIAL|key NAME/V|prefecture AREA|province AREA}

In a TEST house a SAM holds every version of its type's keys (D12)."""

import collections
import json
import pathlib
import sys
import tomllib

PROFILE = pathlib.Path(__file__).parents[2] / "cardlib/card/profiles/rhc-2012.toml"


def count(population, profile, keys, province):
    """Cards and SAMs that the opened keys reach; `province` None: the whole country."""
    out = {"keys": sorted(keys), "cards": 0, "cards_out_of_use": 0, "sams": 0, "sams_by_type": {}, "institutions": {}}
    if not keys:
        return out
    here = lambda area: province is None or area[:2] == province
    states = collections.Counter(card["state"] for card in population["cards"] if here(card["area"]))
    out["cards"] = states["active"] + states["lost"]
    out["cards_out_of_use"] = states["cancelled"]
    groups = {key["name"]: key["groups"] for key in profile["key"]}
    rotating = {name.split("/")[0] for name in keys if groups[name.split("/")[0]] > 1}
    holders = {kind["number"] for kind in profile["sam"]["type"] if rotating & set(kind["keys"])}
    found = [
        sam
        for sam in population["sams"]
        if sam["state"] == "active" and here(sam["area"]) and sam["sam_type"] in holders
    ]
    out["sams"] = len(found)
    out["sams_by_type"] = {str(k): v for k, v in sorted(collections.Counter(s["sam_type"] for s in found).items())}
    places = collections.Counter((sam["area"] + "0000")[:4] for sam in found)
    out["institutions"] = dict(sorted(places.items()))
    return out


def opened(population, profile, kind, what):
    """National keys, provincial keys, the province."""
    every = [(key["name"], version, key["scope"]) for key in profile["key"] for version in range(key["groups"])]
    name = lambda row: f"{row[0]}/{row[1]}"
    if kind == "sam":
        sam = next(sam for sam in population["sams"] if sam["serial"] == what)
        held = next(t["keys"] for t in profile["sam"]["type"] if t["number"] == sam["sam_type"])
        mine = [row for row in every if row[0] in held]
        national = {name(row) for row in mine if row[2] == "national"}
        return national, {name(row) for row in mine} - national, sam["area"][:2]
    if kind == "key":
        return {what}, set(), None
    return set(), {name(row) for row in every}, what[:2]


def main():
    path, kind, what = sys.argv[1:]
    population = json.loads(pathlib.Path(path).read_text())
    profile = tomllib.loads(PROFILE.read_text())
    national, provincial, province = opened(population, profile, kind, what)
    print(
        json.dumps(
            {
                "national": count(population, profile, national, None),
                "provincial": count(population, profile, provincial, province),
            }
        )
    )


if __name__ == "__main__":
    main()
