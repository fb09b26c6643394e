//! The SAM's commands (SAM 4.2, R48–R57): PIN, public files, session keys, CIPHER DATA (`session_key`).

use cardlib_card::apdu::Command;
use cardlib_card::profile::{FactorKind, Key, LifeCycle, Profile};
use cardlib_card::status::Status;
use cardlib_reader::{Channel, exchange};
use zeroize::Zeroize;

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
        sam.verify_pin(pin)?;
        sam.select(profile.sam.df.fid, "SELECT DF01")?;
        Ok(sam)
    }

    /// Selects the MF and nothing else.
    pub(crate) fn at_mf(
        profile: &'a Profile,
        channel: &'a mut dyn Channel,
    ) -> Result<Self, FlowError> {
        let mut sam = Self {
            profile,
            channel,
            facts: SamFacts::unread(),
        };
        sam.select(0x3F00, "SELECT MF")?;
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
        self.select(file.fid, "SELECT of a SAM file")?;
        let mut out = Vec::with_capacity(file.size);
        while out.len() < file.size {
            let chunk =
                (file.size - out.len()).min(usize::from(profile.assumed.client_chunk.value));
            // Both fit a byte's worth of range: sizes are below 32768 and the chunk below 256 (profile validation).
            let [high, low] = (out.len() as u16).to_be_bytes();
            let read = Command::new(0x00, 0xB0, high, low).with_le(chunk as u8);
            let part = self.send("READ BINARY", &read)?;
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

    fn verify_pin(&mut self, pin: &Pin) -> Result<(), FlowError> {
        let verify = Command::new(0x00, 0x20, 0x00, 0x00).with_data(pin.bcd());
        self.send_pin("VERIFY PIN", verify)
    }

    /// Sends a command that carries a PIN; the answer says how many tries are left.
    pub(crate) fn send_pin(
        &mut self,
        step: &'static str,
        mut command: Command,
    ) -> Result<(), FlowError> {
        let status = self.raw(&command).map(|(_, status)| status);
        command.zeroize();
        match status? {
            Status::OK => Ok(()),
            Status::BLOCKED => Err(FlowError::PinBlocked),
            status => match status.retries() {
                Some(0) => Err(FlowError::PinBlocked),
                Some(tries_left) => Err(FlowError::PinWrong { tries_left }),
                None => Err(FlowError::Refused {
                    part: Part::Sam,
                    step,
                    status,
                }),
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
        self.send(
            step,
            &Command::new(0x00, 0xA4, 0x00, 0x00).with_data(fid.to_be_bytes()),
        )
        .map(drop)
    }

    pub(crate) fn send(
        &mut self,
        step: &'static str,
        command: &Command,
    ) -> Result<Vec<u8>, FlowError> {
        match self.raw(command)? {
            (data, Status::OK) => Ok(data),
            (_, status) => Err(FlowError::Refused {
                part: Part::Sam,
                step,
                status,
            }),
        }
    }

    pub(crate) fn raw(&mut self, command: &Command) -> Result<(Vec<u8>, Status), FlowError> {
        let answer = exchange(self.channel, command).map_err(|cause| FlowError::Reader {
            part: Part::Sam,
            cause,
        })?;
        Ok((answer.data, answer.status))
    }
}
