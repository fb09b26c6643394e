//! What was injected where, and how it ended.

use std::collections::BTreeMap;

use tests_stand::Machine;

use crate::steps::Scope;

/// A kind of fault, and whether nothing works after it until the HSM is started again.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    pub name: &'static str,
    pub ends: bool,
}

pub const KINDS: [Kind; 11] = [
    kind("busy", false),
    kind("lost", false),
    kind("lost-after", false),
    kind("silent", false),
    kind("slow", false),
    kind("short", false),
    kind("entropy", false),
    kind("power", true),
    kind("torn", true),
    kind("tamper", true),
    kind("full", true),
];

const fn kind(name: &'static str, ends: bool) -> Kind {
    Kind { name, ends }
}

impl Kind {
    /// The HSM did the work before it failed.
    pub fn does_the_work(self) -> bool {
        matches!(self.name, "lost-after" | "short" | "power")
    }
}

/// Counts of the whole main job.
#[derive(Default)]
pub struct Tally {
    calls: Vec<(String, usize)>,
    /// By kind: success at once (after retries), a named error and then success.
    ended: BTreeMap<&'static str, [usize; 2]>,
}

impl Tally {
    pub fn step(&mut self, name: &str, calls: usize) {
        self.calls.push((name.to_owned(), calls));
    }

    pub fn add(&mut self, kind: &'static str, at_once: bool, times: usize) {
        self.ended.entry(kind).or_default()[usize::from(!at_once)] += times;
    }

    pub fn injected(&self) -> usize {
        self.ended.values().flatten().sum()
    }

    pub fn print(&self, machine: Machine, scope: Scope) {
        println!("{machine:?}, {scope:?}: calls of the HSM, step by step:");
        for (name, calls) in &self.calls {
            println!("  {calls:4}  {name}");
        }
        let calls: usize = self.calls.iter().map(|(_, calls)| calls).sum();
        println!("  {calls:4}  in all, x {} kinds of faults", KINDS.len());
        for (kind, [at_once, after]) in &self.ended {
            println!(
                "  {kind:10} {at_once:5} success after retry, {after:5} a named error, then success"
            );
        }
        println!("  injected: {}", self.injected());
    }
}
