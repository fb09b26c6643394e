//! One case after the other: chips prepared, library loaded in a child process, calls made within a time limit, verdict.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::argument::Argument;
use super::case::{Call, TerminalCase, WantedCode};
use super::child::Returned;
use super::chips::Rig;
use super::faults::Bend;
use super::judge::Event;
use super::loaded::Loaded;
use crate::evidence::record::{CaseEnd, CaseHead, Finding, Phase, Record, Sink, Verdict};
use crate::step::Which;
use crate::words::say;

/// How long a reset that a terminal ordered may take to arrive at the chip.
const SETTLES_WITHIN: Duration = Duration::from_secs(2);
const LOOK: Duration = Duration::from_millis(5);

/// The library under test and who loads it.
#[derive(Debug, Clone)]
pub struct Target {
    /// This program.
    pub program: PathBuf,
    pub library: PathBuf,
    /// For `rhc_Configure`; without it the library finds its configuration itself.
    pub config: Option<PathBuf>,
    /// Longest time of one call.
    pub limit: Duration,
}

/// Waits until the library sees both chips: the daemon notices a card in its own time.
///
/// # Errors
/// It does not see them within `patience`.
pub fn ready(target: &Target, patience: Duration) -> Result<(), String> {
    let give_up = Instant::now() + patience;
    let call = |slot| Call {
        text: String::new(),
        function: "PowerOn".to_owned(),
        arguments: vec![Argument::Number(slot), Argument::Out],
        code: WantedCode::Exactly(0),
        values: Vec::new(),
    };
    loop {
        let mut loaded = Loaded::start(target)?;
        let mut cause = None;
        let opened = loaded.answer(target.limit)?;
        for slot in [0x01, 0x11] {
            let code = if opened.code == 0 {
                loaded.call(&call(slot), target.limit)?.code
            } else {
                opened.code
            };
            if code != 0 {
                cause = Some(format!("PowerOn of slot {slot:02X}h gives {code}"));
            }
        }
        loaded.close(target.limit);
        match cause {
            None => return Ok(()),
            Some(cause) if Instant::now() >= give_up => return Err(cause),
            Some(_) => std::thread::sleep(Duration::from_millis(200)),
        }
    }
}

/// Leaves a case out that is for terminals which verify signatures themselves.
pub fn skip(case: &TerminalCase, sink: &mut dyn Sink) -> CaseEnd {
    sink.note(&Record::Case(Box::new(head(case))));
    let why = say(
        "the maker says that its back office verifies, not the library (--library-verifies)",
        "厂商声明由后台而非接口库验证签名（--library-verifies）",
    );
    let end = CaseEnd {
        id: case.id.clone(),
        verdict: Verdict::Skipped,
        unstable: false,
        reason: Some(why.to_owned()),
        finding: None,
        commands: 0,
        ms: 0,
    };
    sink.note(&Record::Verdict(end.clone()));
    end
}

/// Runs one case.
///
/// # Errors
/// The chips cannot be made.
pub fn run(
    case: &TerminalCase,
    target: &Target,
    rig: &Rig,
    fault: Option<&Bend>,
    sink: &mut dyn Sink,
) -> Result<CaseEnd, String> {
    let began = Instant::now();
    sink.note(&Record::Case(Box::new(head(case))));
    rig.prepare(case, fault)?;
    let mut told = 0;
    let spoken = speak(case, target, rig, fault, (sink, &mut told));
    if spoken.is_ok() {
        settle(rig);
    }
    let seen = rig.seen();
    note(&seen, &mut told, sink);
    let (verdict, finding, reason) = match spoken {
        Err(cause) => (Verdict::Inconclusive, None, Some(cause)),
        Ok(Some(finding)) => (Verdict::Fail, Some(finding), None),
        Ok(None) => match broken(case, &seen) {
            Some(finding) => (Verdict::Fail, Some(finding), None),
            None => (Verdict::Pass, None, None),
        },
    };
    let said = finding
        .as_ref()
        .map(|f| format!("{}: {}", f.expected, f.seen));
    let end = CaseEnd {
        id: case.id.clone(),
        verdict,
        unstable: false,
        reason: reason.or(said),
        finding,
        commands: seen.iter().filter(|event| event.command.is_some()).count(),
        ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
    };
    sink.note(&Record::Verdict(end.clone()));
    Ok(end)
}

/// Makes the calls. `Err`: the environment (the library could not be loaded or found no reader); a finding: a wrong answer.
fn speak(
    case: &TerminalCase,
    target: &Target,
    rig: &Rig,
    fault: Option<&Bend>,
    (sink, told): (&mut dyn Sink, &mut usize),
) -> Result<Option<Finding>, String> {
    let mut loaded = Loaded::start(target)?;
    let opened = loaded.answer(target.limit)?;
    if opened.code != 0 {
        return Err("iDOpenPort gave no handle: readers and configuration of the library?".into());
    }
    for (at, call) in case.calls.iter().enumerate() {
        sink.note(&Record::Step {
            phase: Phase::Body,
            n: at + 1,
            text: call.text.clone(),
        });
        let wrong = match loaded.call(call, target.limit) {
            Err(cause) => Some(cause),
            Ok(returned) => {
                let returned = match fault {
                    Some(fault) => fault.told(&call.function, returned),
                    None => returned,
                };
                differs(call, &returned)
            }
        };
        note(&rig.seen(), told, sink);
        if let Some(seen) = wrong {
            return Ok(Some(Finding {
                phase: Phase::Body,
                step: at + 1,
                text: call.function.clone(),
                expected: call.text.clone(),
                seen,
            }));
        }
    }
    loaded.close(target.limit);
    Ok(None)
}

fn differs(call: &Call, returned: &Returned) -> Option<String> {
    let right_code = match call.code {
        WantedCode::Exactly(code) => returned.code == code,
        WantedCode::NotZero => returned.code != 0,
    };
    let right_values = call.values.is_empty()
        || call.values.len() == returned.values.len()
            && call
                .values
                .iter()
                .zip(&returned.values)
                .all(|(wanted, value)| is_wanted(wanted, value));
    (!right_code || !right_values)
        .then(|| format!("{} | {}", returned.code, returned.values.join(" | ")))
}

/// `*` for anything, also behind a beginning.
fn is_wanted(wanted: &str, value: &str) -> bool {
    match wanted.strip_suffix('*') {
        Some(beginning) => value.starts_with(beginning),
        None => wanted == value,
    }
}

/// Resets are not acknowledged: waits until each chip's last event is one, for a bounded time.
fn settle(rig: &Rig) {
    let give_up = Instant::now() + SETTLES_WITHIN;
    let is_settled = || {
        let seen = rig.seen();
        [false, true].into_iter().all(|sam| {
            let last = seen.iter().rfind(|event| event.sam == sam);
            last.is_none_or(|event| event.command.is_none())
        })
    };
    while !is_settled() && Instant::now() < give_up {
        std::thread::sleep(LOOK);
    }
}

fn broken(case: &TerminalCase, seen: &[Event]) -> Option<Finding> {
    case.rules.iter().enumerate().find_map(|(at, rule)| {
        rule.broken(seen).map(|what| Finding {
            phase: Phase::Body,
            step: case.calls.len() + at + 1,
            text: rule.text.clone(),
            expected: rule.text.clone(),
            seen: what,
        })
    })
}

/// Writes down what was seen since the last time.
fn note(seen: &[Event], told: &mut usize, sink: &mut dyn Sink) {
    for event in seen.iter().skip(*told) {
        let c = if event.sam { Which::Sam } else { Which::Card };
        let answer = hex::encode_upper(&event.answer);
        sink.note(&match &event.command {
            None => Record::Atr {
                c,
                a: answer,
                us: event.micros,
            },
            Some(command) => Record::X {
                c,
                q: hex::encode_upper(command),
                a: Some(answer),
                us: event.micros,
            },
        });
    }
    *told = seen.len();
}

fn head(case: &TerminalCase) -> CaseHead {
    let group = &case.group;
    CaseHead {
        id: case.id.clone(),
        group: group.id.clone(),
        group_title: group.title.clone(),
        title: case.title.clone(),
        purpose: group.purpose.clone(),
        clause: case.clause.clone(),
        covers: case.covers.iter().cloned().map(Into::into).collect(),
        severity: case.severity,
        destructive: false,
        attempt: 1,
        at_ms: 0,
    }
}
