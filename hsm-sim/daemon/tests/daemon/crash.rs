//! Kills, crowds and crashes: no count is lost or given back, no core image is left.
#![allow(clippy::unwrap_used)]

use crate::house::*;
use hsm_wire::ErrorCode;
use std::fs::{self};
use std::os::unix::process::ExitStatusExt;
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

/// Killed between any two instructions: what was answered is counted and can be asked for again; what was not
/// answered costs at most the one count that was on its way.
#[test]
fn killed_at_any_moment_no_count_is_lost_or_given_back() {
    let mut house = House::new("test");
    house.serve(&[]);
    furnish(&house, 100_000);
    let mut answered = Vec::new();
    let mut next = 1;
    for round in 0..8 {
        let child = house.child.as_ref().unwrap().id();
        let killer = std::thread::spawn(move || {
            sleep(Duration::from_millis(20 + 13 * round));
            Command::new("kill")
                .args(["-KILL", &child.to_string()])
                .status()
                .unwrap();
        });
        let mut operator = house.operator();
        while let Ok(answer) = operator.fill_card(fill_request(next)) {
            answered.push((next, answer.digest));
            next += 1;
        }
        killer.join().unwrap();
        house.child.take().unwrap().wait().unwrap();
        house.serve(&[]);
        let used = house.operator().ticket("t").unwrap().used;
        assert!(
            (next - 1..=next).contains(&used),
            "{used} counted, {} answered",
            next - 1
        );
        // The request that was cut off is asked again: it goes on where it was, at no second count.
        let answer = house.operator().fill_card(fill_request(next)).unwrap();
        answered.push((next, answer.digest));
        assert_eq!(house.operator().ticket("t").unwrap().used, next);
        next += 1;
    }
    assert!(answered.len() > 16, "only {} answers", answered.len());
    for (number, digest) in answered.iter().rev().take(200) {
        assert_eq!(
            house
                .operator()
                .fill_card(fill_request(*number))
                .unwrap()
                .digest,
            *digest
        );
    }
}

/// Many clients at once share one ticket of 20: exactly 20 factors are served.
#[test]
fn a_crowd_gets_exactly_the_tickets_count() {
    let mut house = House::new("test");
    house.serve(&[]);
    furnish(&house, 20);
    let served: usize = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..8u64)
            .map(|worker| {
                let mut operator = house.operator();
                scope.spawn(move || {
                    (0..8u64)
                        .filter(
                            |n| match operator.fill_card(fill_request(1 + worker * 8 + n)) {
                                Ok(_) => true,
                                Err(error) => {
                                    assert_eq!(refusal::<()>(Err(error)), ErrorCode::TicketEmpty);
                                    false
                                }
                            },
                        )
                        .count()
                })
            })
            .collect();
        workers.into_iter().map(|w| w.join().unwrap()).sum()
    });
    assert_eq!(served, 20);
    assert_eq!(house.operator().ticket("t").unwrap().used, 20);
}

#[test]
fn a_crash_leaves_no_core_image_and_loses_nothing() {
    let mut house = House::new("test");
    house.serve(&[]);
    house.order(make_key("k")).unwrap();
    let limits = fs::read_to_string(format!("/proc/{}/limits", house.pid())).unwrap();
    let core = limits
        .lines()
        .find(|line| line.starts_with("Max core file size"))
        .unwrap();
    assert_eq!(
        core.split_whitespace().skip(4).take(2).collect::<Vec<_>>(),
        ["0", "0"],
        "{core}"
    );
    let status = house.end("-ABRT");
    assert_eq!(status.signal(), Some(6));
    assert!(!status.core_dumped(), "left a core image");
    let left: Vec<_> = fs::read_dir(house.dir.path())
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(
        !left.iter().any(|name| name.starts_with("core")),
        "{left:?}"
    );
    // The dead sockets are replaced, the key is there.
    house.serve(&[]);
    assert_eq!(house.operator().list_keys().unwrap().len(), 1);
    // A second process on the same store, or the same sockets, is refused.
    let mut second = house.command(&house.path("unseal"), &[]).spawn().unwrap();
    assert_eq!(second.wait().unwrap().code(), Some(4));
    assert_eq!(house.operator().list_keys().unwrap().len(), 1);
}
