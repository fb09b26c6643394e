//! The SAM's commands (SAM 4.2, R48–R57): PIN, public files, session keys, CIPHER DATA (`session_key`).

use cardlib_card::apdu::{Command, Response};
use cardlib_card::profile::{FactorKind, Key, LifeCycle, Profile};
use cardlib_card::status::Status;
use cardlib_reader::Channel;
use zeroize::Zeroize;

use crate::ahead::{Ahead, Yes};
use crate::error::{FlowError, Part, malformed};
use crate::facts::SamFacts;
use crate::pin::Pin;

/// The diversification factors of one user card.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Factors {
    pub card: [u8; 8],
    pub province: [u8; 8],
    pub prefecture: [u8; 8],
}

impl Factors {
    /// From the card's factor (its ATR) and 应用城市代码.
    #[must_use]
    pub fn of(profile: &Profile, card: [u8; 8], area: &str) -> Option<Self> {
        let rules = &profile.factors;
        Some(Self {
            card,
            province: rules.province.of_area(area)?,
            prefecture: rules.prefecture.of_area(area)?,
        })
    }

    /// DELIVERY's order: card first, then upwards (SAM 4.2).
    pub(crate) fn upwards(&self, key: &Key) -> Vec<u8> {
        let factor = |kind: &FactorKind| match kind {
            FactorKind::Province => self.province,
            FactorKind::Prefecture => self.prefecture,
            FactorKind::Card | FactorKind::Chip => self.card,
        };
        key.factors.iter().rev().flat_map(factor).collect()
    }
}

/// Whether the chip that gave this ATR is a SAM or card of this profile in use: said before any command is sent to it.
///
/// # Errors
/// [`FlowError::Atr`], [`FlowError::NotActive`].
pub fn require_active(profile: &Profile, atr: &[u8]) -> Result<(), FlowError> {
    let part = Part::Sam;
    let facts = profile
        .parse_atr(atr)
        .map_err(|cause| FlowError::Atr { part, cause })?;
    if facts.state == LifeCycle::Active {
        Ok(())
    } else {
        Err(FlowError::NotActive {
            part,
            state: facts.state,
        })
    }
}

/// A SAM inside a transaction, its PIN verified and its application selected.
pub struct SamClient<'a> {
    pub(crate) profile: &'a Profile,
    channel: &'a mut dyn Channel,
    facts: SamFacts,
    ahead: Ahead<Expected>,
}

/// What a SAM answers to a command that goes ahead.
pub(crate) enum Expected {
    /// `9000`, to this step.
    Done(&'static str),
    /// It makes a session key of the key of this name.
    Delivered { key: String, sam_type: u8 },
}

impl Yes for Expected {
    fn judge(&self, answer: &Response) -> Result<(), FlowError> {
        let step = match (self, answer.status) {
            (_, Status::OK) => return Ok(()),
            (Self::Delivered { key, sam_type }, Status::NO_KEY) => {
                return Err(FlowError::NotPermitted {
                    key: key.clone(),
                    sam_type: *sam_type,
                });
            }
            (Self::Delivered { .. }, _) => "DELIVERY SESSION KEY",
            (Self::Done(step), _) => step,
        };
        Err(refused(step, answer.status))
    }
}

fn refused(step: &'static str, status: Status) -> FlowError {
    FlowError::Refused {
        part: Part::Sam,
        step,
        status,
    }
}

impl<'a> SamClient<'a> {
    /// Reads the public file, verifies the PIN and selects the application.
    ///
    /// # Errors
    /// [`FlowError`]; a wrong PIN is not tried twice.
    pub fn open(
        profile: &'a Profile,
        channel: &'a mut dyn Channel,
        pin: &Pin,
    ) -> Result<Self, FlowError> {
        let mut sam = Self::at_mf(profile, channel)?;
        let public = sam.read_file("MF/0015")?;
        sam.facts = SamFacts::parse(profile, &public)?;
        let verify = Command::new(0x00, 0x20, 0x00, 0x00).with_data(pin.bcd());
        let select = selection(profile.sam.df.fid);
        let answers = sam.with_pin("VERIFY PIN", [verify, select])?;
        match answers.get(1).map(|answer| answer.status) {
            Some(Status::OK) => Ok(sam),
            Some(status) => Err(refused("SELECT DF01", status)),
            None => Err(malformed(Part::Sam, "answer to SELECT DF01", "is missing")),
        }
    }

    /// Selects the MF, ahead of the next command.
    pub(crate) fn at_mf(
        profile: &'a Profile,
        channel: &'a mut dyn Channel,
    ) -> Result<Self, FlowError> {
        let mut sam = Self {
            profile,
            channel,
            facts: SamFacts::unread(),
            ahead: Ahead::of(Part::Sam),
        };
        sam.put_ahead(selection(0x3F00), Expected::Done("SELECT MF"));
        Ok(sam)
    }

    /// Serial, type and province.
    #[must_use]
    pub fn facts(&self) -> &SamFacts {
        &self.facts
    }

    #[must_use]
    pub fn profile(&self) -> &'a Profile {
        self.profile
    }

    /// The issuer's certificate (DF01/001B), as it lies in the SAM.
    ///
    /// # Errors
    /// [`FlowError`] when it cannot be read.
    pub fn issuer_certificate(&mut self) -> Result<Vec<u8>, FlowError> {
        self.read_file("DF01/001B")
    }

    /// The SAM's own certificate (DF01/001C).
    ///
    /// # Errors
    /// [`FlowError`] when it cannot be read.
    pub fn certificate(&mut self) -> Result<Vec<u8>, FlowError> {
        self.read_file("DF01/001C")
    }

    /// Terminal data (MF/0016) or application data (DF01/001A), as they lie in the SAM. The MF must be current for
    /// the former; [`SamClient::open`] leaves DF01.
    ///
    /// # Errors
    /// [`FlowError`] when the file cannot be read.
    pub fn read_file(&mut self, path: &str) -> Result<Vec<u8>, FlowError> {
        let profile = self.profile;
        let file = profile
            .sam_file(path)
            .ok_or_else(|| FlowError::Unknown(format!("SAM file {path}")))?;
        let select = Expected::Done("SELECT of a SAM file");
        self.put_ahead(selection(file.fid), select);
        let size = usize::from(profile.assumed.client_chunk.value);
        let chunk = |start: usize| size.min(file.size - start);
        let read = |start: usize| {
            // Both fit a byte's worth of range: sizes are below 32768 and the chunk below 256 (profile validation).
            let [high, low] = (start as u16).to_be_bytes();
            Command::new(0x00, 0xB0, high, low).with_le(chunk(start) as u8)
        };
        let starts = (0..file.size).step_by(size);
        let reads: Vec<_> = starts.clone().map(read).collect();
        let mut out = Vec::with_capacity(file.size);
        for (start, answer) in starts.zip(self.ahead.send(self.channel, &reads)?) {
            if answer.status != Status::OK {
                return Err(refused("READ BINARY", answer.status));
            }
            let (part, chunk) = (answer.data, chunk(start));
            if part.len() != chunk {
                return Err(malformed(
                    Part::Sam,
                    path,
                    format!("gives {} bytes for {chunk}", part.len()),
                ));
            }
            out.extend_from_slice(&part);
        }
        Ok(out)
    }

    /// Sends a command that carries a PIN; the answer says how many tries are left.
    pub(crate) fn send_pin(
        &mut self,
        step: &'static str,
        command: Command,
    ) -> Result<(), FlowError> {
        self.with_pin(step, [command]).map(drop)
    }

    /// The same with commands behind it, which are sent if the PIN is right.
    fn with_pin<const N: usize>(
        &mut self,
        step: &'static str,
        mut commands: [Command; N],
    ) -> Result<Vec<Response>, FlowError> {
        let answers = self.ahead.send(self.channel, &commands);
        commands.zeroize();
        let answers = answers?;
        let status = answers.first().map_or(Status::OK, |first| first.status);
        match status {
            Status::OK => Ok(answers),
            Status::BLOCKED => Err(FlowError::PinBlocked),
            status => match status.retries() {
                Some(0) => Err(FlowError::PinBlocked),
                Some(tries_left) => Err(FlowError::PinWrong { tries_left }),
                None => Err(refused(step, status)),
            },
        }
    }

    /// A random number of the SAM, for INTERNAL AUTHENTICATE (R63).
    ///
    /// # Errors
    /// [`FlowError`] when the SAM refuses.
    pub fn challenge(&mut self) -> Result<[u8; 8], FlowError> {
        let random = self.send(
            "GET CHALLENGE",
            &Command::new(0x00, 0x84, 0x00, 0x00).with_le(8),
        )?;
        random
            .try_into()
            .map_err(|_| malformed(Part::Sam, "challenge", "does not have 8 bytes"))
    }

    /// Whether this SAM is of the card's province, which its provincial keys need (R68).
    ///
    /// # Errors
    /// [`FlowError::OtherProvince`].
    pub fn check_province(&self, key: &Key, area: &str) -> Result<(), FlowError> {
        let card = area.get(..2).unwrap_or_default();
        let at_home = key.factors.contains(&FactorKind::Province) || card == self.facts.province();
        if at_home {
            return Ok(());
        }
        Err(FlowError::OtherProvince {
            key: key.name.clone(),
            card: card.into(),
            sam: self.facts.province().into(),
        })
    }

    pub(crate) fn select(&mut self, fid: u16, step: &'static str) -> Result<(), FlowError> {
        self.put_ahead(selection(fid), Expected::Done(step));
        self.catch_up()
    }

    pub(crate) fn put_ahead(&mut self, command: Command, expected: Expected) {
        self.ahead.put(command, expected);
    }

    /// Sends what was to go ahead of a command that does not come.
    pub(crate) fn catch_up(&mut self) -> Result<(), FlowError> {
        self.ahead.send(self.channel, &[]).map(drop)
    }

    pub(crate) fn send(
        &mut self,
        step: &'static str,
        command: &Command,
    ) -> Result<Vec<u8>, FlowError> {
        match self.raw(command)? {
            (data, Status::OK) => Ok(data),
            (_, status) => Err(refused(step, status)),
        }
    }

    pub(crate) fn raw(&mut self, command: &Command) -> Result<(Vec<u8>, Status), FlowError> {
        let answer = self.ahead.send_one(self.channel, command)?;
        Ok((answer.data, answer.status))
    }
}

fn selection(fid: u16) -> Command {
    Command::new(0x00, 0xA4, 0x00, 0x00).with_data(fid.to_be_bytes())
}
