//! What user card and SAM have in common: a memory that may lie in a state file, random numbers, the directories that SELECT
//! knows, what is lost without power, and the way of a command to its answer (the head of R9's order, R12, R74).

use std::path::Path;

use cardlib_card::profile::{LifeCycle, Profile};
use cardlib_card::status::Status;
use thiserror::Error;

use crate::VirtualCard;
use crate::answer::{Answer, Pending, word};
use crate::apdu::Incoming;
use crate::crypto::Key;
use crate::flaw::Flaw;
use crate::gate::Gate;
use crate::nvm::{Memory, Mount, Nvm, StateError, medium};
use crate::random::Random;
use crate::stage::{Chip, Stage};
use crate::tree::Tree;

/// Why a card could not be had from a state file.
#[derive(Debug, Error)]
pub enum OpenError {
    /// The file.
    #[error(transparent)]
    State(#[from] StateError),
    /// A profile that this program does not have, or another than asked for.
    #[error("the state file is of profile {0}, which is not the one in use here")]
    Profile(String),
}

impl OpenError {
    /// The same text for a Chinese reader.
    #[must_use]
    pub fn chinese(&self) -> String {
        match self {
            Self::State(cause) => cause.chinese(),
            Self::Profile(name) => format!("状态文件属于配置 {name}，与当前所用配置不同"),
        }
    }
}

/// The memory of a chip, user card or SAM.
pub trait ChipMemory: Memory {
    /// A blank of this profile.
    fn blank(profile: &Profile, chip: Chip, transport: Key) -> Self;
    /// Whether the memory has the shape that the profile asks for.
    fn fits(&self, profile: &Profile) -> bool;
    /// Name of the profile that the COS was made for.
    fn profile(&self) -> &str;
    /// The maker's part.
    fn chip(&self) -> Chip;
    /// Where the chip stands in its life.
    fn stage(&self) -> Stage;
    /// What the ATR says of it.
    fn life_cycle(&self) -> LifeCycle {
        self.stage().life_cycle()
    }
    /// Its directories and files.
    fn tree(profile: &Profile) -> Tree;
}

/// What is lost without power.
pub trait Volatile: Default {
    /// Data that wait for GET RESPONSE, and the dialect's session.
    fn front(&mut self) -> (&mut Pending, &mut Gate);
}

/// The commands of one kind of chip.
pub trait Commands {
    /// One command; GET RESPONSE and a blocked chip never get here.
    fn run(&mut self, command: &Incoming<'_>) -> Answer;
}

/// A chip: user card or SAM by its memory.
pub struct Body<M: ChipMemory, V> {
    pub(crate) profile: &'static Profile,
    pub(crate) tree: Tree,
    pub(crate) nvm: Nvm<M>,
    pub(crate) random: Random,
    pub(crate) volatile: V,
    pub(crate) flaw: Option<Flaw>,
    /// The power goes inside the next command, before the commit after this many.
    cut: Option<usize>,
}

impl<M: ChipMemory, V: Volatile> Body<M, V> {
    /// A blank without state file.
    #[must_use]
    pub fn blank(profile: &'static Profile, chip: Chip, transport: Key, random: Random) -> Self {
        let memory = M::blank(profile, chip, transport);
        Self::with(profile, Nvm::volatile(memory), random)
    }

    /// A blank that keeps its state in a new file.
    ///
    /// # Errors
    /// The file exists, or cannot be written.
    pub fn blank_at(
        path: &Path,
        profile: &'static Profile,
        chip: Chip,
        transport: Key,
        random: Random,
    ) -> Result<Self, StateError> {
        let memory = M::blank(profile, chip, transport);
        Ok(Self::with(profile, Nvm::create(path, memory)?, random))
    }

    /// The chip of a state file.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(path: &Path, profile: &'static Profile, random: Random) -> Result<Self, OpenError> {
        Self::open_on(path, profile, random, medium::on_file())
    }

    /// The same, writing through another medium: for tests of tearing.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open_on(
        path: &Path,
        profile: &'static Profile,
        random: Random,
        mount: Mount,
    ) -> Result<Self, OpenError> {
        let nvm = Nvm::<M>::open_on(path, mount)?;
        if !nvm.get().fits(profile) {
            return Err(OpenError::Profile(nvm.get().profile().to_owned()));
        }
        Ok(Self::with(profile, nvm, random))
    }

    pub(crate) fn with(profile: &'static Profile, nvm: Nvm<M>, random: Random) -> Self {
        Self {
            profile,
            tree: M::tree(profile),
            nvm,
            random,
            volatile: V::default(),
            flaw: None,
            cut: None,
        }
    }

    /// What the chip keeps, for tests that check it after each command. Keys in it show nothing of themselves.
    #[must_use]
    pub fn inspect(&self) -> &M {
        self.nvm.get()
    }

    /// Card factor or chip serial, and what else the maker put in.
    #[must_use]
    pub fn chip(&self) -> Chip {
        self.memory().chip()
    }

    /// Where the chip stands in its life.
    #[must_use]
    pub fn stage(&self) -> Stage {
        self.memory().stage()
    }

    /// Makes changes durable; a memory that cannot be written answers 6581.
    pub(crate) fn commit(&mut self, changes: &[M::Change]) -> Result<(), Status> {
        if let Some(left) = &mut self.cut {
            *left = left.checked_sub(1).ok_or(Status::MEMORY)?;
        }
        self.nvm.commit(changes).map_err(|cause| {
            tracing::error!(%cause, "the chip's memory cannot be written");
            Status::MEMORY
        })
    }

    pub(crate) fn memory(&self) -> &M {
        self.nvm.get()
    }
}

impl<M: ChipMemory, V: Volatile> VirtualCard for Body<M, V>
where
    Self: Commands,
{
    fn reset(&mut self) -> Vec<u8> {
        self.volatile = V::default();
        self.chip().atr_in(self.profile, self.memory().life_cycle())
    }

    fn handle(&mut self, apdu: &[u8]) -> Vec<u8> {
        let answer = self.answer(apdu);
        match self.cut.take() {
            // Without power there is no answer.
            Some(_) => Vec::new(),
            None => answer,
        }
    }

    fn cut_at(&mut self, moment: usize) {
        self.cut = Some(moment);
    }
}

impl<M: ChipMemory, V: Volatile> Body<M, V>
where
    Self: Commands,
{
    fn answer(&mut self, apdu: &[u8]) -> Vec<u8> {
        let blocked = self.stage() == Stage::Blocked;
        let (pending, gate) = self.volatile.front();
        let Some(command) = Incoming::parse(apdu).filter(|_| !blocked) else {
            pending.discard();
            return word(if blocked {
                Status::FUNCTION
            } else {
                Status::LENGTH
            });
        };
        if command.ins == GET_RESPONSE && command.cla == 0 {
            return pending.get_response(&command);
        }
        pending.discard();
        gate.begin(&command);
        let answer = self.run(&command);
        self.volatile.front().0.settle(answer)
    }
}

/// INS of GET RESPONSE.
pub(crate) const GET_RESPONSE: u8 = 0xC0;
