//! One change of the registry: recorded before, carried out, recorded after, all in one transaction.
//!
//! The deed runs inside a savepoint. When it refuses, what it wrote is undone and the refusal is recorded; when the
//! record cannot be written, nothing at all happens.

use std::future::Future;

use jiff::Timestamp;
use kms_platform::audit::{self, Outcome};
use kms_platform::mark::Mark;
use kms_platform::name::Peer;
use kms_platform::problem::Problem;
use kms_platform::sqlx::Connection;
use kms_platform::store::Conn;
use kms_platform::store::Store;

use crate::trust::Trust;

/// Who does it: a verified peer, or the clerk at the machine's own console.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Actor {
    Peer(Peer),
    /// Whoever may open the store's file: user id of the process.
    Local(u32),
}

impl Actor {
    /// The user who runs this process.
    #[must_use]
    pub fn local() -> Self {
        Actor::Local(rustix::process::getuid().as_raw())
    }
}

impl std::fmt::Display for Actor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Actor::Peer(peer) => peer.fmt(f),
            Actor::Local(uid) => write!(f, "local uid {uid}"),
        }
    }
}

/// What a deed needs to know of its circumstances.
pub(crate) struct Context<'a> {
    pub at: Timestamp,
    pub actor: &'a Actor,
    pub mark: Mark,
    pub trust: &'a Trust,
}

/// A change and how it is recorded.
pub(crate) trait Deed: Send {
    type Done: Send;

    /// `card.reserve`, …
    fn act(&self) -> &'static str;
    /// What it is done to: a serial or a factor, never a person.
    fn object(&self) -> String;
    fn detail(&self) -> serde_json::Value;
    fn carry_out(
        self,
        conn: &mut Conn,
        context: &Context<'_>,
    ) -> impl Future<Output = Result<Self::Done, Problem>> + Send;
}

/// Carries out a deed with its record.
pub(crate) async fn perform<D: Deed>(
    store: &Store,
    trust: &Trust,
    actor: &Actor,
    deed: D,
) -> Result<D::Done, Problem> {
    let at = store.clock().now();
    let context = Context {
        at,
        actor,
        mark: store.mark(),
        trust,
    };
    let mut tx = store.begin().await?;
    let begun = audit::before(
        &mut tx,
        at,
        &actor.to_string(),
        deed.act(),
        &deed.object(),
        &deed.detail(),
    )
    .await?;
    let mut inner = tx.begin().await?;
    let result = deed.carry_out(&mut inner, &context).await;
    match &result {
        Ok(_) => {
            inner.commit().await?;
            audit::after(&mut tx, at, begun, &Outcome::Done).await?;
        }
        Err(problem) => {
            inner.rollback().await?;
            audit::after(&mut tx, at, begun, &Outcome::Refused(problem.slug())).await?;
        }
    }
    tx.commit().await?;
    result
}
