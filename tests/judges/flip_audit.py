#!/usr/bin/env python3
"""Changes one character of one audit row behind a service's back, as somebody with the disk could.

    flip_audit.py DATABASE
"""

import sqlite3
import sys


def main():
    base = sqlite3.connect(sys.argv[1])
    guards = base.execute("SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'audit'").fetchall()
    for (name,) in guards:
        base.execute(f'DROP TRIGGER "{name}"')
    (row, actor) = base.execute("SELECT seq, actor FROM audit ORDER BY seq LIMIT 1 OFFSET (SELECT count(*) / 2 FROM audit)").fetchone()
    other = actor[:-1] + ("a" if actor[-1] != "a" else "b")
    base.execute("UPDATE audit SET actor = ? WHERE seq = ?", (other, row))
    base.commit()


if __name__ == "__main__":
    main()
