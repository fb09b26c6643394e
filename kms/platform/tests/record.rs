//! The store and its audit record: what they refuse, and what a changed file is caught by.
#![allow(clippy::unwrap_used)] // a failed unwrap is the failed test

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use kms_platform::audit::{self, AuditId, Fault, Outcome};
use kms_platform::clock::{Clock, ManualClock};
use kms_platform::mark::Mark;
use kms_platform::sqlx::{self, Connection, SqliteConnection};
use kms_platform::store::{Birth, Migration, Store, StoreError, path_of};

const MIGRATIONS: &[Migration] = &[Migration {
    version: 1,
    sql: "CREATE TABLE things (id INTEGER PRIMARY KEY, name TEXT NOT NULL) STRICT;",
}];

fn clock() -> Arc<ManualClock> {
    ManualClock::at("2026-01-31T08:00:00Z".parse::<Timestamp>().unwrap())
}

fn birth(mark: Mark) -> Birth {
    Birth {
        service: "registry".into(),
        tier: "41".into(),
        mark,
    }
}

async fn store(path: &Path) -> Store {
    Store::create(path, birth(Mark::Test), MIGRATIONS, clock())
        .await
        .unwrap()
}

/// Ten acts, each recorded before and after, the third refused.
async fn work(store: &Store) {
    for n in 1..=10 {
        let mut tx = store.begin().await.unwrap();
        let now = store.clock().now();
        let detail = serde_json::json!({ "n": n });
        let begun = audit::before(
            &mut tx,
            now,
            "rhc://41/clerk/li",
            "thing.make",
            "thing",
            &detail,
        )
        .await
        .unwrap();
        let outcome = if n == 3 {
            Outcome::Refused("no-such-thing")
        } else {
            Outcome::Done
        };
        audit::after(&mut tx, now, begun, &outcome).await.unwrap();
        tx.commit().await.unwrap();
    }
}

async fn walk(path: &Path) -> Result<audit::Verified, Fault> {
    let store = Store::open(path, "registry", MIGRATIONS, clock())
        .await
        .unwrap();
    let mut conn = store.pool().acquire().await.unwrap();
    audit::verify(&mut conn).await
}

/// Somebody with the file and an SQL shell: triggers dropped, then the given change.
async fn meddle(path: &Path, sql: &'static str) {
    let mut conn = SqliteConnection::connect(&format!("sqlite:{}", path.display()))
        .await
        .unwrap();
    for trigger in [
        "audit_never_changes",
        "audit_never_goes",
        "audit_without_gaps",
        "meta_never_changes",
    ] {
        sqlx::raw_sql(sqlx::AssertSqlSafe(format!(
            "DROP TRIGGER IF EXISTS {trigger}"
        )))
        .execute(&mut conn)
        .await
        .unwrap();
    }
    sqlx::raw_sql("PRAGMA foreign_keys = OFF")
        .execute(&mut conn)
        .await
        .unwrap();
    sqlx::raw_sql(sql).execute(&mut conn).await.unwrap();
    conn.close().await.unwrap();
}

#[tokio::test]
async fn an_untouched_record_verifies() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.db");
    let store = store(&path).await;
    work(&store).await;
    let head = audit::head(&mut store.pool().acquire().await.unwrap())
        .await
        .unwrap();
    store.close().await;
    let found = walk(&path).await.unwrap();
    assert_eq!(
        (found.rows, found.head, found.open),
        (21, head.hash, vec![])
    );
}

#[tokio::test]
async fn every_kind_of_change_is_named() {
    type Check = fn(&Fault) -> bool;
    let cases: [(&'static str, Check); 9] = [
        (
            "UPDATE audit SET actor = 'rhc://41/clerk/me' WHERE seq = 6",
            |f| matches!(f, Fault::Changed(6)),
        ),
        ("UPDATE audit SET outcome = 'done' WHERE seq = 7", |f| {
            matches!(f, Fault::Changed(7))
        }),
        ("UPDATE audit SET hash = zeroblob(32) WHERE seq = 9", |f| {
            matches!(f, Fault::Changed(9))
        }),
        ("UPDATE audit SET prev = zeroblob(32) WHERE seq = 9", |f| {
            matches!(f, Fault::Unchained(9))
        }),
        ("DELETE FROM audit WHERE seq = 12", |f| {
            matches!(f, Fault::Missing(12))
        }),
        (
            "DELETE FROM audit WHERE seq = 12; UPDATE audit SET seq = seq - 1 WHERE seq > 12",
            |f| matches!(f, Fault::Unchained(12)),
        ),
        ("DELETE FROM audit", |f| matches!(f, Fault::Genesis)),
        (
            "UPDATE audit SET detail = replace(detail, 'test', 'production') WHERE seq = 1",
            |f| matches!(f, Fault::Changed(1)),
        ),
        (
            "UPDATE meta SET value = 'production' WHERE key = 'mark'",
            |f| matches!(f, Fault::Genesis),
        ),
    ];
    for (sql, expected) in cases {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("store.db");
        let store = store(&path).await;
        work(&store).await;
        store.close().await;
        meddle(&path, sql).await;
        let fault = walk(&path).await.expect_err(sql);
        assert!(expected(&fault), "{sql}: {fault}");
    }
}

#[tokio::test]
async fn the_store_itself_refuses_changes() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(&dir.path().join("store.db")).await;
    work(&store).await;
    for sql in [
        "UPDATE audit SET actor = 'x' WHERE seq = 2",
        "DELETE FROM audit WHERE seq = 21",
        "INSERT OR REPLACE INTO audit SELECT * FROM audit WHERE seq = 2",
        "INSERT INTO audit SELECT seq + 40, at, phase, NULL, actor, act, object, detail, outcome, prev, hash FROM audit WHERE seq = 2",
        "UPDATE meta SET value = 'production' WHERE key = 'mark'",
        "DELETE FROM meta",
    ] {
        assert!(
            sqlx::raw_sql(sql).execute(store.pool()).await.is_err(),
            "{sql}"
        );
    }
}

#[tokio::test]
async fn an_act_ends_once_and_an_unended_one_is_listed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.db");
    let store = store(&path).await;
    let now = store.clock().now();
    let mut tx = store.begin().await.unwrap();
    let one = audit::before(&mut tx, now, "a", "b", "c", &serde_json::json!({}))
        .await
        .unwrap();
    let two = audit::before(&mut tx, now, "a", "b", "c", &serde_json::json!({}))
        .await
        .unwrap();
    audit::after(&mut tx, now, one, &Outcome::Done)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    for wrong in [one, AuditId(1), AuditId(99)] {
        let mut tx = store.begin().await.unwrap();
        assert!(
            audit::after(&mut tx, now, wrong, &Outcome::Done)
                .await
                .is_err(),
            "{wrong:?}"
        );
    }
    store.close().await;
    assert_eq!(walk(&path).await.unwrap().open, [two.0]);
}

#[tokio::test]
async fn no_record_no_operation() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(&dir.path().join("store.db")).await;
    let mut tx = store.begin().await.unwrap();
    sqlx::query("INSERT INTO things (name) VALUES ('x')")
        .execute(&mut *tx)
        .await
        .unwrap();
    sqlx::raw_sql("DROP TABLE audit")
        .execute(&mut *tx)
        .await
        .unwrap();
    let now = store.clock().now();
    assert!(
        audit::before(&mut tx, now, "a", "b", "c", &serde_json::json!({}))
            .await
            .is_err()
    );
    drop(tx);
    let things: i64 = sqlx::query_scalar("SELECT count(*) FROM things")
        .fetch_one(store.pool())
        .await
        .unwrap();
    assert_eq!(things, 0);
}

#[tokio::test]
async fn a_store_is_private_and_stays_what_it_was_born_as() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.db");
    let open = async |birth| Store::open_or_create(&path, birth, MIGRATIONS, clock()).await;
    let first = store(&path).await;
    for name in ["store.db", "store.db-wal", "store.db-shm"] {
        let mode = std::fs::metadata(dir.path().join(name))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    first.close().await;
    assert!(matches!(
        Store::create(&path, birth(Mark::Test), MIGRATIONS, clock()).await,
        Err(StoreError::Exists { .. })
    ));
    for mark in [Mark::Demo, Mark::Production] {
        assert!(matches!(open(birth(mark)).await, Err(StoreError::Mark(_))));
    }
    let elsewhere = Birth {
        tier: "42".into(),
        ..birth(Mark::Test)
    };
    assert!(matches!(
        open(elsewhere).await,
        Err(StoreError::Foreign { .. })
    ));
    let kms = Birth {
        service: "kms".into(),
        ..birth(Mark::Test)
    };
    assert!(matches!(open(kms).await, Err(StoreError::Foreign { .. })));
    assert!(matches!(
        Store::open(&path, "registry", &[], clock()).await,
        Err(StoreError::Newer { found: 1, known: 0 })
    ));
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
    assert!(matches!(
        open(birth(Mark::Test)).await,
        Err(StoreError::TooOpen { .. })
    ));
}

#[tokio::test]
async fn what_is_no_store_is_told_so() {
    let dir = tempfile::tempdir().unwrap();
    let missing = dir.path().join("missing.db");
    assert!(matches!(
        Store::open(&missing, "registry", MIGRATIONS, clock()).await,
        Err(StoreError::Missing { .. })
    ));
    let empty = dir.path().join("empty.db");
    std::fs::write(&empty, "").unwrap();
    std::fs::set_permissions(&empty, std::fs::Permissions::from_mode(0o600)).unwrap();
    assert!(matches!(
        Store::open(&empty, "registry", MIGRATIONS, clock()).await,
        Err(StoreError::NotOurs)
    ));
    assert_eq!(path_of("sqlite:/a/b.db").unwrap(), Path::new("/a/b.db"));
    for bad in ["", "sqlite:", "postgres://x", "sqlite:x?mode=rwc"] {
        assert!(path_of(bad).is_err(), "{bad}");
    }
}

#[test]
fn a_manual_clock_moves_only_when_told() {
    let clock = clock();
    let before = clock.now();
    assert_eq!(clock.now(), before);
    clock.advance(SignedDuration::from_secs(60));
    assert_eq!(
        kms_platform::clock::stamp(clock.now()),
        "2026-01-31T08:01:00Z"
    );
}
