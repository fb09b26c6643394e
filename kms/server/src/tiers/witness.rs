//! Countersignatures on line: the upper tier's service signs what the lower one's checkpoints show, with the same documents
//! and the same checks as by file ([`crate::checkpoint`]). A key that comes for the first time is not pinned on line: two
//! people compare its fingerprint, and `rhc-kms audit countersign --fingerprint` takes the first file.

use std::sync::Arc;
use std::time::Duration;

use kms_api::{Client, ClientError};

use crate::checkpoint::Told;
use crate::checkpoint::text::{Bundle, Reply, Seen};
use crate::refusal::{self, Refusal, Result};
use crate::service::Service;

/// How often a serving instance looks whether a checkpoint was not countersigned yet,
const LOOK: Duration = Duration::from_secs(60);
/// and after a failure.
const AGAIN: Duration = Duration::from_secs(300);

/// What came of asking a witness.
pub enum Witnessed {
    /// It has seen everything up to this.
    Seen(Seen),
    /// The witness's own words.
    Refused(ClientError),
}

impl Service {
    /// As a witness, on line: the checkpoints must be those of the tier that speaks.
    ///
    /// # Errors
    /// As [`Service::countersign`].
    pub async fn countersign_for(&self, actor: &str, tier: &str, text: &str) -> Result<String> {
        let told = Told {
            by: actor,
            fingerprint: None,
            restored: false,
        };
        let own = |bundle: &Bundle| {
            let last = bundle.checkpoints.last();
            let last = last.and_then(|one| {
                serde_json::from_str::<crate::checkpoint::text::Checkpoint>(&one.text).ok()
            });
            last.is_some_and(|one| one.tier == tier)
        };
        let refusal = match serde_json::from_str::<Bundle>(text) {
            Ok(bundle) if own(&bundle) => {
                let reply = self.countersign(&bundle, &told).await?;
                return Ok(serde_json::to_string(&reply)?);
            }
            Ok(_) => crate::refuse!(
                &refusal::AREA,
                "these checkpoints are not {tier}'s, whose service asks",
                "这些检查点不属于发出请求的 {tier}"
            ),
            Err(_) => crate::refuse!(
                &refusal::INVALID,
                "not a file of checkpoints",
                "不是检查点文件"
            ),
        };
        Err(self
            .refused(actor, "audit.countersign", tier, refusal)
            .await)
    }

    /// Below: makes a checkpoint, has it countersigned by the upper tier's service, and keeps what that says.
    ///
    /// # Errors
    /// No checkpoint can be made, no answer, or the answer is not of our record.
    pub async fn ask_witness(&self, client: Client, told: &Told<'_>) -> Result<Witnessed> {
        self.checkpoint(told.by).await?;
        let text = serde_json::to_string(&self.bundle().await?)?;
        let asked = tokio::task::spawn_blocking(move || client.countersign(&text)).await;
        let asked = asked.map_err(|e| Refusal::about(&refusal::UPPER_DOWN, e.to_string()))?;
        let word = match asked {
            Ok(word) => word.countersignature,
            Err(error) => return Ok(Witnessed::Refused(error)),
        };
        let reply: Reply = serde_json::from_str(&word)?;
        Ok(Witnessed::Seen(
            self.keep_countersignature(&reply, told).await?,
        ))
    }
}

/// Has every new checkpoint countersigned, as long as the service serves.
pub fn keep(service: Arc<Service>, client: Client) {
    tokio::spawn(async move {
        loop {
            let wait = match turn(&service, client.clone()).await {
                Ok(()) => LOOK,
                Err(why) => {
                    tracing::warn!(why, "no countersignature of the upper tier");
                    AGAIN
                }
            };
            tokio::time::sleep(wait).await;
        }
    });
}

async fn turn(service: &Service, client: Client) -> std::result::Result<(), String> {
    let due = service.wants_witness().await;
    if !due.map_err(|refusal| refusal.to_string())? {
        return Ok(());
    }
    let told = Told {
        by: "service",
        fingerprint: None,
        restored: false,
    };
    match service.ask_witness(client, &told).await {
        Ok(Witnessed::Seen(_)) => Ok(()),
        Ok(Witnessed::Refused(error)) => Err(error.to_string()),
        Err(refusal) => Err(refusal.to_string()),
    }
}
