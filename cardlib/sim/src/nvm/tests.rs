//! What a state file survives, and what makes it refused.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::frame::{FRAME_HEAD, HEADER_LEN, SLOT_LEN};
use super::journal::LONG;
use super::{Kind, Memory, Nvm, StateError};

#[derive(Serialize, Deserialize, Debug, PartialEq, Default)]
struct Counters(Vec<u8>);

impl Memory for Counters {
    type Change = u8;
    const KIND: Kind = Kind::User;
    fn apply(&mut self, change: &u8) {
        self.0.push(*change);
    }
}

fn filled(dir: &tempfile::TempDir) -> PathBuf {
    let path = dir.path().join("state");
    let mut nvm = Nvm::create(&path, Counters(vec![9])).unwrap();
    nvm.commit(&[1, 2]).unwrap();
    nvm.commit(&[3]).unwrap();
    path
}

#[test]
fn changes_come_back() {
    let dir = tempfile::tempdir().unwrap();
    let path = filled(&dir);
    let nvm = Nvm::<Counters>::open(&path).unwrap();
    assert_eq!(nvm.get().0, [9, 1, 2, 3]);
    assert!(matches!(
        Nvm::<Counters>::open(&path),
        Err(StateError::InUse(_))
    ));
    let mode =
        std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&path).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
}

/// What a power cut leaves of a commit: any part of its frame with the old slots, or all of it with any part of its slot.
#[test]
fn a_power_cut_at_any_byte_gives_the_old_or_the_new_state_and_the_card_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let path = filled(&dir);
    let before = std::fs::read(&path).unwrap();
    let mut nvm = Nvm::<Counters>::open(&path).unwrap();
    nvm.commit(&[4]).unwrap();
    drop(nvm);
    let after = std::fs::read(&path).unwrap();
    let changed: Vec<usize> = (0..HEADER_LEN).filter(|&i| before[i] != after[i]).collect();
    assert!(changed.len() > 4 && changed.last().unwrap() - changed[0] < SLOT_LEN);
    let cut = |bytes: &[u8], wanted: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        let mut nvm = Nvm::<Counters>::open(&path).unwrap();
        assert_eq!(nvm.get().0, wanted);
        nvm.commit(&[7]).unwrap();
        drop(nvm);
        let nvm = Nvm::<Counters>::open(&path).unwrap();
        assert_eq!(nvm.get().0, [wanted, &[7]].concat());
    };
    for len in before.len()..after.len() {
        let frame = [&before[..], &after[before.len()..len]].concat();
        cut(&frame, &[9, 1, 2, 3]);
    }
    for written in 0..=changed.len() {
        let mut slot = [&before[..HEADER_LEN], &after[HEADER_LEN..]].concat();
        for &at in &changed[..written] {
            slot[at] = after[at];
        }
        cut(&slot, &[9, 1, 2, 3, 4]);
    }
}

#[test]
fn a_file_cut_back_is_refused_as_rolled_back() {
    let dir = tempfile::tempdir().unwrap();
    let path = filled(&dir);
    let whole = std::fs::read(&path).unwrap();
    let last = FRAME_HEAD + 2;
    for lost in 1..=last {
        std::fs::write(&path, &whole[..whole.len() - lost]).unwrap();
        let refused = Nvm::<Counters>::open(&path).err().unwrap();
        let told = matches!(
            refused,
            StateError::RolledBack {
                found: 1,
                known: 2,
                ..
            }
        );
        assert!(told, "{lost}: {refused}");
        assert!(refused.to_string().contains("was rolled back"));
    }
    let snapshot_only = whole.len() - last - (FRAME_HEAD + 3);
    std::fs::write(&path, &whole[..snapshot_only]).unwrap();
    let refused = Nvm::<Counters>::open(&path).err().unwrap();
    assert!(matches!(
        refused,
        StateError::RolledBack {
            found: 0,
            known: 2,
            ..
        }
    ));
    // Spoiling the newest slot as well does not help.
    let mut both = whole[..whole.len() - last].to_vec();
    both[HEADER_LEN - 2 * SLOT_LEN] ^= 1;
    std::fs::write(&path, &both).unwrap();
    assert!(Nvm::<Counters>::open(&path).is_err());
}

#[test]
fn no_changed_byte_gives_another_state() {
    let dir = tempfile::tempdir().unwrap();
    let path = filled(&dir);
    let whole = std::fs::read(&path).unwrap();
    let mut taken = 0;
    for at in 0..whole.len() {
        let mut bad = whole.clone();
        bad[at] ^= 0x41;
        std::fs::write(&path, &bad).unwrap();
        // The newest slot is then as a power cut may leave it: nothing is lost.
        if let Ok(nvm) = Nvm::<Counters>::open(&path) {
            assert_eq!(nvm.get().0, [9, 1, 2, 3], "byte {at}");
            taken += 1;
        }
    }
    assert_eq!(taken, SLOT_LEN, "only the newest slot is made anew");
    std::fs::write(&path, &whole[..HEADER_LEN + 5]).unwrap();
    assert!(matches!(
        Nvm::<Counters>::open(&path),
        Err(StateError::Damaged { .. })
    ));
    std::fs::write(&path, b"").unwrap();
    assert!(matches!(
        Nvm::<Counters>::open(&path),
        Err(StateError::Foreign(_))
    ));
}

#[test]
fn a_long_journal_becomes_a_snapshot() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state");
    let mut nvm = Nvm::create(&path, Counters::default()).unwrap();
    for _ in 0..40 {
        nvm.commit(&vec![5; 30_000]).unwrap();
    }
    drop(nvm);
    let len = std::fs::metadata(&path).unwrap().len();
    assert!(len < 40 * 30_000 + LONG as u64 / 2, "{len}");
    let nvm = Nvm::<Counters>::open(&path).unwrap();
    assert_eq!(nvm.get().0.len(), 40 * 30_000);
    assert!(!dir.path().join("state.new").exists());
}
