//! One line of a case: `[sam:] [xN] command -> expectation => name`.
//!
//! | command | what is sent |
//! |---|---|
//! | hexadecimal template | exactly this APDU, once |
//! | `ask TEMPLATE` | this APDU; `61 L` is followed by GET RESPONSE, `6C L` by a repetition |
//! | `cut N TEMPLATE` | this APDU, and the power goes inside it at its Nth moment; then a reset, whose answer the data are |
//! | `reset` | power off and on; the answer's data are the ATR |
//! | `read-file LEN` | READ BINARY from 0 to LEN in pieces of 80h |
//! | `write-file TEMPLATE` | UPDATE BINARY from 0 in pieces of 80h |
//! | `sweep WHAT` | a whole range of commands ([`Sweep`]) |
//! | `random N` | N commands drawn from the seed, judged by a model of rights |
//! | anything else | a named flow, which stands for several of these ([`flows`](crate::flows)) |
//!
//! | expectation | holds for |
//! |---|---|
//! | `9000`, `63C?`, `6982/6985`, `!9000`, `any` | the status word; without `->` it is 9000 |
//! | then a template | the data |
//! | then `is CHECK words…` | the data, by a named check ([`checks`](crate::engine::checks)) |
//!
//! An answer other than 9000, 61xx and 62xx must come without data, whatever is expected.

use crate::template::{Template, TemplateError};

/// Which chip a step speaks to.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Which {
    Card,
    Sam,
}

impl Which {
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Card => "card",
            Self::Sam => "sam",
        }
    }
}

/// A range of commands that counts as one case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sweep {
    /// Every INS with every CLA: known ones are left to other cases, all else is 6E00 or 6D00.
    InsCla,
    /// Every P1, then every P2, of a command that has no other.
    P1P2,
    /// Every file identifier of a page: none but the known exist.
    Fids,
    /// Every KID of EXTERNAL AUTHENTICATE in the current directory: 6A88 but for the known.
    Kids,
}

/// What is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    Exactly(Template),
    Ask(Template),
    /// The power goes inside it.
    Cut(u8, Template),
    Reset,
    ReadFile(usize),
    WriteFile(Template),
    Sweep(Sweep, Template),
    Random(usize),
}

/// A status word with `?` for any digit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusPattern(String);

impl StatusPattern {
    fn parse(text: &str) -> Option<Self> {
        let right = text.len() == 4 && text.chars().all(|c| c == '?' || c.is_ascii_hexdigit());
        right.then(|| Self(text.to_ascii_uppercase()))
    }

    fn fits(&self, status: u16) -> bool {
        let seen = format!("{status:04X}");
        self.0
            .chars()
            .zip(seen.chars())
            .all(|(want, seen)| want == '?' || want == seen)
    }
}

/// What of the status word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StatusWish {
    Any,
    OneOf(Vec<StatusPattern>),
    Not(StatusPattern),
}

impl StatusWish {
    fn parse(word: &str) -> Option<Self> {
        if word == "any" {
            return Some(Self::Any);
        }
        if let Some(not) = word.strip_prefix('!') {
            return StatusPattern::parse(not).map(Self::Not);
        }
        let all: Option<Vec<_>> = word.split('/').map(StatusPattern::parse).collect();
        all.map(Self::OneOf)
    }

    #[must_use]
    pub fn fits(&self, status: u16) -> bool {
        match self {
            Self::Any => true,
            Self::OneOf(all) => all.iter().any(|pattern| pattern.fits(status)),
            Self::Not(pattern) => !pattern.fits(status),
        }
    }
}

impl StatusWish {
    /// Whether `61 L` or `6C L` with exactly this L is what is wished.
    #[must_use]
    pub fn announces(&self, len: usize) -> bool {
        let Self::OneOf(all) = self else {
            return false;
        };
        // 00 announces 256 bytes.
        let le = len.to_le_bytes()[0];
        let told = [format!("61{le:02X}"), format!("6C{le:02X}")];
        (1..=256).contains(&len) && all.iter().any(|pattern| told.contains(&pattern.0))
    }
}

/// What of the data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DataWish {
    Any,
    Like(Template),
    Check {
        name: String,
        words: Vec<String>,
        content: Option<Template>,
    },
}

/// A step as the engine runs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    pub which: Which,
    pub times: usize,
    pub command: Command,
    pub status: StatusWish,
    pub data: DataWish,
    /// Keeps the answer's data under this name, for `{saved name}`.
    pub keep: Option<String>,
    /// As it was written.
    pub text: String,
}

/// Why a line is no step.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StepError {
    #[error("'{0}': {1}")]
    Template(String, TemplateError),
    #[error("'{0}' is no status word; write 9000, 63C?, 6982/6985, !9000 or any")]
    Status(String),
    #[error("'{0}': {1}")]
    Command(String, String),
}

/// The moment directly before a command's answer.
pub const LAST_MOMENT: u8 = 7;

/// Most repetitions of one step.
const MAX_TIMES: usize = 1000;

/// A line taken apart, before its command is known.
pub struct Line<'a> {
    pub which: Which,
    pub times: usize,
    pub command: &'a str,
    pub status: StatusWish,
    pub data: DataWish,
    pub keep: Option<String>,
    pub said_what_is_expected: bool,
}

/// Takes a line apart.
///
/// # Errors
/// [`StepError`].
pub fn take_apart(text: &str, main: Which) -> Result<Line<'_>, StepError> {
    let (rest, keep) = match text.split_once("=>") {
        Some((rest, name)) => (rest, Some(name.trim().to_owned())),
        None => (text, None),
    };
    let (command, wish) = match rest.split_once("->") {
        Some((command, wish)) => (command.trim(), Some(wish.trim())),
        None => (rest.trim(), None),
    };
    let (which, command) = if let Some(rest) = command.strip_prefix("sam:") {
        (Which::Sam, rest.trim())
    } else if let Some(rest) = command.strip_prefix("card:") {
        (Which::Card, rest.trim())
    } else {
        (main, command)
    };
    let (times, command) = repetitions(command);
    let (status, data) = wish_of(text, wish)?;
    let said_what_is_expected = wish.is_some();
    Ok(Line {
        which,
        times,
        command,
        status,
        data,
        keep,
        said_what_is_expected,
    })
}

fn repetitions(command: &str) -> (usize, &str) {
    let counted = command.split_once(' ').and_then(|(first, rest)| {
        let times: usize = first.strip_prefix('x')?.parse().ok()?;
        Some((times.clamp(1, MAX_TIMES), rest.trim()))
    });
    counted.unwrap_or((1, command))
}

fn wish_of(text: &str, wish: Option<&str>) -> Result<(StatusWish, DataWish), StepError> {
    let wish = wish.unwrap_or("9000");
    let (status, data) = wish.split_once(' ').unwrap_or((wish, ""));
    let status = StatusWish::parse(status).ok_or_else(|| StepError::Status(status.to_owned()))?;
    let data = data.trim();
    let template = |source: &str| {
        Template::parse(source).map_err(|cause| StepError::Template(text.to_owned(), cause))
    };
    let data = if data.is_empty() {
        DataWish::Any
    } else if let Some(check) = data.strip_prefix("is ") {
        let (head, content) = match check.split_once(':') {
            Some((head, content)) => (head, Some(template(content)?)),
            None => (check, None),
        };
        let mut words = head.split_whitespace().map(str::to_owned);
        let name = words.next().unwrap_or_default();
        DataWish::Check {
            name,
            words: words.collect(),
            content,
        }
    } else {
        DataWish::Like(template(data)?)
    };
    Ok((status, data))
}

/// The command of a line that is no named flow; `None` when its first word is none of ours and no template either.
///
/// # Errors
/// [`StepError`].
pub fn plain(text: &str, command: &str) -> Result<Option<Command>, StepError> {
    let (first, rest) = command.split_once(' ').unwrap_or((command, ""));
    let template = |source: &str| {
        Template::parse(source).map_err(|cause| StepError::Template(text.to_owned(), cause))
    };
    let number = || {
        let parsed: Option<usize> = rest.trim().parse().ok().filter(|n| *n <= 100_000);
        parsed.ok_or_else(|| StepError::Command(text.to_owned(), "a number must follow".into()))
    };
    Ok(Some(match first {
        "ask" => Command::Ask(template(rest)?),
        "cut" => {
            let (moment, command) = rest.split_once(' ').unwrap_or((rest, ""));
            let moment = moment.parse().ok().filter(|at| *at <= LAST_MOMENT);
            let moment = moment.ok_or_else(|| {
                StepError::Command(text.to_owned(), "a moment 0-7 must follow cut".into())
            })?;
            Command::Cut(moment, template(command)?)
        }
        "reset" => Command::Reset,
        "read-file" => Command::ReadFile(number()?),
        "write-file" => Command::WriteFile(template(rest)?),
        "random" => Command::Random(number()?),
        "sweep" => {
            let (what, rest) = rest.split_once(' ').unwrap_or((rest, ""));
            let sweep = match what {
                "ins-cla" => Sweep::InsCla,
                "p1p2" => Sweep::P1P2,
                "fids" => Sweep::Fids,
                "kids" => Sweep::Kids,
                other => {
                    let told = format!("no sweep '{other}': ins-cla, p1p2, fids, kids");
                    return Err(StepError::Command(text.to_owned(), told));
                }
            };
            Command::Sweep(sweep, template(rest)?)
        }
        _ if is_template(first) => Command::Exactly(template(command)?),
        _ => return Ok(None),
    }))
}

/// Digits up to the first brace, two for each byte.
fn is_template(first: &str) -> bool {
    let digits = first.split('{').next().unwrap_or_default();
    digits.len().is_multiple_of(2) && digits.chars().all(|c| c.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_taken_apart() {
        let line = take_apart("sam: x3 ask 0084000008 -> 9000 is len 8 => r", Which::Card).unwrap();
        assert_eq!(
            (line.which, line.times, line.command),
            (Which::Sam, 3, "ask 0084000008")
        );
        assert_eq!(line.keep.as_deref(), Some("r"));
        assert!(matches!(line.data, DataWish::Check { ref name, .. } if name == "len"));
        let line = take_apart("00B2010400 -> 6982/63C?", Which::Card).unwrap();
        assert!(line.status.fits(0x6982) && line.status.fits(0x63C5) && !line.status.fits(0x6300));
        assert!(take_apart("00B2010400 -> 9OOO", Which::Card).is_err());
        let waiting = take_apart("00A4000002 -> 6106", Which::Card).unwrap();
        assert!(waiting.status.announces(6) && !waiting.status.announces(7));
        assert!(!line.status.announces(5), "6300 announces nothing");
        let not = take_apart("00B2010400 -> !9000", Which::Card).unwrap();
        assert!(not.status.fits(0x6982) && !not.status.fits(0x9000));
    }

    #[test]
    fn commands_are_told_from_flows() {
        let is = |text: &str| plain(text, text).unwrap();
        assert!(matches!(is("00A4000002 3F00"), Some(Command::Exactly(_))));
        assert!(matches!(is("04DC0104{lc}00"), Some(Command::Exactly(_))));
        assert!(matches!(is("{rand}"), Some(Command::Exactly(_))));
        assert!(matches!(is("reset"), Some(Command::Reset)));
        assert_eq!(is("auth RK1_DDF1"), None);
        assert_eq!(is("select DDF1"), None);
        assert!(plain("x", "sweep nothing").is_err());
    }
}
