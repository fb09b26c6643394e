//! `rhc-demo`: the whole house in one run: keys of three tiers, SAMs, residents' cards, registry, hospital, refusals.

mod result;
mod say;

fn main() {}
