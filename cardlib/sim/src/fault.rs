//! Misbehaviour on order, for tests of readers and stations: the Nth command after the start goes wrong.

use std::str::FromStr;

use thiserror::Error;

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The card leaves the reader before it does the command.
    PullAt,
    /// The card does the command and leaves before its answer is out.
    PullAfter,
    /// The card never answers.
    SilentAt,
    /// The answer is cut to this many bytes (0 or 1).
    ShortAt(usize),
}

/// A fault and when it strikes, counting commands from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Order {
    /// What.
    pub fault: Fault,
    /// At which command.
    pub at: u64,
}

/// The text orders nothing.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "'{0}' is no fault: use pull-at:N, pull-after:N, silent-at:N, short-at:N or short-at:N:0 (N counts commands from 1)"
)]
pub struct NoFault(String);

impl FromStr for Order {
    type Err = NoFault;

    fn from_str(text: &str) -> Result<Self, NoFault> {
        let wrong = || NoFault(text.to_owned());
        let mut parts = text.split(':');
        let name = parts.next().unwrap_or_default();
        let at: u64 = parts
            .next()
            .and_then(|n| n.parse().ok())
            .filter(|n| *n > 0)
            .ok_or_else(wrong)?;
        let fault = match (name, parts.next()) {
            ("pull-at", None) => Fault::PullAt,
            ("pull-after", None) => Fault::PullAfter,
            ("silent-at", None) => Fault::SilentAt,
            ("short-at", None | Some("1")) => Fault::ShortAt(1),
            ("short-at", Some("0")) => Fault::ShortAt(0),
            _ => return Err(wrong()),
        };
        if parts.next().is_some() {
            return Err(wrong());
        }
        Ok(Self { fault, at })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_are_read_or_refused() {
        let read = |text: &str| text.parse::<Order>().map(|o| (o.fault, o.at));
        assert_eq!(read("pull-at:3"), Ok((Fault::PullAt, 3)));
        assert_eq!(read("pull-after:1"), Ok((Fault::PullAfter, 1)));
        assert_eq!(read("silent-at:12"), Ok((Fault::SilentAt, 12)));
        assert_eq!(read("short-at:2"), Ok((Fault::ShortAt(1), 2)));
        assert_eq!(read("short-at:2:0"), Ok((Fault::ShortAt(0), 2)));
        for bad in [
            "",
            "pull-at",
            "pull-at:0",
            "pull-at:x",
            "pull-at:1:1",
            "short-at:1:2",
            "short-at:1:0:0",
            "burn-at:1",
        ] {
            assert!(bad.parse::<Order>().is_err(), "{bad}");
        }
    }
}
