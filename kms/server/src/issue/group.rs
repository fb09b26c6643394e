//! Group commit: requests for cards that come together share two transactions and one call of the HSM.
//!
//! One worker takes what waits, at most [`GROUP`] requests. A turn is one transaction: it ends the requests whose scripts the
//! HSM has filled since the last turn (chip bound, end recorded) and begins those that came (ticket, list and binding
//! agree, intent recorded). After the commit the ended ones are answered and the begun ones go to the HSM as one bulk call,
//! while the next turn runs. What the record says and when is the same as for a single request: no script before its intent
//! is durable, no answer before its end is. Where the commit fails nothing goes out.
//!
//! Two requests for one chip, or with one id, are never under way together.

use std::collections::VecDeque;
use std::sync::{Arc, Weak};

use cardlib_card::dialect::Plan;
use kms_api::Script;
use kms_core::binding::{Binding, ChipClaim, ChipKind, Standing};
use kms_core::tier::Factor;
use kms_platform::audit::AuditId;
use kms_platform::audit::many::About;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use uuid::Uuid;

use super::card::ACT;
use crate::records::chip_group::Shown;
use crate::refusal::Result;
use crate::service::Service;
use queue::UnderWay;
use turn::turn;

mod doubts;
mod fill;
mod queue;
mod turn;

/// Requests of one group; what the HSM takes in one call.
pub(super) const GROUP: usize = kms_api::MAX_BATCH;
/// Groups in the HSM at once.
const IN_FLIGHT: usize = 2;
/// So many that come together are worth two groups.
const MANY: usize = 8;
/// Requests that wait for the worker; further ones wait to be taken into the queue.
const QUEUE: usize = 256;

/// A sound request on its way to the worker.
pub(crate) struct Asked {
    pub(super) actor: String,
    pub(super) request_id: Uuid,
    /// The ticket as the request names it; may be empty (P24).
    pub(super) ticket: String,
    pub(super) factor: Factor,
    pub(super) vendor: [u8; 2],
    pub(super) cos_version: u8,
    /// Issuer certificate in the content, hexadecimal.
    pub(super) issuer: String,
    pub(super) binding: Binding,
    pub(super) plan: Plan,
    pub(super) shown: Shown,
    pub(super) reply: oneshot::Sender<Result<Script>>,
}

/// The way to the worker.
pub(crate) type Desk = mpsc::Sender<Asked>;

/// A request whose intent is recorded, or is being recorded.
struct Begun {
    actor: String,
    object: String,
    ticket: String,
    request_id: Uuid,
    factor: Factor,
    vendor: [u8; 2],
    binding: Binding,
    shown: Shown,
    standing: Standing,
    id: AuditId,
    reply: oneshot::Sender<Result<Script>>,
}

impl Begun {
    fn claim<'a>(&'a self, service: &Service) -> ChipClaim<'a> {
        ChipClaim {
            factor: &self.factor,
            kind: ChipKind::Card,
            vendor: &self.vendor,
            mark: service.mark,
        }
    }

    fn about(&self) -> About<'_> {
        About {
            actor: &self.actor,
            act: ACT,
            object: &self.object,
        }
    }
}

/// What the HSM made of it.
struct Filled {
    begun: Begun,
    made: Result<Script>,
}

impl Service {
    /// The way to this service's worker, which is started at the first request.
    pub(super) fn card_desk(self: &Arc<Self>) -> &Desk {
        self.cards.get_or_init(|| {
            let (desk, asked) = mpsc::channel(QUEUE);
            tokio::spawn(work(Arc::downgrade(self), asked));
            desk
        })
    }
}

/// How many of those that wait begin now. Store and HSM work side by side if there are two groups of about one size; small
/// groups cost both of them more a card. So none begins beside a larger one, which will end soon, and of many that come to
/// an idle HSM the second half stays back for the next turn.
fn worth_while(in_hsm: usize, waiting: usize) -> usize {
    match waiting {
        GROUP.. => GROUP,
        MANY.. if in_hsm == 0 => waiting.div_ceil(2),
        _ if waiting >= in_hsm => waiting,
        _ => 0,
    }
}

/// Turns until the service is gone.
async fn work(service: Weak<Service>, mut asked: mpsc::Receiver<Asked>) {
    let mut filling: JoinSet<Vec<Filled>> = JoinSet::new();
    let mut under_way = UnderWay::default();
    let mut waiting = VecDeque::new();
    let mut in_hsm = 0_usize;
    loop {
        let (mut come, mut filled) = (Vec::new(), Vec::new());
        // Who waited for a chip that was refused can go on, and nothing more may come that would wake this loop.
        let stuck = filling.is_empty() && !waiting.is_empty();
        if !stuck {
            tokio::select! {
                biased;
                Some(done) = filling.join_next() => filled.extend(done.unwrap_or_default()),
                got = asked.recv_many(&mut come, GROUP), if filling.len() < IN_FLIGHT => {
                    if got == 0 && filling.is_empty() {
                        return;
                    }
                }
            }
        }
        while let Some(done) = filling.try_join_next() {
            filled.extend(done.unwrap_or_default());
        }
        let Some(service) = service.upgrade() else {
            return;
        };
        for one in &filled {
            under_way.leave(&one.begun.factor, one.begun.request_id);
        }
        waiting.extend(come);
        in_hsm = match filling.len() {
            0 => 0,
            _ => in_hsm.saturating_sub(filled.len()),
        };
        let mut group = Vec::new();
        if filling.len() < IN_FLIGHT {
            while waiting.len() < GROUP
                && let Ok(one) = asked.try_recv()
            {
                waiting.push_back(one);
            }
            let most = worth_while(in_hsm, waiting.len());
            group = under_way.choose(&mut waiting, most);
        }
        let chosen: Vec<_> = group
            .iter()
            .map(|one| (one.factor, one.request_id))
            .collect();
        let begun = turn(&service, filled, group).await;
        for (factor, id) in &chosen {
            if !begun.iter().any(|(one, _)| one.request_id == *id) {
                under_way.leave(factor, *id);
            }
        }
        under_way.only(&begun, &filling);
        if !begun.is_empty() {
            service.counts.groups.inc();
            in_hsm += begun.len();
            filling.spawn_blocking(move || service.fill_group(begun));
        }
    }
}

/// A begun request with its plan.
type Chosen = (Begun, Plan);

#[cfg(test)]
mod tests {
    use super::{GROUP, worth_while};

    #[test]
    fn nobody_waits_beside_an_idle_hsm_and_no_group_is_too_large() {
        for waiting in 1..=3 * GROUP {
            assert!(
                worth_while(0, waiting) >= 1,
                "{waiting} would wait for ever"
            );
            for in_hsm in 0..=2 * GROUP {
                let most = worth_while(in_hsm, waiting);
                assert!(most <= waiting.min(GROUP), "{most} of {waiting}");
            }
        }
        assert_eq!(worth_while(0, 16), 8, "halves");
        assert_eq!(worth_while(8, 3), 0, "not beside a larger one");
        assert_eq!(worth_while(8, 8), 8);
    }
}
