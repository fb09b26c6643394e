//! Group commit: requests for cards that come together share two transactions and one call of the HSM.
//!
//! One worker takes what waits, at most [`GROUP`] requests. A turn is one transaction: it ends the requests whose scripts the
//! HSM has filled since the last turn (chip bound, end recorded) and begins those that came (ticket, list and binding
//! agree, intent recorded). After the commit the ended ones are answered and the begun ones go to the HSM as one bulk call,
//! while the next turn runs. What the record says and when is the same as for a single request: no script before its intent
//! is durable, no answer before its end is. Where the commit fails nothing goes out.
//!
//! Two requests for one chip, or with one id, are never under way together.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Weak};

use cardlib_card::dialect::Plan;
use kms_api::Script;
use kms_core::binding::{self, Binding, ChipClaim, ChipKind, Standing};
use kms_core::fill::{self, Job, Outline};
use kms_core::port::{FillRequest, Target};
use kms_core::ticket::TicketKind;
use kms_core::tier::Factor;
use kms_platform::audit::many::{About, Entry, many};
use kms_platform::audit::{AuditId, Outcome};
use kms_platform::store::Tx;
use serde_json::json;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use uuid::Uuid;

use super::card::ACT;
use crate::records::chip_group::{self, Known};
use crate::records::{settings, tickets};
use crate::refusal::{self, Refusal, Result};
use crate::refuse;
use crate::service::Service;

/// Requests of one group; what the HSM takes in one call.
pub(super) const GROUP: usize = kms_api::MAX_BATCH;
/// Groups in the HSM at once.
const IN_FLIGHT: usize = 2;
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
    /// Issuer certificate in the content, hexadecimal.
    pub(super) issuer: String,
    pub(super) binding: Binding,
    pub(super) plan: Plan,
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

/// Turns until the service is gone.
async fn work(service: Weak<Service>, mut asked: mpsc::Receiver<Asked>) {
    let mut filling: JoinSet<Vec<Filled>> = JoinSet::new();
    let mut under_way = UnderWay::default();
    let mut waiting = VecDeque::new();
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
        let mut group = Vec::new();
        if filling.len() < IN_FLIGHT {
            while waiting.len() < GROUP
                && let Ok(one) = asked.try_recv()
            {
                waiting.push_back(one);
            }
            group = under_way.choose(&mut waiting);
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
            filling.spawn_blocking(move || service.fill_group(begun));
        }
    }
}

/// Chips and ids that are under way.
#[derive(Default)]
struct UnderWay {
    chips: HashSet<Factor>,
    ids: HashSet<Uuid>,
}

impl UnderWay {
    /// The next group out of those that wait, without any whose chip or id is under way.
    fn choose(&mut self, waiting: &mut VecDeque<Asked>) -> Vec<Asked> {
        let mut group = Vec::new();
        for _ in 0..waiting.len() {
            let Some(one) = waiting.pop_front() else {
                break;
            };
            let free = !self.chips.contains(&one.factor) && !self.ids.contains(&one.request_id);
            if free && group.len() < GROUP {
                self.chips.insert(one.factor);
                self.ids.insert(one.request_id);
                group.push(one);
            } else {
                waiting.push_back(one);
            }
        }
        group
    }

    fn leave(&mut self, chip: &Factor, id: Uuid) {
        self.chips.remove(chip);
        self.ids.remove(&id);
    }

    /// Whoever panicked in the HSM's call is forgotten when nothing is under way.
    fn only(&mut self, begun: &[Chosen], filling: &JoinSet<Vec<Filled>>) {
        if filling.is_empty() {
            self.chips = begun.iter().map(|(one, _)| one.factor).collect();
            self.ids = begun.iter().map(|(one, _)| one.request_id).collect();
        }
    }
}

/// A begun request with its plan.
type Chosen = (Begun, Plan);

/// One transaction: ends what is filled, begins what came. Gives back what is to be filled; all others are answered.
async fn turn(service: &Service, filled: Vec<Filled>, asked: Vec<Asked>) -> Vec<Chosen> {
    if filled.is_empty() && asked.is_empty() {
        return Vec::new();
    }
    let mut replies = Vec::new();
    let mut turn = Turn {
        service,
        filled,
        refused: Vec::new(),
        begun: Vec::new(),
    };
    match turn.commit(asked).await {
        Ok(()) => {
            for one in turn.filled {
                if one.made.is_ok() {
                    service.counts.scripts.inc();
                }
                replies.push((one.begun.reply, one.made));
            }
            for one in turn.refused {
                replies.push((one.reply, Err(one.refusal)));
            }
        }
        Err(_) => {
            // Nothing is recorded, so nothing goes out and nothing is begun.
            let lost = || Err(Refusal::new(&refusal::AUDIT));
            replies.extend(turn.filled.into_iter().map(|one| (one.begun.reply, lost())));
            replies.extend(turn.refused.into_iter().map(|one| (one.reply, lost())));
            replies.extend(turn.begun.drain(..).map(|(one, _)| (one.reply, lost())));
        }
    }
    for (reply, answer) in replies {
        // Whoever asked may have gone away.
        let _ = reply.send(answer);
    }
    turn.begun
}

/// A request that is refused before anything was made.
struct Refused {
    actor: String,
    object: String,
    refusal: Refusal,
    reply: oneshot::Sender<Result<Script>>,
}

/// A turn under way.
struct Turn<'a> {
    service: &'a Service,
    filled: Vec<Filled>,
    refused: Vec<Refused>,
    begun: Vec<Chosen>,
}

impl Turn<'_> {
    async fn commit(&mut self, asked: Vec<Asked>) -> Result<()> {
        let begun = self.service.begin().await;
        let mut tx = match begun {
            Ok(tx) => tx,
            Err(refusal) => {
                // They are answered with the same words as everybody in this turn.
                self.refused
                    .extend(asked.into_iter().map(|one| refused(one, refused_words())));
                return Err(refusal);
            }
        };
        let wanted = asked.iter().map(|one| one.factor);
        let factors = self.filled.iter().map(|one| one.begun.factor);
        let factors: Vec<Factor> = factors.chain(wanted).collect();
        let looked = chip_group::find(&mut tx, &factors).await;
        let chips = match looked {
            Ok(chips) => chips,
            Err(refusal) => {
                self.refused
                    .extend(asked.into_iter().map(|one| refused(one, refused_words())));
                return Err(refusal);
            }
        };
        self.end(&mut tx, &chips).await?;
        self.begin(&mut tx, &chips, asked).await?;
        self.record(&mut tx).await?;
        self.alarm(&mut tx).await?;
        self.service.commit(tx).await
    }

    /// Refusals behind which a copy may stand, before anything was made or at its end.
    async fn alarm(&self, tx: &mut Tx) -> Result<()> {
        let before = self
            .refused
            .iter()
            .map(|one| (&one.actor, one.object.clone(), one.refusal.slug()));
        let ended = self.filled.iter().filter_map(|one| {
            let refusal = one.made.as_ref().err()?;
            let object = hex::encode_upper(one.begun.factor);
            Some((&one.begun.actor, object, refusal.slug()))
        });
        let now = self.service.now();
        for (actor, object, slug) in before.chain(ended) {
            crate::life::alarms::look(tx, actor, ACT, &object, slug, &now).await?;
        }
        Ok(())
    }

    /// Binds the chips whose scripts are there; a chip that was bound otherwise meanwhile gets none.
    async fn end(&mut self, tx: &mut Tx, chips: &HashMap<Factor, Known>) -> Result<()> {
        let mut left: HashMap<&str, u64> = HashMap::new();
        let (mut with, mut bound) = (Vec::new(), Vec::new());
        for one in &mut self.filled {
            let known = chips.get(&one.begun.factor).map(|known| &known.chip);
            let claim = one.begun.claim(self.service);
            match &one.made {
                Ok(script) => {
                    let least = left.entry(&one.begun.ticket).or_insert(u64::MAX);
                    *least = script.quota_left.min(*least);
                    match binding::check(&claim, known, &one.begun.binding) {
                        Ok(Standing::First) => {
                            with.push((one.begun.factor, one.begun.ticket.as_str()));
                            bound.push((one.begun.factor, &one.begun.binding));
                        }
                        Ok(Standing::Continued) => {
                            with.push((one.begun.factor, one.begun.ticket.as_str()));
                        }
                        Err(refused) => one.made = Err(refused.into()),
                    }
                }
                Err(refusal) if refusal.slug() == refusal::TICKET_EMPTY.slug => {
                    left.insert(&one.begun.ticket, 0);
                }
                Err(_) => {}
            }
        }
        chip_group::set_tickets(tx, &with).await?;
        chip_group::bind(tx, &bound, &self.service.now()).await?;
        for (ticket, left) in left {
            tickets::set_left(tx, ticket, left).await?;
        }
        Ok(())
    }

    /// Ticket, list, binding and issuer of each that came.
    async fn begin(
        &mut self,
        tx: &mut Tx,
        chips: &HashMap<Factor, Known>,
        asked: Vec<Asked>,
    ) -> Result<()> {
        let mut doubts = Doubts::default();
        for one in asked {
            let known = chips.get(&one.factor);
            let agreed = doubts.agree(self.service, tx, &one, known).await;
            match agreed {
                Ok((ticket, standing)) => self.begun.push((
                    Begun {
                        object: hex::encode_upper(one.factor),
                        actor: one.actor,
                        ticket,
                        request_id: one.request_id,
                        factor: one.factor,
                        vendor: one.vendor,
                        binding: one.binding,
                        standing,
                        id: AuditId(0),
                        reply: one.reply,
                    },
                    one.plan,
                )),
                Err(refusal) => self.refused.push(refused(one, refusal)),
            }
        }
        Ok(())
    }

    /// Everything in one statement.
    async fn record(&mut self, tx: &mut Tx) -> Result<()> {
        let details: Vec<_> = self
            .begun
            .iter()
            .map(|(one, _)| {
                let repeat = one.standing == Standing::Continued;
                json!({ "request": one.request_id, "ticket": one.ticket, "repeat": repeat })
            })
            .collect();
        let begun = self
            .begun
            .iter()
            .zip(&details)
            .map(|((one, _), detail)| Entry::Before(one.about(), detail));
        let refused = self.refused.iter().map(|one| {
            let about = About {
                actor: &one.actor,
                act: ACT,
                object: &one.object,
            };
            Entry::Refused(about, one.refusal.slug())
        });
        let ended = self.filled.iter().map(|one| {
            let outcome = match &one.made {
                Ok(_) => Outcome::Done,
                Err(refusal) => Outcome::Refused(refusal.slug()),
            };
            Entry::After(one.begun.about(), one.begun.id, outcome)
        });
        let entries: Vec<_> = begun.chain(refused).chain(ended).collect();
        let ids = many(tx, self.service.store.clock().now(), &entries).await?;
        drop(entries);
        for ((one, _), id) in self.begun.iter_mut().zip(ids) {
            one.id = id;
        }
        Ok(())
    }
}

fn refused(one: Asked, refusal: Refusal) -> Refused {
    Refused {
        object: hex::encode_upper(one.factor),
        actor: one.actor,
        refusal,
        reply: one.reply,
    }
}

fn refused_words() -> Refusal {
    Refusal::new(&refusal::AUDIT)
}

/// What a group asks the store once: tickets and the issuer certificate.
#[derive(Default)]
struct Doubts {
    issuer: Option<Option<String>>,
    good: HashSet<String>,
}

impl Doubts {
    async fn agree(
        &mut self,
        service: &Service,
        tx: &mut Tx,
        one: &Asked,
        known: Option<&Known>,
    ) -> Result<(String, Standing)> {
        if self.issuer.is_none() {
            self.issuer = Some(settings::find(tx, "issuer-certificate").await?);
        }
        service.check_issuer(self.issuer.clone().flatten(), &one.issuer)?;
        let now = service.store.clock().now();
        let ticket = if one.ticket.is_empty() {
            let begun_with = known.and_then(|known| known.ticket.clone());
            tickets::spendable(tx, TicketKind::Card, begun_with, now).await?
        } else {
            one.ticket.clone()
        };
        if !self.good.contains(&ticket) {
            let found = tickets::get(tx, &ticket).await?;
            found.admits(TicketKind::Card, now)?;
            self.good.insert(ticket.clone());
        }
        let claim = ChipClaim {
            factor: &one.factor,
            kind: ChipKind::Card,
            vendor: &one.vendor,
            mark: service.mark,
        };
        let standing = binding::check(&claim, known.map(|known| &known.chip), &one.binding)?;
        Ok((ticket, standing))
    }
}

impl Service {
    /// A group in one call of the HSM, off the async threads, and the answers as scripts.
    fn fill_group(&self, group: Vec<Chosen>) -> Vec<Filled> {
        let mut filled = Vec::with_capacity(group.len());
        let (mut begun, mut requests, mut outlines) = (Vec::new(), Vec::new(), Vec::new());
        for (one, plan) in group {
            match self.card_request(&one, plan) {
                Ok((request, outline)) => {
                    begun.push(one);
                    requests.push(request);
                    outlines.push(outline);
                }
                Err(refusal) => filled.push(Filled {
                    begun: one,
                    made: Err(refusal),
                }),
            }
        }
        let mut answers = self.hsm.fill_many(&requests).into_iter();
        for (one, outline) in begun.into_iter().zip(outlines) {
            let made = match answers.next() {
                Some(Ok(answer)) => super::script(one.request_id, &outline, answer),
                Some(Err(error)) => {
                    self.counts.hsm_errors.inc();
                    Err(error.into())
                }
                None => Err(refuse!(
                    &refusal::HSM_DOWN,
                    "the HSM gave fewer answers than were asked",
                    "密码机的应答少于请求"
                )),
            };
            filled.push(Filled { begun: one, made });
        }
        filled
    }

    fn card_request(&self, one: &Begun, plan: Plan) -> Result<(FillRequest, Outline)> {
        let job = Job {
            target: Target::Card,
            request_id: one.request_id,
            ticket: &one.ticket,
            mark: self.mark,
            tier: &self.tier,
            province: self.province_factor()?,
            chip: one.factor,
            vendor: one.vendor,
        };
        Ok(fill::request(self.profile, plan, &job)?)
    }
}
