//! The epoch outside the store: copies of before are refused, power cuts are not.
#![allow(clippy::unwrap_used)]

use crate::common::*;
use hsm_engine::{Engine, EpochFile, OpenError, StoreError};
use hsm_wire::Mark;
use hsm_wire::info::{AuditRecord, Remembered, RolledBack};
use hsm_wire::operator::{OperatorAnswer, OperatorRequest};
use hsm_wire::ticket::Target;
use std::fs;
use std::path::Path;

fn at(path: &Path, accept: bool) -> EpochFile {
    EpochFile {
        path: path.to_owned(),
        accept,
    }
}

fn rolled_back(opened: Result<Engine, OpenError>) -> bool {
    matches!(opened, Err(OpenError::Store(StoreError::RolledBack(_))))
}

fn record(hsm: &mut Hsm, number: u64) -> Option<AuditRecord> {
    let request = OperatorRequest::Audit { from: number };
    match hsm.engine.operator(request).unwrap() {
        OperatorAnswer::Audit(records) => records.into_iter().next(),
        _ => panic!("another answer to audit"),
    }
}

#[test]
fn each_opening_is_an_epoch_and_the_file_is_made_on_purpose_only() {
    let hsm = Hsm::new(Mark::Test);
    let first = hsm.info().epoch;
    let path = hsm.dir.path().join("epoch");
    let hsm = hsm.reopen();
    assert_eq!(hsm.info().epoch, first + 1);
    let (secret, clock, dir) = hsm.close();
    let store = dir.path().join("hsm");
    let open = |accept| {
        Engine::open_at(
            &store,
            &secret,
            world(&clock, None),
            Some(&at(&path, accept)),
        )
    };
    assert!(matches!(
        open(false),
        Err(OpenError::Store(StoreError::NoEpochFile(_)))
    ));
    assert!(open(true).is_ok());
    assert!(open(false).is_ok());
    fs::write(&path, b"").unwrap();
    assert!(matches!(
        open(false),
        Err(OpenError::Store(StoreError::Damaged { .. }))
    ));
}

/// A copy from any moment, the last answer's included, is older than the file; a copy that was used meanwhile is
/// another story than the file's.
#[test]
fn copies_of_before_are_refused_also_when_they_were_used() {
    let hsm = Hsm::province(Mark::Test, None);
    let path = hsm.dir.path().join("epoch");
    let mut hsm = hsm.reopen_at(&at(&path, true));
    let copies: Vec<_> = (0..3)
        .map(|n| hsm.dir.path().join(format!("copy{n}")))
        .collect();
    for copy in &copies {
        copy_dir(&hsm.store(), copy);
        let request = hsm.card_request();
        hsm.fill(Target::Card, request).unwrap();
    }
    // Compaction moves the record that the file knows into an archive.
    hsm.engine.compact();
    let (secret, clock, dir) = hsm.close();
    let open = |store: &Path, epoch: Option<&EpochFile>| {
        Engine::open_at(store, &secret, world(&clock, None), epoch)
    };
    for copy in &copies {
        assert!(rolled_back(open(copy, Some(&at(&path, false)))), "{copy:?}");
    }
    // Openings without the file bring the copy beyond the file's count, with other records.
    for _ in 0..9 {
        drop(open(&copies[0], None).unwrap());
    }
    assert!(rolled_back(open(&copies[0], Some(&at(&path, false)))));
    let store = dir.path().join("hsm");
    drop(open(&store, Some(&at(&path, false))).unwrap());
    // Officers who compared may go on with the copy.
    drop(open(&copies[1], Some(&at(&path, true))).unwrap());
    assert!(rolled_back(open(&store, Some(&at(&path, false)))));
}

/// The file may be behind the store, as after a power cut, or cut in the middle of a slot.
#[test]
fn a_file_that_is_behind_or_torn_is_no_rollback() {
    let hsm = Hsm::province(Mark::Test, None);
    let path = hsm.dir.path().join("epoch");
    let mut hsm = hsm.reopen_at(&at(&path, true));
    let behind = fs::read(&path).unwrap();
    let request = hsm.card_request();
    hsm.fill(Target::Card, request).unwrap();
    let now = fs::read(&path).unwrap();
    assert!(behind != now);
    let (secret, clock, dir) = hsm.close();
    let store = dir.path().join("hsm");
    let newest = now.len() - 96;
    for torn in [behind, now[..newest + 50].to_vec(), now.clone()] {
        fs::write(&path, torn).unwrap();
        let place = at(&path, false);
        Engine::open_at(&store, &secret, world(&clock, None), Some(&place)).unwrap();
    }
}

/// What a key service remembers tells it the same.
#[test]
fn a_user_of_the_hsm_notices_too() {
    let mut hsm = Hsm::province(Mark::Test, None);
    let copy = hsm.dir.path().join("copy");
    copy_dir(&hsm.store(), &copy);
    for _ in 0..2 {
        let request = hsm.card_request();
        hsm.fill(Target::Card, request).unwrap();
    }
    let remembered = Remembered::of(&hsm.info());
    let mut hsm = hsm.reopen();
    let known = record(&mut hsm, remembered.record().unwrap());
    let now = Remembered::of(&hsm.info());
    assert_eq!(remembered.check(&now, known.as_ref()), Ok(()));
    assert_eq!(remembered.check(&now, None), Err(RolledBack::Forked));
    let (secret, clock, dir) = hsm.close();
    let old = Engine::open(&copy, &secret, world(&clock, None)).unwrap();
    let older = Remembered::of(&old.info());
    assert_eq!(remembered.check(&older, None), Err(RolledBack::Older));
    drop(old);
    let stranger = Remembered::of(&Hsm::new(Mark::Test).info());
    assert_eq!(remembered.check(&stranger, None), Err(RolledBack::OtherHsm));
    drop(dir);
}
