//! Clock and randomness, passed in so that tests decide them.

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

/// Everything from outside that the engine decides by.
pub struct World {
    pub clock: Box<dyn Clock>,
    pub entropy: Box<dyn Entropy>,
}

impl World {
    /// The real one.
    #[must_use]
    pub fn system() -> Self {
        Self {
            clock: Box::new(SystemClock),
            entropy: Box::new(SystemEntropy),
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
