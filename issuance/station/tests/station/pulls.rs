//! A card pulled at every command, before it does the command and after: whatever happened, the next run knows, and ends
//! with one card registered that was read back, the same serial and the same data.

use super::support::reader::{Pull, TestCard};
use super::support::{FACTOR, World, kind, profile};
use cardlib_reader::Transaction;
use issuance_station::engine::Verdict;
use issuance_station::probe::probe;

/// Commands of an undisturbed card.
fn commands() -> u32 {
    let world = World::new();
    let card = TestCard::blank(FACTOR);
    let outcome = world.card(&mut card.insert(None), Some(0));
    assert_eq!(
        outcome.result.as_ref().ok(),
        Some(&Verdict::Issued),
        "{}",
        kind(&outcome)
    );
    card.commands.get()
}

/// One card pulled so, and the next run with it.
fn pulled_once(pull: Pull) -> Verdict {
    let world = World::new();
    let card = TestCard::blank(FACTOR);
    let first = world.card(&mut card.insert(Some(pull)), Some(0));
    assert_eq!(kind(&first), "card-lost", "{pull:?}");
    assert_eq!(
        world.registry.count("active"),
        0,
        "{pull:?}: not read back, not registered"
    );

    let second = world.card(&mut card.insert(None), Some(0));
    let verdict = second
        .result
        .unwrap_or_else(|fault| panic!("{pull:?}: {}", fault.message()));
    assert!(
        first.serial.is_none() || first.serial == second.serial,
        "{pull:?}"
    );
    assert_eq!(world.registry.count("active"), 1, "{pull:?}");
    assert_eq!(
        world.registry.rows.borrow().len(),
        1,
        "{pull:?}: no card counted twice"
    );
    assert_eq!(world.half_made(), 0, "{pull:?}");
    verdict
}

#[test]
fn pulled_at_every_command_and_finished_by_the_next_run() {
    let all = commands();
    // Two worlds at a time: each is a station of its own.
    let half = |first: u32| {
        move || {
            (first..=all)
                .step_by(2)
                .flat_map(|n| [Pull::Before(n), Pull::After(n)])
                .map(pulled_once)
                .collect()
        }
    };
    let verdicts: Vec<Verdict> = std::thread::scope(|scope| {
        let halves: [std::thread::ScopedJoinHandle<'_, Vec<Verdict>>; 2] =
            [scope.spawn(half(1)), scope.spawn(half(2))];
        halves
            .into_iter()
            .flat_map(|half| half.join().expect("no half failed"))
            .collect()
    });
    let count = |wanted| {
        verdicts
            .iter()
            .filter(|verdict| **verdict == wanted)
            .count()
    };
    let (issued, finished, recovered) = (
        count(Verdict::Issued),
        count(Verdict::Finished),
        count(Verdict::Recovered),
    );
    println!(
        "pulled at {all} commands, before and after each: {issued} issued, {finished} finished, {recovered} recovered"
    );
    assert_eq!(verdicts.len(), 2 * all as usize);
    assert!(issued > 0 && finished > 100 && recovered > 100);
}

#[test]
fn pulled_twice_and_finished() {
    let all = commands();
    for (first, second) in [
        (5, 3),
        (40, 40),
        (100, 200),
        (all - 1, 1),
        (all / 2, all / 2),
    ] {
        let world = World::new();
        let card = TestCard::blank(FACTOR);
        for pull in [Pull::After(first), Pull::Before(second)] {
            let outcome = world.card(&mut card.insert(Some(pull)), Some(0));
            assert!(
                ["card-lost", "no failure"].contains(&kind(&outcome).as_str()),
                "{}",
                kind(&outcome)
            );
        }
        if world.half_made() > 0 {
            assert!(world.card(&mut card.insert(None), Some(0)).result.is_ok());
        }
        assert_eq!((world.registry.count("active"), world.half_made()), (1, 0));
    }
}

#[test]
fn a_pulled_card_is_told_by_its_own_state() {
    // After the last command of the script the card is active, whatever the station heard.
    let world = World::new();
    let card = TestCard::blank(FACTOR);
    let all = commands();
    let lost = world.card(&mut card.insert(Some(Pull::Before(all))), Some(0));
    assert_eq!(kind(&lost), "card-lost");
    let mut inserted = card.insert(None);
    let mut transaction = Transaction::begin(&mut inserted).expect("a card");
    let atr = transaction.atr().to_vec();
    let seen = probe(&mut transaction, &atr, profile())
        .unwrap_or_else(|fault| panic!("{}", fault.message()));
    assert!(seen.base.is_none());
}
