//! The user card's commands (user card 3.1), and what an answer must look like.

use cardlib_card::apdu::{Command, Response};
use cardlib_card::profile::{AtrFacts, Df, File, FileKind, LifeCycle, Profile, RecordAddress};
use cardlib_card::status::Status;
use cardlib_card::tlv;
use cardlib_reader::Channel;

use crate::ahead::{Ahead, Yes};
use crate::authentication;
use crate::commands::BY_NUMBER;
pub use crate::commands::{external_authenticate, internal_authenticate, update_record_header};
use crate::error::{FlowError, Part, malformed};

/// A user card inside a transaction.
pub struct UserCard<'a> {
    profile: &'a Profile,
    channel: &'a mut dyn Channel,
    atr: AtrFacts,
    ahead: Ahead<Expected<'a>>,
    /// A command that went ahead was refused or lost.
    astray: bool,
    /// A challenge that came with what was read last, and serves the next command only.
    challenged: Option<[u8; 8]>,
}

/// What a user card answers to a command that goes ahead.
pub(crate) enum Expected<'p> {
    /// The FCI of this directory.
    Fci(&'p Df),
    /// The file is there.
    File,
    /// It takes the proof under the key of this name.
    Right(String),
}

impl Yes for Expected<'_> {
    fn judge(&self, answer: &Response) -> Result<(), FlowError> {
        let step = match (self, answer.status) {
            (Self::Fci(df), Status::OK) => return check_fci(df, &answer.data),
            (_, Status::OK) => return Ok(()),
            (Self::Fci(df), Status::FUNCTION) => {
                return Err(FlowError::ApplicationBlocked(df.name.clone()));
            }
            (Self::Right(key), status) => return Err(authentication::refusal(key, status)),
            (Self::Fci(_), _) => "SELECT of an application",
            (Self::File, _) => "SELECT of a file",
        };
        Err(FlowError::Refused {
            part: Part::Card,
            step,
            status: answer.status,
        })
    }
}

impl<'a> UserCard<'a> {
    /// Takes the card that gave this ATR; only an active card has applications.
    ///
    /// # Errors
    /// [`FlowError::Atr`] for a card of another kind, [`FlowError::NotActive`] for one that is not in use.
    pub fn new(
        profile: &'a Profile,
        channel: &'a mut dyn Channel,
        atr: &[u8],
    ) -> Result<Self, FlowError> {
        let facts = profile.parse_atr(atr).map_err(|cause| FlowError::Atr {
            part: Part::Card,
            cause,
        })?;
        if facts.state != LifeCycle::Active {
            return Err(FlowError::NotActive {
                part: Part::Card,
                state: facts.state,
            });
        }
        Ok(Self {
            profile,
            channel,
            atr: facts,
            ahead: Ahead::of(Part::Card),
            astray: false,
            challenged: None,
        })
    }

    /// Card factor, maker and state from the ATR.
    #[must_use]
    pub fn atr(&self) -> &AtrFacts {
        &self.atr
    }

    #[must_use]
    pub fn profile(&self) -> &'a Profile {
        self.profile
    }

    /// Selects a directory by its name (by FID where it has none) and checks the FCI.
    ///
    /// # Errors
    /// [`FlowError::ApplicationBlocked`], or what else the card answers.
    pub fn select_df(&mut self, name: &str) -> Result<(), FlowError> {
        self.catch_up()?;
        self.select_df_ahead(name)?;
        // A refusal is told to whoever asks here: nothing was supposed meanwhile.
        self.ahead.send(self.channel, &[]).map(drop)
    }

    /// As [`UserCard::select_df`], with the next command whose answer is needed.
    ///
    /// # Errors
    /// [`FlowError::Unknown`]
    pub(crate) fn select_df_ahead(&mut self, name: &str) -> Result<(), FlowError> {
        let df = self
            .profile
            .df(name)
            .ok_or_else(|| FlowError::Unknown(format!("directory {name}")))?;
        let select = match &df.df_name {
            Some(name) => Command::new(0x00, 0xA4, 0x04, 0x00).with_data(name.as_slice()),
            None => Command::new(0x00, 0xA4, 0x00, 0x00).with_data(df.fid.to_be_bytes()),
        };
        self.ahead.put(select, Expected::Fci(df));
        Ok(())
    }

    /// Selects a file of the current directory.
    ///
    /// # Errors
    /// What the card answers.
    pub fn select_file(&mut self, file: &File) -> Result<(), FlowError> {
        self.select_file_ahead(file);
        self.catch_up()
    }

    /// As [`UserCard::select_file`], with the next command whose answer is needed.
    pub(crate) fn select_file_ahead(&mut self, file: &File) {
        let select = Command::new(0x00, 0xA4, 0x00, 0x00).with_data(file.fid.to_be_bytes());
        self.ahead.put(select, Expected::File);
    }

    pub(crate) fn put_ahead(&mut self, command: Command, expected: Expected<'a>) {
        self.ahead.put(command, expected);
    }

    /// Sends what was to go ahead of a command that does not come.
    ///
    /// # Errors
    /// What the card's refusal means.
    pub(crate) fn catch_up(&mut self) -> Result<(), FlowError> {
        self.raw_all(&[]).map(drop)
    }

    /// Whether something that went ahead did not come to be since this was asked last: what the card has current, and which
    /// rights it gives, is not what was supposed.
    pub(crate) fn was_astray(&mut self) -> bool {
        std::mem::take(&mut self.astray)
    }

    /// Reads record `number` (from 1) of the current file: whole, and checked against the profile.
    ///
    /// # Errors
    /// [`FlowError::Malformed`] when tag or length differ from the profile.
    pub fn read_record(&mut self, file: &File, number: u8) -> Result<Vec<u8>, FlowError> {
        self.find_record(file, number)?
            .ok_or_else(|| no_record(file, number))
    }

    /// As [`UserCard::read_record`]; `None` when the card has no such record (a cyclic file that is not full).
    ///
    /// # Errors
    /// As [`UserCard::read_record`].
    pub fn find_record(&mut self, file: &File, number: u8) -> Result<Option<Vec<u8>>, FlowError> {
        let read = self.record_command(file, number);
        let (bytes, status) = self.raw(&read)?;
        self.found(file, number, bytes, status)
    }

    /// All records of the current file, from 1 as far as the card has them: in a cyclic file that is not full that is fewer
    /// than the profile foresees.
    ///
    /// # Errors
    /// As [`UserCard::read_record`].
    pub fn read_records(&mut self, file: &File) -> Result<Vec<Vec<u8>>, FlowError> {
        self.read_records_then(file, None)
    }

    /// The same, and in the same series, where the card has all records, a GET CHALLENGE for the next authentication.
    pub(crate) fn read_records_then(
        &mut self,
        file: &File,
        challenge: Option<Command>,
    ) -> Result<Vec<Vec<u8>>, FlowError> {
        let count = u8::try_from(file.records).unwrap_or(u8::MAX);
        let reads = (1..=count).map(|number| self.record_command(file, number));
        let commands: Vec<_> = reads.chain(challenge).collect();
        let mut answers = self.raw_all(&commands)?;
        let mut records = Vec::with_capacity(commands.len());
        if let Some(random) = answers.get(usize::from(count)) {
            // Another answer than 8 bytes is seen when the challenge is asked for again.
            self.challenged = random.data.as_slice().try_into().ok();
            answers.pop();
        }
        for (number, answer) in (1..=count).zip(answers) {
            match self.found(file, number, answer.data, answer.status)? {
                Some(record) => records.push(record),
                None if file.kind == FileKind::Cyclic => break,
                None => return Err(no_record(file, number)),
            }
        }
        Ok(records)
    }

    /// The challenge that came with what was read last, if nothing was or will be sent since.
    pub(crate) fn take_challenge(&mut self) -> Option<[u8; 8]> {
        let random = self.challenged.take();
        random.filter(|_| self.ahead.is_empty())
    }

    fn record_command(&self, file: &File, number: u8) -> Command {
        let read = match (file.address, record_tag(file, number)) {
            (RecordAddress::TagOrPosition, Some(tag)) => {
                Command::new(0x00, 0xB2, tag, self.profile.assumed.tag_addressed_p2.value)
            }
            _ => Command::new(0x00, 0xB2, number, BY_NUMBER),
        };
        read.with_le(0)
    }

    /// What the answer to READ RECORD means.
    fn found(
        &self,
        file: &File,
        number: u8,
        bytes: Vec<u8>,
        status: Status,
    ) -> Result<Option<Vec<u8>>, FlowError> {
        match status {
            Status::OK => {
                check_record(file, number, record_tag(file, number), &bytes)?;
                Ok(Some(bytes))
            }
            Status::NO_RECORD => Ok(None),
            status => Err(FlowError::Refused {
                part: Part::Card,
                step: "READ RECORD",
                status,
            }),
        }
    }

    /// Reads `len` bytes of the current binary file.
    ///
    /// # Errors
    /// [`FlowError::Malformed`] when the card gives another number of bytes.
    pub fn read_binary(
        &mut self,
        file: &File,
        offset: usize,
        len: usize,
    ) -> Result<Vec<u8>, FlowError> {
        let chunk = usize::from(self.profile.assumed.client_chunk.value);
        let (mut reads, mut lengths) = (Vec::new(), Vec::new());
        for start in (0..len).step_by(chunk) {
            let at = u16::try_from(offset + start)
                .map_err(|_| FlowError::Unknown(format!("{} so long", file.path)))?;
            let [high, low] = at.to_be_bytes();
            let length = chunk.min(len - start);
            // At most `client_chunk`, one byte.
            reads.push(Command::new(0x00, 0xB0, high, low).with_le(length as u8));
            lengths.push(length);
        }
        let mut out = Vec::with_capacity(len);
        for (answer, length) in self.raw_all(&reads)?.into_iter().zip(lengths) {
            let part = accepted("READ BINARY", answer.data, answer.status)?;
            if part.len() != length {
                return Err(malformed(
                    Part::Card,
                    &file.path,
                    format!("gives {} bytes for {length}", part.len()),
                ));
            }
            out.extend_from_slice(&part);
        }
        Ok(out)
    }

    /// Plain UPDATE BINARY of the current file, in pieces that clients send.
    ///
    /// # Errors
    /// What the card answers.
    pub fn update_binary(&mut self, offset: usize, bytes: &[u8]) -> Result<(), FlowError> {
        let size = usize::from(self.profile.assumed.client_chunk.value);
        for (at, part) in bytes.chunks(size).enumerate() {
            let start = u16::try_from(offset + at * size)
                .map_err(|_| FlowError::Unknown("file so long".into()))?;
            let [high, low] = start.to_be_bytes();
            self.send(
                "UPDATE BINARY",
                &Command::new(0x00, 0xD6, high, low).with_data(part),
            )?;
        }
        Ok(())
    }

    /// Sends a command made elsewhere and takes only `9000`.
    ///
    /// # Errors
    /// [`FlowError::ApplicationBlocked`] and what else the card answers.
    pub fn send(&mut self, step: &'static str, command: &Command) -> Result<Vec<u8>, FlowError> {
        let (data, status) = self.raw(command)?;
        accepted(step, data, status)
    }

    pub(crate) fn raw(&mut self, command: &Command) -> Result<(Vec<u8>, Status), FlowError> {
        self.challenged = None;
        let ahead = !self.ahead.is_empty();
        let answer = self.ahead.send_one(self.channel, command);
        self.astray |= ahead && answer.is_err();
        answer.map(|answer| (answer.data, answer.status))
    }

    /// Commands none of which depends on another's answer; the answers up to and including the first that is not `9000`.
    fn raw_all(&mut self, commands: &[Command]) -> Result<Vec<Response>, FlowError> {
        self.challenged = None;
        let ahead = !self.ahead.is_empty();
        let answers = self.ahead.send(self.channel, commands);
        self.astray |= ahead && answers.is_err();
        answers
    }
}

fn accepted(step: &'static str, data: Vec<u8>, status: Status) -> Result<Vec<u8>, FlowError> {
    match status {
        Status::OK => Ok(data),
        status => Err(FlowError::Refused {
            part: Part::Card,
            step,
            status,
        }),
    }
}

fn record_tag(file: &File, number: u8) -> Option<u8> {
    let element = usize::from(number)
        .checked_sub(1)
        .and_then(|at| file.elements.get(at));
    element.and_then(|element| element.tag)
}

fn no_record(file: &File, number: u8) -> FlowError {
    let place = format!("{}, record {number}", file.path);
    malformed(Part::Card, place, "does not exist")
}

/// D29: `6F L 84 L name`, R5: `6F 04 83 02 FID`; further objects may follow the name.
fn check_fci(df: &Df, fci: &[u8]) -> Result<(), FlowError> {
    let (tag, value) = match &df.df_name {
        Some(name) => (0x84, name.to_vec()),
        None => (0x83, df.fid.to_be_bytes().to_vec()),
    };
    let name = tlv::parse(fci)
        .ok()
        .filter(|outer| outer.tag == 0x6F)
        .and_then(|outer| tlv::split(outer.value).ok());
    match name {
        Some((object, _)) if object.tag == tag && object.value == value => Ok(()),
        _ => Err(malformed(
            Part::Card,
            format!("answer to SELECT {}", df.name),
            "names another application",
        )),
    }
}

fn check_record(file: &File, number: u8, tag: Option<u8>, bytes: &[u8]) -> Result<(), FlowError> {
    let place = || format!("{}, record {number}", file.path);
    if let Some(len) = file.record_len(number)
        && bytes.len() != len
    {
        return Err(malformed(
            Part::Card,
            place(),
            format!("has {} bytes where {len} are", bytes.len()),
        ));
    }
    if let Some(tag) = tag {
        let record = tlv::parse(bytes)
            .map_err(|cause| malformed(Part::Card, place(), format!("is no record: {cause}")))?;
        if record.tag != tag {
            return Err(malformed(
                Part::Card,
                place(),
                format!("carries tag {} for {tag}", record.tag),
            ));
        }
    }
    Ok(())
}
