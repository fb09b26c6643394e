//! `rhc-card custodian`: a sealed share file on its custodian's card and back. The card is a carrier behind a PIN; what the
//! share itself is protected by (its passphrase) is the ceremony's affair.
//!
//! The card's files, and why a write that is cut off leaves the old share or the new one: `docs/custodian-card.md`.

use cardlib_card::apdu::{Command, Response};
use cardlib_card::gm::sm3;
use cardlib_card::status::Status;
use cardlib_reader::pcsc::{PcscCard, Readers, Sharing};
use cardlib_reader::{Card, Transaction, exchange};
use serde_json::{Value, json};
use zeroize::{Zeroize, Zeroizing};

use crate::args::{CustodianAct, CustodianAt};
use crate::failure::Failure;
use crate::files;
use crate::text::{line, say};

/// Name of the application (`docs/custodian-card.md`).
const AID: [u8; 8] = *b"\xF0RHCCUST";
const PIN: u8 = 0x81;
const HOLDER: u8 = 1;
const HOLDER_LEN: usize = 64;
/// Two places for a share: one holds it while the other is written.
const PLACES: [u8; 2] = [2, 3];
const PLACE_LEN: usize = 2048;
const MAGIC: [u8; 4] = *b"RHCS";
/// Magic, generation (4), length (2), SM3 of generation, length and share.
const HEADER_LEN: usize = 42;
const CHUNK: usize = 255;

/// A share as it stands in one place.
struct Kept {
    generation: u32,
    share: Zeroizing<Vec<u8>>,
}

/// Does one act.
pub fn run(act: &CustodianAct) -> Result<(), Failure> {
    match act {
        CustodianAct::Format {
            at,
            custodian,
            transport_pin_file,
        } => {
            let old = pin_of(transport_pin_file)?;
            format(at, custodian, &old)
        }
        CustodianAct::Put { at, share, replace } => put(at, &files::read_secret(share)?, *replace),
        CustodianAct::Get { at, custodian, out } => get(at, custodian, out),
        CustodianAct::Info { reader, json } => info(reader, *json),
    }
}

fn format(at: &CustodianAt, custodian: &str, transport: &[u8; 8]) -> Result<(), Failure> {
    if custodian.is_empty() || custodian.len() > HOLDER_LEN {
        return Err(Failure::Usage(
            say(
                "a custodian's name has 1 to 64 bytes",
                "保管人姓名为 1 至 64 字节",
            )
            .into(),
        ));
    }
    let pin = pin_of(&at.pin_file)?;
    let mut card = connect(&at.reader)?;
    let mut talk = Talk::begin(&mut card)?;
    let change = Zeroizing::new([&transport[..], &pin[..]].concat());
    let mut command = Command::new(0, 0x24, 0, PIN).with_data(change.to_vec());
    let answer = talk.send(&command);
    command.zeroize();
    pin_answer(answer?.status)?;
    talk.verify(&pin)?;
    let mut name = custodian.as_bytes().to_vec();
    name.resize(HOLDER_LEN, 0);
    talk.write(HOLDER, 0, &name)?;
    line(&format!(
        "{} {custodian}",
        say("card made out to", "卡已归属")
    ));
    Ok(())
}

/// The other place is written, read back, and only then the old share wiped.
fn put(at: &CustodianAt, share: &str, replace: bool) -> Result<(), Failure> {
    let custodian = custodian_of(share.as_bytes())?;
    if share.len() > PLACE_LEN - HEADER_LEN {
        return Err(wrong(
            "the share is too long for a card",
            "份额过长，卡内放不下",
        ));
    }
    let pin = pin_of(&at.pin_file)?;
    let mut card = connect(&at.reader)?;
    let mut talk = Talk::begin(&mut card)?;
    talk.must_be(&custodian)?;
    talk.verify(&pin)?;
    let kept = [talk.kept(PLACES[0])?, talk.kept(PLACES[1])?];
    let last = usize::from(generation(&kept[1]) > generation(&kept[0]));
    let same = |kept: &Option<Kept>| matches!(kept, Some(kept) if *kept.share == share.as_bytes());
    let spare = match &kept[last] {
        // A put that was cut off after the new share stood: only the wiping is left.
        Some(_) if same(&kept[last]) => 1 - last,
        Some(_) if !replace => {
            return Err(wrong(
                "the card holds another share; --replace wipes it for ever",
                "卡内已有另一份额；--replace 将永久清除它",
            ));
        }
        current => {
            let target = match current {
                Some(_) => 1 - last,
                None => last,
            };
            let next = generation(&kept[last]).checked_add(1);
            let next = next.ok_or_else(|| wrong("the card is used up", "卡已用尽"))?;
            talk.store(PLACES[target], next, share.as_bytes())?;
            if !same(&talk.kept(PLACES[target])?) {
                return Err(wrong(
                    "the card does not give back what was written; use another card",
                    "卡回读与写入不符；请换卡",
                ));
            }
            1 - target
        }
    };
    talk.wipe(PLACES[spare])?;
    line(&format!(
        "{} {custodian}",
        say(
            "share written and read back, on the card of",
            "份额已写入并回读，卡属于"
        )
    ));
    Ok(())
}

fn get(at: &CustodianAt, custodian: &str, out: &std::path::Path) -> Result<(), Failure> {
    let pin = pin_of(&at.pin_file)?;
    let mut card = connect(&at.reader)?;
    let mut talk = Talk::begin(&mut card)?;
    talk.must_be(custodian)?;
    talk.verify(&pin)?;
    let kept = [talk.kept(PLACES[0])?, talk.kept(PLACES[1])?];
    let share = kept
        .iter()
        .flatten()
        .max_by_key(|kept| kept.generation)
        .map(|kept| &kept.share)
        .ok_or_else(|| wrong("there is no share on this card", "卡内没有份额"))?;
    if custodian_of(share)? != custodian {
        return Err(wrong(
            "the share on this card is another custodian's",
            "卡内份额属于其他保管人",
        ));
    }
    let text = std::str::from_utf8(share).map_err(Failure::wrong)?;
    files::create_secret(out, text)?;
    line(&format!(
        "{} {}",
        say("share read into", "份额已读入"),
        out.display()
    ));
    Ok(())
}

fn info(reader: &str, json: bool) -> Result<(), Failure> {
    let mut card = connect(reader)?;
    let mut talk = Talk::begin(&mut card)?;
    let holder = talk.holder()?;
    let status = talk.send(&Command::new(0, 0x20, 0, PIN))?.status;
    let tries = match status {
        Status::BLOCKED => 0,
        other => other.retries().ok_or_else(|| refused(other))?,
    };
    if json {
        line(&json!({ "custodian": holder, "pin_tries": tries }).to_string());
        return Ok(());
    }
    let name = match holder.as_str() {
        "" => say("nobody yet (custodian format)", "尚无（custodian format）"),
        name => name,
    };
    line(&format!("{}: {name}", say("custodian", "保管人")));
    line(&format!(
        "{}: {tries}",
        say("PIN tries left", "PIN 剩余次数")
    ));
    Ok(())
}

fn generation(kept: &Option<Kept>) -> u32 {
    kept.as_ref().map_or(0, |kept| kept.generation)
}

fn connect(reader: &str) -> Result<PcscCard, Failure> {
    Ok(Readers::open()?.connect(reader, Sharing::Exclusive)?)
}

/// The application of one card, selected, until dropped; the card is reset then and forgets the PIN.
struct Talk<'a>(Transaction<'a>);

impl<'a> Talk<'a> {
    fn begin(card: &'a mut dyn Card) -> Result<Self, Failure> {
        let mut talk = Self(Transaction::begin(card)?);
        let select = Command::new(0, 0xA4, 4, 0x0C).with_data(AID);
        match talk.send(&select)?.status {
            Status::OK => Ok(talk),
            _ => Err(wrong("this is no custodian's card", "这不是保管人卡")),
        }
    }

    fn send(&mut self, command: &Command) -> Result<Response, Failure> {
        Ok(exchange(&mut self.0, command)?)
    }

    fn done(&mut self, command: &Command) -> Result<Response, Failure> {
        let answer = self.send(command)?;
        match answer.status {
            Status::OK => Ok(answer),
            other => Err(refused(other)),
        }
    }

    fn verify(&mut self, pin: &[u8; 8]) -> Result<(), Failure> {
        let mut command = Command::new(0, 0x20, 0, PIN).with_data(*pin);
        let answer = self.send(&command);
        command.zeroize();
        pin_answer(answer?.status)
    }

    fn select(&mut self, file: u8) -> Result<(), Failure> {
        self.done(&Command::new(0, 0xA4, 2, 0x0C).with_data([0, file]))?;
        Ok(())
    }

    fn read(&mut self, file: u8, len: usize) -> Result<Zeroizing<Vec<u8>>, Failure> {
        self.select(file)?;
        let mut all = Zeroizing::new(Vec::with_capacity(len));
        while all.len() < len {
            let [high, low] = offset(all.len())?;
            let wanted = u8::try_from((len - all.len()).min(CHUNK)).unwrap_or(u8::MAX);
            let mut part = self.done(&Command::new(0, 0xB0, high, low).with_le(wanted))?;
            let right = part.data.len() == usize::from(wanted);
            all.extend_from_slice(&part.data);
            part.zeroize();
            if !right {
                return Err(Failure::Environment(
                    say(
                        "the card's answer was cut off; put it back and begin again",
                        "卡的应答不完整；请重新插卡，从头开始",
                    )
                    .into(),
                ));
            }
        }
        Ok(all)
    }

    fn write(&mut self, file: u8, from: usize, bytes: &[u8]) -> Result<(), Failure> {
        self.select(file)?;
        for (number, part) in bytes.chunks(CHUNK).enumerate() {
            let [high, low] = offset(from + number * CHUNK)?;
            let mut command = Command::new(0, 0xD6, high, low).with_data(part);
            let answer = self.done(&command);
            command.zeroize();
            answer?;
        }
        Ok(())
    }

    fn holder(&mut self) -> Result<String, Failure> {
        let bytes = self.read(HOLDER, HOLDER_LEN)?;
        let name = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
        Ok(String::from_utf8_lossy(name).into_owned())
    }

    /// Before any PIN is sent: another's card must not lose a try.
    fn must_be(&mut self, custodian: &str) -> Result<(), Failure> {
        let holder = self.holder()?;
        if holder == custodian {
            return Ok(());
        }
        Err(Failure::wrong(format!(
            "{} {holder:?}, {} {custodian:?}; {}",
            say("this card is of", "此卡属于"),
            say("not of", "不属于"),
            say("no PIN was tried", "未尝试 PIN"),
        )))
    }

    /// What stands in a place; a share that was not written to its end is none.
    fn kept(&mut self, file: u8) -> Result<Option<Kept>, Failure> {
        let head = self.read(file, HEADER_LEN)?;
        let (Some(magic), Some(said)) = (head.get(..4), head.get(4..10)) else {
            return Ok(None);
        };
        let &[g0, g1, g2, g3, l0, l1] = said else {
            return Ok(None);
        };
        let len = usize::from(u16::from_be_bytes([l0, l1]));
        if magic != MAGIC || len > PLACE_LEN - HEADER_LEN {
            return Ok(None);
        }
        let all = self.read(file, HEADER_LEN + len)?;
        let share = Zeroizing::new(all.get(HEADER_LEN..).unwrap_or_default().to_vec());
        let generation = u32::from_be_bytes([g0, g1, g2, g3]);
        let right = head.get(10..) == Some(&digest(said, &share)[..]);
        Ok(right.then_some(Kept { generation, share }))
    }

    /// The share first, the header that makes it one last.
    fn store(&mut self, file: u8, generation: u32, share: &[u8]) -> Result<(), Failure> {
        self.wipe(file)?;
        self.write(file, HEADER_LEN, share)?;
        let len = u16::try_from(share.len()).map_err(Failure::wrong)?;
        let said = [&generation.to_be_bytes()[..], &len.to_be_bytes()].concat();
        let head = [&MAGIC[..], &said, &digest(&said, share)].concat();
        self.write(file, 0, &head)
    }

    fn wipe(&mut self, file: u8) -> Result<(), Failure> {
        self.write(file, 0, &[0; PLACE_LEN])
    }
}

fn digest(said: &[u8], share: &[u8]) -> [u8; 32] {
    sm3::digest(&Zeroizing::new([said, share].concat()))
}

fn offset(at: usize) -> Result<[u8; 2], Failure> {
    u16::try_from(at)
        .map(u16::to_be_bytes)
        .map_err(Failure::wrong)
}

/// Whose share this is, by its own label.
fn custodian_of(share: &[u8]) -> Result<String, Failure> {
    let no_share = || wrong("this is no share file", "这不是份额文件");
    let value: Value = serde_json::from_slice(share).map_err(|_| no_share())?;
    let name = value.pointer("/label/custodian").and_then(Value::as_str);
    Ok(name.ok_or_else(no_share)?.to_owned())
}

/// Six to eight digits, filled up with FF (ISO 7816-4, as ASCII).
fn pin_of(path: &std::path::Path) -> Result<Zeroizing<[u8; 8]>, Failure> {
    let text = files::read_secret(path)?;
    let digits = text.trim_ascii_end().as_bytes();
    let mut pin = Zeroizing::new([0xFF; 8]);
    let right = (6..=8).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit);
    match pin.get_mut(..digits.len()) {
        Some(place) if right => place.copy_from_slice(digits),
        _ => {
            return Err(Failure::wrong(format!(
                "{}: {}",
                path.display(),
                say("a PIN has 6 to 8 digits", "PIN 为 6 至 8 位数字")
            )));
        }
    }
    Ok(pin)
}

fn pin_answer(status: Status) -> Result<(), Failure> {
    match status {
        Status::OK => Ok(()),
        Status::BLOCKED => Err(wrong(
            "the PIN is blocked for ever; this share is lost, other custodians open the back-up",
            "PIN 已永久锁定；此份额失效，请由其他保管人打开备份",
        )),
        Status::CONDITIONS => Err(wrong(
            "the card still has its transport PIN; custodian format first",
            "卡仍为传输 PIN；请先执行 custodian format",
        )),
        Status::DATA => Err(wrong(
            "the card does not take this PIN; choose another of 6 to 8 digits",
            "卡不接受此 PIN；请另选 6 至 8 位数字",
        )),
        other => match other.retries() {
            Some(left) => Err(Failure::wrong(format!(
                "{} {left}",
                say("wrong PIN; tries left:", "PIN 错误；剩余次数：")
            ))),
            None => Err(refused(other)),
        },
    }
}

fn refused(status: Status) -> Failure {
    Failure::wrong(format!("{} {status}", say("the card refused:", "卡拒绝：")))
}

fn wrong(en: &str, zh: &str) -> Failure {
    Failure::wrong(say(en, zh))
}
