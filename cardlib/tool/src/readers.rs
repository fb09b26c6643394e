//! `rhc-card readers`: what is connected, and what is in it.

use cardlib_reader::pcsc::{Presence, Readers};
use serde::Serialize;

use crate::failure::Failure;
use crate::text::say;

#[derive(Serialize)]
struct Row {
    reader: String,
    card: &'static str,
    atr: String,
}

/// Lists the readers.
pub fn run(json: bool) -> Result<(), Failure> {
    let readers = Readers::open()?;
    let rows: Vec<Row> = readers
        .list()?
        .into_iter()
        .map(|info| Row {
            card: word(info.card),
            atr: hex::encode_upper(&info.atr),
            reader: info.name,
        })
        .collect();
    if json {
        println!("{}", serde_json::json!({ "readers": rows }));
        return Ok(());
    }
    if rows.is_empty() {
        println!("{}", say("no reader is connected", "没有连接读卡器"));
    }
    for row in rows {
        let shown = match row.card {
            "present" => format!("{} {}", say("card", "有卡"), row.atr),
            "mute" => say("a card that does not answer", "卡无应答").to_owned(),
            _ => say("empty", "无卡").to_owned(),
        };
        println!("{}  {shown}", row.reader);
    }
    Ok(())
}

fn word(presence: Presence) -> &'static str {
    match presence {
        Presence::Empty => "empty",
        Presence::Present => "present",
        Presence::Mute => "mute",
    }
}
