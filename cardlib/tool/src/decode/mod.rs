//! What is said to a card or SAM, told in words: which command, on which file, with which key, and what came back.
//!
//! A [`Decoder`] follows one chip: it remembers directory and file, so that `00 B2 01 04 00` becomes "READ RECORD, record 1
//! of DDF1/EF05". Any bytes are allowed on both sides. PINs are never shown; element values are, so conversations are kept of
//! test chips only (D38).

mod fields;
mod names;

pub use fields::named;

use cardlib_card::apdu::Command;
use cardlib_card::profile::{AtrFacts, Df, File, Key, LifeCycle, Profile, SamFile};
use cardlib_card::status::Status;
use serde::Serialize;

use crate::text::{Colour, paint, say};

/// One exchange in words.
#[derive(Debug, Serialize)]
pub struct Told {
    /// Name of the command; empty for one that nobody knows.
    pub name: String,
    /// On what, with what.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub details: Vec<String>,
    /// Status word; none when no answer came.
    pub status: Option<String>,
    /// What the status word says.
    pub meaning: String,
    /// What the answer's data say.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub answer: Vec<String>,
    /// Why it failed, where more can be said than the status word does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
    #[serde(skip)]
    good: bool,
}

impl Told {
    /// Lines for people; all but the first are indented.
    pub fn print(&self, indent: usize) -> String {
        let margin = format!("\n{}", " ".repeat(indent));
        let mut text = if self.name.is_empty() {
            say("unknown command", "未知命令").to_owned()
        } else {
            self.name.clone()
        };
        for detail in &self.details {
            text += &format!(" · {detail}");
        }
        let status = self.status.as_deref().unwrap_or("----");
        let colour = if self.good { Colour::Good } else { Colour::Bad };
        text += &format!("{margin}{} {}", paint(status, colour), self.meaning);
        for part in &self.answer {
            text += &format!("{margin}{part}");
        }
        if let Some(trouble) = &self.trouble {
            text += &format!("{margin}{} {trouble}", paint("!", Colour::Bad));
        }
        text
    }
}

/// The key that a SAM was last told to work with.
#[derive(Debug, Clone)]
pub struct Delivered {
    pub key: String,
    pub version: u8,
    /// From the last derivation step upwards, as sent.
    pub factors: Vec<[u8; 8]>,
}

/// Follows one chip.
pub struct Decoder {
    profile: &'static Profile,
    sam: bool,
    facts: Option<AtrFacts>,
    df: Option<&'static Df>,
    file: Option<&'static File>,
    sam_df: String,
    sam_file: Option<&'static SamFile>,
    /// Set by the SAM's decoder, or handed over to the card's.
    pub delivered: Option<Delivered>,
    /// What a GET RESPONSE will bring belongs to this command.
    pending: Option<Command>,
}

impl Decoder {
    pub fn new(profile: &'static Profile, sam: bool) -> Self {
        Self {
            profile,
            sam,
            facts: None,
            df: None,
            file: None,
            sam_df: "MF".into(),
            sam_file: None,
            delivered: None,
            pending: None,
        }
    }

    /// A reset; what the answer to it says.
    pub fn reset(&mut self, atr: &[u8]) -> String {
        let facts = self.profile.parse_atr(atr).ok();
        let sam = self.sam;
        *self = Self::new(self.profile, sam);
        self.facts = facts;
        self.facts.as_ref().map_or_else(
            || say("the chip of another product", "其他产品的芯片").to_owned(),
            |facts| {
                format!(
                    "{} {} · {} {} · {}",
                    say("factor", "分散因子"),
                    hex::encode_upper(facts.factor),
                    say("vendor", "COS 厂商"),
                    hex::encode_upper(facts.vendor),
                    state(facts.state)
                )
            },
        )
    }

    /// Tells one exchange; `None` when no answer came.
    pub fn tell(&mut self, command: &[u8], answer: Option<&[u8]>) -> Told {
        let split = answer.and_then(<[u8]>::split_last_chunk::<2>);
        let (data, status) = match split {
            Some((data, word)) => (data, Some(Status(u16::from_be_bytes(*word)))),
            None => (&[][..], None),
        };
        let mut told = Told {
            name: String::new(),
            details: Vec::new(),
            status: status.map(|word| word.to_string()),
            meaning: match (status, answer) {
                (Some(word), _) => names::status(word),
                (None, None) => say("no answer came", "无应答").to_owned(),
                (None, Some(_)) => say(
                    "cut answer: fewer than two bytes came, the card was lost",
                    "应答被截断：不足两字节，卡已丢失",
                )
                .to_owned(),
            },
            answer: Vec::new(),
            trouble: None,
            good: status.is_some_and(|word| word.is_ok() || word.bytes_waiting().is_some()),
        };
        match Command::parse(command) {
            Ok(command) => self.tell_command(&mut told, &command, data, status),
            Err(cause) => told.details.push(cause.to_string()),
        }
        told
    }

    fn tell_command(
        &mut self,
        told: &mut Told,
        command: &Command,
        data: &[u8],
        status: Option<Status>,
    ) {
        let name = names::command(command.cla, command.ins);
        told.name = name.unwrap_or_default().to_owned();
        if name.is_none() {
            told.details.push(hex::encode_upper(command.header()));
        }
        let ok = status.is_some_and(|word| word.is_ok());
        let accepted = ok || status.is_some_and(|word| word.bytes_waiting().is_some());
        self.sam |= matches!(
            (command.cla, command.ins),
            (0x00, 0x20) | (0x80, 0xDE | 0xFA | 0xC8 | 0xC4)
        );
        told.details.extend(
            self.details(command)
                .into_iter()
                .filter(|it| !it.is_empty()),
        );
        if command.ins == 0xA4 && accepted {
            self.select(command);
        }
        let about = if command.ins == 0xC0 {
            self.pending.take()
        } else {
            Some(command.clone())
        };
        if let Some(about) = about {
            if !data.is_empty() {
                told.answer = self.answer(&about, data);
            }
            if status.is_some_and(|word| word.bytes_waiting().is_some()) {
                self.pending = Some(about);
            }
        }
        told.trouble = status.and_then(|word| self.trouble(command, word));
    }

    fn select(&mut self, command: &Command) {
        let data = command.data.as_slice();
        if command.p1 == 0x04 {
            let named = |df: &&Df| df.df_name.as_ref().is_some_and(|name| **name == *data);
            self.df = self.profile.dfs.iter().find(named);
            self.file = None;
            return;
        }
        let fid = match *data {
            [high, low] => u16::from_be_bytes([high, low]),
            [] => 0x3F00,
            _ => return,
        };
        if self.sam {
            self.select_in_sam(fid);
        } else if let Some(df) = self.profile.df_by_fid(fid) {
            (self.df, self.file) = (Some(df), None);
        } else {
            let df = self.df.map_or("MF", |df| df.name.as_str());
            self.file = self.profile.file_by_fid(df, fid);
        }
    }

    fn select_in_sam(&mut self, fid: u16) {
        let application = &self.profile.sam.df;
        self.sam_file = None;
        if fid == 0x3F00 {
            self.sam_df = "MF".into();
        } else if fid == application.fid {
            self.sam_df.clone_from(&application.name);
        } else {
            self.sam_file = self.profile.sam_file_by_fid(&self.sam_df, fid);
        }
    }

    /// The key that EXTERNAL AUTHENTICATE with this KID means in the current directory.
    fn key(&self, kid: u8) -> Option<&'static Key> {
        let df = self.df?;
        self.profile
            .keys_of(&df.name)
            .find(|key| key.kid == kid && key.class.authenticates())
    }
}

/// A life-cycle state in words.
pub fn state(state: LifeCycle) -> &'static str {
    match state {
        LifeCycle::Blank => say("blank", "空白"),
        LifeCycle::Initialised => say("initialised", "已初始化"),
        LifeCycle::Personalised => say("personalised", "已个人化"),
        LifeCycle::Active => say("active", "已启用"),
        LifeCycle::Blocked => say("blocked for ever", "已永久锁定"),
    }
}
