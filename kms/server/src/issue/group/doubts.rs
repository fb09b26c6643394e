//! Whether a request may begin: its ticket, the maker's list, the chip's binding and the issuer agree.

use std::collections::HashMap;

use kms_core::binding::{self, ChipClaim, ChipKind, Standing};
use kms_core::port::Target;
use kms_core::ticket::{Ticket, TicketKind};
use kms_platform::store::Tx;

use super::Asked;
use crate::life::alarms::never_back;
use crate::life::enforce::States;
use crate::records::chip_group::Known;
use crate::records::{life, settings, tickets};
use crate::refusal::Result;
use crate::service::Service;

/// What a group asks the store once: tickets, the issuer certificate, and keys that are not in use.
#[derive(Default)]
pub(super) struct Doubts {
    issuer: Option<Option<String>>,
    states: Option<States>,
    good: HashMap<String, Ticket>,
}

/// What a request may begin with.
pub(super) struct Agreed {
    pub(super) ticket: String,
    pub(super) standing: Standing,
}

impl Doubts {
    /// Its plan gets the stand-ins of keys that are out of use for good.
    pub(super) async fn agree(
        &mut self,
        service: &Service,
        tx: &mut Tx,
        one: &mut Asked,
        known: Option<&Known>,
    ) -> Result<Agreed> {
        never_back(known.and_then(|known| known.shown), one.shown)?;
        let states = match &mut self.states {
            Some(states) => states,
            none => none.insert(life::not_active(tx).await?),
        };
        service.live_among(states, &mut one.plan, Target::Card, one.vendor)?;
        if self.issuer.is_none() {
            self.issuer = Some(settings::find(tx, "issuer-certificate").await?);
        }
        service.check_issuer(self.issuer.clone().flatten(), &one.issuer)?;
        let now = service.store.clock().now();
        let list = known.and_then(|known| known.list);
        let ticket = if one.ticket.is_empty() {
            let begun_with = known.and_then(|known| known.ticket.clone());
            // What no list names is refused as that, below.
            let fits = |ticket: &Ticket| {
                known.is_none()
                    || ticket
                        .admits_chip(one.vendor, one.cos_version, list)
                        .is_ok()
            };
            tickets::spendable(tx, TicketKind::Card, begun_with, now, fits).await?
        } else {
            one.ticket.clone()
        };
        if !self.good.contains_key(&ticket) {
            let found = tickets::get(tx, &ticket).await?;
            found.admits(TicketKind::Card, now)?;
            self.good.insert(ticket.clone(), found);
        }
        let claim = ChipClaim {
            factor: &one.factor,
            kind: ChipKind::Card,
            vendor: &one.vendor,
            mark: service.mark,
        };
        let standing = binding::check(&claim, known.map(|known| &known.chip), &one.binding)?;
        if let Some(good) = self.good.get(&ticket) {
            good.admits_chip(one.vendor, one.cos_version, list)?;
        }
        Ok(Agreed { ticket, standing })
    }
}
