//! Reserving a serial for one person and one blank card, before anything is written on it.

use issuance_registry_api::problems::{FACTOR_TAKEN, PERSON_HAS_CARD, PERSON_HAS_RESERVATION};
use issuance_registry_api::{CardSerial, CardState, Reservation, ReservationRequest};
use kms_platform::clock::stamp;
use kms_platform::problem::Problem;
use kms_platform::sqlx;
use kms_platform::store::Conn;

use super::history;
use super::row::Row;
use crate::deed::{Context, Deed};
use crate::serials;

/// The same person and card always get the same serial; a voided attempt frees both.
pub(crate) struct Reserve(pub ReservationRequest);

impl Deed for Reserve {
    type Done = Reservation;

    fn act(&self) -> &'static str {
        "card.reserve"
    }

    fn object(&self) -> String {
        format!("factor {}", self.0.factor)
    }

    fn detail(&self) -> serde_json::Value {
        serde_json::json!({ "area": self.0.area })
    }

    async fn carry_out(
        self,
        conn: &mut Conn,
        context: &Context<'_>,
    ) -> Result<Reservation, Problem> {
        let request = self.0;
        let answer = |serial, state| Reservation {
            serial,
            state,
            mark: context.mark,
        };
        if let Some(card) = card_of_factor(conn, &request).await? {
            let same = card.card_number == request.card_number && card.state.is_live();
            return if same {
                Ok(answer(card.serial, card.state))
            } else {
                Err(Problem::new(&FACTOR_TAKEN))
            };
        }
        if let Some(other) = live_card_of_person(conn, &request).await? {
            return Err(other_card(&other));
        }
        let serial = insert(conn, context, &request).await?;
        Ok(answer(serial, CardState::Reserved))
    }
}

async fn insert(
    conn: &mut Conn,
    context: &Context<'_>,
    request: &ReservationRequest,
) -> Result<CardSerial, Problem> {
    // The area was checked to be four or six digits before the deed began.
    let province = request
        .area
        .get(..2)
        .ok_or_else(|| Problem::internal("area without a province"))?;
    let serial = serials::card(conn, province).await?;
    sqlx::query(
        "INSERT INTO cards (serial, card_number, area, factor, state, since) VALUES ($1, $2, $3, $4, 'reserved', $5)",
    )
    .bind(serial.as_str())
    .bind(request.card_number.as_str())
    .bind(&request.area)
    .bind(request.factor.as_str())
    .bind(stamp(context.at))
    .execute(&mut *conn)
    .await?;
    history::append(conn, context, &serial, "reserved", CardState::Reserved, "").await?;
    Ok(serial)
}

async fn card_of_factor(
    conn: &mut Conn,
    request: &ReservationRequest,
) -> Result<Option<Row>, Problem> {
    let row = sqlx::query("SELECT * FROM cards WHERE factor = $1 AND state <> 'voided'")
        .bind(request.factor.as_str())
        .fetch_optional(conn)
        .await?;
    row.as_ref().map(Row::read).transpose()
}

async fn live_card_of_person(
    conn: &mut Conn,
    request: &ReservationRequest,
) -> Result<Option<Row>, Problem> {
    let row = sqlx::query(
        "SELECT * FROM cards WHERE card_number = $1 AND state IN ('reserved', 'active', 'lost')",
    )
    .bind(request.card_number.as_str())
    .fetch_optional(conn)
    .await?;
    row.as_ref().map(Row::read).transpose()
}

fn other_card(other: &Row) -> Problem {
    let kind = if other.state == CardState::Reserved {
        PERSON_HAS_RESERVATION
    } else {
        PERSON_HAS_CARD
    };
    let (serial, label) = (&other.serial, other.state.label());
    Problem::new(&kind).detail(
        format!("serial {serial}, {}", label.en),
        format!("序列号 {serial}，{}", label.zh),
    )
}
