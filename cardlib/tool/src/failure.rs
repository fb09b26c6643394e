//! Exit codes: 0 done, 2 usage, 3 the thing that was checked is not right, 4 the environment.

use std::fmt;
use std::process::ExitCode;

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
