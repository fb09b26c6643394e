//! Exit codes: 0 done, 2 usage, 3 the thing that was checked is not right, 4 the environment.

use std::fmt;
use std::process::ExitCode;

use cardlib_card::delivery::DeliveryError;
use cardlib_card::profile::Profile;
use cardlib_ifd::card::SlotError;
use cardlib_reader::ReaderError;
use cardlib_sim::StateError;
use cardlib_sim::user::{ForgeError, OpenError};
use cardlib_sim::vpcd::VpcdError;
use cardlib_terminal::FlowError;

use crate::text::{is_chinese, say};

/// Why the program ends without having done what it was asked.
#[derive(Debug)]
pub enum Failure {
    /// The command line asks for something impossible.
    Usage(String),
    /// A card, a file or a key is not what it should be.
    Wrong(String),
    /// No reader, no daemon, no disk.
    Environment(String),
}

impl Failure {
    /// A card, a file or a key is not what it should be.
    pub fn wrong(cause: impl fmt::Display) -> Self {
        Self::Wrong(cause.to_string())
    }

    /// No reader, no daemon, no disk.
    pub fn environment(cause: impl fmt::Display) -> Self {
        Self::Environment(cause.to_string())
    }

    /// The code for the shell.
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Usage(_) => 2,
            Self::Wrong(_) => 3,
            Self::Environment(_) => 4,
        })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(text) | Self::Wrong(text) | Self::Environment(text) => f.write_str(text),
        }
    }
}

/// The text of an error in the language of this process.
macro_rules! spoken {
    ($error:expr) => {
        if is_chinese() {
            $error.chinese()
        } else {
            $error.to_string()
        }
    };
}

impl From<ReaderError> for Failure {
    fn from(cause: ReaderError) -> Self {
        Self::Environment(spoken!(cause))
    }
}

impl From<SlotError> for Failure {
    fn from(cause: SlotError) -> Self {
        Self::Environment(spoken!(cause))
    }
}

/// No verdict on the card is an error of the environment; a card or SAM that refuses is "not right".
impl From<FlowError> for Failure {
    fn from(cause: FlowError) -> Self {
        let text = spoken!(cause);
        match cause {
            FlowError::Reader { .. } => Self::Environment(text),
            _ => Self::Wrong(text),
        }
    }
}

impl From<VpcdError> for Failure {
    fn from(cause: VpcdError) -> Self {
        Self::Environment(spoken!(cause))
    }
}

impl From<StateError> for Failure {
    fn from(cause: StateError) -> Self {
        let text = spoken!(cause);
        match cause {
            StateError::Io { .. } | StateError::InUse(_) => Self::Environment(text),
            _ => Self::Wrong(text),
        }
    }
}

impl From<OpenError> for Failure {
    fn from(cause: OpenError) -> Self {
        match cause {
            OpenError::State(cause) => cause.into(),
            OpenError::Profile(_) => Self::Wrong(spoken!(cause)),
        }
    }
}

impl From<ForgeError> for Failure {
    fn from(cause: ForgeError) -> Self {
        match cause {
            ForgeError::Open(cause) => cause.into(),
            ForgeError::State(cause) => cause.into(),
            ForgeError::Random(_) => Self::Environment(spoken!(cause)),
        }
    }
}

impl From<DeliveryError> for Failure {
    fn from(cause: DeliveryError) -> Self {
        Self::Wrong(spoken!(cause))
    }
}

/// The profile of this name.
pub fn profile(name: &str) -> Result<&'static Profile, Failure> {
    Profile::named(name).ok_or_else(|| {
        Failure::Usage(format!(
            "{} {name}; {} {}",
            say("there is no profile", "没有此配置："),
            say("use one of", "可用："),
            Profile::names().collect::<Vec<_>>().join(", ")
        ))
    })
}
