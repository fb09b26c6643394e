//! A file when a card is made: its content, its description in the dialect, and what is inside a cyclic record.

use cardlib_card::content::{CardContent, FileContent, FileData};
use cardlib_card::element;

use super::files::{grant, open, read, sample};
use crate::host::send;
use crate::page::{self, BINARY, CYCLIC, FileRow, VARIABLE};
use crate::stand::{Stand, word};

/// Content goes by the file's path.
pub(super) fn made_with_content(stand: &Stand, row: &FileRow) {
    let record = match row.kind {
        VARIABLE => {
            let (tag, _, len) = row.elements[0];
            [&[tag, len][..], &vec![0x5C; usize::from(len)]].concat()
        }
        _ => vec![0x5C; usize::from(row.size)],
    };
    let data = if row.kind == BINARY {
        FileData::Binary(record.clone())
    } else {
        FileData::Records(vec![record.clone()])
    };
    let path = row.path.to_owned();
    let mut card = stand.card_with(&CardContent {
        files: vec![FileContent { path, data }],
    });
    open(&mut card, row);
    if row.read != "free" {
        grant(&mut card, row.read);
    }
    let found = if row.kind == BINARY {
        send(&mut card, &[0x00, 0xB0, 0x00, 0x00, 0x01]).0
    } else {
        read(&mut card, 1).unwrap_or_default()
    };
    assert!(
        !found.is_empty() && record.starts_with(&found),
        "content of {}",
        row.path
    );
}

/// CREATE FILE takes the description that the dialect's page gives, on a card in the making.
pub(super) fn described(stand: &Stand, row: &FileRow) {
    let (mut card, mut host) = stand.half_made();
    let descriptor = descriptor(row);
    let said = host.run(&mut card, [0x84, 0xE0, 0, 0], &descriptor);
    assert_eq!(said, 0x9000, "CREATE FILE of {}", row.path);
}

/// `parent ‖ FID ‖ kind ‖ size ‖ records ‖ read ‖ update ‖ erase ‖ maintenance ‖ flags ‖ 00`.
#[must_use]
pub fn descriptor(row: &FileRow) -> Vec<u8> {
    let mut bytes = crate::stand::fid_of(row.df()).to_be_bytes().to_vec();
    bytes.extend(word(row.fid()).to_be_bytes());
    bytes.push(row.kind);
    bytes.extend(row.size.to_be_bytes());
    bytes.push(row.records);
    bytes.extend([row.read, row.update, row.erase, row.stk].map(page::access));
    bytes.extend([row.flags, 0x00]);
    bytes
}

/// What is inside a cyclic record, as whoever makes one writes it.
pub(super) fn inside(stand: &Stand, row: &FileRow) {
    if row.kind != CYCLIC {
        return;
    }
    let parts = &stand.copy.file(row.path).expect("the file").elements;
    let made: Vec<u8> = parts
        .iter()
        .flat_map(|part| element::encode(part.kind, part.len, "1").expect("one digit"))
        .collect();
    let wanted: Vec<u8> = row
        .elements
        .iter()
        .flat_map(|(_, kind, len)| sample(kind, *len).1)
        .collect();
    assert_eq!(made, wanted);
}
