//! The store and its audit record: what they refuse, and what a changed one is caught by. The same suite on both engines.
#![allow(clippy::unwrap_used)] // a failed unwrap is the failed test

#[path = "record/home.rs"]
mod home;
#[path = "record/postgres.rs"]
mod postgres_only;

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use home::{Home, on_both};
use jiff::{SignedDuration, Timestamp};
use kms_platform::audit::{self, AuditId, Fault, Outcome};
use kms_platform::clock::{Clock, ManualClock};
use kms_platform::mark::Mark;
use kms_platform::sqlx;
use kms_platform::store::{Birth, Migration, Place, Store, StoreError, path_of};

const MIGRATIONS: &[Migration] = &[Migration {
    version: 1,
    sql: "CREATE TABLE things (id INTEGER PRIMARY KEY, name TEXT NOT NULL) STRICT;",
}];

on_both!(
    an_untouched_record_verifies,
    every_kind_of_change_is_named,
    the_store_itself_refuses_changes,
    an_act_ends_once_and_an_unended_one_is_listed,
    no_record_no_operation,
    a_store_stays_what_it_was_born_as,
);

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

async fn store(place: &Place) -> Store {
    Store::create(place, birth(Mark::Test), MIGRATIONS, clock())
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

async fn walk(place: &Place) -> Result<audit::Verified, Fault> {
    let store = Store::open(place, "registry", MIGRATIONS, clock())
        .await
        .unwrap();
    let mut conn = store.pool().acquire().await.unwrap();
    audit::verify(&mut conn).await
}

async fn an_untouched_record_verifies(home: &Home) {
    let place = home.place();
    let store = store(&place).await;
    work(&store).await;
    let head = audit::head(&mut store.pool().acquire().await.unwrap())
        .await
        .unwrap();
    store.close().await;
    let found = walk(&place).await.unwrap();
    assert_eq!(
        (found.rows, found.head, found.open),
        (21, head.hash, vec![])
    );
}

async fn every_kind_of_change_is_named(home: &Home) {
    type Check = fn(&Fault) -> bool;
    let cases: [(&'static str, Check); 9] = [
        (
            "UPDATE audit SET actor = 'rhc://41/clerk/me' WHERE seq = 6",
            |f| matches!(f, Fault::Changed(6)),
        ),
        ("UPDATE audit SET outcome = 'done' WHERE seq = 7", |f| {
            matches!(f, Fault::Changed(7))
        }),
        ("UPDATE audit SET hash = {zero} WHERE seq = 9", |f| {
            matches!(f, Fault::Changed(9))
        }),
        ("UPDATE audit SET prev = {zero} WHERE seq = 9", |f| {
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
        let place = home.place();
        let store = store(&place).await;
        work(&store).await;
        store.close().await;
        home.meddle(&place, sql).await;
        let fault = walk(&place).await.expect_err(sql);
        assert!(expected(&fault), "{sql}: {fault}");
    }
}

async fn the_store_itself_refuses_changes(home: &Home) {
    let store = store(&home.place()).await;
    work(&store).await;
    let replace = if home.is_file() {
        "INSERT OR REPLACE INTO audit SELECT * FROM audit WHERE seq = 2"
    } else {
        "INSERT INTO audit SELECT * FROM audit WHERE seq = 2 ON CONFLICT (seq) DO UPDATE SET actor = 'x'"
    };
    for sql in [
        replace,
        "UPDATE audit SET actor = 'x' WHERE seq = 2",
        "DELETE FROM audit WHERE seq = 21",
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

async fn an_act_ends_once_and_an_unended_one_is_listed(home: &Home) {
    let place = home.place();
    let store = store(&place).await;
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
    assert_eq!(walk(&place).await.unwrap().open, [two.0]);
}

async fn no_record_no_operation(home: &Home) {
    let store = store(&home.place()).await;
    let mut tx = store.begin().await.unwrap();
    sqlx::query("INSERT INTO things (name) VALUES ('x')")
        .execute(&mut *tx)
        .await
        .unwrap();
    // In a database the service's role may not even do that, and the transaction is lost.
    let dropped = sqlx::raw_sql("DROP TABLE audit").execute(&mut *tx).await;
    assert_eq!(dropped.is_ok(), home.is_file());
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

async fn a_store_stays_what_it_was_born_as(home: &Home) {
    let place = home.place();
    let open = async |birth| Store::open_or_create(&place, birth, MIGRATIONS, clock()).await;
    store(&place).await.close().await;
    assert!(matches!(
        Store::create(&place, birth(Mark::Test), MIGRATIONS, clock()).await,
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
    if home.is_file() {
        // A database has a schema for each service.
        let kms = Birth {
            service: "kms".into(),
            ..birth(Mark::Test)
        };
        assert!(matches!(open(kms).await, Err(StoreError::Foreign { .. })));
    }
    assert!(matches!(
        Store::open(&place, "registry", &[], clock()).await,
        Err(StoreError::Newer { found: 1, known: 0 })
    ));
}

#[tokio::test]
async fn a_file_is_private() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store with blank & 库.db");
    let first = store(&Place::from(&path)).await;
    for end in ["", "-wal", "-shm"] {
        let name = format!("{}{end}", path.display());
        let mode = std::fs::metadata(&name).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    first.close().await;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
    assert!(matches!(
        Store::open(&path, "registry", MIGRATIONS, clock()).await,
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
