//! Named flows: short words for what cases do all the time. Each stands for lines of [`step`](crate::step), in which the
//! last carries the expectation; those before it must answer 9000.
//!
//! | flow | stands for |
//! |---|---|
//! | `select FID` | SELECT by identifier, FCI not asked for |
//! | `fci FID` | SELECT by identifier with its FCI |
//! | `name TEMPLATE` | SELECT by name with its FCI |
//! | `challenge` | GET CHALLENGE |
//! | `proof KEY [vN] [word…]` | EXTERNAL AUTHENTICATE for the challenge there is; words change the cryptogram |
//! | `auth KEY [vN] [word…]` | `challenge` and `proof` |
//! | `wrong KEY [vN]` | the same with a wrong cryptogram |
//! | `internal [vN] [P2]` | INTERNAL AUTHENTICATE over `{rand}`; the expectation is the cryptogram |
//! | `read N` | READ RECORD by number |
//! | `update STK N TEMPLATE` | `challenge` and UPDATE RECORD with cipher and MAC |
//! | `append STK TEMPLATE` | the same to a cyclic file |
//! | `put STK INS N` | `challenge` and WRITE (D2) or ERASE (0C) RECORD with MAC |
//! | `lock STK HEADER` | `challenge` and a command of four header bytes that ends in its MAC |
//! | `badmac STK HEADER` | the same with a wrong MAC |
//! | `pin [DIGITS]` | SAM: VERIFY PIN |
//! | `deliver KEY [vN]` | SAM: DELIVERY SESSION KEY over `{rand}` |
//! | `crypt-data P1 TEMPLATE` | SAM: CIPHER DATA |

use crate::hierarchy::key_named;
use crate::step::{Line, Step, StepError, Which, plain, take_apart};

/// The steps of one line.
///
/// # Errors
/// [`StepError`].
pub fn steps(text: &str, main: Which) -> Result<Vec<Step>, StepError> {
    let line = take_apart(text, main)?;
    if let Some(command) = plain(text, line.command)? {
        return Ok(vec![Step {
            which: line.which,
            times: line.times,
            command,
            status: line.status,
            data: line.data,
            keep: line.keep,
            text: text.to_owned(),
        }]);
    }
    flow(text, &line)
}

fn flow(text: &str, line: &Line<'_>) -> Result<Vec<Step>, StepError> {
    let (name, rest) = line.command.split_once(' ').unwrap_or((line.command, ""));
    let rest = rest.trim();
    let words: Vec<&str> = rest.split_whitespace().collect();
    let refuse = |what: &str| StepError::Command(text.to_owned(), what.to_owned());
    let challenge = "ask 0084000008".to_owned();
    let first_key = || {
        let word = words
            .first()
            .ok_or_else(|| refuse("a key's name must follow"))?;
        key_named(word).ok_or_else(|| refuse("no such key"))
    };
    let after_first = || rest.split_once(' ').map_or("", |(_, more)| more.trim());
    // Names are put into templates: nothing but a key's name may pass.
    let proof = |spoil: &str| -> Result<String, StepError> {
        let key = first_key()?;
        let version = version_of(&words).unwrap_or_else(|| key.flow_version());
        let more: Vec<&str> = words[1..]
            .iter()
            .copied()
            .filter(|w| !is_version(w))
            .collect();
        let words = format!("{} v{version} {} {spoil}", key.name, more.join(" "));
        Ok(format!(
            "ask 008200{:02X}11{{proof {words}}}{{info}}{version:02X}",
            key.kid
        ))
    };
    let lines: Vec<String> = match name {
        "select" => vec![format!("ask 00A4000C02{rest}")],
        "fci" => vec![format!("ask 00A4000002{rest}")],
        "name" => vec![format!("ask 00A40400{{lc}}{rest}")],
        "challenge" => vec![challenge],
        "proof" => vec![proof("")?],
        "auth" => vec![challenge, proof("")?],
        "wrong" => vec![challenge, proof("flip7")?],
        "internal" => {
            let version = version_of(&words).unwrap_or(1);
            let p2 = words
                .iter()
                .find(|w| !is_version(w))
                .copied()
                .unwrap_or("00");
            let mut step = format!("ask 008800{p2}11{{rand}}{{info}}{version:02X}");
            if !line.said_what_is_expected {
                step += &format!(" -> 9000 {{answer IRK_DDF1 v{version}}}");
            }
            vec![step]
        }
        "read" => vec![format!(
            "ask 00B2{:02X}0400",
            number(rest).ok_or_else(|| refuse("a number must follow"))?
        )],
        "update" => {
            let key = first_key()?.name;
            let (record, content) = after_first()
                .split_once(' ')
                .ok_or_else(|| refuse("record and content must follow"))?;
            let record = number(record).ok_or_else(|| refuse("a record number must follow"))?;
            vec![
                challenge,
                format!("ask 04DC{record:02X}04{{lc}}{{cipher {key}: {content}}}{{mac {key}}}"),
            ]
        }
        "append" => {
            let key = first_key()?.name;
            vec![
                challenge,
                format!(
                    "ask 04DC0003{{lc}}{{cipher {key}: {}}}{{mac {key}}}",
                    after_first()
                ),
            ]
        }
        "put" => {
            let key = first_key()?.name;
            let [_, ins, record] = words[..] else {
                return Err(refuse("key, INS and record must follow"));
            };
            let record = number(record).ok_or_else(|| refuse("a record number must follow"))?;
            vec![
                challenge,
                format!("ask 84{ins}{record:02X}0004{{mac {key}}}"),
            ]
        }
        "lock" => vec![
            challenge,
            format!("ask {}04{{mac {}}}", after_first(), first_key()?.name),
        ],
        "badmac" => vec![
            challenge,
            format!("ask {}04{{mac {} flip3}}", after_first(), first_key()?.name),
        ],
        "pin" => vec![format!(
            "ask 0020000003{}",
            if rest.is_empty() { "123456" } else { rest }
        )],
        "deliver" => {
            let key = first_key()?;
            let version = version_of(&words).unwrap_or_else(|| key.flow_version());
            let p2 = version << 5 | key.index;
            vec![format!(
                "ask 80DE{{usage {0}}}{p2:02X}{{lc}}{{factors {0}}}{{rand}}",
                key.name
            )]
        }
        "crypt-data" => {
            let (p1, content) = rest
                .split_once(' ')
                .ok_or_else(|| refuse("P1 and data must follow"))?;
            vec![format!("ask 80FA{p1}00{{lc}}{content}")]
        }
        _ => return Err(refuse("no such command or flow")),
    };
    let last = lines.len() - 1;
    let mut out = Vec::new();
    for _ in 0..line.times {
        for (at, source) in lines.iter().enumerate() {
            let mut inner = steps(&prefixed(line.which, source), line.which)?;
            for step in &mut inner {
                step.text = if lines.len() == 1 {
                    text.to_owned()
                } else {
                    format!("{text} [{}/{}]", at + 1, last + 1)
                };
                if at == last {
                    finish(step, line);
                }
            }
            out.extend(inner);
        }
    }
    Ok(out)
}

/// The expectation of the line belongs to the last step, unless the flow has one of its own and the line none.
fn finish(step: &mut Step, line: &Line<'_>) {
    if line.said_what_is_expected {
        step.status = line.status.clone();
        step.data = line.data.clone();
    }
    step.keep.clone_from(&line.keep);
}

fn prefixed(which: Which, source: &str) -> String {
    format!("{}: {source}", which.word())
}

fn is_version(word: &str) -> bool {
    version_of(&[word]).is_some()
}

fn version_of(words: &[&str]) -> Option<u8> {
    words
        .iter()
        .find_map(|word| word.strip_prefix('v')?.parse().ok())
}

/// Decimal, as the tables number records and tags.
fn number(text: &str) -> Option<u8> {
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::step::DataWish;

    #[test]
    fn flows_become_plain_steps() {
        let all = steps("auth RK1_DDF1", Which::Card).unwrap();
        assert_eq!(all.len(), 2);
        assert!(all[0].text.contains("[1/2]"));
        assert_eq!(
            steps("x3 wrong RK1_DF01 v2 -> 63C?", Which::Card)
                .unwrap()
                .len(),
            6
        );
        assert_eq!(
            steps("update STK_DF01 1 220120 -> 6988", Which::Card)
                .unwrap()
                .len(),
            2
        );
        let internal = steps("internal v2", Which::Card).unwrap();
        assert!(matches!(internal[0].data, DataWish::Like(_)));
        assert_eq!(
            steps("sam: deliver IRK_DDF1", Which::Card).unwrap()[0].which,
            Which::Sam
        );
    }

    #[test]
    fn what_is_no_flow_is_refused() {
        for bad in [
            "dance",
            "auth",
            "auth NO_KEY",
            "update STK_DF01",
            "read x",
            "put STK_DF03 D2",
        ] {
            assert!(steps(bad, Which::Card).is_err(), "{bad}");
        }
    }
}
