//! Commands and answers of one case: everything is timed and written down, and bounded, so that no product can hold the
//! harness for ever (61xx without end, answers of any length, slowness).

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use cardlib_reader::ReaderError;
use cardlib_reader::row::Asked;

use crate::bench::Bench;
use crate::evidence::record::{Record, Sink};
use crate::step::Which;

/// Bounds of one case.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Most commands.
    pub commands: usize,
    /// Longest time.
    pub time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        // A sweep of INS and CLA sends 65,536 commands; a card with T=0 at 9,600 baud takes 20 ms for each.
        Self {
            commands: 70_000,
            time: Duration::from_secs(1800),
        }
    }
}

/// Commands that go to a reader at once: the record is never longer behind.
const ROW: usize = 256;
/// Most GET RESPONSE commands for one answer.
const MAX_ROUNDS: usize = 16;
/// Longest answer to a short command: 256 bytes and the status word.
const MAX_ANSWER: usize = 258;
/// Bytes of a longer answer that are written down.
const KEPT: usize = 64;

/// Why there is no answer to judge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// The environment: no verdict.
    Environment(String),
    /// The product broke the protocol: a failure of its own.
    Product(String),
    /// The case itself has a fault.
    Case(String),
}

impl From<ReaderError> for Trouble {
    fn from(cause: ReaderError) -> Self {
        Self::Environment(cause.to_string())
    }
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub data: Vec<u8>,
    pub status: u16,
}

impl Answer {
    /// For people.
    #[must_use]
    pub fn text(&self) -> String {
        let status = format!("{:04X}", self.status);
        if self.data.is_empty() {
            status
        } else {
            format!("{status} {}", shortened(&self.data))
        }
    }
}

fn shortened(data: &[u8]) -> String {
    if data.len() <= 2 * KEPT {
        return hex::encode_upper(data);
    }
    format!(
        "{}… ({} bytes)",
        hex::encode_upper(&data[..KEPT]),
        data.len()
    )
}

/// The chips of one case.
pub struct Talk<'a> {
    bench: &'a mut dyn Bench,
    sink: &'a mut dyn Sink,
    begun: BTreeSet<Which>,
    limits: Limits,
    until: Instant,
    /// Commands sent.
    pub sent: usize,
    /// Microseconds of the last exchange.
    pub last_us: u64,
}

impl<'a> Talk<'a> {
    pub fn new(bench: &'a mut dyn Bench, sink: &'a mut dyn Sink, limits: Limits) -> Self {
        let until = bench.now() + limits.time;
        Self {
            bench,
            sink,
            begun: BTreeSet::new(),
            limits,
            until,
            sent: 0,
            last_us: 0,
        }
    }

    /// Writes something down.
    pub fn note(&mut self, record: &Record) {
        self.sink.note(record);
    }

    /// Powers a chip on, or resets it; its answer to reset.
    ///
    /// # Errors
    /// [`Trouble`].
    pub fn reset(&mut self, which: Which) -> Result<Vec<u8>, Trouble> {
        let begun = self.begun.contains(&which);
        let start = self.bench.now();
        let card = chip(self.bench, which)?;
        if begun {
            card.end()?;
        }
        self.begun.remove(&which);
        card.begin()?;
        let atr = card.atr().to_vec();
        self.begun.insert(which);
        let us = self.micros(start);
        self.sink.note(&Record::Atr {
            c: which,
            a: hex::encode_upper(&atr),
            us,
        });
        Ok(atr)
    }

    /// A command inside which the power goes, then a reset; the answer to it.
    ///
    /// # Errors
    /// [`Trouble`].
    pub fn cut(&mut self, which: Which, moment: u8, command: &[u8]) -> Result<Vec<u8>, Trouble> {
        self.ready(which)?;
        self.bench
            .arm_cut(which, moment)
            .map_err(|what| Trouble::Environment(format!("the power was not cut: {what}")))?;
        self.sent += 1;
        let start = self.bench.now();
        let answer = chip(self.bench, which)?.transmit(command);
        let us = self.micros(start);
        self.keep(which, command, answer.as_deref().ok(), us);
        if let Ok(answer) = answer {
            let seen = hex::encode_upper(answer);
            return Err(Trouble::Environment(format!(
                "the power was to go inside a command, and the chip answered {seen}"
            )));
        }
        self.bench.recover()?;
        self.reset(which)
    }

    fn ready(&mut self, which: Which) -> Result<(), Trouble> {
        if self.begun.contains(&which) {
            Ok(())
        } else {
            self.reset(which).map(drop)
        }
    }

    /// One command, one answer.
    ///
    /// # Errors
    /// [`Trouble`].
    pub fn exactly(&mut self, which: Which, command: &[u8]) -> Result<Answer, Trouble> {
        self.ready(which)?;
        self.allowed()?;
        self.sent += 1;
        let start = self.bench.now();
        let raw = chip(self.bench, which)?.transmit(command);
        self.last_us = self.micros(start);
        self.keep(which, command, raw.as_deref().ok(), self.last_us);
        judge(&raw?)
    }

    /// Commands none of which depends on another's answer, until one is answered other than with its status word alone: which
    /// one, and its answer. Each is timed and written down as one of [`Talk::exactly`].
    ///
    /// # Errors
    /// [`Trouble`].
    pub fn row(
        &mut self,
        which: Which,
        mut asked: &[Asked],
    ) -> Result<Option<(Asked, Answer)>, Trouble> {
        while !asked.is_empty() {
            self.ready(which)?;
            self.allowed()?;
            let room = ROW.min(self.limits.commands - self.sent);
            let part = &asked[..room.min(asked.len())];
            let start = self.bench.now();
            let (answered, done) = self.bench.row(which, part, self.until);
            let mut left = self.micros(start);
            for (one, came) in part.iter().zip(&answered) {
                self.last_us = u64::try_from(came.took.as_micros()).unwrap_or(u64::MAX);
                left = left.saturating_sub(self.last_us);
                self.sent += 1;
                self.keep(which, &one.command, Some(&came.answer), self.last_us);
                let answer = judge(&came.answer)?;
                if *came.answer != one.wanted {
                    return Ok(Some((one.clone(), answer)));
                }
            }
            asked = &asked[answered.len().min(part.len())..];
            if let (Err(cause), Some(one)) = (done, asked.first()) {
                self.sent += 1;
                self.keep(which, &one.command, None, left);
                return Err(cause.into());
            }
        }
        Ok(None)
    }

    /// Whether one more command keeps within the limits.
    fn allowed(&self) -> Result<(), Trouble> {
        if self.sent >= self.limits.commands {
            return Err(Trouble::Environment(format!(
                "more than {} commands in one case",
                self.limits.commands
            )));
        }
        if self.bench.now() > self.until {
            let seconds = self.limits.time.as_secs();
            return Err(Trouble::Environment(format!(
                "the case took longer than {seconds} s"
            )));
        }
        Ok(())
    }

    /// Writes a command down with its answer, if there is one.
    fn keep(&mut self, c: Which, command: &[u8], answer: Option<&[u8]>, us: u64) {
        self.sink.note(&Record::X {
            c,
            q: hex::encode_upper(command),
            a: answer.map(|raw| hex::encode_upper(&raw[..raw.len().min(MAX_ANSWER)])),
            us,
        });
    }

    /// A command with its whole answer: GET RESPONSE after `61 L`, a repetition after `6C L`.
    ///
    /// # Errors
    /// [`Trouble`].
    pub fn ask(&mut self, which: Which, command: &[u8]) -> Result<Answer, Trouble> {
        let mut answer = self.with_right_le(which, command)?;
        for _ in 0..MAX_ROUNDS {
            let [0x61, le] = answer.status.to_be_bytes() else {
                return Ok(answer);
            };
            let part = self.with_right_le(which, &[0x00, 0xC0, 0x00, 0x00, le])?;
            answer.data.extend(part.data);
            answer.status = part.status;
        }
        Err(Trouble::Product(format!(
            "61xx after {MAX_ROUNDS} GET RESPONSE commands: the answer has no end"
        )))
    }

    fn with_right_le(&mut self, which: Which, command: &[u8]) -> Result<Answer, Trouble> {
        let answer = self.exactly(which, command)?;
        let ([0x6C, le], Some(again)) = (answer.status.to_be_bytes(), without_le(command)) else {
            return Ok(answer);
        };
        self.exactly(which, &[again, &[le]].concat())
    }

    fn micros(&self, start: Instant) -> u64 {
        let took = self.bench.now().saturating_duration_since(start);
        u64::try_from(took.as_micros()).unwrap_or(u64::MAX)
    }

    /// Resets every chip that was used, whatever happened.
    pub fn close(&mut self) {
        for which in std::mem::take(&mut self.begun) {
            let ended = chip(self.bench, which).and_then(|card| card.end().map_err(Trouble::from));
            if let Err(Trouble::Environment(what) | Trouble::Product(what) | Trouble::Case(what)) =
                ended
            {
                self.sink.note(&Record::Trouble { what });
            }
        }
    }
}

fn chip(bench: &mut dyn Bench, which: Which) -> Result<&mut dyn cardlib_reader::Card, Trouble> {
    let found = bench.chip(which)?;
    found.ok_or_else(|| Trouble::Environment(format!("no {} in this run", which.word())))
}

/// The command without its Le; `None` when its length does not agree.
fn without_le(command: &[u8]) -> Option<&[u8]> {
    match command.len() {
        4 => Some(command),
        5 => command.get(..4),
        _ => command.get(..5 + usize::from(*command.get(4)?)),
    }
}

fn judge(raw: &[u8]) -> Result<Answer, Trouble> {
    let Some((data, status)) = raw.split_last_chunk::<2>() else {
        return Err(Trouble::Environment(
            "the card was lost in the middle of a command".into(),
        ));
    };
    let status = u16::from_be_bytes(*status);
    if raw.len() > MAX_ANSWER {
        return Err(Trouble::Product(format!(
            "an answer of {} bytes to a short command",
            raw.len()
        )));
    }
    if !matches!(status >> 8, 0x61..=0x6F | 0x90..=0x9F) {
        return Err(Trouble::Product(format!(
            "an answer that ends in {status:04X}, which is no status word"
        )));
    }
    Ok(Answer {
        data: data.to_vec(),
        status,
    })
}
