//! The journal cut, changed, and shared.

use super::*;
use crate::journal::Phase;

fn begin(factor: &str) -> Event {
    Event::Begin {
        factor: factor.into(),
        serial: "4100000001".into(),
        data_hash: "ab".repeat(32),
        issued: jiff::civil::date(2026, 11, 22),
        ticket: "T1".into(),
    }
}

fn job(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

fn write_all(folder: &Path) -> Vec<(usize, Vec<Job>)> {
    let mut journal = Journal::open(folder).expect("opens");
    let mut states = vec![(0, Vec::new())];
    let events = [
        (1, begin("0101010101010101")),
        (
            1,
            Event::Phase {
                phase: Phase::Open,
                script: None,
            },
        ),
        (
            1,
            Event::Failed {
                kind: "card-lost".into(),
            },
        ),
        (2, begin("0202020202020202")),
        (
            2,
            Event::Phase {
                phase: Phase::Open,
                script: None,
            },
        ),
        (
            2,
            Event::Phase {
                phase: Phase::Activate,
                script: None,
            },
        ),
        (
            2,
            Event::ReadBack {
                sam: "41".into(),
                digest: "ab".into(),
            },
        ),
        (2, Event::Registered),
        (
            1,
            Event::Voided {
                reason: "spoilt\ttwice\n".into(),
            },
        ),
    ];
    for (number, event) in events {
        journal
            .write(Timestamp::UNIX_EPOCH, job(number), event)
            .expect("writes");
        let size = fs::metadata(folder.join("journal.log"))
            .expect("there")
            .len() as usize;
        states.push((size, journal.jobs().to_vec()));
    }
    states
}

#[test]
fn cut_at_every_byte_gives_the_last_whole_line() {
    let folder = tempfile::tempdir().expect("folder");
    let states = write_all(folder.path());
    let text = fs::read(folder.path().join("journal.log")).expect("readable");
    for cut in 0..=text.len() {
        let state = states.iter().rev().find(|(size, _)| *size <= cut);
        let (whole, jobs) = state.expect("the first is empty");
        let replayed = replay(&text[..cut]).expect("a cut journal is no damaged one");
        assert_eq!(
            (replayed.whole, &replayed.jobs),
            (*whole, jobs),
            "cut at {cut}"
        );
    }
}

#[test]
fn a_cut_file_goes_on_behind_its_last_whole_line() {
    let folder = tempfile::tempdir().expect("folder");
    let states = write_all(folder.path());
    let text = fs::read(folder.path().join("journal.log")).expect("readable");
    for (size, jobs) in &states {
        for cut in [*size, size + 1, size + 100]
            .into_iter()
            .filter(|cut| *cut < text.len())
        {
            let other = tempfile::tempdir().expect("folder");
            fs::write(other.path().join("journal.log"), &text[..cut]).expect("writes");
            let mut journal = Journal::open(other.path()).expect("a cut journal opens");
            assert_eq!(journal.jobs(), jobs, "cut at {cut}");
            journal
                .write(Timestamp::UNIX_EPOCH, job(9), begin("0909090909090909"))
                .expect("writes");
            drop(journal);
            let again = Journal::open(other.path()).expect("opens");
            assert_eq!(again.jobs().len(), jobs.len() + 1, "cut at {cut}");
        }
    }
}

#[test]
fn a_changed_byte_before_the_last_line_is_damage() {
    let folder = tempfile::tempdir().expect("folder");
    write_all(folder.path());
    let path = folder.path().join("journal.log");
    let text = fs::read(&path).expect("readable");
    let last = text[..text.len() - 1]
        .iter()
        .rposition(|byte| *byte == b'\n')
        .expect("several lines");
    for at in (0..last).step_by(7) {
        let mut changed = text.clone();
        changed[at] ^= 0x01;
        fs::write(&path, &changed).expect("writes");
        assert!(
            matches!(
                Journal::open(folder.path()),
                Err(JournalError::Damaged { .. })
            ),
            "byte {at}"
        );
    }
}

#[test]
fn one_station_at_a_time() {
    let folder = tempfile::tempdir().expect("folder");
    let _first = Journal::open(folder.path()).expect("opens");
    assert!(matches!(
        Journal::open(folder.path()),
        Err(JournalError::InUse(_))
    ));
}

#[test]
fn jobs_add_up() {
    let folder = tempfile::tempdir().expect("folder");
    write_all(folder.path());
    let journal = Journal::open(folder.path()).expect("opens");
    let [first, second] = journal.jobs() else {
        panic!("two jobs")
    };
    assert_eq!(
        (first.status, first.phase),
        (Status::Voided, Some(Phase::Open))
    );
    assert_eq!(
        (second.status, second.read_back.is_some()),
        (Status::Registered, true)
    );
    assert_eq!(journal.open_jobs().count(), 0);
    assert!(journal.find_open("4100000001").is_err());
}
