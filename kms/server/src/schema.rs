//! Tables of the key service. No key bytes, no person: hashes, ids, public keys.

use kms_platform::store::Migration;

/// Name of the service in its store.
pub const SERVICE: &str = "kms";

/// Steps of the schema, counted up from 1.
pub const MIGRATIONS: &[Migration] = &[
    Migration {
        version: 1,
        sql: "
CREATE TABLE setting (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;

CREATE TABLE officer (name TEXT PRIMARY KEY, public_key TEXT NOT NULL UNIQUE, since TEXT NOT NULL) STRICT;

CREATE TABLE held_key (
  id TEXT PRIMARY KEY, name TEXT NOT NULL, version INTEGER NOT NULL, depth INTEGER NOT NULL,
  check_value TEXT NOT NULL, public_key TEXT, state TEXT NOT NULL, since TEXT NOT NULL
) STRICT;

CREATE TABLE peer (
  name TEXT PRIMARY KEY, kind TEXT NOT NULL, file TEXT NOT NULL, requester TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('waiting', 'confirmed'))
) STRICT;

CREATE TABLE maker (vendor TEXT PRIMARY KEY, public_key TEXT NOT NULL, approvers TEXT NOT NULL) STRICT;

CREATE TABLE delivery (
  maker TEXT NOT NULL, kind TEXT NOT NULL, sequence INTEGER NOT NULL, digest TEXT NOT NULL, items INTEGER NOT NULL,
  imported TEXT NOT NULL, PRIMARY KEY (maker, kind, sequence)
) STRICT;

CREATE TABLE chip (
  factor TEXT PRIMARY KEY, kind TEXT NOT NULL, maker TEXT NOT NULL, mark TEXT NOT NULL, sequence INTEGER NOT NULL,
  subject BLOB, data BLOB, bound TEXT, certificate BLOB
) STRICT;
CREATE TRIGGER chip_bound_once BEFORE UPDATE OF subject, data ON chip WHEN OLD.subject IS NOT NULL
  BEGIN SELECT RAISE(ABORT, 'a chip is bound once'); END;

CREATE TABLE ticket (number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, body TEXT NOT NULL, created TEXT NOT NULL) STRICT;

CREATE TABLE hand_down (
  number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, receiver TEXT NOT NULL, request TEXT NOT NULL, requester TEXT NOT NULL, ca_chain TEXT NOT NULL,
  state TEXT NOT NULL, created TEXT NOT NULL
) STRICT;

CREATE TABLE own_request (id TEXT PRIMARY KEY, requester TEXT NOT NULL, state TEXT NOT NULL, created TEXT NOT NULL) STRICT;
",
    },
    Migration {
        version: 2,
        sql: "
ALTER TABLE chip ADD COLUMN challenge BLOB;
ALTER TABLE chip ADD COLUMN ticket TEXT;
ALTER TABLE ticket ADD COLUMN left_over INTEGER;

CREATE TABLE identity (
  number INTEGER PRIMARY KEY, serial TEXT NOT NULL UNIQUE, name TEXT NOT NULL, issued TEXT NOT NULL, revoked TEXT, reason TEXT
) STRICT;
",
    },
    Migration {
        version: 3,
        sql: "
CREATE TABLE audit_seal (seq INTEGER NOT NULL UNIQUE, mac BLOB NOT NULL) STRICT;
CREATE TRIGGER audit_seal_never_changes BEFORE UPDATE ON audit_seal BEGIN SELECT RAISE(ABORT, 'seals never change'); END;
CREATE TRIGGER audit_seal_never_goes BEFORE DELETE ON audit_seal BEGIN SELECT RAISE(ABORT, 'seals never go'); END;

CREATE TABLE checkpoint (number INTEGER NOT NULL UNIQUE, text TEXT NOT NULL, signature TEXT NOT NULL) STRICT;
CREATE TRIGGER checkpoint_never_changes BEFORE UPDATE ON checkpoint BEGIN SELECT RAISE(ABORT, 'checkpoints never change'); END;
CREATE TRIGGER checkpoint_never_goes BEFORE DELETE ON checkpoint BEGIN SELECT RAISE(ABORT, 'checkpoints never go'); END;

CREATE TABLE countersignature (
  number INTEGER NOT NULL, epoch INTEGER NOT NULL, witness TEXT NOT NULL, text TEXT NOT NULL, signature TEXT NOT NULL,
  PRIMARY KEY (number, epoch, witness)
) STRICT;
CREATE TRIGGER countersignature_never_changes BEFORE UPDATE ON countersignature
  BEGIN SELECT RAISE(ABORT, 'countersignatures never change'); END;
CREATE TRIGGER countersignature_never_goes BEFORE DELETE ON countersignature
  BEGIN SELECT RAISE(ABORT, 'countersignatures never go'); END;

CREATE TABLE witnessed (id INTEGER PRIMARY KEY, tier TEXT NOT NULL, text TEXT NOT NULL, signature TEXT NOT NULL) STRICT;
CREATE TRIGGER witnessed_never_changes BEFORE UPDATE ON witnessed BEGIN SELECT RAISE(ABORT, 'what was seen never changes'); END;
CREATE TRIGGER witnessed_never_goes BEFORE DELETE ON witnessed BEGIN SELECT RAISE(ABORT, 'what was seen never goes'); END;

CREATE TABLE audit_peer (tier TEXT PRIMARY KEY, public_key TEXT NOT NULL, since TEXT NOT NULL) STRICT;
CREATE TRIGGER audit_peer_never_changes BEFORE UPDATE ON audit_peer BEGIN SELECT RAISE(ABORT, 'a key was compared once'); END;
CREATE TRIGGER audit_peer_never_goes BEFORE DELETE ON audit_peer BEGIN SELECT RAISE(ABORT, 'a key was compared once'); END;
",
    },
    Migration {
        version: 5,
        sql: "
CREATE TABLE key_event (
  number INTEGER PRIMARY KEY, key TEXT NOT NULL, from_state TEXT NOT NULL, to_state TEXT NOT NULL, at TEXT NOT NULL,
  approvers TEXT NOT NULL, reason TEXT NOT NULL
) STRICT;
CREATE TRIGGER key_event_never_changes BEFORE UPDATE ON key_event BEGIN SELECT RAISE(ABORT, 'the life of a key never changes'); END;
CREATE TRIGGER key_event_never_goes BEFORE DELETE ON key_event BEGIN SELECT RAISE(ABORT, 'the life of a key never goes'); END;

CREATE TABLE sam_made (
  chip TEXT PRIMARY KEY, sam_type INTEGER NOT NULL, province TEXT NOT NULL, serial TEXT, held TEXT NOT NULL,
  counter INTEGER NOT NULL, state TEXT NOT NULL, made TEXT NOT NULL
) STRICT;

CREATE TABLE rotation (
  id TEXT PRIMARY KEY, body TEXT NOT NULL, planned TEXT NOT NULL, opened TEXT, switched TEXT, retired TEXT
) STRICT;

CREATE TABLE rekey (
  rotation TEXT NOT NULL, chip TEXT NOT NULL, action TEXT NOT NULL, counter INTEGER NOT NULL, tail TEXT,
  packed TEXT NOT NULL, done TEXT, PRIMARY KEY (rotation, chip, action)
) STRICT;

CREATE TABLE alarm (
  number INTEGER PRIMARY KEY, kind TEXT NOT NULL, object TEXT NOT NULL, actor TEXT NOT NULL, act TEXT NOT NULL,
  times INTEGER NOT NULL, raised TEXT NOT NULL, last TEXT NOT NULL, acknowledged TEXT, by_whom TEXT, note TEXT
) STRICT;
CREATE TRIGGER alarm_never_goes BEFORE DELETE ON alarm BEGIN SELECT RAISE(ABORT, 'an alarm never goes'); END;

CREATE TABLE chip_seen (chip TEXT PRIMARY KEY, key_version INTEGER NOT NULL, counter INTEGER NOT NULL) STRICT;
",
    },
    // Who may do what: roles, lock-outs, requests that wait for signatures.
    Migration {
        version: 6,
        sql: "
CREATE TABLE person_role (name TEXT NOT NULL, role TEXT NOT NULL, since TEXT NOT NULL, PRIMARY KEY (name, role)) STRICT;
CREATE TABLE lock_out (name TEXT PRIMARY KEY, refused INTEGER NOT NULL, locked TEXT) STRICT;
CREATE TABLE approval (
  number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, operation TEXT NOT NULL, asked_by TEXT NOT NULL, body TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('pending', 'done')), created TEXT NOT NULL, expires TEXT NOT NULL
) STRICT;
CREATE TABLE approval_signature (
  number INTEGER PRIMARY KEY, request TEXT NOT NULL, officer TEXT NOT NULL, body TEXT NOT NULL, at TEXT NOT NULL,
  UNIQUE (request, officer)
) STRICT;
",
    },
    Migration {
        version: 7,
        sql: "
CREATE TABLE enrolment_token (
  hash TEXT PRIMARY KEY, name TEXT NOT NULL, hosts TEXT NOT NULL, days INTEGER NOT NULL, made TEXT NOT NULL,
  until TEXT NOT NULL, used_by TEXT, used TEXT
) STRICT;
CREATE TABLE certificate_made (
  number INTEGER PRIMARY KEY, serial TEXT NOT NULL UNIQUE, name TEXT NOT NULL, request TEXT NOT NULL UNIQUE,
  hosts TEXT NOT NULL, days INTEGER NOT NULL, expires TEXT NOT NULL, chain TEXT NOT NULL
) STRICT;
CREATE INDEX certificate_made_of ON certificate_made (name);
",
    },
    // Receipts of hand-downs; what became of the chips of an order.
    Migration {
        version: 8,
        sql: "
ALTER TABLE hand_down ADD COLUMN package TEXT;
ALTER TABLE hand_down ADD COLUMN receipt TEXT;
CREATE TABLE order_account (
  number INTEGER PRIMARY KEY, ticket TEXT NOT NULL, kind TEXT NOT NULL CHECK (kind IN ('spoiled', 'returned')),
  chip TEXT UNIQUE, quantity INTEGER NOT NULL, who TEXT NOT NULL, noted TEXT NOT NULL
) STRICT;
",
    },
    // What the own HSM acknowledged, and since when the upper tier is known to have it.
    Migration {
        version: 9,
        sql: "
ALTER TABLE own_request ADD COLUMN receipt TEXT;
ALTER TABLE own_request ADD COLUMN acknowledged TEXT;
",
    },
    // The package itself, wrapped for its receiver: one that a later one followed can still be fetched, in order.
    Migration {
        version: 10,
        sql: "
ALTER TABLE hand_down ADD COLUMN package_text TEXT;
",
    },
];
