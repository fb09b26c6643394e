//! After a card was lost in the middle of a case nobody knows whether it had done the last command: a counter may stand one
//! lower than the record says. What can be brought back without harm is brought back: every key's counter, by the right
//! authentication, and the SAM's PIN counter. Nothing of it is judged.

use super::symbols::Known;
use super::talk::Talk;
use super::{Stop, phase};
use crate::evidence::record::Phase;
use crate::flows;
use crate::hierarchy::KEYS;
use crate::suite::Kind;

/// Brings counters back.
pub fn settle(kind: Kind, known: &mut Known, talk: &mut Talk<'_>) {
    let lines = match kind {
        Kind::Sam => vec!["select 3F00".to_owned(), "pin".to_owned()],
        Kind::UserCard | Kind::Terminal => user_card(),
    };
    for line in lines {
        // Our own lines are right; the tests of this file's words show it.
        let Ok(steps) = flows::steps(&line, kind.main_chip()) else {
            continue;
        };
        // A key or an application that a case has used up stays as it is; a card that is lost again is left alone.
        if let Err(Stop::Trouble(_)) = phase(Phase::Cleanup, &steps, known, talk) {
            break;
        }
    }
    talk.close();
}

/// Each key that proves anything, in each version, in its own application.
fn user_card() -> Vec<String> {
    let mut lines = Vec::new();
    let mut current = "";
    for key in KEYS.iter().filter(|key| !key.name.starts_with("IRK")) {
        if key.df != current {
            current = key.df;
            lines.push("select 3F00".to_owned());
            if key.df != "MF" {
                lines.push("select DDF1".to_owned());
            }
            if !matches!(key.df, "MF" | "DDF1") {
                lines.push(format!("select {}", key.df));
            }
        }
        lines.extend((0..key.groups).map(|version| format!("auth {} v{version}", key.name)));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::step::Which;

    #[test]
    fn every_line_is_a_step_and_every_counted_key_is_there() {
        let lines = user_card();
        assert!(
            lines
                .iter()
                .all(|line| flows::steps(line, Which::Card).is_ok())
        );
        let keys = lines.iter().filter(|line| line.starts_with("auth")).count();
        assert_eq!(keys, 53, "57 instances without the four of IRK_DDF1");
        assert!(flows::steps("pin", Which::Sam).is_ok());
    }
}
