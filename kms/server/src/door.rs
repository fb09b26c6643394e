//! The one door: whoever wants something done in this service passes the policy table here, and nowhere else.

use kms_core::policy::{
    Approval, Denied, Permit, Person, Request, Role, Rule, Signer, Table, same_person,
};
use kms_platform::name::{self, Peer};

use crate::act::OrderFile;
use crate::records::{approvals, people};
use crate::refusal::{self, Refusal, Result};
use crate::refuse;
use crate::service::Service;

/// Signatures that one person may give within ten minutes.
const RATE: i64 = 60;
const RATE_MINUTES: i64 = 10;

/// The policy table.
///
/// # Errors
/// Never in a release: a test reads the embedded table.
pub fn table() -> Result<&'static Table> {
    Table::embedded().map_err(|e| Refusal::about(&refusal::STORE, e.to_string()))
}

/// The row of an operation.
///
/// # Errors
/// It has none: it is not done.
pub fn rule(operation: &str) -> Result<&'static Rule> {
    Ok(table()?.rule(operation)?)
}

/// Role in the table of a party that spoke over TLS.
fn role_of(peer: &Peer) -> Option<Role> {
    match peer.role {
        name::Role::Station => Some(Role::Station),
        name::Role::Kms => Some(Role::Tier),
        name::Role::Operator => Some(Role::Operator),
        _ => None,
    }
}

impl Service {
    /// Whether a person may ask for something that needs no signature; a refusal is recorded.
    ///
    /// # Errors
    /// The table says no.
    pub async fn may(&self, operation: &str, who: &str) -> Result<()> {
        match self.try_may(operation, who).await {
            Ok(()) => Ok(()),
            Err(refusal) => Err(self.refused(who, operation, "", refusal).await),
        }
    }

    /// Whether the holder of a device may ask for something that needs no approver: they sign for it, so that the name is proven.
    ///
    /// # Errors
    /// The table says no, or the signature is not that person's; recorded, and counted where it blames somebody.
    pub async fn may_proven(
        &self,
        operation: &str,
        subject: String,
        device: &dyn Signer,
    ) -> Result<()> {
        let rule = rule(operation)?;
        let request = Request {
            requesters: vec![device.name().to_owned()],
            ..self.frame(operation, subject, Vec::new())?
        };
        let signed = Approval::sign(&request, rule, device)
            .map_err(|e| Refusal::about(&refusal::INVALID, e.to_string()))?;
        let people = {
            let mut conn = self.store.pool().acquire().await?;
            people::persons(&mut conn).await?
        };
        match table()?.asked(&request, &signed, &people) {
            Ok(()) => Ok(()),
            Err(denied) => {
                let refusal = self.blame(denied, &people).await;
                Err(self.refused(device.name(), operation, "", refusal).await)
            }
        }
    }

    async fn try_may(&self, operation: &str, who: &str) -> Result<()> {
        if !rule(operation)?.ask.contains(&Role::Operator) {
            // Whoever opens the store may give any name: what is not the operator's is asked with a device.
            return Err(refuse!(
                &refusal::ROLE,
                "{who} is only a name: sign with the own key",
                "{who} 仅为姓名：请用本人密钥签名"
            ));
        }
        let mut conn = self.store.pool().acquire().await?;
        let people = people::persons(&mut conn).await?;
        let known = people.iter().find(|person| same_person(&person.name, who));
        let roles: Vec<Role> = match known {
            Some(person) if person.locked => return Err(Denied::Locked(who.to_owned()).into()),
            Some(person) => person.roles.iter().copied().collect(),
            None => vec![Role::Operator],
        };
        table()?.may_ask(operation, &self.tier, who, &roles)?;
        Ok(())
    }

    /// Whether a party that spoke over TLS may ask for something that needs no signature.
    ///
    /// # Errors
    /// The table says no.
    pub fn peer_may(&self, operation: &str, peer: &Peer) -> Result<()> {
        let roles: Vec<Role> = role_of(peer).into_iter().collect();
        table()?.may_ask(operation, &self.tier, &peer.to_string(), &roles)?;
        Ok(())
    }

    /// Whether a signed request may be carried out now. A refusal is counted against whom it blames.
    pub(crate) async fn admit_order(&self, order: &OrderFile) -> Result<Permit> {
        let request = order.request();
        let rule = rule(&request.operation)?;
        let life = u64::from(rule.hours) * 3600;
        if request.expires.saturating_sub(request.created) > life
            || request.created > self.seconds() + 60
        {
            return Err(Refusal::new(&refusal::STALE));
        }
        let people = {
            let mut conn = self.store.pool().acquire().await?;
            if approvals::is_spent(&mut conn, &request.id).await? {
                return Err(refuse!(
                    &refusal::STALE,
                    "request {} was carried out already",
                    "申请 {} 已执行",
                    request.id
                ));
            }
            people::persons(&mut conn).await?
        };
        match table()?.admit(request, order.approvals(), &people, self.seconds()) {
            Ok(permit) => Ok(permit),
            Err(denied) => Err(self.blame(denied, &people).await),
        }
    }

    /// Takes one approval for a request that waits; true when it has enough now.
    ///
    /// # Errors
    /// The signature does not count, or its giver signs too fast; recorded, and counted where it blames somebody.
    pub async fn approve(&self, id: &str, approval: Approval) -> Result<bool> {
        let officer = approval.officer.clone();
        match self.try_approve(id, approval).await {
            Ok(enough) => Ok(enough),
            Err(refusal) => Err(self.refused(&officer, "approval.give", id, refusal).await),
        }
    }

    async fn try_approve(&self, id: &str, approval: Approval) -> Result<bool> {
        let mut tx = self.begin().await?;
        let mut order = approvals::get(&mut tx, id).await?;
        let people = people::persons(&mut tx).await?;
        let since = self.store.clock().now() - jiff::SignedDuration::from_mins(RATE_MINUTES);
        let since = kms_platform::clock::stamp(since);
        if approvals::since(&mut tx, &approval.officer, &since).await? >= RATE {
            return Err(refuse!(
                &refusal::RATE,
                "{} signed {RATE} requests within {RATE_MINUTES} minutes",
                "{} 在 {RATE_MINUTES} 分钟内已签署 {RATE} 件申请",
                approval.officer
            ));
        }
        order.add(approval.clone());
        let fits = table()?.fits(order.request(), order.approvals(), &people, self.seconds());
        let enough = match fits {
            Ok(enough) => enough,
            Err(denied) => {
                drop(tx);
                return Err(self.blame(denied, &people).await);
            }
        };
        let detail =
            serde_json::json!({ "operation": order.request().operation, "enough": enough });
        let begun = self
            .before(&mut tx, &approval.officer, "approval.give", id, &detail)
            .await?;
        approvals::sign(&mut tx, &approval, &self.now()).await?;
        people::clear(&mut tx, &approval.officer).await?;
        self.after(&mut tx, begun, &kms_platform::audit::Outcome::Done)
            .await?;
        self.commit(tx).await?;
        Ok(enough)
    }

    /// Counts a refusal against the person it blames, if they are one of ours; the fifth in a row shuts them out.
    async fn blame(&self, denied: Denied, people: &[Person]) -> Refusal {
        let blamed = denied.blames().map(str::to_owned);
        let refusal = Refusal::from(denied);
        let Some(name) = blamed.filter(|name| people.iter().any(|person| person.name == *name))
        else {
            return refusal;
        };
        let count = async {
            let mut tx = self.begin().await?;
            if people::blame(&mut tx, &name, &self.now()).await? {
                let detail = serde_json::json!({ "refused": people::TRIES });
                let begun = self
                    .before(&mut tx, "service", "officer.lock", &name, &detail)
                    .await?;
                self.after(&mut tx, begun, &kms_platform::audit::Outcome::Done)
                    .await?;
            }
            self.commit(tx).await
        };
        match count.await {
            Ok(()) => refusal,
            Err(uncounted) => uncounted,
        }
    }

    /// Passes something that no HSM order belongs to, with the devices present.
    ///
    /// # Errors
    /// The table says no.
    pub(crate) async fn admit_paper(
        &self,
        operation: &str,
        requesters: Vec<String>,
        subject: String,
        devices: &[&dyn Signer],
    ) -> Result<Permit> {
        let rule = rule(operation)?;
        let request = Request {
            requesters: or_operator(requesters),
            ..self.frame(operation, subject, Vec::new())?
        };
        let signed = devices.iter().map(|device| {
            Approval::sign(&request, rule, *device)
                .map_err(|e| Refusal::about(&refusal::INVALID, e.to_string()))
        });
        let signed = signed.collect::<Result<Vec<_>>>()?;
        let people = {
            let mut conn = self.store.pool().acquire().await?;
            people::persons(&mut conn).await?
        };
        match table()?.admit(&request, &signed, &people, self.seconds()) {
            Ok(permit) => Ok(permit),
            Err(denied) => Err(self.blame(denied, &people).await),
        }
    }

    /// A new request of this service, asked by nobody yet.
    pub(crate) fn frame(
        &self,
        operation: &str,
        subject: String,
        orders: Vec<String>,
    ) -> Result<Request> {
        let created = self.seconds();
        Ok(Request {
            id: uuid::Uuid::new_v4().to_string(),
            operation: operation.to_owned(),
            tier: self.tier.clone(),
            mark: self.mark,
            hsm: self.desk.identity()?.fingerprint,
            requesters: Vec::new(),
            created,
            expires: created + u64::from(rule(operation)?.hours) * 3600,
            subject,
            orders,
        })
    }

    /// Now, in seconds since 1970.
    pub(crate) fn seconds(&self) -> u64 {
        u64::try_from(self.store.clock().now().as_second()).unwrap_or(0)
    }
}

/// Where nobody asked by name it was whoever sits at the console.
pub(crate) fn or_operator(requesters: Vec<String>) -> Vec<String> {
    if requesters.is_empty() {
        vec!["operator".to_owned()]
    } else {
        requesters
    }
}
