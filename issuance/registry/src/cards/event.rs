//! Lost, found, cancelled, voided.

use issuance_registry_api::problems::{CARD_UNKNOWN, TRANSITION_REFUSED};
use issuance_registry_api::{CardEvent, CardSerial, CardState, EventRequest, Registered};
use kms_platform::clock::stamp;
use kms_platform::problem::Problem;
use kms_platform::sqlx;
use kms_platform::store::Conn;

use super::history;
use super::row::{Row, by_serial};
use crate::deed::{Context, Deed};

/// What happened to a card. The same actor saying the same thing again changes nothing.
pub(crate) struct SetState {
    pub serial: CardSerial,
    pub request: EventRequest,
}

impl Deed for SetState {
    type Done = Registered;

    fn act(&self) -> &'static str {
        match self.request.event {
            CardEvent::Registered => "card.register",
            CardEvent::Lost => "card.lost",
            CardEvent::Found => "card.found",
            CardEvent::Cancelled => "card.cancel",
            CardEvent::Voided => "card.void",
        }
    }

    fn object(&self) -> String {
        format!("card {}", self.serial)
    }

    fn detail(&self) -> serde_json::Value {
        // The reason stands in the history; free text is kept out of a record that can never be corrected.
        serde_json::json!({})
    }

    async fn carry_out(
        self,
        conn: &mut Conn,
        context: &Context<'_>,
    ) -> Result<Registered, Problem> {
        let Self { serial, request } = self;
        let card = by_serial(conn, &serial)
            .await?
            .ok_or_else(|| Problem::new(&CARD_UNKNOWN))?;
        if request.event == CardEvent::Registered {
            return Err(refused(&card, request.event));
        }
        match card.state.after(request.event) {
            Some(state) => update(conn, context, &serial, &request, state).await?,
            None if is_repeat(conn, context, &serial, &request).await? => {}
            None => return Err(refused(&card, request.event)),
        }
        let card = by_serial(conn, &serial)
            .await?
            .ok_or_else(|| Problem::new(&CARD_UNKNOWN))?;
        Ok(card.registered(context.mark))
    }
}

async fn update(
    conn: &mut Conn,
    context: &Context<'_>,
    serial: &CardSerial,
    request: &EventRequest,
    state: CardState,
) -> Result<(), Problem> {
    sqlx::query("UPDATE cards SET state = $1, since = $2 WHERE serial = $3")
        .bind(state.as_str())
        .bind(stamp(context.at))
        .bind(serial.as_str())
        .execute(&mut *conn)
        .await?;
    history::append(
        conn,
        context,
        serial,
        request.event.as_str(),
        state,
        &request.reason,
    )
    .await
}

/// Whether the card's last change is this very one: the answer to the first request was lost on the way.
async fn is_repeat(
    conn: &mut Conn,
    context: &Context<'_>,
    serial: &CardSerial,
    request: &EventRequest,
) -> Result<bool, Problem> {
    let history = history::of(conn, serial).await?;
    Ok(history.last().is_some_and(|last| {
        last.event == request.event.as_str()
            && last.reason == request.reason
            && last.actor == context.actor.to_string()
    }))
}

fn refused(card: &Row, event: CardEvent) -> Problem {
    let (state, event) = (card.state.label(), event.label());
    Problem::new(&TRANSITION_REFUSED).detail(
        format!("the card is {}, asked: {}", state.en, event.en),
        format!("该卡为{}，请求：{}", state.zh, event.zh),
    )
}
