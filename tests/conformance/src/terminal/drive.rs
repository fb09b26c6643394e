//! One case after the other: chips prepared, library loaded in a child process, calls made within a time limit, verdict.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use super::case::{Argument, Call, Group, TerminalCase, WantedCode};
use super::child::{Ordered, Returned};
use super::chips::Rig;
use super::faults::Fault;
use super::judge::Event;
use crate::evidence::record::{CaseEnd, CaseHead, Finding, Phase, Record, Sink, Verdict};
use crate::step::Which;

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

/// A child that is killed when it is no longer needed.
struct Loaded {
    child: Child,
    answers: Receiver<String>,
}

impl Loaded {
    fn start(target: &Target) -> Result<Self, String> {
        let mut command = Command::new(&target.program);
        command
            .arg("terminal-calls")
            .arg("--library")
            .arg(&target.library);
        if let Some(config) = &target.config {
            command.arg("--library-config").arg(config);
        }
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|e| format!("{}: {e}", target.program.display()))?;
        let out = child.stdout.take().ok_or("the child has no output")?;
        let (send, answers) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                if send.send(line).is_err() {
                    break;
                }
            }
        });
        Ok(Self { child, answers })
    }

    fn answer(&self, limit: Duration) -> Result<Returned, String> {
        match self.answers.recv_timeout(limit) {
            Ok(line) => serde_json::from_str(&line).map_err(|e| e.to_string()),
            Err(RecvTimeoutError::Timeout) => {
                Err(format!("no answer within {} s", limit.as_secs()))
            }
            Err(RecvTimeoutError::Disconnected) => Err("the library ended its process".into()),
        }
    }

    fn call(&mut self, call: &Call, limit: Duration) -> Result<Returned, String> {
        let ordered = Ordered {
            function: call.function.clone(),
            arguments: call.arguments.clone(),
        };
        let line = serde_json::to_string(&ordered).map_err(|e| e.to_string())?;
        let input = self.child.stdin.as_mut().ok_or("the child has no input")?;
        // Where the child has died the answer, which does not come, says so.
        let _ = writeln!(input, "{line}").and_then(|()| input.flush());
        self.answer(limit)
    }

    /// Lets the library close; the child ends by itself.
    fn close(&mut self, limit: Duration) {
        drop(self.child.stdin.take());
        if let Err(RecvTimeoutError::Timeout) = self.answers.recv_timeout(limit) {
            let _ = self.child.kill();
        }
    }
}

impl Drop for Loaded {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
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

/// Runs one case.
///
/// # Errors
/// The chips cannot be made.
pub fn run(
    case: &TerminalCase,
    group: &Group,
    target: &Target,
    rig: &Rig,
    fault: Option<Fault>,
    sink: &mut dyn Sink,
) -> Result<CaseEnd, String> {
    let began = Instant::now();
    sink.note(&Record::Case(Box::new(head(case, group))));
    rig.prepare(case, fault)?;
    let mut told = 0;
    let spoken = speak(case, target, rig, sink, &mut told);
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
    sink: &mut dyn Sink,
    told: &mut usize,
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
            Ok(returned) => differs(call, &returned),
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
                .all(|(wanted, value)| wanted == "*" || wanted == value);
    (!right_code || !right_values)
        .then(|| format!("{} | {}", returned.code, returned.values.join(" | ")))
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

fn head(case: &TerminalCase, group: &Group) -> CaseHead {
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
