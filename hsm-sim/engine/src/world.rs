//! Clock, randomness and disk, passed in so that tests and faults decide them.

use hsm_wire::{ErrorCode, HsmError};
use std::time::{SystemTime, UNIX_EPOCH};
use zeroize::Zeroizing;

/// Seconds since 1970.
pub trait Clock: Send {
    fn now(&self) -> u64;
}

/// A source of random bytes.
pub trait Entropy: Send {
    /// Fills the whole buffer.
    ///
    /// # Errors
    /// The source failed; the buffer must not be used.
    fn fill(&mut self, buffer: &mut [u8]) -> Result<(), EntropyError>;
}

/// The random source failed.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("random generator failed")]
pub struct EntropyError;

impl From<EntropyError> for HsmError {
    fn from(_: EntropyError) -> Self {
        ErrorCode::EntropyFailed.into()
    }
}

/// The machine's clock.
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> u64 {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |d| d.as_secs())
    }
}

/// The operating system's generator.
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&mut self, buffer: &mut [u8]) -> Result<(), EntropyError> {
        getrandom::fill(buffer).map_err(|_| EntropyError)
    }
}

/// What becomes of the next record of the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NextWrite {
    /// It is written.
    Whole,
    /// There is no room for it.
    Full,
    /// Half of it is written; whoever asked for this ends the process then, as a power cut does.
    Half,
}

/// The disk under the store, as far as it may be made to fail.
pub trait Disk: Send {
    /// Asked before each record.
    fn next_write(&mut self) -> NextWrite {
        NextWrite::Whole
    }
}

/// A disk that does what it can.
pub struct SystemDisk;

impl Disk for SystemDisk {}

/// Everything from outside that the engine decides by.
pub struct World {
    pub clock: Box<dyn Clock>,
    pub entropy: Box<dyn Entropy>,
    pub disk: Box<dyn Disk>,
}

impl World {
    /// The real one.
    #[must_use]
    pub fn system() -> Self {
        Self {
            clock: Box::new(SystemClock),
            entropy: Box::new(SystemEntropy),
            disk: Box::new(SystemDisk),
        }
    }

    pub(crate) fn random<const N: usize>(&mut self) -> Result<[u8; N], EntropyError> {
        let mut bytes = [0; N];
        self.entropy.fill(&mut bytes)?;
        Ok(bytes)
    }

    /// Random bytes that are wiped when dropped.
    pub(crate) fn secret<const N: usize>(&mut self) -> Result<Zeroizing<[u8; N]>, EntropyError> {
        let mut bytes = Zeroizing::new([0; N]);
        self.entropy.fill(&mut bytes[..])?;
        Ok(bytes)
    }
}
