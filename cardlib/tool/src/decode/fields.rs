//! Parameters, data and failures of the commands that have something to say.

use cardlib_card::apdu::Command;
use cardlib_card::element;
use cardlib_card::gm::sm3;
use cardlib_card::profile::{Element, FactorKind, Key, KeyClass, Scope};
use cardlib_card::status::Status;
use cardlib_card::tlv;
use cardlib_sim::crypto;

use super::{Decoder, Delivered};
use crate::text::{is_chinese, say};

impl Decoder {
    /// What the command is about.
    pub(super) fn details(&mut self, command: &Command) -> Vec<String> {
        match (command.cla, command.ins) {
            (_, 0xA4) => vec![self.selected(command)],
            (_, 0xB2 | 0xD2 | 0x0C) | (0x00 | 0x04, 0xDC) => vec![self.record(command)],
            (_, 0xB0 | 0xD6) => vec![self.bytes(command)],
            (_, 0x20 | 0x5E) | (0x84, 0x24) => {
                vec![say("PIN not shown", "个人密码不显示").to_owned()]
            }
            (0x00, 0x82) => vec![self.external(command)],
            (0x00, 0x88) => vec![self.internal(command)],
            (0x80, 0xDE) => vec![self.deliver(command)],
            (0x80, 0xFA) => vec![cipher_mode(command.p1).to_owned()],
            (0x80, 0x50) => vec![format!(
                "{} {:02X}{}",
                say("base key version", "基础密钥版本"),
                command.p1,
                if command.p1 == 0xFF {
                    say(" (probe)", "（探测）")
                } else {
                    ""
                }
            )],
            (0x84, 0x82) => vec![format!("{} {:02X}", say("level", "安全级别"), command.p1)],
            (0x84, 0xF0) => vec![format!("{:02X}", command.p1)],
            (0x84, 0xD4) => vec![match command.p1 {
                0x01 => say("master key", "主控密钥").to_owned(),
                _ => say("application key", "应用密钥").to_owned(),
            }],
            (_, 0xC0 | 0x84) => vec![],
            _ if command.data.is_empty() => vec![],
            _ => vec![format!("{} {}", command.data.len(), say("bytes", "字节"))],
        }
    }

    fn selected(&self, command: &Command) -> String {
        let shown = hex::encode_upper(&command.data);
        if command.p1 == 0x04 {
            let named = |name: &[u8]| name == command.data.as_slice();
            let mut dfs = self.profile.dfs.iter();
            return dfs
                .find(|df| df.df_name.as_ref().is_some_and(|name| named(name)))
                .map_or(shown, |df| titled(&df.name, &df.title_zh, &df.title_en));
        }
        let fid = match *command.data.as_slice() {
            [high, low] => u16::from_be_bytes([high, low]),
            _ => 0x3F00,
        };
        if self.sam {
            return self
                .profile
                .sam_file_by_fid(&self.sam_df, fid)
                .map_or(shown, |file| {
                    titled(&file.path, &file.title_zh, &file.title_en)
                });
        }
        if let Some(df) = self.profile.df_by_fid(fid) {
            return titled(&df.name, &df.title_zh, &df.title_en);
        }
        let df = self.df.map_or("MF", |df| df.name.as_str());
        self.profile.file_by_fid(df, fid).map_or(shown, |file| {
            titled(&file.path, &file.title_zh, &file.title_en)
        })
    }

    fn place(&self) -> String {
        match (self.sam, self.file, self.sam_file) {
            (true, _, Some(file)) => file.path.clone(),
            (false, Some(file), _) => file.path.clone(),
            _ => say("no file selected", "未选择文件").to_owned(),
        }
    }

    fn record(&self, command: &Command) -> String {
        let by_tag = command.p2 & 0x07 == 0 && command.ins == 0xB2;
        let kind = if by_tag {
            say("tag", "标签")
        } else {
            say("record", "记录")
        };
        let secured = if command.cla & 0x04 == 0 {
            ""
        } else {
            say(", secure messaging", "，安全报文")
        };
        let name = self
            .element(command.p1, by_tag)
            .map(|element| format!(" {}", named(element)))
            .unwrap_or_default();
        format!("{} {kind} {}{name}{secured}", self.place(), command.p1)
    }

    fn element(&self, number: u8, by_tag: bool) -> Option<&'static Element> {
        let file = self.file?;
        if by_tag {
            return file.position(number).map(|(_, element)| element);
        }
        file.elements
            .get(usize::from(number).checked_sub(1)?)
            .filter(|element| element.tag.is_some())
    }

    fn bytes(&self, command: &Command) -> String {
        let offset = u16::from_be_bytes([command.p1, command.p2]);
        let len = match (command.data.len(), command.le) {
            (0, Some(0)) => 256,
            (0, le) => le.map_or(0, usize::from),
            (len, _) => len,
        };
        format!(
            "{} {} {offset}, {len} {}",
            self.place(),
            say("from byte", "起始字节"),
            say("bytes", "字节")
        )
    }

    fn external(&self, command: &Command) -> String {
        let version = command.data.last().copied().unwrap_or_default();
        self.key(command.p2).map_or_else(
            || format!("KID {:02X}", command.p2),
            |key| key_and_version(&key.name, version),
        )
    }

    fn internal(&self, command: &Command) -> String {
        let version = command.data.last().copied().unwrap_or_default();
        let df = self.df.map_or("MF", |df| df.name.as_str());
        self.profile
            .keys_of(df)
            .find(|key| key.class == KeyClass::Internal)
            .map_or_else(|| df.to_owned(), |key| key_and_version(&key.name, version))
    }

    fn deliver(&mut self, command: &Command) -> String {
        let (index, version) = (command.p2 & 0x1F, command.p2 >> 5);
        let Some(key) = self.profile.key_by_sam_index(index) else {
            return format!("{} {index:02X}", say("key index", "密钥索引"));
        };
        let (blocks, _) = command.data.as_chunks::<8>();
        let factors = blocks.split_last().map_or(&[][..], |(_, rest)| rest);
        let shown: Vec<String> = key
            .factors
            .iter()
            .rev()
            .zip(factors)
            .map(|(kind, value)| format!("{} {}", factor_name(*kind), hex::encode_upper(value)))
            .collect();
        self.delivered = Some(Delivered {
            key: key.name.clone(),
            version,
            factors: factors.to_vec(),
        });
        format!(
            "{}, {}",
            key_and_version(&key.name, version),
            shown.join(", ")
        )
    }

    /// What the data of an answer say.
    pub(super) fn answer(&self, command: &Command, data: &[u8]) -> Vec<String> {
        let plain = format!("{} {}", data.len(), say("bytes", "字节"));
        match command.ins {
            0xB2 => match self.record_elements(command, data) {
                found if found.is_empty() => vec![hex::encode_upper(data)],
                found => found,
            },
            0x50 if data.len() == 29 => vec![format!(
                "{} {} · {} {:02X} · {} {} · {} {:02X}",
                say("factor", "分散因子"),
                hex::encode_upper(&data[..8]),
                say("key version", "密钥版本"),
                data[8],
                say("counter", "计数器"),
                u32::from_be_bytes([0, data[9], data[10], data[11]]),
                say("life cycle", "生命周期"),
                data[12]
            )],
            0xA4 => vec![df_name(data).unwrap_or_else(|| hex::encode_upper(data))],
            0x84 | 0x88 | 0xFA if data.len() <= 32 => vec![hex::encode_upper(data)],
            _ if data.len() <= 32 => vec![format!("{plain}: {}", hex::encode_upper(data))],
            _ => vec![plain],
        }
    }

    fn record_elements(&self, command: &Command, data: &[u8]) -> Vec<String> {
        let Some(file) = self.file else {
            return Vec::new();
        };
        if let Ok(record) = tlv::parse(data)
            && let Some((_, element)) = file.position(record.tag)
        {
            return vec![format!(
                "{:02} {}",
                record.tag,
                valued(element, record.value)
            )];
        }
        let mut rest = data;
        let whole = file
            .elements
            .iter()
            .map(|element| element.len)
            .sum::<usize>()
            == data.len();
        if !whole || command.data.len() > MAX_SHOWN {
            return Vec::new();
        }
        file.elements
            .iter()
            .map_while(|element| {
                let (value, behind) = rest.split_at_checked(element.len)?;
                rest = behind;
                Some(valued(element, value))
            })
            .collect()
    }

    /// What more can be said of a refusal: which key, version, factors and check value were in play.
    pub(super) fn trouble(&self, command: &Command, status: Status) -> Option<String> {
        let wrong = status.retries().is_some() || status == Status::CRYPTOGRAM;
        let mac = matches!(status, Status::SM_WRONG | Status::SM_MISSING);
        match (command.cla, command.ins) {
            (0x00, 0x82) if wrong => Some(self.wrong_cryptogram(command)),
            (0x84, 0x82) if wrong => Some(
                say(
                    "the base key of the session is not the card's: look at vendor, factor and key version of INITIALIZE UPDATE",
                    "会话基础密钥与卡不符：请核对厂商、分散因子及 INITIALIZE UPDATE 的密钥版本",
                )
                .to_owned(),
            ),
            (0x04 | 0x84, _) if mac => {
                let key = self
                    .file
                    .and_then(|file| file.maintenance.as_deref())
                    .unwrap_or("STK");
                Some(format!(
                    "{} {key}; {}",
                    say("the MAC is checked with", "MAC 由以下密钥校验："),
                    self.delivered_text()
                ))
            }
            (0x80, 0xDE) if status == Status::NO_KEY => Some(
                say(
                    "this SAM's type does not hold the key",
                    "该类型的 SAM 不含此密钥",
                )
                .to_owned(),
            ),
            _ => None,
        }
    }

    fn wrong_cryptogram(&self, command: &Command) -> String {
        let version = command.data.last().copied().unwrap_or_default();
        let Some(key) = self.key(command.p2) else {
            return say(
                "no key of the profile has this number here",
                "此目录下没有该编号的密钥",
            )
            .to_owned();
        };
        let factor = self.facts.as_ref().map(|facts| facts.factor);
        let mut text = format!(
            "{} {} (KID {:02X})",
            say("wrong cryptogram: the card checks with", "密文错误：卡使用"),
            key_and_version(&key.name, version),
            key.kid
        );
        if let Some(factor) = factor {
            text += &format!(
                ", {} {}",
                say("factor", "分散因子"),
                hex::encode_upper(factor)
            );
        }
        text += &format!("; {}", self.delivered_text());
        if let Some(sam) = &self.delivered {
            let said = if sam.key != key.name || sam.version != version {
                say("another key or version", "密钥或版本不同")
            } else if factor.is_some_and(|factor| sam.factors.first() != Some(&factor)) {
                say("another card's factor", "分散因子属于另一张卡")
            } else {
                say(
                    "same key, version and factor: the roots differ (compare check values with rhc-kms keys), or the challenge is stale",
                    "密钥、版本、分散因子一致：根密钥不同（请用 rhc-kms keys 核对校验值），或随机数已失效",
                )
            };
            text += &format!(" — {said}");
        }
        text
    }

    fn delivered_text(&self) -> String {
        let Some(sam) = &self.delivered else {
            return say(
                "which key the SAM used is not in this conversation",
                "本会话未记录 SAM 所用密钥",
            )
            .to_owned();
        };
        let factors: Vec<String> = sam.factors.iter().map(hex::encode_upper).collect();
        let value = self
            .profile
            .key(&sam.key)
            .and_then(|key| test_value(key, sam));
        let value = value.map_or_else(String::new, |value| {
            format!(
                ", {} {}",
                say("check value in the TEST hierarchy", "TEST 体系下校验值"),
                hex::encode_upper(value)
            )
        });
        format!(
            "{} {}, {} {}{value}",
            say("the SAM used", "SAM 使用"),
            key_and_version(&sam.key, sam.version),
            say("factors", "分散因子"),
            factors.join(" ← ")
        )
    }
}

/// The name in a file control information template (ISO 7816-4: 6F with 84).
fn df_name(data: &[u8]) -> Option<String> {
    let template = tlv::parse(data).ok().filter(|it| it.tag == 0x6F)?;
    let name = tlv::parse(template.value)
        .ok()
        .filter(|it| it.tag == 0x84)?;
    let hexadecimal = hex::encode_upper(name.value);
    let printable = name.value.iter().all(u8::is_ascii_graphic);
    let text = std::str::from_utf8(name.value).ok().filter(|_| printable);
    Some(format!(
        "{} {}",
        say("DF name", "DF 名称"),
        text.unwrap_or(&hexadecimal)
    ))
}

/// Records in commands are short.
const MAX_SHOWN: usize = 255;

/// Check value of a delivered key in the public TEST hierarchy of national roots (D31); of a provincial root the province is
/// not said in a conversation.
fn test_value(key: &Key, sam: &Delivered) -> Option<[u8; 3]> {
    if key.scope != Scope::National || sam.factors.len() != key.factors.len() {
        return None;
    }
    let label = format!("RHC-TEST-{}-v{}", key.name, sam.version);
    let digest = sm3::digest(label.as_bytes());
    let root = crypto::Key::from_slice(digest.get(..16)?)?;
    let down = sam.factors.iter().rev();
    Some(
        down.fold(root, |key, factor| key.diversify(factor))
            .check_value(),
    )
}

fn key_and_version(name: &str, version: u8) -> String {
    format!("{name} {} {version}", say("version", "版本"))
}

fn factor_name(kind: FactorKind) -> &'static str {
    match kind {
        FactorKind::Province => say("province", "省"),
        FactorKind::Prefecture => say("prefecture", "市"),
        FactorKind::Card => say("card", "卡"),
        FactorKind::Chip => say("chip", "芯片"),
    }
}

fn cipher_mode(p1: u8) -> &'static str {
    match p1 {
        0x00 => say("encrypt, last block", "加密，最后一块"),
        0x01 => say("MAC, last block", "MAC，最后一块"),
        0x02 => say("encrypt, more follows", "加密，后续还有"),
        0x03 => say("MAC, more follows", "MAC，后续还有"),
        0x05 => say("MAC, one block", "MAC，唯一一块"),
        0x07 => say("MAC, first block", "MAC，第一块"),
        _ => say("unknown mode", "未知方式"),
    }
}

fn titled(name: &str, zh: &str, en: &str) -> String {
    format!("{name} {}", say(en, zh))
}

/// An element's name in the user's language.
pub fn named(element: &Element) -> &str {
    if is_chinese() {
        &element.name_zh
    } else {
        &element.name_en
    }
}

fn valued(element: &Element, value: &[u8]) -> String {
    let shown = match element::decode(element.kind, value) {
        Ok(text) if text.is_empty() => "–".to_owned(),
        Ok(text) => text,
        Err(_) => hex::encode_upper(value),
    };
    format!("{}: {shown}", named(element))
}
