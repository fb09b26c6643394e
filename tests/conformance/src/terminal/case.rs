//! Cases of the terminal suite: which chips are there, which functions are called, what must come back, what the chips must
//! and must not have seen. `suites/terminal/*.toml`; the format stands in `docs/conformance/writing-cases.md`.

use serde::Deserialize;
use sm3::{Digest, Sm3};

use super::argument::Argument;
use super::cards::CardKind;
use super::judge::{Rule, parse_rule};
use crate::suite::{Covers, Severity, Text};

/// The suite's files.
const FILES: [&str; 6] = [
    include_str!("../../suites/terminal/conduct.toml"),
    include_str!("../../suites/terminal/data.toml"),
    include_str!("../../suites/terminal/visits.toml"),
    include_str!("../../suites/terminal/sam.toml"),
    include_str!("../../suites/terminal/codes.toml"),
    include_str!("../../suites/terminal/texts.toml"),
];

/// What `ready` stands for.
const READY: [&str; 3] = [
    "PowerOn #1 out -> 0",
    "PowerOn #17 out -> 0",
    "iVerifyPIN 123456 -> 0",
];

/// A chip's scripted answer to all commands that begin so.
#[derive(Debug, Clone)]
pub struct Scripted {
    pub sam: bool,
    pub pattern: String,
    pub answer: Vec<u8>,
}

/// The code that a call must give.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WantedCode {
    Exactly(i32),
    NotZero,
}

/// One call with its expectation.
#[derive(Debug, Clone)]
pub struct Call {
    pub text: String,
    pub function: String,
    pub arguments: Vec<Argument>,
    pub code: WantedCode,
    /// Wanted values, `*` for any; empty: not looked at.
    pub values: Vec<String>,
}

/// One case.
#[derive(Debug, Clone)]
pub struct TerminalCase {
    pub id: String,
    pub group: Group,
    pub title: Text,
    pub clause: String,
    pub covers: Vec<Covers>,
    pub severity: Severity,
    pub card: CardKind,
    pub sam_type: u8,
    /// The maker must have said that the library verifies signatures before it settles.
    pub needs_verifying: bool,
    pub scripted: Vec<Scripted>,
    pub calls: Vec<Call>,
    pub rules: Vec<Rule>,
}

/// The suite.
#[derive(Debug, Clone)]
pub struct TerminalSuite {
    pub cases: Vec<TerminalCase>,
    /// Edition: SM3 over all files.
    pub digest: String,
}

/// Head of a file: what its cases have in common.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    pub id: String,
    pub title: Text,
    pub purpose: Text,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    group: Group,
    case: Vec<Raw>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    id: String,
    title: Text,
    clause: String,
    covers: Vec<Covers>,
    severity: Severity,
    #[serde(default)]
    card: CardKind,
    #[serde(default = "type_five")]
    sam_type: u8,
    #[serde(default)]
    needs_verifying: bool,
    /// Begins with power on both chips and the SAM's PIN.
    #[serde(default)]
    ready: bool,
    #[serde(default)]
    scripted: Vec<String>,
    calls: Vec<String>,
    #[serde(default)]
    expect: Vec<String>,
}

const fn type_five() -> u8 {
    5
}

/// The built-in suite.
///
/// # Errors
/// A text that is not right; this crate's tests show that there is none.
pub fn suite() -> Result<TerminalSuite, String> {
    let mut digest = Sm3::new();
    let mut cases = Vec::new();
    for text in FILES {
        digest.update(format!("{}\0", text.len()));
        digest.update(text);
        cases.extend(parse(text)?);
    }
    let digest = hex::encode(digest.finalize());
    Ok(TerminalSuite { cases, digest })
}

/// The cases of a file from its text.
///
/// # Errors
/// What is wrong with it, and where.
pub fn parse(text: &str) -> Result<Vec<TerminalCase>, String> {
    let file: File = toml::from_str(text).map_err(|e| e.to_string())?;
    let group = file.group;
    file.case
        .into_iter()
        .map(|raw| {
            let id = format!("{}.{}", group.id, raw.id);
            ready(&id, &group, raw).map_err(|e| format!("{id}: {e}"))
        })
        .collect()
}

fn ready(id: &str, group: &Group, raw: Raw) -> Result<TerminalCase, String> {
    if !(1..=5).contains(&raw.sam_type) {
        return Err("sam_type is 1 to 5".into());
    }
    if raw.covers.is_empty() || raw.calls.is_empty() {
        return Err("covers and calls must not be empty".into());
    }
    let beginning = match raw.ready {
        true => READY.into_iter().map(call).collect::<Result<_, _>>()?,
        false => Vec::new(),
    };
    Ok(TerminalCase {
        id: id.to_owned(),
        group: group.clone(),
        title: raw.title,
        clause: raw.clause,
        covers: raw.covers,
        severity: raw.severity,
        card: raw.card,
        sam_type: raw.sam_type,
        needs_verifying: raw.needs_verifying,
        scripted: all(&raw.scripted, scripted)?,
        calls: [beginning, all(&raw.calls, call)?].concat(),
        rules: all(&raw.expect, parse_rule)?,
    })
}

fn all<T>(texts: &[String], one: fn(&str) -> Result<T, String>) -> Result<Vec<T>, String> {
    texts
        .iter()
        .map(|text| one(text).map_err(|e| format!("'{text}': {e}")))
        .collect()
}

/// `card 0082 -> 63C5`.
fn scripted(text: &str) -> Result<Scripted, String> {
    let (left, answer) = text.split_once("->").ok_or("-> is missing")?;
    let (chip, pattern) = left.trim().split_once(' ').ok_or("chip and pattern")?;
    let answer = hex::decode(answer.replace(' ', "")).map_err(|e| e.to_string())?;
    Ok(Scripted {
        sam: is_sam(chip)?,
        pattern: pattern.trim().to_owned(),
        answer,
    })
}

/// `card` or `sam`.
pub(super) fn is_sam(word: &str) -> Result<bool, String> {
    match word {
        "card" => Ok(false),
        "sam" => Ok(true),
        _ => Err(format!("'{word}' is neither card nor sam")),
    }
}

/// `iR_DDF1EF06Info out out -> 0 | 张三 | *`.
fn call(text: &str) -> Result<Call, String> {
    let (left, right) = text.split_once("->").ok_or("-> is missing")?;
    let mut words = left.split_whitespace();
    let function = words.next().ok_or("a function's name is missing")?;
    let arguments = words.map(Argument::parse).collect::<Result<_, _>>()?;
    let mut wanted = right.split('|').map(str::trim);
    let code = match wanted.next() {
        Some("!0") => WantedCode::NotZero,
        Some(code) => WantedCode::Exactly(code.parse().map_err(|_| "a code is a number or !0")?),
        None => return Err("a code is missing".into()),
    };
    Ok(Call {
        text: text.to_owned(),
        function: function.to_owned(),
        arguments,
        code,
        values: wanted.map(str::to_owned).collect(),
    })
}
