//! `rhc-card trace`: a recorded conversation, or the log of `pcscd --apdu`, in words.

use std::collections::BTreeMap;

use cardlib_card::profile::Profile;
use cardlib_reader::conversation::{Conversation, Event, Line};
use serde::Serialize;

use crate::args::Trace;
use crate::decode::{Decoder, Delivered, Told};
use crate::failure::{Failure, profile};
use crate::files;
use crate::text::{Colour, line, paint, say};

/// One event for programs.
#[derive(Serialize)]
struct Row<'a> {
    line: usize,
    chip: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reset: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", flatten)]
    told: Option<Told>,
}

/// Reads, decodes, prints.
pub fn run(order: &Trace) -> Result<(), Failure> {
    let profile = profile(&order.profile)?;
    let text = files::read_text(&order.file)?;
    let conversation = parse(&text)
        .map_err(|cause| Failure::wrong(format!("{}: {cause}", order.file.display())))?;
    tell(profile, &conversation, order.json)
}

fn parse(text: &str) -> Result<Conversation, String> {
    if text.lines().any(|line| after(line, "APDU: ").is_some()) {
        return Ok(from_log(text));
    }
    text.parse::<Conversation>().map_err(|cause| {
        format!(
            "{cause} ({})",
            say(
                "neither a conversation nor pcscd's log",
                "既不是会话记录，也不是 pcscd 日志"
            )
        )
    })
}

/// pcscd writes `APDU: 00 A4 …` and `SW: 90 00` (the whole answer) on lines of their own; everything else is passed over.
fn from_log(text: &str) -> Conversation {
    let event = |event| Line::Event {
        chip: "card".into(),
        event,
    };
    let mut lines = Vec::new();
    let mut open: Option<Vec<u8>> = None;
    for row in text.lines() {
        // The line's number stays what it is in the log.
        let mut told = Line::Comment(String::new());
        if let Some(command) = after(row, "APDU: ").and_then(hex_words) {
            if let Some(command) = open.replace(command) {
                told = event(Event::Exchange {
                    command,
                    answer: None,
                });
            }
        } else if let Some(answer) = after(row, "SW: ").and_then(hex_words)
            && let Some(command) = open.take()
        {
            told = event(Event::Exchange {
                command,
                answer: Some(answer),
            });
        }
        lines.push(told);
    }
    lines.extend(open.map(|command| {
        event(Event::Exchange {
            command,
            answer: None,
        })
    }));
    Conversation { lines }
}

fn after<'a>(line: &'a str, mark: &str) -> Option<&'a str> {
    line.split_once(mark).map(|(_, rest)| rest.trim())
}

fn hex_words(text: &str) -> Option<Vec<u8>> {
    hex::decode(text.replace(' ', "")).ok()
}

/// One decoder a chip; what the SAM was told is handed to the card's.
fn tell(profile: &'static Profile, conversation: &Conversation, json: bool) -> Result<(), Failure> {
    let mut decoders: BTreeMap<String, Decoder> = BTreeMap::new();
    let mut delivered: Option<Delivered> = None;
    for (number, chip, event) in conversation.events() {
        let decoder = decoders
            .entry(chip.to_owned())
            .or_insert_with(|| Decoder::new(profile, chip.starts_with("sam")));
        let mut row = Row {
            line: number,
            chip,
            reset: None,
            told: None,
        };
        match event {
            Event::Begin { atr } | Event::Reset { atr } => row.reset = Some(decoder.reset(atr)),
            Event::Exchange { command, answer } => {
                decoder.delivered.clone_from(&delivered);
                row.told = Some(decoder.tell(command, answer.as_deref()));
                delivered.clone_from(&decoder.delivered);
            }
        }
        if json {
            line(&serde_json::to_string(&row).map_err(Failure::environment)?);
            continue;
        }
        let head = paint(&format!("{number:>4} {chip}"), Colour::Dim);
        match (&row.reset, &row.told) {
            (Some(reset), _) => line(&format!("{head} {}: {reset}", say("reset", "复位"))),
            (_, Some(told)) => line(&format!("{head} {}", told.print(9))),
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LOG: &str = "00000003 winscard.c:1620:SCardTransmit() Send\n00000010 APDU: 00 84 00 00 08\n00001234 SW: 11 22 33 44 55 66 77 88 90 00 \n00000010 APDU: 00 B0\n";

    #[test]
    fn the_daemons_log_is_a_conversation() {
        let conversation = parse(LOG).expect("log");
        let events: Vec<_> = conversation
            .events()
            .map(|(n, _, e)| (n, e.clone()))
            .collect();
        assert_eq!(events.len(), 2);
        assert_eq!(
            events[0],
            (
                3,
                Event::Exchange {
                    command: vec![0, 0x84, 0, 0, 8],
                    answer: Some(hex::decode("11223344556677889000").expect("hex"))
                }
            )
        );
        assert!(matches!(&events[1].1, Event::Exchange { answer: None, .. }));
    }

    #[test]
    fn a_failed_authentication_names_key_version_factor_and_check_value() {
        let profile = Profile::rhc_2012();
        let key = profile.key("RK1_DDF1").expect("key");
        let factors = "1122334455667788".to_owned()
            + if key.factors.len() > 1 {
                "3431303030303030"
            } else {
                ""
            };
        let len = factors.len() / 2 + 8;
        let name = profile
            .df("DDF1")
            .and_then(|df| df.df_name.clone())
            .expect("name");
        let mut sam = Decoder::new(profile, true);
        let deliver = format!(
            "80DE{:02X}{:02X}{len:02X}{factors}0000000000000000",
            key.sam_usage,
            1 << 5 | key.sam_index
        );
        sam.tell(&hex::decode(deliver).expect("hex"), Some(&[0x90, 0]));
        let mut card = Decoder::new(profile, false);
        card.reset(
            &hex::decode("3B6C00021122334455667788545401 07".replace(' ', "")).expect("hex"),
        );
        let select = [
            &[0, 0xA4, 4, 0, u8::try_from(name.len()).expect("short")][..],
            &name,
        ]
        .concat();
        card.tell(&select, Some(&[0x90, 0]));
        card.delivered = sam.delivered.clone();
        let authenticate = format!("008200{:02X}11{}01", key.kid, "00".repeat(16));
        let told = card.tell(
            &hex::decode(authenticate).expect("hex"),
            Some(&[0x63, 0xC9]),
        );
        let trouble = told.trouble.expect("explained");
        for part in [
            "RK1_DDF1 version 1",
            "1122334455667788",
            "check value",
            // The value of tests/vectors/chain.toml, made with OpenSSL.
            "check value in the TEST hierarchy 5BE276",
            "roots differ",
        ] {
            assert!(trouble.contains(part), "{part}: {trouble}");
        }
        card.delivered = Some(Delivered {
            version: 2,
            ..sam.delivered.expect("delivered")
        });
        let told = card.tell(
            &hex::decode(format!("008200{:02X}11{}01", key.kid, "00".repeat(16))).expect("hex"),
            Some(&[0x63, 0xC8]),
        );
        assert!(
            told.trouble
                .is_some_and(|it| it.contains("another key or version"))
        );
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(?s).{0,200}") {
            let _ = parse(&text);
        }

        #[test]
        fn no_exchange_makes_it_panic(
            exchanges in prop::collection::vec((prop::collection::vec(any::<u8>(), 0..40), prop::option::of(prop::collection::vec(any::<u8>(), 0..40))), 0..12),
            sam: bool,
        ) {
            let mut decoder = Decoder::new(Profile::rhc_2012(), sam);
            for (command, answer) in exchanges {
                let told = decoder.tell(&command, answer.as_deref());
                prop_assert!(!told.print(4).is_empty());
            }
        }

        #[test]
        fn no_command_of_ours_with_any_data_makes_it_panic(
            ins in prop::sample::select(vec![0x20u8, 0x82, 0x84, 0x88, 0xA4, 0xB0, 0xB2, 0xC0, 0xDC, 0xD2, 0xDE, 0xFA, 0x50, 0xD4]),
            cla in prop::sample::select(vec![0u8, 4, 0x80, 0x84]),
            p: [u8; 2],
            data in prop::collection::vec(any::<u8>(), 0..40),
            status: u16,
        ) {
            let mut decoder = Decoder::new(Profile::rhc_2012(), false);
            decoder.reset(&[0x3B, 0x6C]);
            decoder.tell(&hex::decode("00A40000023F00").expect("hex"), Some(&[0x90, 0]));
            let command = [&[cla, ins, p[0], p[1], data.len() as u8][..], &data].concat();
            let answer = [&data[..], &status.to_be_bytes()].concat();
            prop_assert!(!decoder.tell(&command, Some(&answer)).print(4).is_empty());
        }
    }
}
