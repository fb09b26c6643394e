//! The interface's error numbers, and what becomes which.
//!
//! A number says where to look; the sentence beside it (`rhc_LastMessage`) says what happened and what to do.

use cardlib_card::status::Status;
use cardlib_reader::ReaderError;
use cardlib_terminal::office::OfficeError;
use cardlib_terminal::{FlowError, Part};

/// Numbers of the interface; 1–5 belong to the device layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i32)]
pub enum Code {
    Ok = 0,
    /// No connection: daemon, reader, configuration or handle.
    Connect = 1,
    /// No card in the reader, or not the one that was powered.
    NoCard = 2,
    /// The card is silent.
    NoResponse = 4,
    /// The reader failed.
    Device = 5,
    /// What the caller gave is not of its form.
    Parameter = 101,
    NoFile = 102,
    ReadRecord = 103,
    /// The card is not in use, expired, blocked, or answers what it should not.
    Card = 104,
    /// SAM missing, its PIN, or a right that it lacks.
    Psam = 105,
    /// The card is not genuine.
    InternalAuth = 106,
    ReadBinary = 107,
    WriteRecord = 108,
    WriteBinary = 109,
    WriteIndex = 110,
    EraseIndex = 111,
    /// The index says that the place is empty.
    Invalid = 112,
    Photo = 113,
}

/// A number with its sentence. Never names personal data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub code: Code,
    pub english: String,
    pub chinese: String,
}

impl Fault {
    #[must_use]
    pub fn new(code: Code, english: impl Into<String>, chinese: impl Into<String>) -> Self {
        Self {
            code,
            english: english.into(),
            chinese: chinese.into(),
        }
    }

    #[must_use]
    pub fn parameter(english: impl Into<String>, chinese: impl Into<String>) -> Self {
        Self::new(Code::Parameter, english, chinese)
    }

    /// A reader that is asked for by itself (`PowerOn`, `SendAPDU`): the device layer's numbers.
    #[must_use]
    pub fn reader(cause: &ReaderError) -> Self {
        Self::new(device_code(cause), cause.to_string(), cause.chinese())
    }

    /// As [`Fault::from`], where what is not of its form came from the card.
    #[must_use]
    pub fn reading(cause: FlowError) -> Self {
        let on_card = matches!(cause, FlowError::Visit(_) | FlowError::Value(_));
        let fault = Self::from(cause);
        let code = if on_card { Code::Card } else { fault.code };
        Self { code, ..fault }
    }
}

impl From<FlowError> for Fault {
    fn from(cause: FlowError) -> Self {
        Self::new(code_of(&cause), cause.to_string(), cause.chinese())
    }
}

const fn device_code(cause: &ReaderError) -> Code {
    match cause {
        ReaderError::NoReader { .. }
        | ReaderError::ManyReaders { .. }
        | ReaderError::InUse(_)
        | ReaderError::DaemonGone => Code::Connect,
        ReaderError::NoCard(_) | ReaderError::CardLost => Code::NoCard,
        ReaderError::Mute(_) | ReaderError::Silent(_) => Code::NoResponse,
        ReaderError::Apdu(_) => Code::Parameter,
        _ => Code::Device,
    }
}

/// What the SAM's reader has to say inside a flow is the SAM's fault, unless there is no connection at all.
const fn sam_code(cause: &ReaderError) -> Code {
    match device_code(cause) {
        Code::Connect => Code::Connect,
        _ => Code::Psam,
    }
}

fn code_of(cause: &FlowError) -> Code {
    use FlowError as E;
    match cause {
        E::Reader { part, cause } => match part {
            Part::Card => device_code(cause),
            Part::Sam => sam_code(cause),
        },
        E::Refused {
            part: Part::Card,
            step,
            status,
        } => refused(step, *status),
        E::Malformed {
            part: Part::Card,
            place,
            ..
        } if place == "DDF1/EF07" => Code::Photo,
        E::Malformed { part, .. }
        | E::Atr { part, .. }
        | E::NotActive { part, .. }
        | E::Refused { part, .. } => match part {
            Part::Card => Code::Card,
            Part::Sam => Code::Psam,
        },
        E::PinWrong { .. }
        | E::PinBlocked
        | E::NotPermitted { .. }
        | E::OtherProvince { .. }
        | E::Papers(_) => Code::Psam,
        E::NotGenuine => Code::InternalAuth,
        E::KeyRefused { .. }
        | E::KeyBlocked(_)
        | E::ApplicationBlocked(_)
        | E::BlockedForEver(_)
        | E::NotBlocked(_)
        | E::Expired(_) => Code::Card,
        E::PinForm(_) | E::Value(_) | E::TooLong(_) | E::Code { .. } | E::Visit(_) => {
            Code::Parameter
        }
        E::Unknown(_) => Code::NoFile,
        E::Photo(_) => Code::Photo,
        E::NoRoom(_) => Code::WriteIndex,
        E::Taken { .. } => Code::WriteBinary,
        E::NoVisit { .. } => Code::Invalid,
        // A day that lies ahead is the caller's; what else an office finds is a refusal to erase.
        E::Office(OfficeError::Future | OfficeError::NoDay) => Code::Parameter,
        E::Office(_) => Code::EraseIndex,
        E::NotReset { .. } => Code::Device,
    }
}

fn refused(step: &str, status: Status) -> Code {
    match step {
        "SELECT of a file" if status == Status::NO_FILE => Code::NoFile,
        "READ RECORD" => Code::ReadRecord,
        "READ BINARY" => Code::ReadBinary,
        "UPDATE RECORD" => Code::WriteRecord,
        "UPDATE BINARY" => Code::WriteBinary,
        "WRITE RECORD" => Code::WriteIndex,
        "ERASE RECORD" => Code::EraseIndex,
        _ => Code::Card,
    }
}
