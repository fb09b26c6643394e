//! From a line of text to a step's parts.

use super::{Command, DataWish, StatusWish, Sweep, Which};
use crate::template::{Template, TemplateError};

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
