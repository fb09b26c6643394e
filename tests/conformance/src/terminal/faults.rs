//! Defective terminals as data (`suites/terminal/faults.toml`): id, clause, what is wrong, and how a sound library's traffic
//! is bent to show it. One fault each, of the kinds that real terminals have; the suite must find every one by a case of its
//! clause.
//!
//! | bend | what happens |
//! |---|---|
//! | `flip CHIP P AT XX` | byte AT (negative: from the end) of such commands is XORed with XX |
//! | `drop CHIP P -> ANSWER` | such commands are not sent; the terminal goes on with ANSWER |
//! | `again CHIP P ANSWER` | such commands are sent again when the answer begins so (`-`: always) |
//! | `insert CHIP P: APDU …` | before the first such command others are sent |
//! | `answer CHIP P ANSWER -> OTHER` | the terminal takes an answer that begins so for another |
//! | `code FUNCTION FROM -> TO` | the function tells another code |
//! | `value FUNCTION N -> TEXT` | the function's Nth value is another |
//! | `special NAME` | see [`Special`] |

use serde::Deserialize;

use super::case::{self, is_sam};
use super::child::Returned;
use super::judge::unfolded;

const TABLE: &str = include_str!("../../suites/terminal/faults.toml");

/// Faults that need a memory of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Special {
    /// No reset reaches the chips.
    NoReset,
    /// A genuine card answers for a forged one; `true`: INTERNAL AUTHENTICATE is sent all the same.
    Genuine(bool),
    /// Provincial keys are tried on another province's card.
    ForeignProvince,
    /// GET RESPONSE for as long as 61xx comes.
    FetchesForEver,
    /// The same challenge is used again.
    KeepsChallenge,
}

/// How traffic is bent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bend {
    Flip(Meant, isize, u8),
    Drop(Meant, Vec<u8>),
    Again(Meant, Vec<u8>),
    Insert(Meant, Vec<Vec<u8>>),
    Answer(Meant, Vec<u8>, Vec<u8>),
    Code(String, i32, i32),
    Value(String, usize, String),
    Special(Special),
}

/// Commands of a chip that begin so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meant {
    pub sam: bool,
    pub pattern: String,
}

/// One defective terminal.
#[derive(Debug, Clone)]
pub struct Fault {
    pub id: String,
    /// The case that must find it, and its clause.
    pub case: String,
    pub clause: String,
    pub what: String,
    pub bend: Bend,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    fault: Vec<Raw>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    id: String,
    case: String,
    what: String,
    bend: String,
}

/// The table.
///
/// # Errors
/// A text that is not right; this crate's tests show that there is none.
pub fn table() -> Result<Vec<Fault>, String> {
    let file: File = toml::from_str(TABLE).map_err(|e| e.to_string())?;
    let suite = case::suite()?;
    file.fault
        .into_iter()
        .map(|raw| {
            let of = suite.cases.iter().find(|case| case.id == raw.case);
            let of = of.ok_or_else(|| format!("{}: no case {}", raw.id, raw.case))?;
            let bend = parse(&raw.bend).map_err(|e| format!("{}: {e}", raw.id))?;
            Ok(Fault {
                id: raw.id,
                clause: of.clause.clone(),
                case: raw.case,
                what: raw.what,
                bend,
            })
        })
        .collect()
}

fn parse(text: &str) -> Result<Bend, String> {
    let (left, right) = match text.split_once("->") {
        Some((left, right)) => (left.trim(), Some(right.trim())),
        None => (text, None),
    };
    let bytes = |digits: &str| hex::decode(digits.trim()).map_err(|e| e.to_string());
    if let Some((head, commands)) = left.split_once(':') {
        let words: Vec<&str> = head.split_whitespace().collect();
        let ["insert", chip, pattern] = words[..] else {
            return Err("insert CHIP P: APDU …".into());
        };
        let commands = commands.split_whitespace().map(bytes);
        return Ok(Bend::Insert(
            meant(chip, pattern)?,
            commands.collect::<Result<_, _>>()?,
        ));
    }
    let words: Vec<&str> = left.split_whitespace().collect();
    Ok(match (&words[..], right) {
        (["flip", chip, pattern, at, mask], None) => Bend::Flip(
            meant(chip, pattern)?,
            at.parse().map_err(|_| "a place")?,
            u8::from_str_radix(mask, 16).map_err(|_| "a mask of two digits")?,
        ),
        (["drop", chip, pattern], Some(answer)) => {
            Bend::Drop(meant(chip, pattern)?, bytes(answer)?)
        }
        (["again", chip, pattern, answer], None) => {
            Bend::Again(meant(chip, pattern)?, bytes(answer.trim_matches('-'))?)
        }
        (["answer", chip, pattern, from], Some(to)) => Bend::Answer(
            meant(chip, pattern)?,
            bytes(from.trim_matches('-'))?,
            bytes(to)?,
        ),
        (["code", function, from], Some(to)) => {
            let code = |text: &str| text.parse().map_err(|_| "a code");
            Bend::Code((*function).to_owned(), code(from)?, code(to)?)
        }
        (["value", function, at], Some(to)) => {
            let at = at.parse().map_err(|_| "a place")?;
            Bend::Value((*function).to_owned(), at, to.to_owned())
        }
        (["special", name], None) => Bend::Special(match *name {
            "no-reset" => Special::NoReset,
            "takes-forged" => Special::Genuine(true),
            "skips-internal" => Special::Genuine(false),
            "foreign-province" => Special::ForeignProvince,
            "fetches-for-ever" => Special::FetchesForEver,
            "keeps-challenge" => Special::KeepsChallenge,
            _ => return Err("no such special fault".into()),
        }),
        _ => return Err("no such bend".into()),
    })
}

fn meant(chip: &str, pattern: &str) -> Result<Meant, String> {
    Ok(Meant {
        sam: is_sam(chip)?,
        pattern: unfolded(pattern)?,
    })
}

impl Bend {
    /// What the terminal tells its program in place of what the sound library returned.
    #[must_use]
    pub fn told(&self, function: &str, mut returned: Returned) -> Returned {
        match self {
            Self::Code(of, from, to) if of == function && returned.code == *from => {
                returned.code = *to;
            }
            Self::Value(of, at, text) if of == function => {
                if let Some(value) = returned.values.get_mut(*at) {
                    text.clone_into(value);
                }
            }
            _ => {}
        }
        returned
    }
}
