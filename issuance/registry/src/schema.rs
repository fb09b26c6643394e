//! The tables. Two rules stand here as indexes, so that no path around the code breaks them: a person has one live
//! card, and a card factor has one card that was not voided.

use kms_platform::store::Migration;

pub const MIGRATIONS: &[Migration] = &[Migration {
    version: 1,
    sql: V1,
}];

const V1: &str = "
CREATE TABLE sams (
  serial      TEXT PRIMARY KEY,
  chip_serial TEXT NOT NULL UNIQUE,
  sam_type    INTEGER NOT NULL CHECK (sam_type BETWEEN 1 AND 5),
  area        TEXT NOT NULL,
  state       TEXT NOT NULL CHECK (state IN ('reserved', 'active')),
  since       TEXT NOT NULL,
  certificate TEXT
) STRICT;

CREATE TABLE cards (
  number        INTEGER PRIMARY KEY,
  serial        TEXT NOT NULL UNIQUE,
  card_number   TEXT NOT NULL,
  area          TEXT NOT NULL,
  factor        TEXT NOT NULL,
  state         TEXT NOT NULL CHECK (state IN ('reserved', 'active', 'lost', 'cancelled', 'voided')),
  since         TEXT NOT NULL,
  data_hash     TEXT,
  sam_serial    TEXT REFERENCES sams (serial),
  script_digest TEXT,
  CHECK (state IN ('reserved', 'voided') OR (data_hash IS NOT NULL AND sam_serial IS NOT NULL))
) STRICT;
CREATE UNIQUE INDEX one_live_card_per_person ON cards (card_number) WHERE state IN ('reserved', 'active', 'lost');
CREATE UNIQUE INDEX one_card_per_factor ON cards (factor) WHERE state <> 'voided';
CREATE INDEX cards_of_person ON cards (card_number);

CREATE TABLE card_history (
  id     INTEGER PRIMARY KEY,
  serial TEXT NOT NULL REFERENCES cards (serial),
  at     TEXT NOT NULL,
  event  TEXT NOT NULL,
  state  TEXT NOT NULL,
  actor  TEXT NOT NULL,
  reason TEXT NOT NULL
) STRICT;
CREATE INDEX history_of_card ON card_history (serial, id);
CREATE TRIGGER history_never_changes BEFORE UPDATE ON card_history
  BEGIN SELECT RAISE(ABORT, 'history never changes'); END;
CREATE TRIGGER history_never_goes BEFORE DELETE ON card_history
  BEGIN SELECT RAISE(ABORT, 'history never goes'); END;
CREATE TRIGGER cards_never_go BEFORE DELETE ON cards BEGIN SELECT RAISE(ABORT, 'cards never go'); END;

CREATE TABLE counters (name TEXT PRIMARY KEY, next INTEGER NOT NULL) STRICT;
";
