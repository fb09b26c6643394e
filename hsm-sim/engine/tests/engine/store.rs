//! The store: cut or flipped at any byte it is refused, or read as it was before the cut; and it gives nothing away.
#![allow(clippy::unwrap_used)]

use crate::common::*;
use hsm_engine::{Birth, Engine, OpenError, StoreError, UnsealSecret, World};
use hsm_wire::info::verify_audit;
use hsm_wire::operator::{OperatorAnswer, OperatorRequest};
use hsm_wire::ticket::Target;
use hsm_wire::{Hex, Mark};
use std::fs;
use std::path::{Path, PathBuf};

/// A closed store with a little of everything; its files.
fn closed_store() -> (tempfile::TempDir, UnsealSecret, PathBuf) {
    let mut hsm = Hsm::province(Mark::Test, None);
    let request = hsm.card_request();
    hsm.fill(Target::Card, request).unwrap();
    let Hsm {
        engine,
        secret,
        dir,
        ..
    } = hsm;
    drop(engine);
    let store = dir.path().join("hsm");
    (dir, secret, store)
}

fn copy(from: &Path, to: &Path) {
    let _ = fs::remove_dir_all(to);
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
    }
}

fn samples(length: usize) -> impl Iterator<Item = usize> {
    // Every byte of the first records' headers, then a stride that is prime to all block sizes.
    (0..length.min(80))
        .chain((80..length).step_by(37))
        .chain(length.saturating_sub(40)..length)
}

#[test]
fn a_flipped_byte_is_refused() {
    let (dir, secret, store) = closed_store();
    let copy_dir = dir.path().join("copy");
    for name in ["hsm.json", "snapshot-0.sealed", "journal-0.sealed"] {
        let original = fs::read(store.join(name)).unwrap();
        for at in samples(original.len()) {
            copy(&store, &copy_dir);
            let mut bytes = original.clone();
            bytes[at] ^= 0x10;
            fs::write(copy_dir.join(name), bytes).unwrap();
            assert!(open(&copy_dir, &secret).is_err(), "{name} byte {at}");
        }
    }
    assert!(open(&store, &secret).is_ok());
}

#[test]
fn a_cut_journal_is_read_as_before_the_cut() {
    let (dir, secret, store) = closed_store();
    let copy_dir = dir.path().join("copy");
    let whole = fs::read(store.join("journal-0.sealed")).unwrap();
    let mut counts = Vec::new();
    for at in samples(whole.len()) {
        copy(&store, &copy_dir);
        fs::write(copy_dir.join("journal-0.sealed"), &whole[..at]).unwrap();
        let engine = open(&copy_dir, &secret).unwrap_or_else(|e| panic!("cut at {at}: {e}"));
        counts.push(engine.info().audit.count);
        drop(engine);
        // And it works on: the next opening finds a whole journal.
        assert!(open(&copy_dir, &secret).is_ok());
    }
    let mut sorted = counts.clone();
    sorted.sort_unstable();
    assert!(counts.first() < counts.last() && sorted.first() == counts.first());
    // Zeros that a file system left behind a cut are a cut, too.
    copy(&store, &copy_dir);
    let mut bytes = whole.clone();
    bytes.extend([0; 4096]);
    fs::write(copy_dir.join("journal-0.sealed"), bytes).unwrap();
    assert!(open(&copy_dir, &secret).is_ok());
}

#[test]
fn cut_snapshot_or_missing_file_is_refused() {
    let (dir, secret, store) = closed_store();
    let copy_dir = dir.path().join("copy");
    for name in ["hsm.json", "snapshot-0.sealed"] {
        let whole = fs::read(store.join(name)).unwrap();
        for at in samples(whole.len()) {
            copy(&store, &copy_dir);
            fs::write(copy_dir.join(name), &whole[..at]).unwrap();
            assert!(open(&copy_dir, &secret).is_err(), "{name} cut at {at}");
        }
    }
    for name in ["hsm.json", "snapshot-0.sealed", "journal-0.sealed"] {
        copy(&store, &copy_dir);
        fs::remove_file(copy_dir.join(name)).unwrap();
        assert!(open(&copy_dir, &secret).is_err(), "{name} missing");
    }
}

#[test]
fn records_cannot_be_moved_left_out_or_doubled() {
    let (dir, secret, store) = closed_store();
    let copy_dir = dir.path().join("copy");
    let whole = fs::read(store.join("journal-0.sealed")).unwrap();
    let length =
        |at: usize| 16 + u32::from_be_bytes(whole[at..at + 4].try_into().unwrap()) as usize;
    let (first, second) = (length(0), length(length(0)));
    let (a, b, rest) = (
        &whole[..first],
        &whole[first..first + second],
        &whole[first + second..],
    );
    for (what, bytes) in [
        ("left out", [b, rest].concat()),
        ("swapped", [b, a, rest].concat()),
        ("doubled", [a, a, b, rest].concat()),
    ] {
        copy(&store, &copy_dir);
        fs::write(copy_dir.join("journal-0.sealed"), bytes).unwrap();
        assert!(
            matches!(
                open(&copy_dir, &secret),
                Err(OpenError::Store(StoreError::Damaged { .. }))
            ),
            "{what}"
        );
    }
}

#[test]
fn another_secret_opens_nothing() {
    let (_dir, secret, store) = closed_store();
    let other = UnsealSecret::from_hex(&[b'a'; 64]).unwrap();
    assert!(matches!(
        open(&store, &other),
        Err(OpenError::Store(StoreError::WrongSecret))
    ));
    assert!(UnsealSecret::from_hex(b"short").is_none());
    assert!(UnsealSecret::from_hex(secret.to_hex().as_bytes()).is_some());
}

#[test]
fn one_process_at_a_time() {
    let hsm = Hsm::new(Mark::Test);
    assert!(matches!(
        open(&hsm.store(), &hsm.secret),
        Err(OpenError::Store(StoreError::InUse(_)))
    ));
}

#[test]
fn a_store_is_not_made_over_another() {
    let (_dir, secret, store) = closed_store();
    let birth = Birth {
        mark: Mark::Test,
        officers: vec![],
        operator_hash: Hex([0; 32]),
        auditor_hash: None,
    };
    assert!(matches!(
        Engine::create(&store, &birth, &secret, World::system()),
        Err(OpenError::Officers)
    ));
    let officers = ["a", "b"]
        .map(|n| {
            hsm_wire::order::OfficerKey::generate(n)
                .unwrap()
                .public()
                .unwrap()
        })
        .to_vec();
    let birth = Birth { officers, ..birth };
    assert!(matches!(
        Engine::create(&store, &birth, &secret, World::system()),
        Err(OpenError::Store(StoreError::Exists(_)))
    ));
}

fn audit(engine: &mut Engine, from: u64) -> Vec<hsm_wire::info::AuditRecord> {
    match engine.operator(OperatorRequest::Audit { from }).unwrap() {
        OperatorAnswer::Audit(records) => records,
        _ => panic!("no audit"),
    }
}

#[test]
fn the_audit_is_one_chain_across_compactions() {
    let mut hsm = Hsm::province(Mark::Test, None);
    hsm.engine.compact();
    let request = hsm.card_request();
    hsm.fill(Target::Card, request).unwrap();
    hsm.engine.compact();
    let mut hsm = hsm.reopen();
    let records = audit(&mut hsm.engine, 0);
    let head = hsm.info().audit;
    assert_eq!(records.len() as u64, head.count);
    assert_eq!(verify_audit(Hex([0; 32]), &records), None);
    assert_eq!(records.last().map(|r| r.hash), Some(head.hash));
    assert_eq!(audit(&mut hsm.engine, 5), records[5..]);
    for at in 0..records.len() {
        let mut changed = records.clone();
        changed[at].object.push('x');
        assert_eq!(verify_audit(Hex([0; 32]), &changed), Some(at as u64));
        let mut cut = records.clone();
        cut.remove(at);
        let noticed = verify_audit(Hex([0; 32]), &cut).is_some()
            || cut.last().map(|r| r.hash) != Some(head.hash);
        assert!(noticed, "record {at} left out");
    }
    let names: Vec<_> = records.iter().map(|r| r.operation.as_str()).collect();
    for name in [
        "init",
        "open",
        "generate-key",
        "load-policy",
        "create-ticket",
        "fill-card",
    ] {
        assert!(names.contains(&name), "{name}");
    }
}

/// A compaction that power cut off at any point leaves a store that opens: the old generation until the new snapshot
/// has its name, the new one from then on.
#[test]
fn a_broken_off_compaction_is_no_harm() {
    let (dir, secret, store) = closed_store();
    let (before, mixed) = (dir.path().join("before"), dir.path().join("mixed"));
    copy(&store, &before);
    let mut engine = open(&store, &secret).unwrap();
    engine.compact();
    let count = engine.info().audit.count;
    drop(engine);
    let new = |name: &str| fs::copy(store.join(name), mixed.join(name)).unwrap();
    // The audit archive is written first, then the empty journal, then the snapshot under another name.
    copy(&before, &mixed);
    for name in ["audit-0.sealed", "journal-1.sealed"] {
        new(name);
        fs::write(mixed.join("snapshot-1.sealed.new"), b"half").unwrap();
        let mut engine = open(&mixed, &secret).unwrap();
        let records = audit(&mut engine, 0);
        assert_eq!(
            records.len() as u64,
            engine.info().audit.count,
            "no record twice, none missing"
        );
        assert_eq!(verify_audit(Hex([0; 32]), &records), None);
        drop(engine);
        copy(&before, &mixed);
    }
    // The new snapshot has its name, the old files are still there.
    for name in ["audit-0.sealed", "journal-1.sealed", "snapshot-1.sealed"] {
        new(name);
    }
    assert_eq!(open(&mixed, &secret).unwrap().info().audit.count, count + 1);
    assert!(
        !mixed.join("journal-0.sealed").exists(),
        "the old generation is cleared away"
    );
    // An old snapshot under the new name is not the new one.
    copy(&before, &mixed);
    new("journal-1.sealed");
    fs::rename(
        mixed.join("snapshot-0.sealed"),
        mixed.join("snapshot-1.sealed"),
    )
    .unwrap();
    assert!(open(&mixed, &secret).is_err());
    // Nor is an archive that was changed.
    copy(&store, &mixed);
    let mut bytes = fs::read(mixed.join("audit-0.sealed")).unwrap();
    bytes[40] ^= 1;
    fs::write(mixed.join("audit-0.sealed"), bytes).unwrap();
    let mut engine = open(&mixed, &secret).unwrap();
    assert!(engine.operator(OperatorRequest::Audit { from: 0 }).is_err());
}
