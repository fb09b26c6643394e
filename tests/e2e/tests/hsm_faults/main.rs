//! The key service against HSMs that fail on purpose: every fault at every call of the main job (set-up, enrolment,
//! hand-down, tickets, both stages of SAMs with their certificates, cards, status).
//!
//! The calls of each step are counted once. Then, for every call and every kind of fault, the step runs against an HSM that
//! fails there: it must succeed after retries, or say by name what is wrong and succeed when it is repeated; and HSM and
//! key service must hold exactly what they hold after a step without faults: no key lost, none twice, every count right.
//!
//! `slow` and `busy` come at all calls always, every kind at all calls of the scripts. Else `make test` tries, over the
//! daemon's sockets, at each call every kind that leaves the HSM working and one that ends it; the calls of the set-ups, and
//! those behind the SDF library (there every fourth order of a set-up, and a SAM's certificate by turns), meet the kinds in turn. `RHC_EVERY_FAULT=1`
//! (`make soak`) tries each kind at each call.

mod chips;
mod place;
mod steps;
mod tally;

use steps::Scope;
use tally::Tally;
use tests_e2e::tiers;
use tests_stand::Machine;
use tests_stand::house::House;

#[test]
fn no_fault_of_an_hsm_loses_a_key_or_a_count() {
    let injected = main_job(Machine::Daemon, Scope::Steps).injected();
    assert!(injected >= 500, "only {injected}");
}

/// The same through the GM/T 0018 library, whose ways to fail are its own.
#[test]
fn nor_does_one_behind_the_sdf_library() {
    let injected = main_job(Machine::Sdf, Scope::Turns).injected();
    assert!(injected >= 300, "only {injected}");
}

fn main_job(machine: Machine, scope: Scope) -> Tally {
    let every = std::env::var_os("RHC_EVERY_FAULT").is_some();
    let scope = if every { Scope::Every } else { scope };
    let mut tally = Tally::default();
    let mut house = House::found_over(machine).expect("house");
    steps::walk(&mut house, &mut tally, scope);
    tiers::compare(&house).expect("the keys that OpenSSL computes");
    chips::walk(&mut house, &mut tally, scope);
    tally.print(machine, scope);
    tally
}
