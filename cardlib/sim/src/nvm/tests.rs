//! What a state file survives, and what makes it refused.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::frame::{FRAME_HEAD, HEADER_LEN};
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

#[test]
fn a_cut_frame_is_undone_and_the_card_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let path = filled(&dir);
    let whole = std::fs::read(&path).unwrap();
    let last_frame = FRAME_HEAD + 2;
    for lost in 1..last_frame {
        std::fs::write(&path, &whole[..whole.len() - lost]).unwrap();
        let mut nvm = Nvm::<Counters>::open(&path).unwrap();
        assert_eq!(nvm.get().0, [9, 1, 2]);
        nvm.commit(&[7]).unwrap();
        drop(nvm);
        let nvm = Nvm::<Counters>::open(&path).unwrap();
        assert_eq!(nvm.get().0, [9, 1, 2, 7]);
    }
}

#[test]
fn every_changed_byte_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = filled(&dir);
    let whole = std::fs::read(&path).unwrap();
    for at in 0..whole.len() {
        let mut bad = whole.clone();
        bad[at] ^= 0x41;
        std::fs::write(&path, &bad).unwrap();
        assert!(Nvm::<Counters>::open(&path).is_err(), "byte {at}");
    }
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
