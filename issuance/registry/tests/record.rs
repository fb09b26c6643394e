//! What the registry leaves behind: the audit record, and no personal data beyond the number.
#![allow(clippy::unwrap_used)] // a failed unwrap is the failed test

mod common;

use common::{ANNA, BOB, Stand, problem, reservation};
use issuance_registry::{Actor, Registry};
use issuance_registry_api::problems::FACTOR_TAKEN;
use issuance_registry_api::{CardEvent, EventRequest};
use kms_platform::audit::{Fault, verify};
use kms_platform::clock;
use kms_platform::problem::INTERNAL;
use kms_platform::sqlx::{self, Connection, SqliteConnection};

const CHIP: &str = "1122334455667788";

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}

fn walk(stand: &Stand) -> Result<kms_platform::audit::Verified, Fault> {
    block_on(async {
        let registry = Registry::open(&stand.db, clock::system()).await.unwrap();
        let mut conn = registry.store().pool().acquire().await.unwrap();
        verify(&mut conn).await
    })
}

#[test]
fn every_change_and_every_refusal_is_on_record_without_the_person() {
    let mut stand = Stand::new();
    let card = stand.card(ANNA, CHIP);
    assert!(problem(stand.station().reserve(&reservation(BOB, CHIP))).is(&FACTOR_TAKEN));
    let lost = EventRequest {
        event: CardEvent::Lost,
        reason: "told by telephone".into(),
    };
    stand.clerk().event(&card.serial, &lost).unwrap();
    stand.stop();

    let rows: Vec<(String, String, String, String, String, String)> = block_on(async {
        let mut conn = SqliteConnection::connect(&format!("sqlite:{}", stand.db.display()))
            .await
            .unwrap();
        sqlx::query_as("SELECT phase, actor, act, object, outcome, detail FROM audit ORDER BY seq")
            .fetch_all(&mut conn)
            .await
            .unwrap()
    });
    let told: Vec<String> = rows
        .iter()
        .skip(1)
        .map(|row| format!("{} {} {} {} {}", row.0, row.1, row.2, row.3, row.4))
        .collect();
    let chip = format!("factor {CHIP}");
    let serial = format!("card {}", card.serial);
    for line in [
        format!("before rhc://4101/station/st1 card.reserve {chip} "),
        format!("after rhc://4101/station/st1 card.reserve {chip} done"),
        format!("after rhc://4101/station/st1 card.register {serial} done"),
        format!("after rhc://4101/station/st1 card.reserve {chip} refused factor-taken"),
        format!("before rhc://41/clerk/li card.lost {serial} "),
        format!("after rhc://41/clerk/li card.lost {serial} done"),
    ] {
        assert!(told.contains(&line), "{line}\n{told:#?}");
    }
    let all = format!("{rows:?}");
    assert!(
        !all.contains(ANNA) && !all.contains(BOB),
        "a number stands in the audit record"
    );
    assert_eq!(
        walk(&stand).unwrap().rows,
        i64::try_from(rows.len()).unwrap()
    );
}

/// The record cannot be begun, or cannot be ended: in both cases nothing was done.
#[test]
fn no_record_no_operation() {
    for phase in ["before", "after"] {
        let mut stand = Stand::new();
        stand.stop();
        let full = format!(
            "CREATE TRIGGER full BEFORE INSERT ON audit WHEN NEW.phase = '{phase}' BEGIN SELECT RAISE(ABORT, 'full'); END"
        );
        block_on(async {
            let registry = Registry::open(&stand.db, clock::system()).await.unwrap();
            sqlx::raw_sql(sqlx::AssertSqlSafe(full))
                .execute(registry.store().pool())
                .await
                .unwrap();
            let refused = registry
                .reserve(&Actor::local(), reservation(ANNA, CHIP))
                .await
                .unwrap_err();
            assert!(refused.is(&INTERNAL), "{refused}");
            let cards: i64 = sqlx::query_scalar("SELECT count(*) FROM cards")
                .fetch_one(registry.store().pool())
                .await
                .unwrap();
            assert_eq!(cards, 0, "{phase}");
        });
        assert_eq!(walk(&stand).unwrap().rows, 1);
    }
}

#[test]
fn a_flipped_row_is_named() {
    let mut stand = Stand::new();
    stand.card(ANNA, CHIP);
    stand.stop();
    assert!(walk(&stand).unwrap().open.is_empty());
    block_on(async {
        let mut conn = SqliteConnection::connect(&format!("sqlite:{}", stand.db.display()))
            .await
            .unwrap();
        sqlx::raw_sql("DROP TRIGGER audit_never_changes; UPDATE audit SET actor = 'rhc://41/clerk/x' WHERE seq = 4")
            .execute(&mut conn)
            .await
            .unwrap();
    });
    assert!(matches!(walk(&stand), Err(Fault::Changed(4))));
}

#[test]
fn the_tables_hold_the_rules_without_the_code() {
    let mut stand = Stand::new();
    stand.card(ANNA, CHIP);
    stand.stop();
    let insert = "INSERT INTO cards (serial, card_number, area, factor, state, since) VALUES ";
    let refused: [(&str, String); 6] = [
        (
            "a second live card",
            format!("{insert} ('41AAAAAAAA', '{ANNA}', '410101', '00', 'reserved', '')"),
        ),
        (
            "a second card of a factor",
            format!("{insert} ('41AAAAAAAA', '{BOB}', '410101', '{CHIP}', 'reserved', '')"),
        ),
        (
            "active without evidence",
            format!("{insert} ('41AAAAAAAA', '{BOB}', '410101', '00', 'active', '')"),
        ),
        (
            "an unknown state",
            format!("{insert} ('41AAAAAAAA', '{BOB}', '410101', '00', 'golden', '')"),
        ),
        (
            "history rewritten",
            "UPDATE card_history SET reason = 'x'".into(),
        ),
        ("a card deleted", "DELETE FROM cards".into()),
    ];
    block_on(async {
        let mut conn = SqliteConnection::connect(&format!("sqlite:{}", stand.db.display()))
            .await
            .unwrap();
        for (what, sql) in refused {
            assert!(
                sqlx::raw_sql(sqlx::AssertSqlSafe(sql))
                    .execute(&mut conn)
                    .await
                    .is_err(),
                "{what}"
            );
        }
    });
}
