//! `rhc-card script`: commands from a file, answers compared with what is expected.
//!
//! One step a line: `[raw] COMMAND [> PATTERN]`, or `reset [> PATTERN]` for the answer to reset. In a pattern `?` is any one
//! digit and `*` at the end anything. A step without pattern takes every answer. `#` begins a comment.

use serde_json::json;

use crate::args::Script;
use crate::failure::{Failure, profile};
use crate::files;
use crate::talk::{Talk, bytes};
use crate::text::{Colour, line, paint, say};

/// One line of a script.
#[derive(Debug, PartialEq)]
struct Step {
    line: usize,
    deed: Deed,
    expected: Option<Pattern>,
}

#[derive(Debug, PartialEq)]
enum Deed {
    Reset,
    Send { command: Vec<u8>, raw: bool },
}

/// Upper-case digits and `?`; `open` when anything may follow.
#[derive(Debug, PartialEq)]
struct Pattern {
    digits: String,
    open: bool,
}

impl Pattern {
    fn read(text: &str) -> Result<Self, &'static str> {
        let text: String = text.chars().filter(|c| !c.is_whitespace()).collect();
        let (digits, open) = match text.strip_suffix('*') {
            Some(digits) => (digits, true),
            None => (text.as_str(), false),
        };
        let known = |c: char| c == '?' || c.is_ascii_hexdigit();
        if !digits.chars().all(known) || (digits.is_empty() && !open) {
            return Err(say(
                "an expected answer is hexadecimal digits, ? for any digit, * at the end for anything",
                "期望应答由十六进制数字组成，? 表示任意一位，末尾 * 表示任意内容",
            ));
        }
        Ok(Self {
            digits: digits.to_ascii_uppercase(),
            open,
        })
    }

    fn fits(&self, answer: &[u8]) -> bool {
        let answer = hex::encode_upper(answer);
        let long_enough = if self.open {
            answer.len() >= self.digits.len()
        } else {
            answer.len() == self.digits.len()
        };
        let mut pairs = self.digits.bytes().zip(answer.bytes());
        long_enough && pairs.all(|(wanted, got)| wanted == b'?' || wanted == got)
    }

    fn shown(&self) -> String {
        format!("{}{}", self.digits, if self.open { "*" } else { "" })
    }
}

fn parse(text: &str) -> Result<Vec<Step>, String> {
    let mut steps = Vec::new();
    for (number, text) in (1..).zip(text.lines()) {
        let text = text.split('#').next().unwrap_or_default().trim();
        if text.is_empty() {
            continue;
        }
        let step = step(number, text)
            .map_err(|cause| format!("{} {number}: {cause}", say("line", "第"), cause = cause))?;
        steps.push(step);
    }
    Ok(steps)
}

fn step(line: usize, text: &str) -> Result<Step, String> {
    let (deed, expected) = match text.split_once('>') {
        Some((deed, pattern)) => (deed.trim(), Some(Pattern::read(pattern)?)),
        None => (text, None),
    };
    let deed = match deed.strip_prefix("raw ") {
        Some(command) => Deed::Send {
            command: bytes(command)?,
            raw: true,
        },
        None if deed == "reset" => Deed::Reset,
        None => Deed::Send {
            command: bytes(deed)?,
            raw: false,
        },
    };
    Ok(Step {
        line,
        deed,
        expected,
    })
}

/// Runs the script; the whole file is read before the first command is sent.
pub fn run(order: &Script) -> Result<(), Failure> {
    let profile = profile(&order.profile)?;
    let text = files::read_text(&order.file)?;
    let steps = parse(&text)
        .map_err(|cause| Failure::wrong(format!("{}: {cause}", order.file.display())))?;
    let (mut talk, _) = Talk::open(&order.reader, profile, order.sam)?;
    let (mut done, mut wrong) = (0, 0);
    for step in &steps {
        let fits = perform(&mut talk, step, order.json)?;
        done += 1;
        wrong += usize::from(!fits);
        if !fits && !order.keep_going {
            break;
        }
    }
    let left = steps.len() - done;
    if wrong > 0 {
        return Err(Failure::Wrong(format!(
            "{wrong} {}, {left} {}",
            say("answers were not as expected", "个应答与期望不符"),
            say("steps were not run", "步未执行")
        )));
    }
    if !order.json {
        line(&format!(
            "{done} {}",
            say("steps, all as expected", "步，全部符合期望")
        ));
    }
    Ok(())
}

fn perform(talk: &mut Talk, step: &Step, json: bool) -> Result<bool, Failure> {
    let (sent, answer, told, details) = match &step.deed {
        Deed::Reset => {
            let told = talk.reset()?;
            ("reset".to_owned(), talk.atr().to_vec(), told, None)
        }
        Deed::Send { command, raw } => {
            let (answer, told) = talk.send(command, *raw)?;
            (
                hex::encode_upper(command),
                answer,
                told.print(9),
                Some(told),
            )
        }
    };
    let fits = step.expected.as_ref().is_none_or(|it| it.fits(&answer));
    let expected = step.expected.as_ref().map(Pattern::shown);
    let answer = hex::encode_upper(&answer);
    if json {
        let row = json!({
            "line": step.line, "command": sent, "response": answer, "expected": expected, "ok": fits, "told": details,
        });
        line(&row.to_string());
        return Ok(fits);
    }
    let mark = if fits {
        paint("ok", Colour::Good)
    } else {
        paint(say("WRONG", "不符"), Colour::Bad)
    };
    line(&format!("{:>4} {mark} {sent} > {answer}", step.line));
    line(&format!("     {told}"));
    if let (false, Some(expected)) = (fits, expected) {
        line(&format!("     {} {expected}", say("expected", "期望")));
    }
    Ok(fits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn steps_are_read_with_comments_patterns_and_raw() {
        let steps = parse("# c\n\nreset > 3B6C*\n00 84 00 00 08 > ????????????????9000 # random\nraw 0084000008\n")
            .expect("script");
        assert_eq!(steps.len(), 3);
        assert_eq!((steps[0].line, &steps[0].deed), (3, &Deed::Reset));
        let fits = |at: usize, answer: &str| {
            let pattern = steps[at].expected.as_ref().expect("pattern");
            pattern.fits(&hex::decode(answer).expect("hex"))
        };
        assert!(fits(0, "3B6C0002") && fits(0, "3B6C") && !fits(0, "3B") && !fits(0, "3B00"));
        assert!(fits(1, "00112233445566779000"));
        assert!(!fits(1, "00112233445566776A88") && !fits(1, "0011223344556677889000"));
        assert!(matches!(&steps[2].deed, Deed::Send { raw: true, command } if command.len() == 5));
        for bad in [
            "00A",
            "xyz > 9000",
            "0084 > 90G0",
            "0084 >",
            "raw",
            "reset now",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(?s).{0,200}", answer in prop::collection::vec(any::<u8>(), 0..8)) {
            for step in parse(&text).unwrap_or_default() {
                let _ = step.expected.is_some_and(|pattern| pattern.fits(&answer));
            }
        }
    }
}
