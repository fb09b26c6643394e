//! The C boundary with what C allows: null pointers, numbers of no reader, lengths beyond reason. No daemon here.
#![allow(unsafe_code)]

use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::ptr::null_mut;
use std::time::Duration;

use cardlib_ifd::card::{Card, Manner, Slot};
use cardlib_ifd::codes::*;
use cardlib_ifd::ffi::*;
use cardlib_ifd::wire::{self, Order};

struct Null;

impl Card for Null {
    fn reset(&mut self) -> Vec<u8> {
        vec![0x3B, 0x00]
    }

    fn handle(&mut self, _: &[u8]) -> Vec<u8> {
        vec![0x90, 0x00]
    }
}

/// A reader of this number in a folder of its own, closed in the end.
struct Opened(Dword, PathBuf, #[allow(dead_code)] tempfile::TempDir);

impl Opened {
    fn new(lun: Dword) -> Self {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("reader");
        assert_eq!(by_name(lun, &path), IFD_SUCCESS);
        Self(lun, path, folder)
    }

    fn insert(&self) {
        let slot = Slot::connect(&self.1, Duration::from_secs(1)).expect("reader");
        std::thread::spawn(move || slot.serve(&mut Null, Manner::default()));
        assert_eq!(IFDHICCPresence(self.0), IFD_ICC_PRESENT);
    }

    fn power(&self) -> Code {
        let (mut atr, mut len) = ([0u8; MAX_ATR], MAX_ATR as Dword);
        // SAFETY: both pointers are valid, the length is the buffer's.
        unsafe { IFDHPowerICC(self.0, IFD_POWER_UP, atr.as_mut_ptr(), &raw mut len) }
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        assert_eq!(IFDHCloseChannel(self.0), IFD_SUCCESS);
    }
}

fn by_name(lun: Dword, path: &Path) -> Code {
    let name = CString::new(path.as_os_str().as_bytes()).expect("path");
    // SAFETY: a string with a zero byte at its end.
    unsafe { IFDHCreateChannelByName(lun, name.as_ptr()) }
}

fn capability(lun: Dword, tag: Dword, room: usize) -> (Code, Vec<u8>) {
    let mut value = vec![0u8; room];
    let mut len = room as Dword;
    // SAFETY: both pointers are valid, the length is the buffer's.
    let code = unsafe { IFDHGetCapabilities(lun, tag, &raw mut len, value.as_mut_ptr()) };
    value.truncate(len as usize);
    (code, value)
}

fn transmit(lun: Dword, command: &[u8], room: usize) -> (Code, Vec<u8>) {
    let mut answer = vec![0u8; room];
    let mut len = room as Dword;
    let mut header = IoHeader::default();
    // SAFETY: all pointers are valid, the lengths are the buffers'.
    let code = unsafe {
        IFDHTransmitToICC(
            lun,
            IoHeader {
                protocol: 2,
                length: 16,
            },
            command.as_ptr(),
            command.len() as Dword,
            answer.as_mut_ptr(),
            &raw mut len,
            &raw mut header,
        )
    };
    assert!(
        code == IFD_SUCCESS || len == 0,
        "an error comes with no bytes"
    );
    assert!(code != IFD_SUCCESS || header.protocol == 2);
    answer.truncate(len as usize);
    (code, answer)
}

#[test]
fn numbers_of_no_reader_name_no_device() {
    for lun in [0x000A_0000, 1, 0x0010_0000, 0xFFFF_FFFF, Dword::MAX] {
        assert_eq!(IFDHCloseChannel(lun), IFD_NO_SUCH_DEVICE);
        assert_eq!(IFDHICCPresence(lun), IFD_NO_SUCH_DEVICE);
        assert_eq!(capability(lun, TAG_IFD_ATR, 33).0, IFD_NO_SUCH_DEVICE);
        assert_eq!(
            IFDHSetProtocolParameters(lun, 1, 0, 0, 0, 0),
            IFD_NO_SUCH_DEVICE
        );
        assert_eq!(transmit(lun, &[0; 4], 300).0, IFD_NO_SUCH_DEVICE);
    }
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("reader");
    assert_eq!(by_name(0x0010_0000, &path), IFD_NO_SUCH_DEVICE);
    assert!(
        !path.exists(),
        "no socket is left of a reader that was refused"
    );
}

#[test]
fn null_pointers_are_refused() {
    let reader = Opened::new(0);
    reader.insert();
    assert_eq!(reader.power(), IFD_SUCCESS);
    let lun = reader.0;
    let mut len: Dword = 300;
    let mut bytes = [0u8; 300];
    let header = IoHeader::default;
    // SAFETY: null is allowed for every pointer; the others are valid for the length given.
    unsafe {
        assert_eq!(
            IFDHCreateChannelByName(0x0002_0000, std::ptr::null()),
            IFD_NO_SUCH_DEVICE
        );
        let tag = TAG_IFD_SLOTS_NUMBER;
        let given = IFDHGetCapabilities(lun, tag, null_mut(), bytes.as_mut_ptr());
        assert_eq!(given, IFD_COMMUNICATION_ERROR);
        let given = IFDHGetCapabilities(lun, tag, &raw mut len, null_mut());
        assert_eq!(given, IFD_COMMUNICATION_ERROR);
        let powered = IFDHPowerICC(lun, IFD_RESET, null_mut(), null_mut());
        assert_eq!(powered, IFD_COMMUNICATION_ERROR);
        let none = std::ptr::null();
        let some = bytes.as_ptr();
        let room = bytes.as_mut_ptr();
        for (command, answer, length) in [
            (none, room, &raw mut len),
            (some, null_mut(), &raw mut len),
            (some, room, null_mut()),
        ] {
            len = 300;
            let sent = IFDHTransmitToICC(lun, header(), command, 4, answer, length, null_mut());
            assert_eq!(sent, IFD_COMMUNICATION_ERROR);
        }
        let control = IFDHControl(lun, 1, none, 0, null_mut(), 0, null_mut());
        assert_eq!(control, IFD_COMMUNICATION_ERROR);
        let control = IFDHControl(lun, 1, none, 0, null_mut(), 0, &raw mut len);
        assert_eq!((control, len), (IFD_ERROR_NOT_SUPPORTED, 0));
    }
    assert_eq!(transmit(lun, &[0; 4], 300), (IFD_SUCCESS, vec![0x90, 0]));
}

#[test]
fn lengths_beyond_reason_are_refused() {
    let reader = Opened::new(0x0001_0000);
    reader.insert();
    assert_eq!(reader.power(), IFD_SUCCESS);
    let lun = reader.0;
    let command = [0u8; 4];
    let mut answer = [0u8; 4];
    for length in [MAX_APDU as Dword + 1, 1 << 31, Dword::MAX] {
        let mut len = 4;
        // SAFETY: the lie is about the command's length, which is refused before the pointer is looked at.
        let sent = unsafe {
            IFDHTransmitToICC(
                lun,
                IoHeader::default(),
                command.as_ptr(),
                length,
                answer.as_mut_ptr(),
                &raw mut len,
                null_mut(),
            )
        };
        assert_eq!(sent, IFD_COMMUNICATION_ERROR);
    }
    let short = transmit(lun, &command, 1);
    assert_eq!(short, (IFD_ERROR_INSUFFICIENT_BUFFER, vec![]));
    let fits = transmit(lun, &command, 2);
    assert_eq!(fits, (IFD_SUCCESS, vec![0x90, 0]));
    assert_eq!(
        capability(lun, TAG_IFD_ATR, 1).0,
        IFD_ERROR_INSUFFICIENT_BUFFER
    );
    assert_eq!(
        capability(lun, TAG_IFD_ATR, 2),
        (IFD_SUCCESS, vec![0x3B, 0])
    );
}

#[test]
fn the_driver_tells_what_it_is() {
    let word = size_of::<usize>();
    for (tag, wanted) in [
        (TAG_IFD_SLOTS_NUMBER, 1),
        (TAG_IFD_THREAD_SAFE, 1),
        (TAG_IFD_SLOT_THREAD_SAFE, 0),
        (TAG_IFD_SIMULTANEOUS_ACCESS, 16),
    ] {
        assert_eq!(capability(0, tag, 1), (IFD_SUCCESS, vec![wanted]));
    }
    for tag in [
        TAG_IFD_POLLING_THREAD_WITH_TIMEOUT,
        TAG_IFD_STOP_POLLING_THREAD,
    ] {
        let (code, pointer) = capability(0, tag, word);
        assert_eq!(code, IFD_SUCCESS);
        assert!(pointer.len() == word && pointer.iter().any(|byte| *byte != 0));
    }
    assert_eq!(capability(0, 0xDEAD, 64).0, IFD_ERROR_TAG);
}

#[test]
fn a_reader_without_a_card_says_so() {
    let reader = Opened::new(0x0003_0000);
    let lun = reader.0;
    assert_eq!(IFDHICCPresence(lun), IFD_ICC_NOT_PRESENT);
    assert_eq!(reader.power(), IFD_ICC_NOT_PRESENT);
    assert_eq!(transmit(lun, &[0; 4], 300).0, IFD_ICC_NOT_PRESENT);
    assert_eq!(
        IFDHSetProtocolParameters(lun, 16, 0, 0, 0, 0),
        IFD_PROTOCOL_NOT_SUPPORTED
    );
    assert_eq!(
        IFDHSetCapabilities(lun, 1, 0, std::ptr::null()),
        IFD_ERROR_VALUE_READ_ONLY
    );
    reader.insert();
    assert_eq!(
        transmit(lun, &[0; 4], 300).0,
        IFD_COMMUNICATION_ERROR,
        "a card without power takes no command"
    );
    // SAFETY: null is allowed; power off writes nothing.
    let off = unsafe { IFDHPowerICC(lun, 999, null_mut(), null_mut()) };
    assert_eq!(off, IFD_ERROR_NOT_SUPPORTED);
}

#[test]
fn a_socket_in_use_and_a_file_that_is_none_are_left_alone() {
    let reader = Opened::new(0x0004_0000);
    assert_eq!(by_name(0x0005_0000, &reader.1), IFD_NO_SUCH_DEVICE);
    assert!(reader.1.exists());
    let file = reader.1.with_file_name("file");
    std::fs::write(&file, "kept").expect("file");
    assert_eq!(by_name(0x0005_0000, &file), IFD_NO_SUCH_DEVICE);
    assert_eq!(std::fs::read_to_string(&file).expect("file"), "kept");
    let long = reader.1.with_file_name("x".repeat(200));
    assert_eq!(by_name(0x0005_0000, &long), IFD_NO_SUCH_DEVICE);
    let dead = reader.1.with_file_name("dead");
    drop(std::os::unix::net::UnixListener::bind(&dead).expect("socket"));
    assert_eq!(by_name(0x0005_0000, &dead), IFD_SUCCESS);
    assert_eq!(IFDHCloseChannel(0x0005_0000), IFD_SUCCESS);
    assert!(!dead.exists());
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(48))]

    /// Whatever a card sends, every call comes back in time with a code of the interface, and the next card works.
    #[test]
    fn a_hostile_card_neither_hangs_nor_breaks_its_reader(
        bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..120),
        framed: bool,
    ) {
        use std::io::Write;
        let lun = 0x0006_0000;
        let reader = Opened::new(lun);
        let mut card = std::os::unix::net::UnixStream::connect(&reader.1).expect("reader");
        let limit = Order::Limit(Duration::from_millis(20)).to_bytes();
        card.write_all(&[&wire::header(wire::ORDER, 5)[..], &limit].concat()).expect("sent");
        if framed {
            card.write_all(&[&wire::header(wire::ATR, 2)[..], &[0x3B, 0]].concat()).expect("sent");
            card.write_all(&wire::header(wire::ANSWER, bytes.len())).expect("sent");
        }
        card.write_all(&bytes).expect("sent");
        let begun = std::time::Instant::now();
        proptest::prop_assert_eq!(IFDHICCPresence(lun), IFD_ICC_PRESENT);
        let codes = [reader.power(), transmit(lun, &[0; 4], 300).0, reader.power(), transmit(lun, &[0; 4], 300).0];
        // Each of the two resets may wait its two seconds for an ATR: after the first the card counts as a new one, without orders.
        proptest::prop_assert!(begun.elapsed() < Duration::from_secs(5));
        proptest::prop_assert!(codes.iter().all(|code| *code == IFD_SUCCESS || (600..=618).contains(code)));
        drop(card);
        while IFDHICCPresence(lun) == IFD_ICC_PRESENT {}
        reader.insert();
        proptest::prop_assert_eq!(reader.power(), IFD_SUCCESS);
        proptest::prop_assert_eq!(transmit(lun, &[0; 4], 300).0, IFD_SUCCESS);
    }
}
