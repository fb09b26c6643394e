//! Done when 1: every exported function, each code it can return, linked and by `dlopen`, embedded and over the daemon.

use crate::house::{House, Way};
use crate::judge::{judge, masked_key};
use crate::program::{Reach, cases, compile, run};
use std::process::Command;

/// One of the ways, and what OpenSSL says to it.
fn exercise(way: Way<'_>, reach: Reach) {
    let house = House::new(way);
    let program = compile(&house, "exercise", reach);
    let text = run(&house, Command::new(program));
    judge(&text);
    assert!(cases(&text) > 400, "{text}");
    println!(
        "{way:?} {reach:?}: {}",
        text.lines().last().unwrap_or_default()
    );
}

#[test]
fn every_function_over_the_daemon_linked() {
    exercise(Way::Daemon(""), Reach::Linked);
}

#[test]
fn every_function_with_the_engine_inside_by_dlopen() {
    exercise(Way::Embedded, Reach::Dlopen);
}

/// From the fourth call on, every call meets the same fault.
fn faults(kind: &str, code: &str, only_random: bool) {
    let plan: Vec<String> = (4..120).map(|call| format!("at={call}:{kind}")).collect();
    let house = House::new(Way::Daemon(&plan.join(",")));
    let mut command = Command::new(compile(&house, "faults", Reach::Linked));
    command.env("CODE", code);
    if only_random {
        command.env("ONLY_RANDOM", "1");
    }
    let text = run(&house, command);
    assert!(cases(&text) > 35, "{text}");
}

#[test]
fn a_busy_machine() {
    faults("busy", "0100E002", false);
}

#[test]
fn a_lost_connection_stays_lost() {
    faults("lost", "01000003", false);
}

#[test]
fn half_an_answer_is_none() {
    faults("short", "01000003", false);
}

#[test]
fn a_tampered_machine() {
    faults("tamper", "01000004", false);
}

#[test]
fn no_random_numbers() {
    faults("entropy", "01000017", true);
}

#[test]
fn sessions_in_parallel() {
    for way in [Way::Embedded, Way::Daemon("")] {
        let house = House::new(way);
        let mut command = Command::new(compile(&house, "threads", Reach::Linked));
        command.env("ROUNDS", "24");
        run(&house, command);
    }
}

#[test]
fn a_session_key_is_not_in_the_program_that_uses_it() {
    let house = House::new(Way::Daemon(""));
    let mut command = Command::new(compile(&house, "memory", Reach::Linked));
    command.env("MASKED", masked_key());
    run(&house, command);
}
