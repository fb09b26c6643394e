//! What was sent, without saying what it was: headers, lengths, status words, times. Never data.

use std::fmt;
use std::time::{Duration, Instant};

use cardlib_card::status::Status;

use crate::channel::Channel;
use crate::error::ReaderError;
use crate::row::Answered;

/// One exchange as it may be written down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    pub header: [u8; 4],
    /// Bytes after the header.
    pub sent: usize,
    /// Data bytes of the answer.
    pub received: usize,
    /// None when the transport failed.
    pub status: Option<Status>,
    pub took: Duration,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [cla, ins, p1, p2] = self.header;
        write!(
            f,
            "{cla:02X} {ins:02X} {p1:02X} {p2:02X} +{:<3} -> ",
            self.sent
        )?;
        match self.status {
            Some(status) => write!(f, "{:>3} {status}", self.received)?,
            None => f.write_str("    failed")?,
        }
        write!(f, " {:>6} us", self.took.as_micros())
    }
}

/// Number of commands and time spent waiting for answers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    pub commands: u64,
    pub waited: Duration,
}

/// A channel that tells every exchange to a listener and keeps a [`Tally`].
pub struct Traced<C, L> {
    channel: C,
    listener: L,
    tally: Tally,
}

impl<C: Channel, L: FnMut(&Line)> Traced<C, L> {
    pub fn new(channel: C, listener: L) -> Self {
        Self {
            channel,
            listener,
            tally: Tally::default(),
        }
    }

    #[must_use]
    pub fn tally(&self) -> Tally {
        self.tally
    }

    /// Gives the channel back.
    pub fn into_inner(self) -> C {
        self.channel
    }

    fn note(&mut self, command: &[u8], answer: Option<&[u8]>, took: Duration) {
        self.tally.commands += 1;
        self.tally.waited += took;
        (self.listener)(&line(command, answer, took));
    }
}

/// Traces to the log at level `debug` under the target `apdu`.
pub fn logged<C: Channel>(channel: C) -> Traced<C, impl FnMut(&Line)> {
    Traced::new(
        channel,
        |line: &Line| tracing::debug!(target: "apdu", "{line}"),
    )
}

impl<C: Channel, L: FnMut(&Line)> Channel for Traced<C, L> {
    fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>, ReaderError> {
        let start = Instant::now();
        let answer = self.channel.transmit(command);
        let took = start.elapsed();
        self.note(command, answer.as_deref().ok(), took);
        answer
    }

    /// A line for each command; what it took to fetch an answer in parts counts as the command's own time.
    fn series(&mut self, commands: &[Vec<u8>]) -> (Vec<Answered>, Result<(), ReaderError>) {
        let start = Instant::now();
        let (answers, done) = self.channel.series(commands);
        let mut left = start.elapsed();
        for (command, came) in commands.iter().zip(&answers) {
            self.note(command, Some(&came.answer), came.took);
            left = left.saturating_sub(came.took);
        }
        if let (Err(_), Some(command)) = (&done, commands.get(answers.len())) {
            self.note(command, None, left);
        }
        (answers, done)
    }
}

fn line(command: &[u8], answer: Option<&[u8]>, took: Duration) -> Line {
    let mut header = [0; 4];
    header
        .iter_mut()
        .zip(command)
        .for_each(|(to, from)| *to = *from);
    let split = answer.and_then(<[u8]>::split_last_chunk::<2>);
    Line {
        header,
        sent: command.len().saturating_sub(4),
        received: split.map_or(0, |(data, _)| data.len()),
        status: split.map(|(_, status)| Status(u16::from_be_bytes(*status))),
        took,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Echo;
    impl Channel for Echo {
        fn transmit(&mut self, _: &[u8]) -> Result<Vec<u8>, ReaderError> {
            Ok(vec![0xAB, 0xCD, 0x90, 0x00])
        }
    }

    #[test]
    fn a_trace_shows_headers_and_lengths_but_no_data() {
        let mut shown = Vec::new();
        let mut channel = Traced::new(Echo, |line: &Line| shown.push(line.to_string()));
        channel
            .transmit(&[0x00, 0x20, 0x00, 0x00, 3, 0x12, 0x34, 0x56])
            .expect("answer");
        assert_eq!(channel.tally().commands, 1);
        channel.into_inner();
        assert!(
            shown[0].starts_with("00 20 00 00 +4   ->   2 9000"),
            "{}",
            shown[0]
        );
        assert!(!shown[0].contains("34") && !shown[0].contains("AB"));
    }
}
