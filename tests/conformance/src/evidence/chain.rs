//! `evidence.jsonl`: one record a line, `h(n) = SM3(h(n−1) ‖ line n)`, with the running value written down after each case.
//! An interrupted run goes on behind the last such value ([`resume`](super::resume)).

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};
use sm3::{Digest, Sm3};

use super::record::{Record, Sink};

/// Name of the file in its folder.
pub const FILE: &str = "evidence.jsonl";
/// Longest line; packages come from strangers.
const MAX_LINE: u64 = 1 << 16;

/// Why a record file is not to be trusted or not to be had.
#[derive(Debug, thiserror::Error)]
pub enum ChainError {
    #[error("{FILE}: {0}")]
    Io(#[from] std::io::Error),
    #[error("{FILE}, line {line}: {what}")]
    Line { line: u64, what: String },
    #[error("{FILE}: the run is of another {0}; give another --out")]
    OtherRun(&'static str),
}

/// The running value after some lines.
#[derive(Serialize, Deserialize)]
#[serde(tag = "t", rename = "chain")]
pub(super) struct Mark {
    n: u64,
    h: String,
}

#[derive(Clone, Default)]
pub(super) struct Running {
    value: [u8; 32],
    lines: u64,
}

impl Running {
    pub(super) fn take(&mut self, line: &[u8]) {
        let mut hash = Sm3::new();
        hash.update(self.value);
        hash.update(line);
        self.value = hash.finalize().into();
        self.lines += 1;
    }

    fn mark(&self) -> Mark {
        Mark {
            n: self.lines,
            h: hex::encode(self.value),
        }
    }
}

/// The head of a whole chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    pub value: String,
    pub lines: u64,
}

/// Writes records.
pub struct Writer {
    file: BufWriter<File>,
    running: Running,
    /// Of one record, and its end.
    line: Vec<u8>,
    /// The first failure; told at the end.
    trouble: Option<std::io::Error>,
}

impl Writer {
    /// Begins a new file.
    ///
    /// # Errors
    /// It exists already, or cannot be written.
    pub fn create(folder: &Path) -> Result<Self, ChainError> {
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(folder.join(FILE))?;
        Ok(Self::behind(BufWriter::new(file), Running::default()))
    }

    /// Goes on where a file ends.
    pub(super) fn behind(file: BufWriter<File>, running: Running) -> Self {
        Self {
            file,
            running,
            line: Vec::new(),
            trouble: None,
        }
    }

    fn line(&mut self, record: &impl Serialize) -> std::io::Result<()> {
        self.line.clear();
        serde_json::to_writer(&mut self.line, record)?;
        self.running.take(&self.line);
        self.line.push(b'\n');
        self.file.write_all(&self.line)
    }

    fn mark(&mut self) -> std::io::Result<()> {
        let mark = self.running.mark();
        self.line(&mark)?;
        self.file.flush()
    }

    /// Writes the last value and closes.
    ///
    /// # Errors
    /// The first thing that could not be written.
    pub fn finish(mut self) -> Result<Head, ChainError> {
        if let Some(cause) = self.trouble.take() {
            return Err(cause.into());
        }
        self.mark()?;
        self.file.get_ref().sync_all()?;
        Ok(Head {
            value: hex::encode(self.running.value),
            lines: self.running.lines,
        })
    }

    fn keep(&mut self, done: std::io::Result<()>) {
        if let (Err(cause), None) = (done, &self.trouble) {
            self.trouble = Some(cause);
        }
    }
}

impl Sink for Writer {
    fn note(&mut self, record: &Record) {
        let done = self.line(record);
        self.keep(done);
        if matches!(record, Record::Verdict(_) | Record::Run(_)) {
            let done = self.mark();
            self.keep(done);
        }
    }
}

impl Running {
    pub(super) fn agree(&self, mark: &Mark, line: u64) -> Result<(), ChainError> {
        if (mark.n, mark.h.as_str()) == (self.lines, hex::encode(self.value).as_str()) {
            return Ok(());
        }
        Err(ChainError::Line {
            line,
            what: "the chain is broken: something before this line was changed".into(),
        })
    }
}

pub(super) enum Parsed {
    Mark(Mark),
    Record(Box<Record>),
}

pub(super) fn parse(text: &str) -> Result<Parsed, serde_json::Error> {
    if text.starts_with("{\"t\":\"chain\"") {
        return serde_json::from_str(text).map(Parsed::Mark);
    }
    serde_json::from_str(text).map(Parsed::Record)
}

/// Calls for each line until it says no more.
pub(super) fn read_lines(
    path: &Path,
    mut each: impl FnMut(u64, &str) -> Result<bool, ChainError>,
) -> Result<(), ChainError> {
    let mut reader = BufReader::new(super::plain_file(path)?);
    let mut line = 0;
    let mut buffer = Vec::new();
    loop {
        buffer.clear();
        line += 1;
        let read = std::io::Read::take(&mut reader, MAX_LINE).read_until(b'\n', &mut buffer)?;
        if read == 0 {
            return Ok(());
        }
        let Some(text) = buffer.strip_suffix(b"\n") else {
            return Ok(());
        };
        let refuse = |what: &str| ChainError::Line {
            line,
            what: what.to_owned(),
        };
        let text = std::str::from_utf8(text).map_err(|_| refuse("not UTF-8"))?;
        if !each(line, text)? {
            return Ok(());
        }
    }
}

/// Reads a finished file, checking the whole chain; hands each record on.
///
/// # Errors
/// [`ChainError`] at the first line that is not right.
pub fn read(path: &Path, mut each: impl FnMut(Record)) -> Result<Head, ChainError> {
    let mut running = Running::default();
    let mut ended_in_mark = false;
    let mut bytes = 0u64;
    read_lines(path, |line, text| {
        bytes += text.len() as u64 + 1;
        let refuse = |what: String| ChainError::Line { line, what };
        match parse(text).map_err(|e| refuse(e.to_string()))? {
            Parsed::Mark(mark) => {
                running.agree(&mark, line)?;
                ended_in_mark = true;
            }
            Parsed::Record(record) => {
                ended_in_mark = false;
                each(*record);
            }
        }
        running.take(text.as_bytes());
        Ok(true)
    })?;
    let whole = std::fs::metadata(path)?.len() == bytes;
    if !ended_in_mark || !whole {
        return Err(ChainError::Line {
            line: running.lines,
            what: "the record ends in the middle".into(),
        });
    }
    Ok(Head {
        value: hex::encode(running.value),
        lines: running.lines,
    })
}
