//! Reading: a card with its history for the registry's own people, state alone for hospitals.

use issuance_registry_api::problems::{CARD_UNKNOWN, CHIP_DIFFERS};
use issuance_registry_api::{CardNumber, CardSerial, CardView, Cards, Factor, Verification};
use kms_platform::mark::Mark;
use kms_platform::name::Area;
use kms_platform::problem::{INVALID, Problem};
use kms_platform::sqlx;
use kms_platform::store::Conn;

use super::history;
use super::row::Row;

/// How a card is asked for.
pub(crate) enum Key {
    Number(CardNumber),
    Serial(CardSerial),
}

impl std::str::FromStr for Key {
    type Err = Problem;

    fn from_str(text: &str) -> Result<Self, Problem> {
        let number = || text.parse().map(Key::Number);
        text.parse()
            .map(Key::Serial)
            .or_else(|_| number())
            .map_err(|_| {
                Problem::new(&INVALID).detail(
                    "neither a card number nor a serial",
                    "既不是卡号，也不是序列号",
                )
            })
    }
}

/// All cards under a key that lie within an area, newest first; none is a problem.
pub(crate) async fn find(
    conn: &mut Conn,
    key: &Key,
    area: &Area,
    mark: Mark,
) -> Result<Cards, Problem> {
    let query = match key {
        Key::Number(number) => {
            sqlx::query("SELECT * FROM cards WHERE card_number = $1 ORDER BY number DESC")
                .bind(number.as_str())
        }
        Key::Serial(serial) => {
            sqlx::query("SELECT * FROM cards WHERE serial = $1").bind(serial.as_str())
        }
    };
    let mut cards = Vec::new();
    for row in &query.fetch_all(&mut *conn).await? {
        let row = Row::read(row)?;
        if area.contains_code(&row.area) {
            cards.push(view(conn, row, mark).await?);
        }
    }
    if cards.is_empty() {
        Err(Problem::new(&CARD_UNKNOWN))
    } else {
        Ok(Cards { cards })
    }
}

async fn view(conn: &mut Conn, row: Row, mark: Mark) -> Result<CardView, Problem> {
    let history = history::of(conn, &row.serial).await?;
    Ok(CardView {
        serial: row.serial,
        card_number: row.card_number,
        area: row.area,
        factor: row.factor,
        state: row.state,
        since: row.since,
        mark,
        data_hash: row.data_hash,
        sam_serial: row.sam_serial,
        history,
    })
}

/// Number and serial must belong together; which of the two is unknown is not told. Both can be read from any card
/// without a key, so a chip that proved its key must also be the one that was issued under them.
pub(crate) async fn verification(
    conn: &mut Conn,
    number: &CardNumber,
    serial: &CardSerial,
    chip: Option<&Factor>,
    mark: Mark,
) -> Result<Verification, Problem> {
    let row = sqlx::query("SELECT * FROM cards WHERE serial = $1 AND card_number = $2")
        .bind(serial.as_str())
        .bind(number.as_str())
        .fetch_optional(conn)
        .await?;
    let row = row
        .as_ref()
        .map(Row::read)
        .transpose()?
        .ok_or_else(|| Problem::new(&CARD_UNKNOWN))?;
    if chip.is_some_and(|chip| *chip != row.factor) {
        tracing::warn!(%serial, "another chip shows this card's number and serial");
        return Err(Problem::new(&CHIP_DIFFERS));
    }
    Ok(Verification {
        state: row.state,
        since: row.since,
        mark,
    })
}
