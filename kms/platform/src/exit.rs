//! Exit codes of every command line tool, and the error that ends one.
//!
//! 0 done · 2 wrong usage · 3 the thing that was checked is not right · 4 the environment failed (a service
//! down, a file unreadable, no reader). Whoever fails also says what to do next.

use std::process::ExitCode;

use crate::client::ClientError;

/// The exit code of a tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    Done = 0,
    Usage = 2,
    Wrong = 3,
    Environment = 4,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit as u8)
    }
}

/// Why a tool stops, with the step that would help. Both texts are already in the user's language.
#[derive(Debug)]
pub struct Failure {
    pub exit: Exit,
    pub message: String,
    pub next: Option<String>,
}

impl Failure {
    /// Exit 2: the command line cannot be meant.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// Exit 3: a card, a file or a request was looked at and is not right.
    pub fn wrong(message: impl Into<String>) -> Self {
        Self::new(Exit::Wrong, message)
    }

    /// Exit 4: something around us does not work.
    pub fn environment(message: impl Into<String>) -> Self {
        Self::new(Exit::Environment, message)
    }

    fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self {
            exit,
            message: message.into(),
            next: None,
        }
    }

    /// Adds what the user can do about it.
    #[must_use]
    pub fn next(mut self, step: impl Into<String>) -> Self {
        self.next = Some(step.into());
        self
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)?;
        if let Some(next) = &self.next {
            write!(f, "\n  → {next}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Failure {}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        let failure = Self::new(error.exit(), error.to_string());
        match error.next_step() {
            Some(next) => failure.next(next),
            None => failure,
        }
    }
}

/// Turns the result of a tool into its exit code and prints the failure on standard error.
pub fn finish(result: Result<Exit, Failure>) -> ExitCode {
    match result {
        Ok(exit) => exit.into(),
        Err(failure) => {
            eprintln!("{}{failure}", crate::lang::pick("error: ", "错误："));
            failure.exit.into()
        }
    }
}
