//! A registry in memory with the rules a station depends on: one live card per person, a serial per person and card, no
//! registration without matching evidence.

use std::cell::{Cell, RefCell};

use issuance_station::ports::{Registration, Registry, Reservation, Service, ServiceFault};
use kms_platform::exit::Exit;

use super::keys::down;

/// A card as the registry has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    pub number: String,
    pub factor: String,
    pub serial: String,
    pub state: &'static str,
}

/// A SAM as the registry has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sam {
    pub chip: String,
    pub serial: String,
    pub certificate: Option<String>,
}

/// The registry.
#[derive(Default)]
pub struct TestRegistry {
    pub rows: RefCell<Vec<Row>>,
    pub sams: RefCell<Vec<Sam>>,
    /// Does not answer to registrations.
    pub register_down: Cell<bool>,
    /// Does not answer at all.
    pub all_down: Cell<bool>,
}

fn refusal(slug: &str) -> ServiceFault {
    ServiceFault {
        service: Service::Registry,
        slug: Some(slug.into()),
        message: slug.into(),
        next: None,
        exit: Exit::Wrong,
    }
}

impl TestRegistry {
    /// Cards in this state.
    pub fn count(&self, state: &str) -> usize {
        self.rows
            .borrow()
            .iter()
            .filter(|row| row.state == state)
            .count()
    }
}

impl Registry for TestRegistry {
    fn reserve(&self, wanted: &Reservation<'_>) -> Result<String, ServiceFault> {
        if self.all_down.get() {
            return Err(down(Service::Registry));
        }
        let mut rows = self.rows.borrow_mut();
        if let Some(row) = rows.iter().find(|row| {
            row.number == wanted.card_number && row.factor == wanted.factor && row.state != "voided"
        }) {
            return Ok(row.serial.clone());
        }
        if let Some(row) = rows
            .iter()
            .find(|row| row.number == wanted.card_number && row.state != "voided")
        {
            return Err(refusal(if row.state == "active" {
                "person-has-card"
            } else {
                "person-has-reservation"
            }));
        }
        if rows.iter().any(|row| row.factor == wanted.factor) {
            return Err(refusal("factor-taken"));
        }
        let serial = format!("41{:08}", rows.len() + 1);
        rows.push(Row {
            number: wanted.card_number.into(),
            factor: wanted.factor.into(),
            serial: serial.clone(),
            state: "reserved",
        });
        Ok(serial)
    }

    fn register(&self, card: &Registration) -> Result<(), ServiceFault> {
        if self.register_down.get() || self.all_down.get() {
            return Err(down(Service::Registry));
        }
        if card.data_hash != card.read_back_digest || !card.security_code {
            return Err(refusal("evidence-differs"));
        }
        let mut rows = self.rows.borrow_mut();
        let row = rows.iter_mut().find(|row| {
            row.serial == card.serial && row.factor == card.factor && row.state != "voided"
        });
        row.ok_or_else(|| refusal("not-reserved"))?.state = "active";
        Ok(())
    }

    fn void(&self, serial: &str, _: &str) -> Result<(), ServiceFault> {
        let mut rows = self.rows.borrow_mut();
        let row = rows
            .iter_mut()
            .find(|row| row.serial == serial && row.state == "reserved");
        row.ok_or_else(|| refusal("transition-refused"))?.state = "voided";
        Ok(())
    }

    fn sam_serial(&self, chip: &str, sam_type: u8, area: &str) -> Result<String, ServiceFault> {
        let mut sams = self.sams.borrow_mut();
        if let Some(sam) = sams.iter().find(|sam| sam.chip == chip) {
            return Ok(sam.serial.clone());
        }
        let serial = format!("{area:0<4}{sam_type:02}2026{:09}0", sams.len() + 1);
        sams.push(Sam {
            chip: chip.into(),
            serial: serial.clone(),
            certificate: None,
        });
        Ok(serial)
    }

    fn register_sam(
        &self,
        serial: &str,
        chip: &str,
        certificate: &str,
    ) -> Result<(), ServiceFault> {
        if self.register_down.get() {
            return Err(down(Service::Registry));
        }
        let mut sams = self.sams.borrow_mut();
        let sam = sams
            .iter_mut()
            .find(|sam| sam.serial == serial && sam.chip == chip);
        sam.ok_or_else(|| refusal("sam-not-reserved"))?.certificate = Some(certificate.into());
        Ok(())
    }
}
