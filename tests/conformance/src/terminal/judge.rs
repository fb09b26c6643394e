//! Rules over what the chips saw. A pattern is the beginning of a command in hexadecimal, `?` for any digit, `{N}` for N of
//! them; `PATTERN=SW` only with this status word.
//!
//! | rule | means |
//! |---|---|
//! | `never CHIP P` | no such command |
//! | `some CHIP P` | at least one |
//! | `most N CHIP P` | at most N |
//! | `first CHIP P CHIP Q` | both are there, the first P before the first Q |
//! | `last CHIP P CHIP Q` | both are there, the last P before the first Q |
//! | `exactly N CHIP P` | N of them, no more, no fewer |
//! | `signed-record FID` | the visit file was written whole; its signature covers the data, its certificate is the SAM's (R76, D17, D21) |
//! | `differ CHIP P` | at least two, no two the same |
//! | `reset-last` | each chip that had a command was reset after its last |

use super::case::is_sam;
use super::record;

/// What a chip saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    pub sam: bool,
    /// None: a reset.
    pub command: Option<Vec<u8>>,
    pub answer: Vec<u8>,
    pub micros: u64,
}

/// Which commands are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meant {
    sam: bool,
    pattern: String,
    status: Option<Vec<u8>>,
}

impl Meant {
    fn fits(&self, event: &Event) -> bool {
        event.sam == self.sam
            && event
                .command
                .as_deref()
                .is_some_and(|command| begins(&self.pattern, command))
            && self
                .status
                .as_ref()
                .is_none_or(|status| event.answer.ends_with(status))
    }

    fn count(&self, seen: &[Event]) -> usize {
        seen.iter().filter(|event| self.fits(event)).count()
    }
}

/// Whether a command begins as a pattern says.
#[must_use]
pub fn begins(pattern: &str, command: &[u8]) -> bool {
    let digits = hex::encode_upper(command);
    pattern.len() <= digits.len()
        && pattern
            .chars()
            .zip(digits.chars())
            .all(|(wanted, digit)| wanted == '?' || wanted == digit)
}

/// A rule with its text.
#[derive(Debug, Clone)]
pub struct Rule {
    pub text: String,
    kind: RuleKind,
}

#[derive(Debug, Clone)]
enum RuleKind {
    Never(Meant),
    Some(Meant),
    Most(usize, Meant),
    First(Meant, Meant),
    Last(Meant, Meant),
    Exactly(usize, Meant),
    SignedRecord(u16),
    Differ(Meant),
    ResetLast,
}

/// Reads a rule.
///
/// # Errors
/// What is wrong with it.
pub fn parse_rule(text: &str) -> Result<Rule, String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let kind = match words[..] {
        ["never", chip, pattern] => RuleKind::Never(meant(chip, pattern)?),
        ["some", chip, pattern] => RuleKind::Some(meant(chip, pattern)?),
        ["most", number, chip, pattern] => RuleKind::Most(
            number.parse().map_err(|_| "a number must follow most")?,
            meant(chip, pattern)?,
        ),
        ["first", chip, pattern, other_chip, other] => {
            RuleKind::First(meant(chip, pattern)?, meant(other_chip, other)?)
        }
        ["last", chip, pattern, other_chip, other] => {
            RuleKind::Last(meant(chip, pattern)?, meant(other_chip, other)?)
        }
        ["exactly", number, chip, pattern] => RuleKind::Exactly(
            number.parse().map_err(|_| "a number must follow exactly")?,
            meant(chip, pattern)?,
        ),
        ["signed-record", fid] => RuleKind::SignedRecord(
            u16::from_str_radix(fid, 16).map_err(|_| "a file's identifier must follow")?,
        ),
        ["differ", chip, pattern] => RuleKind::Differ(meant(chip, pattern)?),
        ["reset-last"] => RuleKind::ResetLast,
        _ => return Err("no such rule".into()),
    };
    Ok(Rule {
        text: text.to_owned(),
        kind,
    })
}

fn meant(chip: &str, pattern: &str) -> Result<Meant, String> {
    let (pattern, status) = match pattern.split_once('=') {
        Some((pattern, status)) => {
            let status = hex::decode(status).map_err(|e| e.to_string())?;
            (pattern, Some(status))
        }
        None => (pattern, None),
    };
    Ok(Meant {
        sam: is_sam(chip)?,
        pattern: unfolded(pattern)?,
        status,
    })
}

/// `{N}` becomes N question marks.
pub(super) fn unfolded(pattern: &str) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = pattern;
    while let Some((before, after)) = rest.split_once('{') {
        let (number, more) = after.split_once('}').ok_or("} is missing")?;
        let number: usize = number.parse().map_err(|_| "a number stands in {}")?;
        out += before;
        out.extend(std::iter::repeat_n('?', number.min(512)));
        rest = more;
    }
    out += rest;
    let known = |c: char| c == '?' || c.is_ascii_digit() || ('A'..='F').contains(&c);
    if out.chars().all(known) {
        Ok(out)
    } else {
        Err("a pattern is of 0-9, A-F, ? and {N}".into())
    }
}

impl Rule {
    /// What was seen against the rule, if anything.
    #[must_use]
    pub fn broken(&self, seen: &[Event]) -> Option<String> {
        match &self.kind {
            RuleKind::Never(what) => seen.iter().find(|e| what.fits(e)).map(shown),
            RuleKind::Some(what) => (what.count(seen) == 0).then(|| "no such command".to_owned()),
            RuleKind::Most(most, what) => {
                let count = what.count(seen);
                (count > *most).then(|| format!("{count} such commands"))
            }
            RuleKind::First(one, other) => {
                let at = |what: &Meant| seen.iter().position(|e| what.fits(e));
                order(at(one), at(other))
            }
            RuleKind::Last(one, other) => order(
                seen.iter().rposition(|e| one.fits(e)),
                seen.iter().position(|e| other.fits(e)),
            ),
            RuleKind::Exactly(number, what) => {
                let count = what.count(seen);
                (count != *number).then(|| format!("{count} such commands"))
            }
            RuleKind::SignedRecord(fid) => record::check(*fid, seen).err(),
            RuleKind::Differ(what) => {
                let fits: Vec<_> = seen.iter().filter(|e| what.fits(e)).collect();
                let same = fits
                    .iter()
                    .enumerate()
                    .find(|(at, e)| fits[..*at].iter().any(|old| old.command == e.command));
                match same {
                    Some((_, event)) => Some(format!("twice: {}", shown(event))),
                    None if fits.len() < 2 => Some("fewer than two such commands".to_owned()),
                    None => None,
                }
            }
            RuleKind::ResetLast => [false, true].into_iter().find_map(|sam| {
                let last = seen.iter().rfind(|e| e.sam == sam)?;
                last.command
                    .as_ref()
                    .map(|_| format!("last: {}", shown(last)))
            }),
        }
    }
}

fn order(one: Option<usize>, other: Option<usize>) -> Option<String> {
    match (one, other) {
        (Some(one), Some(other)) if one < other => None,
        (Some(_), Some(_)) => Some("the other way round".to_owned()),
        _ => Some("one of them was not sent".to_owned()),
    }
}

fn shown(event: &Event) -> String {
    let command = event.command.as_deref().unwrap_or_default();
    format!(
        "{} {} → {}",
        if event.sam { "sam" } else { "card" },
        hex::encode_upper(command),
        hex::encode_upper(&event.answer)
    )
}
