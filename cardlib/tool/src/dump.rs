//! `rhc-card dump`: all that a SAM may read from a card, visit files included, as JSON. What this SAM may not read is named
//! with the reason.
//!
//! The output is a person's: `--out` makes a file of mode 0600.

use cardlib_card::content::{FileContent, FileData};
use cardlib_card::profile::{File, Profile};
use cardlib_card::visit::VisitKind;
use cardlib_reader::Transaction;
use cardlib_reader::pcsc::{Readers, Sharing};
use cardlib_terminal::sam::require_active;
use cardlib_terminal::snapshot::{Snapshot, Tongue};
use cardlib_terminal::{Flow, FlowError, Part, Pin, SamClient, UserCard};
use serde_json::{Value, json};

use crate::args::Dump;
use crate::decode::named;
use crate::failure::{Failure, profile};
use crate::files;
use crate::text::{is_chinese, line};

/// Reads and writes.
pub fn run(order: &Dump) -> Result<(), Failure> {
    let profile = profile(&order.profile)?;
    let pin = Pin::new(&files::read_secret(&order.sam_pin_file)?)?;
    let readers = Readers::open()?;
    let mut card = readers.connect(&order.reader, Sharing::Exclusive)?;
    let mut sam = readers.connect(&order.sam_reader, Sharing::Exclusive)?;
    let mut sam = Transaction::begin(&mut sam)?;
    require_active(profile, sam.atr())?;
    let client = SamClient::open(profile, &mut sam, &pin)?;
    let mut card = Transaction::begin(&mut card)?;
    let atr = card.atr().to_vec();
    let user = UserCard::new(profile, &mut card, &atr)?;
    let mut flow = Flow::open(user, client)?;
    flow.internal_authentication()?;
    let rows = profile
        .files
        .iter()
        .map(|file| read(profile, &mut flow, file))
        .collect::<Result<Vec<Value>, FlowError>>()?;
    let facts = flow.sam_facts();
    let dump = json!({
        "profile": profile.name,
        "atr": hex::encode_upper(&atr),
        "authenticated": true,
        "sam": { "serial": facts.serial, "type": facts.sam_type },
        "files": rows,
    });
    drop(flow);
    card.end()?;
    sam.end()?;
    match &order.out {
        Some(path) => files::create_secret(path, &format!("{dump:#}\n")),
        None => {
            line(&format!("{dump:#}"));
            Ok(())
        }
    }
}

/// One file: its elements and bytes, or why not. Only a failure of the card ends the dump.
fn read(profile: &Profile, flow: &mut Flow<'_>, file: &File) -> Result<Value, FlowError> {
    let mut row =
        json!({ "path": file.path, "title_en": file.title_en, "title_zh": file.title_zh });
    let done = match visit_of(profile, file) {
        Some((kind, number)) => flow.visit_bytes(kind, number).map(|bytes| {
            // A visit file that nobody has written holds zeros only (R25).
            row["visit"] = json!(bytes.iter().any(|byte| *byte != 0));
            row["data"] = json!(hex::encode_upper(&*bytes));
        }),
        None => flow.read(&[&file.path]).map(|snapshot| {
            row["elements"] = elements(&snapshot);
            row["data"] = snapshot.content().files.first().map_or(Value::Null, data);
        }),
    };
    match done {
        Ok(()) => {}
        Err(cause @ (FlowError::NotPermitted { .. } | FlowError::OtherProvince { .. })) => {
            row["refused"] = json!(spoken(&cause));
        }
        Err(
            cause @ FlowError::Reader {
                part: Part::Card | Part::Sam,
                ..
            },
        ) => return Err(cause),
        Err(cause) => row["failed"] = json!(spoken(&cause)),
    }
    Ok(row)
}

fn elements(snapshot: &Snapshot<'_>) -> Value {
    let tongue = if is_chinese() {
        Tongue::Chinese
    } else {
        Tongue::English
    };
    snapshot
        .items()
        .map(|item| {
            json!({
                "tag": item.element.tag, "record": item.record, "name": named(item.element),
                "value": item.text().ok(), "shown": item.shown(tongue).ok(),
            })
        })
        .collect()
}

fn data(content: &FileContent) -> Value {
    match &content.data {
        FileData::Records(records) => records.iter().map(hex::encode_upper).collect(),
        FileData::Binary(bytes) => json!(hex::encode_upper(bytes)),
    }
}

/// Which visit's file it is.
fn visit_of(profile: &Profile, file: &File) -> Option<(VisitKind, u8)> {
    file.layout.as_ref()?;
    VisitKind::ALL
        .into_iter()
        .flat_map(|kind| {
            (1..=u8::MAX).map_while(move |number| Some((kind, number, kind.file(profile, number)?)))
        })
        .find(|(_, _, own)| own.path == file.path)
        .map(|(kind, number, _)| (kind, number))
}

fn spoken(cause: &FlowError) -> String {
    if is_chinese() {
        cause.chinese()
    } else {
        cause.to_string()
    }
}
