//! A file, and an element of one: selection, structure, rights, records, updates, and its description when it is made.

use cardlib_card::content::CardContent;
use cardlib_sim::{UserCard, VirtualCard};

use super::making;
use crate::host::card::{authenticate, secured, with_mac};
use crate::host::{send, status};
use crate::page::{self, BINARY, CYCLIC, FIXED, FileRow, KEYS, VARIABLE};
use crate::stand::{Stand, enter};

/// The file as a whole.
pub fn file(stand: &Stand, path: &str) {
    let row = page::file(path);
    let mut card = stand.card();
    open(&mut card, row);
    let (right, wrong) = if row.kind == BINARY {
        ("00B0000001", "00B2010400")
    } else {
        ("00B2010400", "00B0000001")
    };
    assert_eq!(status(&mut card, wrong), "6981", "structure");
    if row.read != "free" {
        assert_eq!(status(&mut card, right), "6982", "before any right");
        strangers(&mut card, row, row.read);
        assert_eq!(status(&mut card, right), "6982", "with other rights only");
        grant(&mut card, row.read);
    }
    if let Some((tag, _, _)) = row.elements.first() {
        let by_tag = send(&mut card, &[0x00, 0xB2, *tag, 0x00, 0x00]).1;
        let wanted = if row.path == "DDF1/EF05" {
            0x9000
        } else {
            0x6A86
        };
        assert_eq!(by_tag, wanted, "by tag");
    }
    if row.kind == FIXED {
        assert_eq!(status(&mut card, "00B2010000"), "6A86", "by tag");
    }
    match row.kind {
        BINARY => binary(&mut card, row),
        FIXED => index(&mut card, row),
        CYCLIC => ring(&mut card, row),
        _ => records(&mut card, row),
    }
    making::described(stand, row);
    making::made_with_content(stand, row);
    making::inside(stand, row);
}

/// One tagged element: what an empty one is, its update, and the form of its text.
pub fn element(stand: &Stand, tag: u8) {
    let (row, number, kind, len) = page::element(tag);
    let mut card = stand.card();
    open(&mut card, row);
    if row.read != "free" {
        grant(&mut card, row.read);
    }
    let fill = if kind == "cn" { 0xFF } else { 0x00 };
    let empty = [&[tag, len][..], &vec![fill; usize::from(len)]].concat();
    assert_eq!(read(&mut card, number), Ok(empty));
    let by_tag = send(&mut card, &[0x00, 0xB2, tag, 0x00, 0x00]).1;
    assert_eq!(
        by_tag,
        if row.path == "DDF1/EF05" {
            0x9000
        } else {
            0x6A86
        }
    );
    if row.update != "never" {
        grant(&mut card, row.update);
        let content = [&[tag, len][..], &vec![0x31; usize::from(len)]].concat();
        let stk = format!("{}-v0", row.stk);
        let update = secured(&mut card, &stk, [0x04, 0xDC, number, 0x04], &content);
        assert_eq!(send(&mut card, &update).1, 0x9000, "update");
        assert_eq!(read(&mut card, number), Ok(content));
    }
    let (text, bytes) = sample(kind, len);
    let mut content = CardContent::default();
    content.set_text(stand.copy, tag, &text).expect("its text");
    assert_eq!(content.value(tag), Some(&bytes[..]));
}

/// A text of a type and its bytes (R20–R22).
pub(super) fn sample(kind: &str, len: u8) -> (String, Vec<u8>) {
    let len = usize::from(len);
    let filled = |head: &[u8], fill: u8| {
        let mut bytes = head.to_vec();
        bytes.resize(len, fill);
        bytes
    };
    match kind {
        "ans" => ("1".into(), filled(b"1", 0x00)),
        "cn" => ("1".into(), filled(&[0x1F], 0xFF)),
        _ if len == 1 => ("7".into(), vec![0x07]),
        _ => ("AB".repeat(len), vec![0xAB; len]),
    }
}

pub(super) fn open(card: &mut UserCard, row: &FileRow) {
    enter(card, row.df());
    let select = format!("00A4000C02{}", row.fid());
    assert_eq!(status(card, &select), "9000", "SELECT {}", row.path);
}

pub(super) fn grant(card: &mut UserCard, name: &str) {
    let kid = page::key_row(name).kid;
    assert_eq!(authenticate(card, name, kid), 0x9000, "{name}");
}

/// Every other key of the directory, one after another; the last of a kind holds.
fn strangers(card: &mut UserCard, row: &FileRow, right: &str) {
    for key in KEYS
        .iter()
        .filter(|key| key.df == row.df() && key.name != right)
    {
        if (page::READ..=page::LOCK).contains(&key.class) {
            grant(card, key.name);
        }
    }
}

pub(super) fn read(card: &mut UserCard, number: u8) -> Result<Vec<u8>, u16> {
    match send(card, &[0x00, 0xB2, number, 0x04, 0x00]) {
        (bytes, 0x9000) => Ok(bytes),
        (_, status) => Err(status),
    }
}

/// After a reset, with every right of the directory but the one that an update needs.
fn without_update_right(card: &mut UserCard, row: &FileRow, right: &str, update: &[u8]) {
    card.reset();
    open(card, row);
    strangers(card, row, right);
    assert_eq!(send(card, update).1, 0x6982, "without {right}");
}

const CIPHER_AND_MAC: [u8; 25] = {
    let mut bytes = [0; 25];
    (bytes[0], bytes[1], bytes[2], bytes[3], bytes[4]) = (0x04, 0xDC, 0x01, 0x04, 0x14);
    bytes
};

fn records(card: &mut UserCard, row: &FileRow) {
    assert_eq!(row.kind, VARIABLE);
    let lengths: Vec<usize> = row.elements.iter().map(|e| usize::from(e.2) + 2).collect();
    let found: Vec<usize> = (1..=row.records)
        .map(|n| read(card, n).map_or(0, |record| record.len()))
        .collect();
    assert_eq!(found, lengths);
    assert_eq!(read(card, row.records + 1), Err(0x6A83));
    assert_eq!(read(card, 0), Err(0x6A83));
    if row.update == "never" {
        strangers(card, row, "");
        assert_eq!(send(card, &CIPHER_AND_MAC).1, 0x6982, "never");
        return;
    }
    without_update_right(card, row, row.update, &CIPHER_AND_MAC);
    grant(card, row.update);
    assert_eq!(status(card, "00DC010401AA"), "6987", "plain");
}

fn ring(card: &mut UserCard, row: &FileRow) {
    assert_eq!(read(card, 1), Err(0x6A83), "nothing yet");
    let mut update = CIPHER_AND_MAC;
    (update[2], update[3]) = (0x00, 0x03);
    without_update_right(card, row, row.update, &update);
    grant(card, row.update);
    let stk = format!("{}-v0", row.stk);
    for n in 1..=row.records + 1 {
        let record = vec![n; usize::from(row.size)];
        let append = secured(card, &stk, [0x04, 0xDC, 0x00, 0x03], &record);
        assert_eq!(send(card, &append).1, 0x9000, "append {n}");
    }
    for n in 1..=row.records {
        let wanted = vec![row.records + 2 - n; usize::from(row.size)];
        assert_eq!(read(card, n), Ok(wanted), "the newest is the first");
    }
    assert_eq!(read(card, row.records + 1), Err(0x6A83));
}

fn index(card: &mut UserCard, row: &FileRow) {
    for n in 1..=row.records {
        assert_eq!(read(card, n), Ok(vec![row.fill]));
    }
    assert_eq!(read(card, row.records + 1), Err(0x6A83));
    assert_eq!(
        status(card, "04DC010414 0000000000000000000000000000000000000000"),
        "6981"
    );
    let stk = format!("{}-v0", row.stk);
    without_update_right(card, row, row.update, &[0x84, 0xD2, 1, 0, 4, 0, 0, 0, 0]);
    grant(card, row.update);
    for n in 1..=row.records {
        let write = with_mac(card, &stk, [0x84, 0xD2, n, 0x00]);
        assert_eq!(send(card, &write).1, 0x9000, "WRITE {n}");
        assert_eq!(read(card, n), Ok(vec![0x00]));
    }
    after_a_reset(card, row);
    grant(card, row.erase);
    let erase = with_mac(card, &stk, [0x84, 0x0C, row.records, 0x00]);
    assert_eq!(send(card, &erase).1, 0x9000, "ERASE");
    assert_eq!(read(card, row.records), Ok(vec![0xFF]));
}

/// The card after a reset: writers may not erase.
fn after_a_reset(card: &mut UserCard, row: &FileRow) {
    card.reset();
    open(card, row);
    strangers(card, row, row.erase);
    let erase = [0x84, 0x0C, 0x01, 0x00, 0x04, 0, 0, 0, 0];
    assert_eq!(send(card, &erase).1, 0x6982, "ERASE by a writer");
}

fn binary(card: &mut UserCard, row: &FileRow) {
    let last = (row.size - 1).to_be_bytes();
    let read_last = [0x00, 0xB0, last[0], last[1], 0x01];
    assert_eq!(
        send(card, &read_last),
        (vec![row.fill], 0x9000),
        "the last byte"
    );
    let end = row.size.to_be_bytes();
    assert_eq!(send(card, &[0x00, 0xB0, end[0], end[1], 0x01]).1, 0x6B00);
    let write_last = [0x00, 0xD6, last[0], last[1], 0x01, 0xA5];
    without_update_right(card, row, row.update, &write_last);
    grant(card, row.update);
    assert_eq!(send(card, &write_last).1, 0x9000);
    assert_eq!(send(card, &read_last), (vec![0xA5], 0x9000));
    let beyond = [0x00, 0xD6, last[0], last[1], 0x02, 0xA5, 0xA5];
    assert_eq!(send(card, &beyond).1, 0x6A84);
}
