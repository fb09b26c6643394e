//! A hand-down from its request to its receipt, as one set of functions: whether the documents come as files or on line, the
//! same text passes the same checks here (D27).

use kms_api::{Client, ClientError};
use kms_core::catalogue::{SM2_ISSUER, key_id};
use kms_core::handdown::{GrantState, Request, file_fingerprint, peer_name, spoken};
use kms_core::port::{HsmError, Standing};
use kms_core::tier::Tier;
use kms_platform::audit::Outcome;
use serde_json::json;
use uuid::Uuid;

use crate::authority;
use crate::records::hand_downs::{self, Grant};
use crate::records::{keys, peers};
use crate::refusal::{self, Refusal, Result};
use crate::refuse;
use crate::service::Service;

/// What two people compare: the fingerprint of a request's exact text.
#[must_use]
pub fn spoken_fingerprint(text: &[u8]) -> String {
    spoken(&file_fingerprint(text))
}

impl Service {
    /// Below: a new request to the upper tier. Earlier ones go on waiting: what was made for them is still taken, in order.
    ///
    /// # Errors
    /// Nobody is above, the table says no, or the store failed.
    pub async fn request_keys(&self, by: &str) -> Result<String> {
        if self.tier == Tier::Ministry {
            return Err(refuse!(
                &refusal::WRONG_TIER,
                "nobody is above the ministry",
                "部级之上无上级"
            ));
        }
        self.may("hand-down.request", by).await?;
        let mut tx = self.begin().await?;
        let issuer_key = keys::public_key(&mut tx, &key_id(SM2_ISSUER, 0)).await?;
        let csr = authority::request(&self.dir, &self.tier)?;
        let fingerprint = self.hsm.identity()?.fingerprint;
        let request = Request::new(
            Uuid::new_v4(),
            self.mark,
            self.tier.clone(),
            by.to_owned(),
            fingerprint,
            csr,
            issuer_key,
        );
        let text = serde_json::to_string(&request)?;
        let id = request.id.to_string();
        let begun = self
            .before(&mut tx, by, "hand-down.request", &id, &json!({}))
            .await?;
        hand_downs::ask(&mut tx, request.id, by, &self.now()).await?;
        self.after(&mut tx, begun, &Outcome::Done).await?;
        self.commit(tx).await?;
        Ok(text)
    }

    /// Above: a lower tier's request waits for its officers from now on. `from` is the HSM of the service that speaks, where
    /// the request came on line: it asks for itself only. The caller has passed the door as `grant.open`.
    ///
    /// # Errors
    /// The request does not fit, is another's, or came before; recorded.
    pub async fn open_grant(&self, text: &[u8], by: &str, from: Option<&str>) -> Result<Grant> {
        match self.try_open_grant(text, by, from).await {
            Ok(grant) => Ok(grant),
            Err(refusal) => Err(self.refused(by, "grant.open", "", refusal).await),
        }
    }

    async fn try_open_grant(&self, text: &[u8], by: &str, from: Option<&str>) -> Result<Grant> {
        let mut tx = self.begin().await?;
        let known = peers::all(&mut tx).await?;
        let claimed = serde_json::from_slice::<serde_json::Value>(text).ok();
        let tier: Option<Tier> =
            claimed.and_then(|value| serde_json::from_value(value.get("from")?.clone()).ok());
        let enrolled = tier.as_ref().and_then(|tier| {
            let name = peer_name(tier);
            known
                .iter()
                .find(|peer| peer.confirmed && peer.name == name)
        });
        let fingerprint = enrolled.map(|peer| &peer.file.fingerprint);
        let request = Request::parse(text, self.mark, &self.tier, fingerprint)?;
        let receiver = peer_name(&request.from);
        if from.is_some_and(|from| from != receiver) {
            return Err(others(&receiver));
        }
        if from.is_some() {
            self.not_stopped(&receiver).await?;
        }
        let applicant = kms_platform::ca::Applicant::from_pem(&request.csr)?;
        if applicant.peer.area != authority::area(&request.from)? {
            return Err(refuse!(
                &refusal::INVALID,
                "the certificate request is for another area",
                "证书申请的辖区不符"
            ));
        }
        let ca_chain = authority::open(&self.dir)?
            .sign_intermediate(&request.csr, self.store.clock().now())?;
        let grant = Grant {
            id: request.id.to_string(),
            receiver,
            request,
            requester: by.to_owned(),
            ca_chain,
            state: GrantState::Requested,
        };
        let detail = json!({ "receiver": grant.receiver, "asked by": grant.request.requester });
        let begun = self
            .before(&mut tx, by, "grant.open", &grant.id, &detail)
            .await?;
        hand_downs::open(&mut tx, &grant, &self.now()).await?;
        self.after(&mut tx, begun, &Outcome::Done).await?;
        self.commit(tx).await?;
        Ok(grant)
    }

    /// Above: the package of a grant, once two officers approved it, for its receiver alone.
    ///
    /// # Errors
    /// It waits for its officers, it is another's, or the receiver was stopped; recorded.
    pub async fn fetched_package(&self, actor: &str, receiver: &str, id: &str) -> Result<String> {
        let begun = self.begun(actor, "grant.fetch", id).await?;
        let found = self.package_for(receiver, id).await;
        self.close(begun, found).await
    }

    async fn package_for(&self, receiver: &str, id: &str) -> Result<String> {
        let mut conn = self.store.pool().acquire().await?;
        let grant = hand_downs::get(&mut conn, id).await?;
        if grant.receiver != receiver {
            return Err(others(&grant.receiver));
        }
        self.not_stopped(receiver).await?;
        if !matches!(grant.state, GrantState::Granted { .. }) {
            return Err(refuse!(
                &refusal::OUTSTANDING,
                "two officers above have not approved {id}",
                "上级两名管理员尚未批准 {id}"
            ));
        }
        self.made_package(&mut conn, &grant).await
    }

    /// Whether two officers here have stopped a lower HSM. An HSM that knows no leases has stopped nobody.
    async fn not_stopped(&self, peer: &str) -> Result<()> {
        let asked = {
            let hsm = std::sync::Arc::clone(&self.hsm);
            tokio::task::spawn_blocking(move || hsm.leases()).await
        };
        let leases = match asked.map_err(|e| Refusal::about(&refusal::HSM_DOWN, e.to_string()))? {
            Ok(leases) => leases,
            Err(HsmError::Refused { .. }) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        let stopped = leases
            .iter()
            .any(|one| one.given && one.peer == peer && one.standing != Standing::Active);
        if stopped {
            return Err(refuse!(
                &refusal::SUSPENDED,
                "{peer} gets nothing until two officers let it work again",
                "在两名管理员恢复之前，{peer} 得不到任何内容"
            ));
        }
        Ok(())
    }

    /// Below: the package that the HSM takes next, of those that the upper tier has made for requests that wait here. They
    /// were perhaps approved in another order than they were asked for.
    ///
    /// # Errors
    /// No request waits, the upper tier has no package for any, or it does not answer.
    pub async fn fetch_next(&self, client: Client) -> Result<Fetched> {
        let asked = {
            let mut conn = self.store.pool().acquire().await?;
            hand_downs::asked(&mut conn).await?
        };
        let waiting = asked.into_iter().filter(|own| own.receipt.is_none());
        let mut next: Option<(u64, String)> = None;
        let mut refused = None;
        for own in waiting {
            let (client, id) = (client.clone(), own.id.to_string());
            let answer = tokio::task::spawn_blocking(move || client.package(&id)).await;
            match answer.map_err(|e| Refusal::about(&refusal::UPPER_DOWN, e.to_string()))? {
                Ok(answer) => {
                    let sequence = self.desk.inspect(&answer.package)?.sequence;
                    if next.as_ref().is_none_or(|(first, _)| sequence < *first) {
                        next = Some((sequence, answer.package));
                    }
                }
                Err(error) if passed_over(&error) => refused = Some(error),
                Err(error) => return Ok(Fetched::Refused(error)),
            }
        }
        match (next, refused) {
            (Some((_, package)), _) => Ok(Fetched::Package(package)),
            (None, Some(error)) => Ok(Fetched::Refused(error)),
            (None, None) => Err(refuse!(
                &refusal::UNASKED,
                "no request waits for an answer",
                "没有待答复的申请"
            )),
        }
    }

    /// Below: the receipt that the HSM gave for the latest package and that the upper tier has not acknowledged.
    ///
    /// # Errors
    /// There is none, or the store failed.
    pub async fn outstanding_receipt(&self) -> Result<String> {
        let mut conn = self.store.pool().acquire().await?;
        hand_downs::own_receipt(&mut conn).await?.ok_or_else(|| {
            refuse!(
                &refusal::UNKNOWN,
                "no receipt is outstanding; see `rhc-kms handdown list`",
                "没有待发送的回执；请用 `rhc-kms handdown list` 查看"
            )
        })
    }

    /// Below: sends a receipt to the upper tier, and notes that it has it. One that is there already counts as sent.
    ///
    /// # Errors
    /// The upper tier does not answer or refuses it, or the store failed.
    pub async fn send_receipt(&self, client: Client, receipt: &str) -> Result<Sent> {
        let text = receipt.to_owned();
        let begun = self.begun("operator", "receipt.send", "").await?;
        let sent = tokio::task::spawn_blocking(move || client.acknowledge(&text)).await;
        let sent = match sent.map_err(|e| Refusal::about(&refusal::UPPER_DOWN, e.to_string())) {
            Ok(Ok(done)) => Ok(Sent::Taken(done.hand_down)),
            Ok(Err(error)) if is(&error, refusal::EXISTS.slug) => Ok(Sent::ThereAlready),
            Ok(Err(error)) => Ok(Sent::Refused(error)),
            Err(refusal) => Err(refusal),
        };
        let mut tx = self.begin().await?;
        let outcome = match &sent {
            Ok(Sent::Refused(_)) => Outcome::Refused(refusal::UPPER_DOWN.slug),
            Ok(_) => {
                hand_downs::receipt_sent(&mut tx, receipt, &self.now()).await?;
                Outcome::Done
            }
            Err(refusal) => Outcome::Refused(refusal.slug()),
        };
        self.after(&mut tx, begun, &outcome).await?;
        self.commit(tx).await?;
        sent
    }
}

/// What the upper tier had for the requests that wait.
pub enum Fetched {
    /// The package that is the next.
    Package(String),
    /// The upper tier's own words.
    Refused(ClientError),
}

/// Of several requests one may wait for its officers, or never have been brought to the upper tier.
fn passed_over(error: &ClientError) -> bool {
    [refusal::OUTSTANDING.slug, refusal::UNKNOWN.slug]
        .iter()
        .any(|slug| is(error, slug))
}

/// What became of a receipt that was sent up.
pub enum Sent {
    /// It ended this hand-down.
    Taken(String),
    /// The upper tier had it.
    ThereAlready,
    /// The upper tier's own words.
    Refused(ClientError),
}

fn is(error: &ClientError, slug: &str) -> bool {
    error
        .problem()
        .is_some_and(|problem| problem.slug() == slug)
}

/// A certificate speaks for its own area only.
fn others(receiver: &str) -> Refusal {
    refuse!(
        &refusal::AREA,
        "it is {receiver}'s, and another tier's service asks",
        "其属于 {receiver}，而请求来自其他层级的服务"
    )
}
