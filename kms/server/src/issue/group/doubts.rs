//! Whether a request may begin: its ticket, the maker's list, the chip's binding and the issuer agree.

use std::collections::HashMap;

use kms_core::binding::{self, ChipClaim, ChipKind, Standing};
use kms_core::ticket::{Ticket, TicketKind};
use kms_platform::store::Tx;

use super::Asked;
use crate::records::chip_group::Known;
use crate::records::{chips, settings, tickets};
use crate::refusal::Result;
use crate::service::Service;

/// What a group asks the store once: tickets and the issuer certificate.
#[derive(Default)]
pub(super) struct Doubts {
    issuer: Option<Option<String>>,
    good: HashMap<String, Ticket>,
}

impl Doubts {
    pub(super) async fn agree(
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
            let list = chips::list_of(tx, &one.factor).await?;
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
            let list = match good.delivery {
                Some(_) => chips::list_of(tx, &one.factor).await?,
                None => None,
            };
            good.admits_chip(one.vendor, one.cos_version, list)?;
        }
        Ok((ticket, standing))
    }
}
