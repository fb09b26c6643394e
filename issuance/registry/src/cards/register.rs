//! Registering a card after it was read back: the only way to become active.

use issuance_registry_api::problems::{EVIDENCE_DIFFERS, NOT_READ_BACK, NOT_RESERVED, SAM_UNKNOWN};
use issuance_registry_api::{CardEvent, CardState, Registered, RegistrationRequest};
use kms_platform::clock::stamp;
use kms_platform::problem::Problem;
use kms_platform::sqlx;
use kms_platform::store::Conn;

use super::history;
use super::row::{Row, by_serial};
use crate::deed::{Context, Deed};
use crate::trust::Vouched;

/// A repeat with the same evidence changes nothing.
pub(crate) struct Register(pub RegistrationRequest);

/// The station read the card through a SAM and found what was prepared.
struct ReadBack;

impl Deed for Register {
    type Done = Registered;

    fn act(&self) -> &'static str {
        "card.register"
    }

    fn object(&self) -> String {
        format!("card {}", self.0.serial)
    }

    fn detail(&self) -> serde_json::Value {
        serde_json::json!({
            "data_hash": self.0.data_hash,
            "sam_serial": self.0.sam_serial,
        })
    }

    async fn carry_out(
        self,
        conn: &mut Conn,
        context: &Context<'_>,
    ) -> Result<Registered, Problem> {
        let request = self.0;
        let card = by_serial(conn, &request.serial)
            .await?
            .ok_or_else(|| Problem::new(&NOT_RESERVED))?;
        if card.factor != request.factor {
            return Err(evidence("the factor", "卡因子"));
        }
        let proof = check_read_back(&request)?;
        let trust = context.trust;
        let vouched = trust.check_receipt(&request, &card.area, context.mark, context.at)?;
        match card.state {
            CardState::Reserved => {
                check_sam(conn, &request, &card).await?;
                activate(conn, context, &request, proof, &vouched).await?;
            }
            CardState::Active if card.data_hash.as_ref() == Some(&request.data_hash) => {
                return Ok(card.registered(context.mark));
            }
            CardState::Active => return Err(evidence("the data hash", "数据摘要")),
            _ => {
                return Err(Problem::new(&NOT_RESERVED)
                    .detail(card.state.label().en, card.state.label().zh));
            }
        }
        let card = by_serial(conn, &request.serial)
            .await?
            .ok_or_else(|| Problem::new(&NOT_RESERVED))?;
        Ok(card.registered(context.mark))
    }
}

fn evidence(en: &str, zh: &str) -> Problem {
    Problem::new(&EVIDENCE_DIFFERS).detail(en, zh)
}

fn check_read_back(request: &RegistrationRequest) -> Result<ReadBack, Problem> {
    let missing = |en: &str, zh: &str| Err(Problem::new(&NOT_READ_BACK).detail(en, zh));
    if !request.checks.authenticated {
        return missing("the card was not authenticated", "卡未经认证");
    }
    if !request.checks.security_code {
        return missing("the security code was not checked", "安全码未核对");
    }
    if request.read_back_digest != request.data_hash {
        return missing(
            "what was read is not what was prepared",
            "回读内容与所备数据不同",
        );
    }
    Ok(ReadBack)
}

/// A SAM speaks for cards of its own province only (R68).
async fn check_sam(
    conn: &mut Conn,
    request: &RegistrationRequest,
    card: &Row,
) -> Result<(), Problem> {
    let serial = request.sam_serial.as_str();
    let active: Option<i64> =
        sqlx::query_scalar("SELECT 1 FROM sams WHERE serial = $1 AND state = 'active'")
            .bind(serial)
            .fetch_optional(conn)
            .await?;
    let same_province = serial.get(..2) == card.area.get(..2);
    if active.is_some() && same_province {
        return Ok(());
    }
    Err(Problem::new(&SAM_UNKNOWN).detail(format!("SAM {serial}"), format!("SAM {serial}")))
}

async fn activate(
    conn: &mut Conn,
    context: &Context<'_>,
    request: &RegistrationRequest,
    _proof: ReadBack,
    vouched: &Vouched,
) -> Result<(), Problem> {
    sqlx::query(
        "UPDATE cards SET state = 'active', since = $1, data_hash = $2, sam_serial = $3, script_digest = $4
         WHERE serial = $5 AND state = 'reserved'",
    )
    .bind(stamp(context.at))
    .bind(request.data_hash.as_str())
    .bind(request.sam_serial.as_str())
    .bind(&vouched.script_digest)
    .bind(request.serial.as_str())
    .execute(&mut *conn)
    .await?;
    let event = CardEvent::Registered.as_str();
    history::append(conn, context, &request.serial, event, CardState::Active, "").await
}
