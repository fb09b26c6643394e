//! Simulated chips in a reader, and a finger that pulls them at the Nth command.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use cardlib_card::element::{self, ElementType};
use cardlib_card::profile::KeyInstance;
use cardlib_reader::{Card, ReaderError};
use cardlib_sim::sam::MintedSam;
use cardlib_sim::{Chip, Random, SamCard, TransportMaster, UserCard, VirtualCard};
use issuance_station::fault::Fault;
use issuance_station::run::Slot;

use super::keys::roots;
use super::profile;

/// When the card is pulled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pull {
    /// Before it does the Nth command.
    Before(u32),
    /// After it did it, before its answer is out.
    After(u32),
}

/// A chip that survives being pulled.
pub struct TestCard<C = UserCard> {
    chip: Rc<RefCell<C>>,
    /// Commands so far.
    pub commands: Rc<Cell<u32>>,
}

impl<C> Clone for TestCard<C> {
    fn clone(&self) -> Self {
        Self {
            chip: Rc::clone(&self.chip),
            commands: Rc::clone(&self.commands),
        }
    }
}

impl TestCard {
    /// A blank test card.
    pub fn blank(factor: [u8; 8]) -> Self {
        let transport = TransportMaster::test().key_of(&factor);
        let chip = UserCard::blank(
            profile(),
            Chip::test(profile(), factor),
            transport,
            Random::from_seed(Some(1)),
        );
        Self::of(chip)
    }
}

impl TestCard<SamCard> {
    /// A blank test SAM.
    pub fn blank_sam(serial: [u8; 8]) -> Self {
        let transport = TransportMaster::test().key_of(&serial);
        let chip = Chip::test(profile(), serial);
        Self::of(SamCard::blank(
            profile(),
            chip,
            transport,
            Random::from_seed(Some(4)),
        ))
    }
}

impl<C: VirtualCard + 'static> TestCard<C> {
    pub fn of(chip: C) -> Self {
        Self {
            chip: Rc::new(RefCell::new(chip)),
            commands: Rc::default(),
        }
    }

    /// Puts the card in; it goes away when the pull says so, and stays away until put in again.
    pub fn insert(&self, pull: Option<Pull>) -> Inserted<C> {
        self.commands.set(0);
        let atr = self.chip.borrow_mut().reset();
        Inserted {
            card: self.clone(),
            atr,
            pull,
            gone: false,
            busy: false,
        }
    }
}

/// A card in the reader.
pub struct Inserted<C> {
    card: TestCard<C>,
    atr: Vec<u8>,
    pull: Option<Pull>,
    gone: bool,
    busy: bool,
}

impl<C: VirtualCard> Card for Inserted<C> {
    fn atr(&self) -> &[u8] {
        &self.atr
    }

    fn begin(&mut self) -> Result<(), ReaderError> {
        assert!(!self.busy, "one transaction at a time");
        self.busy = true;
        Ok(())
    }

    fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>, ReaderError> {
        assert!(self.busy, "commands go through a transaction");
        let number = self.card.commands.get() + 1;
        self.card.commands.set(number);
        self.gone |= self.pull == Some(Pull::Before(number));
        if self.gone {
            return Err(ReaderError::CardLost);
        }
        let answer = self.card.chip.borrow_mut().handle(command);
        self.gone |= self.pull == Some(Pull::After(number));
        if self.gone {
            Err(ReaderError::CardLost)
        } else {
            Ok(answer)
        }
    }

    fn end(&mut self) -> Result<(), ReaderError> {
        self.busy = false;
        if self.gone {
            return Err(ReaderError::CardLost);
        }
        self.atr = self.card.chip.borrow_mut().reset();
        Ok(())
    }
}

/// An active SAM with the roots of the vector file.
pub struct TestSam(TestCard<SamCard>);

impl TestSam {
    pub fn new(sam_type: u8) -> Self {
        let roots = roots();
        let root_of =
            |instance: KeyInstance<'_>| roots[&(instance.key.name.clone(), instance.version)];
        let serial = element::encode(
            ElementType::Cn,
            10,
            &format!("4101{sam_type:02}20260000000017"),
        )
        .expect("20 digits");
        let public = [&serial[..], &[0x01, sam_type, 0, 0]].concat();
        let minted = MintedSam {
            sam_type,
            pin: [0x12, 0x34, 0x56],
            private_key: [7; 32],
            files: &[("MF/0015", public), ("DF01/001B", vec![0x5A; 180])],
        };
        let chip = Chip::test(profile(), [0x22; 8]);
        let sam = SamCard::minted(
            profile(),
            chip,
            &minted,
            root_of,
            Random::from_seed(Some(2)),
        );
        Self(TestCard::of(sam.unwrap_or_else(|error| panic!("{error}"))))
    }

    pub fn card(&mut self) -> Inserted<SamCard> {
        self.0.insert(None)
    }
}

/// A card of another product: knows nothing.
pub struct ForeignCard(pub Vec<u8>);

impl VirtualCard for ForeignCard {
    fn reset(&mut self) -> Vec<u8> {
        self.0.clone()
    }

    fn handle(&mut self, _: &[u8]) -> Vec<u8> {
        vec![0x6D, 0x00]
    }
}

/// A reader into which these cards come one after another.
pub struct TestSlot {
    pub cards: Vec<Box<dyn Card>>,
}

impl Slot for TestSlot {
    fn card(&mut self) -> Result<Box<dyn Card>, Fault> {
        if self.cards.is_empty() {
            return Err(Fault::Reader(ReaderError::NoCard("test".into())));
        }
        Ok(self.cards.remove(0))
    }

    fn removed(&mut self) -> Result<(), Fault> {
        Ok(())
    }
}
