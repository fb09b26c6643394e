//! Serials that are unique for ever, by construction.
//!
//! **D23 (cards).** A counter per province, in the store, taken inside the reserving transaction; its value goes through
//! a bijection of the numbers below 34⁸, so two counter values never give one serial (1.78·10¹² of them; the store
//! refuses when they are used up). The bijection, multiplication by a number coprime to 34⁸, is no secret: it is there
//! so that serials of neighbours differ in most places and a mistyped character rarely hits another living card.
//!
//! **D19 (SAMs).** A running number per area, type and year, all of which stand in the serial too.

use issuance_registry_api::{CardSerial, SamSerialNumber};
use kms_platform::problem::Problem;
use kms_platform::sqlx;
use kms_platform::store::Conn;

/// 34⁸: how many serials a province has.
const SPACE: u64 = 34_u64.pow(8);
/// Odd and no multiple of 17, so coprime to 34⁸ = 2⁸·17⁸; near SPACE divided by the golden ratio, which spreads
/// consecutive values best.
const STEP: u64 = 1_103_681_776_117;

/// The counter's next value, from 1; never given twice, not even after a refusal (then the whole deed is undone, the
/// counter with it, and the number was never seen outside).
async fn next(conn: &mut Conn, name: &str) -> Result<u64, Problem> {
    let value: i64 = sqlx::query_scalar(
        "INSERT INTO counters (name, next) VALUES ($1, 2)
         ON CONFLICT (name) DO UPDATE SET next = counters.next + 1 RETURNING next - 1",
    )
    .bind(name)
    .fetch_one(conn)
    .await?;
    u64::try_from(value).map_err(|_| Problem::internal("serial counter is negative"))
}

/// A new 发卡序列号 for a province.
pub(crate) async fn card(conn: &mut Conn, province: &str) -> Result<CardSerial, Problem> {
    let count = next(conn, &format!("card {province}")).await?;
    let exhausted = || Problem::internal("this province has used up its card serials");
    let spread = spread(count).ok_or_else(exhausted)?;
    CardSerial::compose(province, spread).ok_or_else(exhausted)
}

/// A new SAM serial.
pub(crate) async fn sam(
    conn: &mut Conn,
    area4: &str,
    sam_type: u8,
    year: i16,
) -> Result<SamSerialNumber, Problem> {
    let running = next(conn, &format!("sam {area4} {sam_type:02} {year:04}")).await?;
    SamSerialNumber::compose(area4, sam_type, year, running)
        .ok_or_else(|| Problem::internal("the SAM serials of this area, type and year are used up"))
}

/// The bijection; `None` past the end.
fn spread(count: u64) -> Option<u64> {
    let product = u128::from(count) * u128::from(STEP) % u128::from(SPACE);
    (count < SPACE)
        .then(|| u64::try_from(product).ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    /// A multiplication modulo n is a bijection exactly if the factor is coprime to n.
    #[test]
    fn the_step_is_coprime_to_the_space() {
        let (mut a, mut b) = (SPACE, STEP);
        while b != 0 {
            (a, b) = (b, a % b);
        }
        assert_eq!(a, 1);
        const { assert!(STEP < SPACE) };
    }

    #[test]
    fn neighbours_differ_in_most_places_and_nothing_repeats() {
        let serials: Vec<CardSerial> = (1..20_000)
            .map(|count| CardSerial::compose("41", spread(count).unwrap()).unwrap())
            .collect();
        assert_eq!(serials.iter().collect::<HashSet<_>>().len(), serials.len());
        for pair in serials.windows(2) {
            let (one, two) = (pair[0].as_str().bytes(), pair[1].as_str().bytes());
            assert!(
                one.zip(two).filter(|(a, b)| a != b).count() >= 5,
                "{pair:?}"
            );
        }
        assert!(spread(SPACE).is_none());
    }
}
