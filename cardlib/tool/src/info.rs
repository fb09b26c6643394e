//! `rhc-card info`: what a card says of itself to anybody: its reset answer, and on an active one the free data.

use cardlib_card::apdu::Command;
use cardlib_card::cert::{IssuerCertificate, SamCertificate};
use cardlib_card::element;
use cardlib_card::profile::codes;
use cardlib_card::profile::{AtrError, AtrFacts, Element, File, LifeCycle, Profile};
use cardlib_card::status::Status;
use cardlib_reader::pcsc::{Readers, Sharing};
use cardlib_reader::{Card, Channel, ReaderError, exchange};
use serde::Serialize;

use crate::args::Info;
use crate::failure::{Failure, profile};
use crate::text::{is_chinese, say};

/// The file of a user card that is free to read.
const FREE_FILE: &str = "DDF1/EF05";

#[derive(Serialize)]
struct Report {
    reader: String,
    atr: String,
    factor: String,
    vendor: String,
    cos_version: String,
    life_cycle: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    elements: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    #[serde(skip_serializing_if = "Option::is_none")]
    tag: Option<u8>,
    name_en: String,
    name_zh: String,
    value: String,
}

/// Reads and shows.
pub fn run(order: &Info) -> Result<(), Failure> {
    let profile = profile(&order.profile)?;
    let readers = Readers::open()?;
    let mut card = readers.connect(&order.reader, Sharing::Shared)?;
    let reader = card.reader().to_owned();
    let mut transaction = card.transaction()?;
    let atr = transaction.atr().to_vec();
    let facts = profile.parse_atr(&atr).map_err(|cause| match cause {
        AtrError::Foreign => Failure::Wrong(
            say(
                "the card in this reader is no resident health card and no SAM of one",
                "读卡器中的卡不是居民健康卡，也不是其 SAM 卡",
            )
            .to_owned(),
        ),
        AtrError::State(_) => Failure::wrong(cause),
    })?;
    let mut report = Report {
        reader,
        atr: hex::encode_upper(&atr),
        factor: hex::encode_upper(facts.factor),
        vendor: hex::encode_upper(facts.vendor),
        cos_version: format!("{:02X}", facts.version),
        life_cycle: life_cycle(&facts).0,
        kind: None,
        elements: Vec::new(),
    };
    if facts.state == LifeCycle::Active {
        read_free_data(profile, &mut transaction, &mut report)?;
    }
    transaction.end()?;
    if order.json {
        let text = serde_json::to_string(&report).map_err(Failure::environment)?;
        println!("{text}");
    } else {
        print(&report, life_cycle(&facts).1);
    }
    Ok(())
}

/// A user card knows DDF1; what does not is asked as a SAM.
fn read_free_data(
    profile: &Profile,
    channel: &mut impl Channel,
    report: &mut Report,
) -> Result<(), ReaderError> {
    let name = profile.df("DDF1").and_then(|df| df.df_name.clone());
    let select = Command::new(0x00, 0xA4, 0x04, 0x0C)
        .with_data(name.map(|name| name.to_vec()).unwrap_or_default());
    let selected = exchange(channel, &select)?.status;
    match (selected, profile.file(FREE_FILE)) {
        (Status::OK, Some(file)) => {
            report.kind = Some("user-card");
            report.elements = read_user_card(file, channel)?;
        }
        (Status::FUNCTION, _) => report.kind = Some("user-card"),
        _ => {
            report.kind = Some("sam");
            report.elements = read_sam(profile, channel)?;
        }
    }
    Ok(())
}

fn read_user_card(file: &File, channel: &mut impl Channel) -> Result<Vec<Row>, ReaderError> {
    let mut rows = Vec::new();
    if !select(channel, file.fid)? {
        return Ok(rows);
    }
    for (number, element) in (1u8..).zip(&file.elements) {
        let answer = exchange(channel, &Command::new(0x00, 0xB2, number, 0x04).with_le(0))?;
        if let (Status::OK, Some(value)) = (answer.status, answer.data.get(2..)) {
            rows.push(row(element, value));
        }
    }
    Ok(rows)
}

fn read_sam(profile: &Profile, channel: &mut impl Channel) -> Result<Vec<Row>, ReaderError> {
    let mut rows = Vec::new();
    let in_df = |file: &cardlib_card::profile::SamFile| file.df() == profile.sam.df.name;
    for file in profile.sam.files.iter().filter(|file| file.size > 0) {
        let df = if in_df(file) {
            profile.sam.df.fid
        } else {
            0x3F00
        };
        if !select(channel, df)? || !select(channel, file.fid)? {
            continue;
        }
        let read = Command::new(0x00, 0xB0, 0x00, 0x00).with_le(0);
        let answer = exchange(channel, &read)?;
        if !answer.status.is_ok() {
            continue;
        }
        let mut rest = answer.data.as_slice();
        for element in &file.elements {
            let Some((value, after)) = rest.split_at_checked(element.len) else {
                break;
            };
            rows.push(row(element, value));
            rest = after;
        }
        if file.elements.is_empty() {
            rows.push(Row {
                tag: None,
                name_en: file.title_en.clone(),
                name_zh: file.title_zh.clone(),
                value: certificate(rest),
            });
        }
    }
    Ok(rows)
}

fn select(channel: &mut impl Channel, fid: u16) -> Result<bool, ReaderError> {
    let command = Command::new(0x00, 0xA4, 0x00, 0x0C).with_data(fid.to_be_bytes());
    Ok(exchange(channel, &command)?.status.is_ok())
}

fn row(element: &Element, value: &[u8]) -> Row {
    let shown = if element::is_blank(element.kind, value) || is_empty_block(value) {
        String::new()
    } else if value.len() > 100 {
        certificate(value)
    } else {
        let text =
            element::decode(element.kind, value).unwrap_or_else(|_| hex::encode_upper(value));
        let meaning = element
            .codes
            .as_deref()
            .and_then(|name| codes::text(name, &text));
        match meaning {
            Some(meaning) => format!("{text} ({})", say(&meaning.en, &meaning.zh)),
            None => text,
        }
    };
    Row {
        tag: element.tag,
        name_en: element.name_en.clone(),
        name_zh: element.name_zh.clone(),
        value: shown,
    }
}

/// A `b` element has no absent form, but a certificate of zeros is none.
fn is_empty_block(value: &[u8]) -> bool {
    value.len() > 1 && value.iter().all(|byte| *byte == 0)
}

/// Issuer, mark and dates of a certificate, said to be unverified: no key of anybody is here to check it with.
fn certificate(bytes: &[u8]) -> String {
    let body = IssuerCertificate::parse_unverified(bytes)
        .map(|c| c.body)
        .or_else(|_| SamCertificate::parse_unverified(bytes).map(|c| c.body));
    match body {
        Ok(body) => format!(
            "{} {} · {} · {}–{} · {}",
            body.mark,
            hex::encode_upper(body.issuer_code).trim_end_matches('F'),
            body.serial,
            hex::encode(body.valid_from),
            hex::encode(body.valid_to),
            say("signature not checked", "未验签"),
        ),
        Err(_) => hex::encode_upper(bytes),
    }
}

/// For programs, and for people.
fn life_cycle(facts: &AtrFacts) -> (&'static str, &'static str) {
    match facts.state {
        LifeCycle::Blank => ("blank", say("blank, as the maker delivers it", "空白卡")),
        LifeCycle::Initialised => (
            "initialised",
            say(
                "initialised: master key written, personalisation unfinished",
                "已初始化：主控密钥已写入，个人化未完成",
            ),
        ),
        LifeCycle::Personalised => (
            "personalised",
            say(
                "personalised: all data written, not yet active",
                "已个人化：数据已写入，尚未启用",
            ),
        ),
        LifeCycle::Active => ("active", say("active", "已启用")),
        LifeCycle::Blocked => ("blocked", say("blocked for ever", "已永久锁定")),
    }
}

fn print(report: &Report, life_cycle: &str) {
    let kind = match report.kind {
        Some("sam") => Some(say("SAM", "SAM 卡")),
        Some(_) => Some(say("user card", "用户卡")),
        None => None,
    };
    let mut lines = vec![
        (say("reader", "读卡器"), report.reader.as_str()),
        ("ATR", &report.atr),
        (say("factor", "分散因子"), &report.factor),
        (say("vendor", "COS 厂商"), &report.vendor),
        (say("COS version", "COS 版本"), &report.cos_version),
        (say("life cycle", "生命周期"), life_cycle),
    ];
    lines.extend(kind.map(|kind| (say("kind", "卡种"), kind)));
    for (name, value) in lines {
        println!("{name}: {value}");
    }
    for row in &report.elements {
        let name = if is_chinese() {
            &row.name_zh
        } else {
            &row.name_en
        };
        match row.tag {
            Some(tag) => println!("  {tag:02} {name}: {}", row.value),
            None => println!("  {name}: {}", row.value),
        }
    }
}
