//! Faults on purpose, so that whoever uses an HSM can be tried against a bad one: `serve --faults SPEC`, TEST stores only.
//!
//! Calls are counted from 1: requests of the operator after his hello, and officers' orders. `at=17:lost-after` plans a
//! fault for one call, `seed=7,rate=50` draws for each call with 50 in 1000 which fault it meets; the same seed meets
//! the same calls. Only what a caller sees is faulty: quota, keys and audit are kept as always, and a script that was
//! made before its answer was lost is found again under its request id.

use hsm_engine::{Disk, Entropy, EntropyError, NextWrite, SystemEntropy};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// How long `slow` takes, and how long `silent` holds the connection before it closes it, unless SPEC says otherwise.
const SLOW: Duration = Duration::from_millis(250);
const SILENT: Duration = Duration::from_secs(15);

/// What a call meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Refused with `Busy`; nothing was done.
    Busy,
    /// The connection ends before the work.
    Lost,
    /// The work is done, and the connection ends without an answer.
    LostAfter,
    /// Nothing is done or answered for a long time, then the connection ends.
    Silent,
    /// The right answer, late.
    Slow,
    /// The work is done, and half of the answer is sent.
    Short,
    /// The first draw of the random generator in this call fails.
    Entropy,
    /// The work is done, and the process ends like one without power.
    Power,
    /// The case was opened: from now on everything is refused with `Tampered`, until a restart.
    Tamper,
    /// No room for the call's record: refused with `AuditClosed`, and so is everything until a restart.
    Full,
    /// Half of the call's record is written, and the process ends like one without power.
    Torn,
}

/// The first so many of [`Fault::ALL`] leave the HSM working.
const HARMLESS: usize = 7;

impl Fault {
    pub const ALL: [(Self, &'static str); 11] = [
        (Self::Busy, "busy"),
        (Self::Lost, "lost"),
        (Self::LostAfter, "lost-after"),
        (Self::Silent, "silent"),
        (Self::Slow, "slow"),
        (Self::Short, "short"),
        (Self::Entropy, "entropy"),
        (Self::Power, "power"),
        (Self::Tamper, "tamper"),
        (Self::Full, "full"),
        (Self::Torn, "torn"),
    ];

    pub fn name(self) -> &'static str {
        let found = Self::ALL.iter().find(|(fault, _)| *fault == self);
        found.map_or("", |(_, name)| name)
    }
}

impl FromStr for Fault {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.iter().find(|(_, name)| *name == text);
        found.map(|(fault, _)| *fault).ok_or_else(|| {
            let names: Vec<_> = Self::ALL.iter().map(|(_, name)| *name).collect();
            format!("no fault {text}; there are {}", names.join(", "))
        })
    }
}

/// Which calls meet what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    at: BTreeMap<u64, Fault>,
    seed: u64,
    /// In 1000 calls.
    rate: u64,
    /// Drawn from; all but `power`, `tamper`, `full` and `torn`, which end everything, when empty.
    kinds: Vec<Fault>,
    slow: Option<Duration>,
    silent: Option<Duration>,
}

impl FromStr for Plan {
    type Err = String;

    /// `at=N:FAULT`, `seed=N`, `rate=N`, `kinds=FAULT+FAULT`, `slow=MS`, `silent=MS`, separated by commas.
    fn from_str(text: &str) -> Result<Self, String> {
        let mut plan = Self::default();
        for part in text.split(',') {
            let (name, value) = part
                .split_once('=')
                .ok_or_else(|| format!("{part}: NAME=VALUE"))?;
            let number = || {
                value
                    .parse::<u64>()
                    .map_err(|_| format!("{part}: a number"))
            };
            match name {
                "at" => {
                    let (call, fault) = value
                        .split_once(':')
                        .ok_or_else(|| format!("{part}: at=CALL:FAULT"))?;
                    let call = call
                        .parse()
                        .map_err(|_| format!("{part}: a call's number"))?;
                    plan.at.insert(call, fault.parse()?);
                }
                "seed" => plan.seed = number()?,
                "rate" => plan.rate = number()?.min(1000),
                "kinds" => {
                    plan.kinds = value.split('+').map(str::parse).collect::<Result<_, _>>()?;
                }
                "slow" => plan.slow = Some(Duration::from_millis(number()?)),
                "silent" => plan.silent = Some(Duration::from_millis(number()?)),
                _ => return Err(format!("{part}: at, seed, rate, kinds, slow or silent")),
            }
        }
        Ok(plan)
    }
}

impl Plan {
    fn draw(&self, call: u64) -> Option<Fault> {
        if let Some(fault) = self.at.get(&call) {
            return Some(*fault);
        }
        let drawn = mix(self.seed.wrapping_add(mix(call)));
        if drawn % 1000 >= self.rate {
            return None;
        }
        let harmless = &Fault::ALL[..HARMLESS];
        let kinds = if self.kinds.is_empty() {
            harmless.iter().map(|(fault, _)| *fault).collect()
        } else {
            self.kinds.clone()
        };
        #[allow(clippy::cast_possible_truncation)]
        let which = (drawn >> 32) as usize % kinds.len().max(1);
        kinds.get(which).copied()
    }
}

/// The finaliser of SplitMix64: every bit of the number changes every bit of the result.
fn mix(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// The plan at work.
#[derive(Default)]
pub struct Faults {
    plan: Option<Plan>,
    calls: AtomicU64,
    tampered: AtomicBool,
}

impl Faults {
    pub fn new(plan: Option<Plan>) -> Self {
        Self {
            plan,
            ..Self::default()
        }
    }

    /// What the next call meets. It is in the log, with the call's number.
    pub fn next(&self) -> Option<Fault> {
        let plan = self.plan.as_ref()?;
        let call = self.calls.fetch_add(1, Ordering::AcqRel) + 1;
        let fault = plan.draw(call)?;
        tracing::warn!(call, fault = fault.name(), "a fault on purpose");
        if fault == Fault::Tamper {
            self.tampered.store(true, Ordering::Release);
        }
        Some(fault)
    }

    pub fn tampered(&self) -> bool {
        self.tampered.load(Ordering::Acquire)
    }

    pub fn slow(&self) -> Duration {
        self.plan.as_ref().and_then(|p| p.slow).unwrap_or(SLOW)
    }

    pub fn silent(&self) -> Duration {
        self.plan.as_ref().and_then(|p| p.silent).unwrap_or(SILENT)
    }
}

thread_local! {
    /// Whether the next draw on this thread fails.
    static STARVED: Cell<bool> = const { Cell::new(false) };
}

/// Runs a call whose first random draw fails. A connection is served by one thread, so only its own call is hit.
pub fn starved<A>(work: impl FnOnce() -> A) -> A {
    STARVED.set(true);
    let answer = work();
    STARVED.set(false);
    answer
}

/// The system's generator, unless a fault says otherwise.
pub struct FaultyEntropy;

impl Entropy for FaultyEntropy {
    fn fill(&mut self, buffer: &mut [u8]) -> Result<(), EntropyError> {
        if STARVED.take() {
            return Err(EntropyError);
        }
        SystemEntropy.fill(buffer)
    }
}

thread_local! {
    /// What becomes of the next record that this thread writes.
    static NEXT_WRITE: Cell<NextWrite> = const { Cell::new(NextWrite::Whole) };
}

/// Runs a call whose first record meets a bad disk.
pub fn at_next_write<A>(fate: NextWrite, work: impl FnOnce() -> A) -> A {
    NEXT_WRITE.set(fate);
    let answer = work();
    NEXT_WRITE.set(NextWrite::Whole);
    answer
}

/// The system's disk, unless a fault says otherwise.
pub struct FaultyDisk;

impl Disk for FaultyDisk {
    fn next_write(&mut self) -> NextWrite {
        NEXT_WRITE.replace(NextWrite::Whole)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_meets_the_same_calls() {
        let plan: Plan = "seed=7,rate=100".parse().expect("a plan");
        let met: Vec<_> = (1..=1000)
            .filter_map(|call| plan.draw(call).map(|f| (call, f)))
            .collect();
        let again: Vec<_> = (1..=1000)
            .filter_map(|call| plan.draw(call).map(|f| (call, f)))
            .collect();
        assert_eq!(met, again);
        assert!((60..140).contains(&met.len()), "{} of 1000", met.len());
        for (fault, name) in &Fault::ALL[..HARMLESS] {
            assert!(met.iter().any(|(_, f)| f == fault), "{name} never came");
        }
        assert!(
            !met.iter().any(|(_, f)| matches!(
                f,
                Fault::Power | Fault::Tamper | Fault::Full | Fault::Torn
            ))
        );
        let other: Plan = "seed=8,rate=100".parse().expect("a plan");
        assert!((1..=1000).any(|call| other.draw(call) != plan.draw(call)));
    }

    #[test]
    fn planned_calls_and_chosen_kinds() {
        let plan: Plan = "at=3:power,at=5:busy,seed=1,rate=1000,kinds=slow,slow=1"
            .parse()
            .expect("a plan");
        let met: Vec<_> = (1..=5).map(|call| plan.draw(call)).collect();
        let slow = Some(Fault::Slow);
        assert_eq!(
            met,
            [slow, slow, Some(Fault::Power), slow, Some(Fault::Busy)]
        );
        for wrong in [
            "",
            "at=3",
            "at=x:busy",
            "at=1:none",
            "rate=-1",
            "kinds=",
            "what=1",
        ] {
            assert!(wrong.parse::<Plan>().is_err(), "{wrong}");
        }
    }
}
