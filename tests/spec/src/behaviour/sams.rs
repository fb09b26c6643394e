//! The SAM: its types, files, directory, PIN, and how it is made.

use cardlib_card::element;
use cardlib_sim::{SamCard, VirtualCard};

use crate::host::{self, Host, card_key, send, status};
use crate::page::{self, KEYS, KeyRow};
use crate::stand::{Stand, word};

/// PIN given, application selected.
pub fn ready(sam: &mut SamCard) {
    sam.reset();
    for apdu in ["0020000003123456", "00A4000C02DF01"] {
        assert_eq!(status(sam, apdu), "9000", "{apdu}");
    }
}

/// `80 DE usage version‖index Lc factors ‖ random`.
#[must_use]
pub fn delivery(stand: &Stand, row: &KeyRow, version: u8) -> Vec<u8> {
    let mut data: Vec<u8> = stand.factors(row).concat();
    data.extend(b"random08");
    let p2 = version << 5 | row.index;
    let lc = data.len().to_le_bytes()[0];
    [&[0x80, 0xDE, stand.usage(row), p2, lc], &data[..]].concat()
}

/// A type holds its keys and no others.
pub fn sam_type(stand: &Stand, number: u8) {
    let mut sam = stand.sam(number);
    ready(&mut sam);
    let types = page::SAM_TYPES;
    let (_, held) = types.iter().find(|row| row.0 == number).expect("a type");
    for row in &KEYS {
        let wanted = if held.contains(&row.name) {
            0x9000
        } else {
            0x6A88
        };
        let said = send(&mut sam, &delivery(stand, row, 0)).1;
        assert_eq!(said, wanted, "{}", row.name);
    }
}

/// A public file: found where it belongs, read to its end, never written; and what is inside it.
pub fn file(stand: &Stand, path: &str) {
    let rows = page::SAM_FILES;
    let (_, size, inside) = *rows.iter().find(|row| row.0 == path).expect("a file");
    let mut sam = stand.sam(5);
    sam.reset();
    let (df, fid) = path.split_once('/').expect("a path");
    if df == "DF01" {
        assert_eq!(status(&mut sam, &format!("00A4000C02{fid}")), "6A82");
        assert_eq!(status(&mut sam, "00A4000C02DF01"), "9000");
    }
    assert_eq!(
        status(&mut sam, &format!("00A4000C02{fid}")),
        "9000",
        "SELECT"
    );
    let first = path.as_bytes()[path.len() - 1];
    for at in 0..size {
        let [high, low] = at.to_be_bytes();
        let byte = first.wrapping_add(low);
        assert_eq!(
            send(&mut sam, &[0x00, 0xB0, high, low, 1]),
            (vec![byte], 0x9000)
        );
    }
    let [high, low] = size.to_be_bytes();
    assert_eq!(send(&mut sam, &[0x00, 0xB0, high, low, 1]).1, 0x6B00);
    assert_eq!(status(&mut sam, "00D6000001AA"), "6982");
    let parts = &stand.copy.sam_file(path).expect("the file").elements;
    let made: Vec<u8> = parts
        .iter()
        .flat_map(|part| {
            let text = if format!("{:?}", part.kind) == "B" && part.len > 1 {
                "31".repeat(part.len)
            } else {
                "1".to_owned()
            };
            element::encode(part.kind, part.len, &text).expect("its text")
        })
        .collect();
    let wanted: Vec<u8> = inside
        .iter()
        .flat_map(|(kind, len)| {
            let mut bytes = match (*kind, *len) {
                ("cn", _) => vec![0x1F],
                (_, 1) => vec![0x01],
                (_, len) => vec![0x31; usize::from(len)],
            };
            bytes.resize(usize::from(*len), 0xFF);
            bytes
        })
        .collect();
    assert_eq!(made, wanted, "inside {path}");
}

/// DF01 has a FID and no name (R1, R5).
pub fn directory(stand: &Stand) {
    let mut sam = stand.sam(5);
    sam.reset();
    let (fci, said) = send(&mut sam, &[0x00, 0xA4, 0x00, 0x00, 0x02, 0xDF, 0x01]);
    assert_eq!(
        (hex::encode_upper(fci), said),
        ("6F048302DF01".into(), 0x9000)
    );
    assert_eq!(status(&mut sam, "00A4000C02001A"), "9000", "its files");
    assert_eq!(status(&mut sam, "00A4000C023F00"), "9000");
    assert_eq!(status(&mut sam, "00A4000C020015"), "9000");
}

/// Ten tries, and all of them back after a right one (R54, D18).
pub fn pin(stand: &Stand) {
    let mut sam = stand.sam(5);
    sam.reset();
    assert_eq!(status(&mut sam, "0020000003111111"), "63C9");
    assert_eq!(status(&mut sam, "0020000003123456"), "9000");
    for left in (0..10).rev() {
        let said = send(&mut sam, &[0x00, 0x20, 0x00, 0x00, 0x03, 0x11, 0x11, 0x11]).1;
        assert_eq!(said, 0x63C0 + left);
    }
    assert_eq!(status(&mut sam, "0020000003123456"), "6983");
}

/// Both stages of the dialect, with headers and places from its page.
pub fn made(stand: &Stand) {
    use crate::host::sam::{ACTIVATE, END_NATIONAL, IMPORT, SERIAL, SET_PIN, SMK_N, SMK_P, WIPE};
    let mut sam = host::sam::blank_with(stand.copy, [0x54, 0x54]);
    let sam = &mut sam;
    let mut host = Host::open(sam, &host::transport_key(SERIAL), 0, 3).expect("transport session");
    assert_eq!(host.write_key(sam, 1, &SMK_N, &card_key("SMK_N")), 0x9000);
    let mut host = Host::open(sam, &card_key("SMK_N"), 1, 3).expect("national session");
    assert_eq!(host.run(sam, WIPE, &[]), 0x9000);
    assert_eq!(host.write_key(sam, 1, &SMK_P, &card_key("SMK_P")), 0x9000);
    keys_of(stand, sam, &mut host, true);
    assert_eq!(host.run(sam, END_NATIONAL, &[]), 0x9000);
    assert_eq!(sam.reset()[15], 0x03, "after the national stage");
    let mut host = Host::open(sam, &card_key("SMK_P"), 2, 3).expect("provincial session");
    keys_of(stand, sam, &mut host, false);
    assert_eq!(host.run(sam, IMPORT, &host::sam::PRIVATE), 0x9000);
    let public = host::sam::imported().verifying_key().to_bytes();
    for (path, size, _) in page::SAM_FILES.iter().filter(|row| row.1 > 0) {
        let (df, fid) = path.split_once('/').expect("a path");
        let df = if df == "MF" { "3F00" } else { df };
        let content = match *path {
            "DF01/001C" => host::sam::certificate_of(&public).to_vec(),
            _ => vec![5; usize::from(*size)],
        };
        assert_eq!(word(fid) >> 8, 0);
        assert_eq!(
            host.store(sam, &format!("{df}{fid}0000"), &content),
            0x9000,
            "{path}"
        );
    }
    assert_eq!(host.run(sam, SET_PIN, &[0x12, 0x34, 0x56]), 0x9000);
    assert_eq!(host.run(sam, ACTIVATE, &[]), 0x9000);
    assert_eq!(sam.reset()[15], 0x07, "in use");
    ready(sam);
}

fn keys_of(stand: &Stand, sam: &mut SamCard, host: &mut Host, national: bool) {
    let algorithm = if stand.aes() { 0x05 } else { 0x04 };
    for row in KEYS.iter().filter(|row| row.is_national() == national) {
        let usage = stand.usage(row);
        for version in 0..row.groups {
            let header = [
                0xDF,
                0x01,
                usage,
                row.index,
                version,
                algorithm,
                usage >> 5,
                0,
                0,
            ];
            let said = host.write_key(sam, 0, &header, &card_key("any"));
            assert_eq!(said, 0x9000, "{}", row.name);
        }
    }
}
