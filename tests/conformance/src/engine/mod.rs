//! Runs one case and says what came of it.
//!
//! | module | one idea |
//! |---|---|
//! | [`talk`] | timed, written down, bounded exchange |
//! | [`symbols`] | what `{…}` means |
//! | [`checks`] | named checks of answers |
//! | [`sweep`] | ranges of commands |
//! | [`model`] | random sequences, judged by a small model of rights |
//! | [`settle`] | counters brought back after a card was lost |

pub mod checks;
pub mod model;
pub mod settle;
pub mod sweep;
pub mod symbols;
pub mod talk;

use crate::evidence::record::{Finding, Phase, Record, Verdict};
use crate::step::{Command, DataWish, Step, Which};
use crate::suite::Case;
use crate::template::{Pattern, TemplateError};
use symbols::Known;
use talk::{Answer, Talk, Trouble};

/// How one attempt at a case ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    pub verdict: Verdict,
    pub reason: Option<String>,
    pub finding: Option<Finding>,
}

/// Why a phase stopped.
enum Stop {
    Found(Box<Finding>),
    Trouble(Trouble),
}

/// Runs set-up, steps and clean-up of a case. The clean-up runs whatever came before it.
pub fn run(case: &Case, known: &mut Known, talk: &mut Talk<'_>) -> Outcome {
    known.challenge = None;
    known.old = None;
    known.saved.clear();
    let tried = phase(Phase::Start, &case.start, known, talk)
        .and_then(|()| phase(Phase::Body, &case.steps, known, talk));
    let cleaned = if case.cleanup.is_empty() {
        Ok(())
    } else {
        let begun = match talk.reset(case.kind.main_chip()) {
            Ok(_) => Ok(()),
            Err(trouble) => Err(Stop::Trouble(trouble)),
        };
        begun.and_then(|()| phase(Phase::Cleanup, &case.cleanup, known, talk))
    };
    talk.close();
    match tried.and(cleaned) {
        Ok(()) => Outcome {
            verdict: Verdict::Pass,
            reason: None,
            finding: None,
        },
        Err(Stop::Found(finding)) => {
            let reason = format!(
                "{}: expected {}, seen {}",
                finding.text, finding.expected, finding.seen
            );
            Outcome {
                verdict: Verdict::Fail,
                reason: Some(reason),
                finding: Some(*finding),
            }
        }
        Err(Stop::Trouble(trouble)) => {
            let (verdict, reason) = match trouble {
                Trouble::Environment(what) => (Verdict::Inconclusive, what),
                Trouble::Product(what) => (Verdict::Fail, what),
                Trouble::Case(what) => (
                    Verdict::Inconclusive,
                    format!("the case itself is at fault: {what}"),
                ),
            };
            talk.note(&Record::Trouble {
                what: reason.clone(),
            });
            Outcome {
                verdict,
                reason: Some(reason),
                finding: None,
            }
        }
    }
}

fn phase(phase: Phase, steps: &[Step], known: &mut Known, talk: &mut Talk<'_>) -> Result<(), Stop> {
    for (at, step) in (1..).zip(steps) {
        for _ in 0..step.times {
            talk.note(&Record::Step {
                phase,
                n: at,
                text: step.text.clone(),
            });
            if let Some((expected, seen)) = one(step, known, talk).map_err(Stop::Trouble)? {
                let text = step.text.clone();
                return Err(Stop::Found(Box::new(Finding {
                    phase,
                    step: at,
                    text,
                    expected,
                    seen,
                })));
            }
        }
    }
    Ok(())
}

/// What was expected and seen where a step's expectation does not hold.
type Difference = Option<(String, String)>;

fn one(step: &Step, known: &mut Known, talk: &mut Talk<'_>) -> Result<Difference, Trouble> {
    let which = step.which;
    let answer = match &step.command {
        Command::Exactly(template) => {
            let command = template.bytes(known).map_err(in_case)?;
            let answer = talk.exactly(which, &command)?;
            remember_challenge(&command, &answer, known, which);
            answer
        }
        Command::Ask(template) => {
            let command = template.bytes(known).map_err(in_case)?;
            let answer = talk.ask(which, &command)?;
            remember_challenge(&command, &answer, known, which);
            answer
        }
        Command::Cut(moment, template) => {
            let command = template.bytes(known).map_err(in_case)?;
            known.challenge = None;
            Answer {
                data: talk.cut(which, *moment, &command)?,
                status: 0x9000,
            }
        }
        Command::Reset => {
            known.challenge = None;
            Answer {
                data: talk.reset(which)?,
                status: 0x9000,
            }
        }
        Command::ReadFile(len) => read_file(which, *len, talk)?,
        Command::WriteFile(template) => {
            let bytes = template.bytes(known).map_err(in_case)?;
            write_file(which, &bytes, talk)?
        }
        Command::Sweep(sweep, template) => {
            let base = template.bytes(known).map_err(in_case)?;
            return sweep::run(*sweep, which, &base, talk);
        }
        Command::Random(count) => return model::run(*count, known, talk),
    };
    known.last_ms = talk.last_us / 1000;
    let difference = compare(step, &answer, known)?;
    if let Some(name) = &step.keep {
        known.saved.insert(name.clone(), answer.data);
    }
    Ok(difference)
}

fn in_case(cause: TemplateError) -> Trouble {
    Trouble::Case(cause.to_string())
}

fn compare(step: &Step, answer: &Answer, known: &mut Known) -> Result<Difference, Trouble> {
    let expectation = step
        .text
        .split_once("->")
        .map_or("9000", |(_, wish)| wish.trim());
    if !step.status.fits(answer.status) && !fetched(step, answer, known) {
        return Ok(Some((expectation.to_owned(), answer.text())));
    }
    let bare = !matches!(answer.status >> 8, 0x90 | 0x61 | 0x62);
    if bare && !answer.data.is_empty() {
        return Ok(Some(("a status word without data".into(), answer.text())));
    }
    match &step.data {
        DataWish::Any => Ok(None),
        DataWish::Like(template) => {
            let pattern = template.pattern(known).map_err(in_case)?;
            let told = || {
                Some(parted(&answer.data, &pattern).unwrap_or_else(|| {
                    let expected = format!("{:04X} {}", answer.status, pattern.text());
                    (expected, answer.text())
                }))
            };
            Ok(if pattern.fits(&answer.data) {
                None
            } else {
                told()
            })
        }
        DataWish::Check {
            name,
            words,
            content,
        } => {
            let content = match content {
                Some(template) => template.bytes(known).map_err(in_case)?,
                None => Vec::new(),
            };
            let checked = checks::run(name, words, &content, &answer.data, known);
            Ok(checked.err().map(|what| (what, answer.text())))
        }
    }
}

/// A reader that fetches by itself hides `61 L` and `6C L`: what arrives is 9000 with the L bytes.
fn fetched(step: &Step, answer: &Answer, known: &Known) -> bool {
    known.reader_fetches && answer.status == 0x9000 && step.status.announces(answer.data.len())
}

/// Expected and seen where they part first, in long data of the right length.
fn parted(data: &[u8], pattern: &Pattern) -> Difference {
    const LONG: usize = 64;
    const AROUND: usize = 8;
    if data.len() <= LONG || data.len() != pattern.bytes.len() {
        return None;
    }
    let differs = |at: &usize| pattern.bytes[*at].is_some_and(|want| want != data[*at]);
    let at = (0..data.len()).find(differs)?;
    let count = (0..data.len()).filter(differs).count();
    let (from, to) = (at.saturating_sub(AROUND), data.len().min(at + AROUND));
    let around = Pattern {
        bytes: pattern.bytes[from..to].to_vec(),
        open: false,
    };
    let place = format!("{} bytes, from {from} on:", data.len());
    Some((
        format!("{place} {}", around.text()),
        format!(
            "{place} {} ({count} differ)",
            hex::encode_upper(&data[from..to])
        ),
    ))
}

/// A challenge that the user card gave is what cryptograms and MACs are made from; a SAM's is kept by `=>` only (R63).
fn remember_challenge(command: &[u8], answer: &Answer, known: &mut Known, which: Which) {
    let asked = command.get(..4) == Some(&[0x00, 0x84, 0x00, 0x00]) && which == Which::Card;
    if let (true, 0x9000, Ok(value)) = (
        asked,
        answer.status,
        <[u8; 8]>::try_from(answer.data.as_slice()),
    ) {
        known.challenged(value);
    }
}

/// As clients read: 80h bytes at a time.
const CHUNK: usize = 0x80;

fn read_file(which: Which, len: usize, talk: &mut Talk<'_>) -> Result<Answer, Trouble> {
    let mut data = Vec::with_capacity(len);
    while data.len() < len {
        let [high, low] = u16::try_from(data.len()).unwrap_or(u16::MAX).to_be_bytes();
        let wanted = (len - data.len()).min(CHUNK).to_le_bytes()[0];
        let part = talk.ask(which, &[0x00, 0xB0, high, low, wanted])?;
        if part.status != 0x9000 || part.data.len() != usize::from(wanted) {
            return Ok(part);
        }
        data.extend(part.data);
    }
    Ok(Answer {
        data,
        status: 0x9000,
    })
}

fn write_file(which: Which, bytes: &[u8], talk: &mut Talk<'_>) -> Result<Answer, Trouble> {
    for (at, chunk) in bytes.chunks(CHUNK).enumerate() {
        let [high, low] = u16::try_from(at * CHUNK).unwrap_or(u16::MAX).to_be_bytes();
        let head = [0x00, 0xD6, high, low, chunk.len().to_le_bytes()[0]];
        let answer = talk.ask(which, &[&head[..], chunk].concat())?;
        if answer.status != 0x9000 {
            return Ok(answer);
        }
    }
    Ok(Answer {
        data: Vec::new(),
        status: 0x9000,
    })
}
