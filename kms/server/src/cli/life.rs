//! `rhc-kms keys life|states|state`, `rhc-kms alarms`.

use kms_core::lifecycle::{KeyState, PERMITS, Purpose, TRANSITIONS};
use kms_platform::exit::{Exit, Failure};
use kms_platform::lang::pick;
use kms_platform::output::{self, Table};
use kms_platform::say;
use serde_json::json;

use super::args::{AlarmsCommand, KeysCommand};
use super::{Ran, open, order};
use crate::act::Act;
use crate::device::Device;
use crate::life::view::{KeyLife, word};
use crate::records::alarms;
use crate::refusal::Refusal;

pub(super) async fn keys(command: KeysCommand) -> Ran {
    match command {
        KeysCommand::Life {
            store,
            key,
            state,
            timeline,
            json,
        } => {
            let state = state.as_deref().map(parse).transpose()?;
            let lives = open(&store).await?.key_lives().await?;
            let wanted = lives.into_iter().filter(|life| {
                let named = key
                    .as_ref()
                    .is_none_or(|key| life.id == *key || life.name == *key);
                named && state.is_none_or(|state| life.state == state.as_str())
            });
            let lives: Vec<_> = wanted.collect();
            if timeline {
                print!("{}", drawn(&lives));
                return Ok(Exit::Done);
            }
            output::print(json, &lives, || table(&lives)).map_err(Refusal::from)?;
            Ok(Exit::Done)
        }
        KeysCommand::States { json } => states(json),
        KeysCommand::State {
            ids,
            to,
            reason,
            by,
            store,
            signing,
        } => {
            let service = open(&store).await?;
            let act = Act::KeyState {
                ids,
                to: parse(&to)?,
                reason,
                requester: by,
            };
            order::carry(&service, act, &signing, false).await?;
            Ok(Exit::Done)
        }
    }
}

fn parse(word: &str) -> Result<KeyState, Failure> {
    KeyState::parse(word).ok_or_else(|| {
        let known: Vec<_> = KeyState::ALL.iter().map(|state| state.as_str()).collect();
        let known = known.join(", ");
        Failure::usage(say!(
            "`{word}` is no state: {known}",
            "`{word}` 不是密钥状态：{known}"
        ))
    })
}

fn table(lives: &[KeyLife]) -> Table {
    let heads = [
        ("key", "密钥"),
        ("state", "状态"),
        ("since", "自"),
        ("check value", "校验值"),
        ("life", "经历"),
    ];
    let mut table = Table::new(heads.map(|(en, zh)| pick(en, zh)));
    for life in lives {
        let (state, line) = (word(&life.state), life.line(word));
        table.row([&life.id, &state, life.since(), &life.check_value, &line]);
    }
    table
}

/// A line for each key: months from the first birth to the last step, a letter for the state at each month's end.
fn drawn(lives: &[KeyLife]) -> String {
    let month = |at: &str| -> i32 {
        let number = |range: std::ops::Range<usize>| -> i32 {
            let digits: Option<&str> = at.get(range);
            digits.and_then(|text| text.parse().ok()).unwrap_or(0)
        };
        number(0..4) * 12 + number(5..7) - 1
    };
    let days = lives
        .iter()
        .flat_map(|life| life.steps.iter().map(|step| &step.at).chain([&life.born]));
    let (first, last) = days.fold((i32::MAX, 0), |(first, last), day| {
        (first.min(month(day)), last.max(month(day)))
    });
    let width = lives.iter().map(|life| life.id.len()).max().unwrap_or(0);
    let letter = |state: &str| match KeyState::parse(state) {
        Some(KeyState::PreActive) => '·',
        Some(KeyState::Active) => 'A',
        Some(KeyState::Suspended) => 's',
        Some(KeyState::Retired) => 'r',
        Some(KeyState::Compromised) => '!',
        Some(KeyState::Destroyed) => 'x',
        None => '?',
    };
    let legend =
        KeyState::ALL.map(|state| format!("{} {}", letter(state.as_str()), word(state.as_str())));
    let mut out = legend.join("  ") + "\n";
    if lives.is_empty() {
        return out;
    }
    out.push_str(&format!(
        "{:width$}  {:04}-{:02}\n",
        "",
        first / 12,
        first % 12 + 1
    ));
    for life in lives {
        let mut line = format!("{:width$}  ", life.id);
        for now in first..=last {
            let before = life.steps.iter().rev().find(|step| month(&step.at) <= now);
            let state = match before {
                Some(step) => &step.to,
                None => life.steps.first().map_or(&life.state, |step| &step.from),
            };
            line.push(if month(&life.born) <= now {
                letter(state)
            } else {
                ' '
            });
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

fn states(json: bool) -> Ran {
    let steps: Vec<_> = TRANSITIONS
        .iter()
        .map(|step| json!({ "from": step.from.as_str(), "to": step.to.as_str(), "when": step.when, "approvers": 2 }))
        .collect();
    let uses = [
        (Purpose::Session, "session"),
        (Purpose::LoadCard, "card"),
        (Purpose::LoadSam, "sam"),
        (Purpose::HandDown, "hand-down"),
        (Purpose::Sign, "sign"),
        (Purpose::Verify, "verify"),
    ];
    let permits = |state: &KeyState| -> Vec<&str> {
        let of = uses.iter().filter(|(purpose, _)| state.permits(*purpose));
        of.map(|(_, word)| *word).collect()
    };
    let permitted: serde_json::Map<_, _> = PERMITS
        .iter()
        .map(|(state, _)| (state.as_str().to_owned(), json!(permits(state))))
        .collect();
    let value = json!({ "steps": steps, "permits": permitted });
    let show = || {
        let heads = [
            ("from", "由"),
            ("to", "至"),
            ("when", "情形"),
            ("then permitted", "之后可用于"),
        ];
        let mut table = Table::new(heads.map(|(en, zh)| pick(en, zh)));
        for step in TRANSITIONS {
            table.row([
                word(step.from.as_str()),
                word(step.to.as_str()),
                pick(step.when, step.when_zh).to_owned(),
                permits(&step.to).join(" "),
            ]);
        }
        table
    };
    output::print(json, &value, show).map_err(Refusal::from)?;
    Ok(Exit::Done)
}

pub(super) async fn alarms(command: AlarmsCommand) -> Ran {
    match command {
        AlarmsCommand::List { all, at } => {
            let service = open(&at.store).await?;
            let pool = service.store.pool();
            let mut conn = pool.acquire().await.map_err(Refusal::from)?;
            let found = alarms::list(&mut conn, all).await?;
            let waiting = found.iter().any(|alarm| alarm.acknowledged.is_none());
            let table = || {
                let heads = [
                    ("alarm", "警报"),
                    ("what", "事由"),
                    ("about", "对象"),
                    ("tried by", "操作者"),
                    ("times", "次数"),
                    ("first", "首次"),
                    ("last", "最近"),
                    ("acknowledged", "处理"),
                ];
                let mut table = Table::new(heads.map(|(en, zh)| pick(en, zh)));
                for alarm in &found {
                    let done = match (&alarm.by, &alarm.note) {
                        (Some(by), Some(note)) => format!("{by}: {note}"),
                        _ => pick("waits", "待处理").to_owned(),
                    };
                    table.row([
                        &alarm.id,
                        &alarm.kind,
                        &alarm.object,
                        &alarm.actor,
                        &alarm.times.to_string(),
                        &alarm.raised,
                        &alarm.last,
                        &done,
                    ]);
                }
                table
            };
            output::print(at.json, &found, table).map_err(Refusal::from)?;
            Ok(if waiting { Exit::Wrong } else { Exit::Done })
        }
        AlarmsCommand::Ack {
            id,
            officer,
            passphrase_fd,
            note,
            store,
        } => {
            let service = open(&store).await?;
            let device = Device::open(&officer, || {
                super::approvals::ask(passphrase_fd, pick("passphrase: ", "口令："))
            })?;
            service.acknowledge_alarm(&id, &device, &note).await?;
            println!("{}", pick("done", "完成"));
            Ok(Exit::Done)
        }
    }
}
