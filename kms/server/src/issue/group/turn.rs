//! One transaction: ends the requests whose scripts the HSM has filled and begins those that came.

use std::collections::HashMap;

use kms_api::Script;
use kms_core::binding::{self, Standing};
use kms_core::tier::Factor;
use kms_platform::audit::many::{About, Entry, many};
use kms_platform::audit::{AuditId, Outcome};
use kms_platform::store::Tx;
use serde_json::json;
use tokio::sync::oneshot;

use super::super::card::ACT;
use super::doubts::{Agreed, Doubts};
use super::{Asked, Begun, Chosen, Filled};
use crate::life::alarms::never_back;
use crate::records::chip_group::{self, Known};
use crate::records::tickets;
use crate::refusal::{self, Refusal, Result};
use crate::service::Service;

/// One transaction: ends what is filled, begins what came. Gives back what is to be filled; all others are answered.
pub(super) async fn turn(service: &Service, filled: Vec<Filled>, asked: Vec<Asked>) -> Vec<Chosen> {
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
        let (mut made, mut seen) = (Vec::new(), Vec::new());
        for one in &mut self.filled {
            let known = chips.get(&one.begun.factor);
            let before = known.and_then(|known| known.shown);
            let known = known.map(|known| &known.chip);
            let claim = one.begun.claim(self.service);
            if let (Ok(_), Err(refused)) = (&one.made, never_back(before, one.begun.shown)) {
                one.made = Err(refused);
            }
            match &one.made {
                Ok(script) => {
                    let least = left.entry(&one.begun.ticket).or_insert(u64::MAX);
                    *least = script.quota_left.min(*least);
                    match binding::check(&claim, known, &one.begun.binding) {
                        Ok(standing) => {
                            made.push(chip_group::Made {
                                factor: one.begun.factor,
                                ticket: &one.begun.ticket,
                                binding: (standing == Standing::First)
                                    .then_some(&one.begun.binding),
                            });
                            seen.push((one.begun.factor, one.begun.shown));
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
        chip_group::made(tx, &made, &self.service.now()).await?;
        chip_group::see(tx, &seen).await?;
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
        for mut one in asked {
            let known = chips.get(&one.factor);
            let agreed = doubts.agree(self.service, tx, &mut one, known).await;
            match agreed {
                Ok(agreed) => self.begun.push(begun(one, agreed)),
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

fn begun(one: Asked, agreed: Agreed) -> Chosen {
    let begun = Begun {
        object: hex::encode_upper(one.factor),
        actor: one.actor,
        ticket: agreed.ticket,
        request_id: one.request_id,
        factor: one.factor,
        vendor: one.vendor,
        binding: one.binding,
        shown: one.shown,
        standing: agreed.standing,
        id: AuditId(0),
        reply: one.reply,
    };
    (begun, one.plan)
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
