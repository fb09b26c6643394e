//! Bad input never crashes: all combinations of what C allows, natively and with valgrind looking at every access.

use crate::house::{House, Way};
use crate::program::{Reach, cases, compile, run};
use std::process::Command;

#[test]
fn every_combination_with_the_engine_inside() {
    let house = House::new(Way::Embedded);
    let mut command = Command::new(compile(&house, "garbage", Reach::Linked));
    command.env("MOST", "3000");
    let text = run(&house, command);
    assert!(cases(&text) > 30_000, "{text}");
}

#[test]
fn every_combination_over_the_daemon() {
    let house = House::new(Way::Daemon(""));
    let mut command = Command::new(compile(&house, "garbage", Reach::Dlopen));
    command.env("MOST", "800");
    let text = run(&house, command);
    assert!(cases(&text) > 10_000, "{text}");
}

#[test]
fn under_valgrind() {
    let house = House::new(Way::Daemon(""));
    let program = compile(&house, "garbage", Reach::Linked);
    let mut command = Command::new("valgrind");
    command
        .args(["-q", "--error-exitcode=9", "--leak-check=no"])
        .arg(program)
        .env("MOST", "250");
    let text = run(&house, command);
    assert!(cases(&text) > 5_000, "{text}");
}
