//! Chips of a group of requests, read and written together.

use std::collections::HashMap;

use cardlib_card::cert::Mark;
use kms_core::binding::{Binding, ChipKind, DeliveredChip};
use kms_core::tier::Factor;
use kms_platform::sqlx::{self, AssertSqlSafe};
use kms_platform::store::Conn;

use crate::refusal::{self, Refusal, Result};
use crate::refuse;

/// Key version and counter that a chip shows.
pub type Shown = (i64, i64);

/// A chip and the ticket that its latest script was made with.
pub struct Known {
    /// As the lists and earlier requests say.
    pub chip: DeliveredChip,
    /// Ticket.
    pub ticket: Option<String>,
    /// Delivery list that names it.
    pub list: Option<u64>,
    /// What it showed last.
    pub shown: Option<Shown>,
}

type Row = (
    String,
    String,
    String,
    String,
    Option<Vec<u8>>,
    Option<Vec<u8>>,
    Option<String>,
    Option<i64>,
    Option<i64>,
    Option<i64>,
);

/// Those of these chips that a list names.
///
/// # Errors
/// The store failed.
pub async fn find(conn: &mut Conn, factors: &[Factor]) -> Result<HashMap<Factor, Known>> {
    if factors.is_empty() {
        return Ok(HashMap::new());
    }
    let places = (1..=factors.len()).map(|at| format!("${at}"));
    let sql = format!(
        "SELECT factor, kind, maker, mark, subject, data, ticket, sequence, key_version, counter
         FROM chip LEFT JOIN chip_seen ON chip_seen.chip = chip.factor WHERE factor IN ({})",
        places.collect::<Vec<_>>().join(", ")
    );
    let mut query = sqlx::query_as::<_, Row>(AssertSqlSafe(sql));
    for factor in factors {
        query = query.bind(hex::encode_upper(factor));
    }
    let rows = query.fetch_all(conn).await?;
    rows.into_iter().map(known).collect()
}

fn known(
    (factor, kind, maker, mark, subject, data, ticket, list, key_version, counter): Row,
) -> Result<(Factor, Known)> {
    let mut own = Factor::default();
    hex::decode_to_slice(&factor, &mut own).map_err(|_| damaged())?;
    let mut vendor = [0; 2];
    hex::decode_to_slice(&maker, &mut vendor).map_err(|_| damaged())?;
    let hash = |bytes: Option<Vec<u8>>| -> Result<Option<[u8; 32]>> {
        let whole = bytes.map(|bytes| bytes.try_into().map_err(|_| damaged()));
        whole.transpose()
    };
    let binding = hash(subject)?.zip(hash(data)?);
    let chip = DeliveredChip {
        factor: own,
        kind: if kind == "sam" {
            ChipKind::Sam
        } else {
            ChipKind::Card
        },
        maker: vendor,
        mark: mark.parse::<Mark>().map_err(|_| damaged())?,
        binding: binding.map(|(subject, data)| Binding { subject, data }),
    };
    let known = Known {
        chip,
        ticket,
        list: list.and_then(|number| u64::try_from(number).ok()),
        shown: key_version.zip(counter),
    };
    Ok((own, known))
}

fn damaged() -> Refusal {
    refuse!(
        &refusal::STORE,
        "a chip's record cannot be read",
        "芯片记录无法读取"
    )
}

/// A chip whose script goes out.
pub struct Made<'a> {
    /// Which.
    pub factor: Factor,
    /// Ticket of its script.
    pub ticket: &'a str,
    /// What it is bound to by this script; none where it was bound before.
    pub binding: Option<&'a Binding>,
}

/// Notes the ticket of each chip's script, and binds those that were not; the table refuses a second time.
///
/// # Errors
/// The store failed.
pub async fn made(conn: &mut Conn, made: &[Made<'_>], at: &str) -> Result<()> {
    set_tickets(conn, made.iter().filter(|one| one.binding.is_none())).await?;
    let bound: Vec<_> = made
        .iter()
        .filter_map(|one| Some((one.factor, one.ticket, one.binding?)))
        .collect();
    if bound.is_empty() {
        return Ok(());
    }
    let places = (0..bound.len()).map(|row| {
        let first = 4 * row + 2;
        let [second, third, fourth] = [first + 1, first + 2, first + 3];
        format!("(${first}, ${second}, ${third}, ${fourth})")
    });
    let sql = format!(
        "WITH made (factor, ticket, subject, data) AS (VALUES {})
         UPDATE chip SET ticket = made.ticket, subject = made.subject, data = made.data, bound = $1
         FROM made WHERE chip.factor = made.factor",
        places.collect::<Vec<_>>().join(", ")
    );
    let mut query = sqlx::query(AssertSqlSafe(sql)).bind(at);
    for (factor, ticket, binding) in bound {
        query = query
            .bind(hex::encode_upper(factor))
            .bind(ticket)
            .bind(binding.subject.as_slice())
            .bind(binding.data.as_slice());
    }
    query.execute(conn).await?;
    Ok(())
}

async fn set_tickets<'a>(conn: &mut Conn, made: impl Iterator<Item = &'a Made<'a>>) -> Result<()> {
    let made: Vec<_> = made.collect();
    if made.is_empty() {
        return Ok(());
    }
    let places = (0..made.len()).map(|row| format!("(${}, ${})", 2 * row + 1, 2 * row + 2));
    let sql = format!(
        "WITH made (factor, ticket) AS (VALUES {}) UPDATE chip SET ticket = made.ticket FROM made
         WHERE chip.factor = made.factor",
        places.collect::<Vec<_>>().join(", ")
    );
    let mut query = sqlx::query(AssertSqlSafe(sql));
    for one in made {
        query = query.bind(hex::encode_upper(one.factor)).bind(one.ticket);
    }
    query.execute(conn).await?;
    Ok(())
}

/// Notes what chips showed when their scripts went out; who shows a first state as it left the factory needs no note, since
/// nothing is less.
///
/// # Errors
/// The store failed.
pub async fn see(conn: &mut Conn, seen: &[(Factor, Shown)]) -> Result<()> {
    let seen: Vec<_> = seen.iter().filter(|(_, shown)| *shown != (0, 0)).collect();
    if seen.is_empty() {
        return Ok(());
    }
    let places = (0..seen.len()).map(|row| {
        let first = 3 * row + 1;
        format!("(${first}, ${}, ${})", first + 1, first + 2)
    });
    let sql = format!(
        "INSERT INTO chip_seen (chip, key_version, counter) VALUES {}
         ON CONFLICT (chip) DO UPDATE SET key_version = excluded.key_version, counter = excluded.counter",
        places.collect::<Vec<_>>().join(", ")
    );
    let mut query = sqlx::query(AssertSqlSafe(sql));
    for (factor, (key_version, counter)) in seen {
        query = query
            .bind(hex::encode_upper(factor))
            .bind(key_version)
            .bind(counter);
    }
    query.execute(conn).await?;
    Ok(())
}
