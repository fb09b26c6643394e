//! The floor under a personalisation: the same APDUs and resets once more, as fast as the card and the reader stack take
//! them, with nothing of ours in between. Runs as a process of its own, as a PC/SC client is led to its daemon by the
//! environment.

use std::ffi::CString;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use pcsc::{Card, Disposition, Protocols, Scope, ShareMode};
use serde::{Deserialize, Serialize};
use tests_stand::Exchange;

/// What happens next, and in which reader.
#[derive(Clone, Serialize, Deserialize)]
pub struct Step {
    sam: bool,
    act: Act,
}

#[derive(Clone, Serialize, Deserialize)]
enum Act {
    Apdu { command: String, answer: String },
    Reset,
    Power,
}

impl Step {
    /// A command with the answer that it had, both in hexadecimal digits.
    pub fn apdu(sam: bool, command: String, answer: String) -> Self {
        let act = Act::Apdu { command, answer };
        Self { sam, act }
    }

    pub fn reset(sam: bool) -> Self {
        let act = Act::Reset;
        Self { sam, act }
    }

    pub fn is_for_card(&self) -> bool {
        !self.sam
    }

    /// INS of an APDU.
    pub fn ins(&self) -> Option<u8> {
        match &self.act {
            Act::Apdu { command, .. } => u8::from_str_radix(command.get(2..4)?, 16).ok(),
            _ => None,
        }
    }

    /// What the card said, if it was asked.
    pub fn answer(&self) -> Option<Vec<u8>> {
        match &self.act {
            Act::Apdu { answer, .. } => hex::decode(answer).ok(),
            _ => None,
        }
    }
}

/// Both recordings in the order of time.
pub fn merge(card: Vec<Exchange>, sam: Vec<Exchange>) -> Vec<Step> {
    let mut all: Vec<(bool, Exchange)> = card.into_iter().map(|each| (false, each)).collect();
    all.extend(sam.into_iter().map(|each| (true, each)));
    all.sort_by_key(|(_, each)| each.at);
    all.into_iter()
        .filter_map(|(sam, each)| {
            let act = match each.command.as_slice() {
                [0] => return None,
                [1] => Act::Power,
                [2] => Act::Reset,
                apdu => Act::Apdu {
                    command: hex::encode_upper(apdu),
                    answer: hex::encode_upper(&each.answer),
                },
            };
            Some(Step { sam, act })
        })
        .collect()
}

/// How many of the steps are APDUs.
pub fn apdus(steps: &[Step]) -> usize {
    steps
        .iter()
        .filter(|step| matches!(step.act, Act::Apdu { .. }))
        .count()
}

/// Sends the steps of a file to one or two readers and gives the time from reaching for the daemon to the last answer: a
/// station, too, connects after it has seen the card.
pub fn run(script: &Path, card: &str, sam: Option<&str>) -> Result<Duration> {
    let steps = decode(serde_json::from_slice(&std::fs::read(script)?)?)?;
    let mut buffer = vec![0; pcsc::MAX_BUFFER_SIZE_EXTENDED];
    let started = Instant::now();
    let context = pcsc::Context::establish(Scope::User).context("no PC/SC daemon")?;
    let readers = [Some(card), sam].into_iter().flatten();
    let mut cards = readers
        .map(|reader| connect(&context, reader))
        .collect::<Result<Vec<_>>>()?;
    for (at, (sam, act)) in steps.iter().enumerate() {
        let card = cards
            .get_mut(usize::from(*sam))
            .context("no reader for it")?;
        match act {
            Bytes::Apdu(command, answer) => {
                let got = card.transmit(command, &mut buffer)?;
                if got != answer.as_slice() {
                    bail!("step {at}: the card answered otherwise than it did the station");
                }
            }
            Bytes::Reset(how) => card.reconnect(ShareMode::Shared, Protocols::ANY, *how)?,
        }
    }
    Ok(started.elapsed())
}

enum Bytes {
    Apdu(Vec<u8>, Vec<u8>),
    Reset(Disposition),
}

/// Everything that is not sending happens before the clock starts.
fn decode(steps: Vec<Step>) -> Result<Vec<(bool, Bytes)>> {
    let one = |step: Step| -> Result<(bool, Bytes)> {
        let bytes = match step.act {
            Act::Apdu { command, answer } => {
                Bytes::Apdu(hex::decode(command)?, hex::decode(answer)?)
            }
            Act::Reset => Bytes::Reset(Disposition::ResetCard),
            Act::Power => Bytes::Reset(Disposition::UnpowerCard),
        };
        Ok((step.sam, bytes))
    };
    steps.into_iter().map(one).collect()
}

fn connect(context: &pcsc::Context, reader: &str) -> Result<Card> {
    let name = CString::new(reader)?;
    context
        .connect(&name, ShareMode::Shared, Protocols::ANY)
        .with_context(|| format!("no card in {reader}"))
}
