"""What the registry and the key service have in their books about a chip, for tests that ask after every pull.

Reads card factors from standard input, a line each, and answers each with a line of JSON. It opens the databases for reading
only and shares no code with the programs that write them.
"""

import json
import sqlite3
import sys

registry, keys = (sqlite3.connect(f"file:{path}?mode=ro", uri=True) for path in sys.argv[1:3])


def one(base, question, *values):
    return base.execute(question, values).fetchone()[0]


for line in sys.stdin:
    factor = line.strip()
    states = registry.execute("SELECT serial, state FROM cards WHERE factor = ?", (factor,)).fetchall()
    told = {
        "states": [state for _, state in states],
        "registrations": one(
            registry,
            "SELECT count(*) FROM card_history WHERE state = 'active' AND serial IN (SELECT serial FROM cards WHERE factor = ?)",
            factor,
        ),
        "active": one(registry, "SELECT count(*) FROM cards WHERE state = 'active'"),
        "bound": one(keys, "SELECT count(*) FROM chip WHERE kind = 'card' AND bound IS NOT NULL"),
    }
    print(json.dumps(told), flush=True)
