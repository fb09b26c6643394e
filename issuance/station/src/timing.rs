//! Whose time a card took: the card's and the reader's, the services', or our own.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use cardlib_reader::{Answered, Channel, ReaderError};
use serde::Serialize;

/// Times of one card.
#[derive(Clone, Debug, Default)]
pub struct Timings {
    /// In commands to the card.
    pub card: Duration,
    /// In commands to the SAM.
    pub sam: Duration,
    /// In the key service.
    pub kms: Duration,
    /// In the registry.
    pub registry: Duration,
    /// Per phase, everything in it.
    pub phases: BTreeMap<&'static str, Duration>,
    /// From "card seen" to the end.
    pub total: Duration,
    /// Commands sent to the card, without those that only fetch their answers.
    pub commands: u32,
}

impl Timings {
    /// What is neither the card's, the SAM's nor a service's.
    #[must_use]
    pub fn own(&self) -> Duration {
        self.total
            .saturating_sub(self.card + self.sam + self.kms + self.registry)
    }

    /// Runs something as a phase.
    pub fn phase<T>(&mut self, name: &'static str, work: impl FnOnce(&mut Self) -> T) -> T {
        let start = Instant::now();
        let result = work(self);
        *self.phases.entry(name).or_default() += start.elapsed();
        result
    }

    /// For a report: milliseconds.
    #[must_use]
    pub fn report(&self) -> TimingsReport {
        TimingsReport {
            total_ms: ms(self.total),
            own_ms: ms(self.own()),
            card_ms: ms(self.card),
            sam_ms: ms(self.sam),
            kms_ms: ms(self.kms),
            registry_ms: ms(self.registry),
            card_commands: self.commands,
            phases: self
                .phases
                .iter()
                .map(|(name, time)| (*name, ms(*time)))
                .collect(),
        }
    }
}

/// Timings in a report, in milliseconds.
#[derive(Clone, Debug, Serialize)]
pub struct TimingsReport {
    /// From "card seen" to the end; waiting for cards is not in it.
    pub total_ms: f64,
    /// Neither card, SAM nor service.
    pub own_ms: f64,
    /// In commands to the card.
    pub card_ms: f64,
    /// In commands to the SAM.
    pub sam_ms: f64,
    /// In the key service.
    pub kms_ms: f64,
    /// In the registry.
    pub registry_ms: f64,
    /// Commands sent to the card, without those that only fetch their answers.
    pub card_commands: u32,
    /// Per phase, everything in it.
    pub phases: BTreeMap<&'static str, f64>,
}

fn ms(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}

/// A channel whose time is taken.
pub struct Timed<'a> {
    channel: &'a mut dyn Channel,
    /// Time spent in it so far.
    pub spent: Duration,
    /// Commands sent so far, without those that only fetch their answers.
    pub commands: u32,
}

impl<'a> Timed<'a> {
    /// Takes the time of this channel.
    pub fn new(channel: &'a mut dyn Channel) -> Self {
        Self {
            channel,
            spent: Duration::ZERO,
            commands: 0,
        }
    }
}

impl Channel for Timed<'_> {
    fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>, ReaderError> {
        let start = Instant::now();
        let answer = self.channel.transmit(command);
        self.spent += start.elapsed();
        self.commands += 1;
        answer
    }

    fn series(&mut self, commands: &[Vec<u8>]) -> (Vec<Answered>, Result<(), ReaderError>) {
        let start = Instant::now();
        let (answers, done) = self.channel.series(commands);
        self.spent += start.elapsed();
        let sent = answers.len() + usize::from(done.is_err());
        self.commands += u32::try_from(sent).unwrap_or(u32::MAX);
        (answers, done)
    }
}
