//! The file: opened by one station at a time, replayed, cut to its last whole line, appended to.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use sm3::{Digest, Sm3};
use uuid::Uuid;

use super::job::{Job, Status};
use super::record::{Event, Record};
use super::syncer::Syncer;

/// Why the journal cannot be used. The station does nothing without it.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The operating system refused.
    #[error("the journal {path} cannot be used: {cause}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// Another station has it open.
    #[error("the journal {0} is in use by another rhc-station; wait for it or name another folder")]
    InUse(PathBuf),
    /// A line in the middle is not what was written.
    #[error(
        "line {line} of the journal {path} is damaged; keep a copy and restore the file from a backup before going on"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Line from 1.
        line: usize,
    },
    /// No open job fits.
    #[error("the journal has no open job {0}")]
    NoJob(String),
}

impl JournalError {
    /// The same text for a Chinese reader.
    #[must_use]
    pub fn chinese(&self) -> String {
        match self {
            Self::Io { path, cause } => format!("日志 {} 无法使用：{cause}", path.display()),
            Self::InUse(path) => format!(
                "日志 {} 正被另一个 rhc-station 使用；请等待或指定其他目录",
                path.display()
            ),
            Self::Damaged { path, line } => {
                format!(
                    "日志 {} 第 {line} 行已损坏；请先留存副本并用备份恢复",
                    path.display()
                )
            }
            Self::NoJob(text) => format!("日志中没有未完成的任务 {text}"),
        }
    }
}

type Link = [u8; 32];

/// The journal, open for appending.
#[derive(Debug)]
pub struct Journal {
    file: File,
    path: PathBuf,
    link: Link,
    jobs: Vec<Job>,
    syncer: Syncer,
}

impl Journal {
    /// Opens or begins the journal in this folder.
    ///
    /// # Errors
    /// No access, another station at it, or damage.
    pub fn open(folder: &Path) -> Result<Self, JournalError> {
        let io = |path: &Path| {
            let path = path.to_owned();
            move |cause| JournalError::Io { path, cause }
        };
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(io(folder))?;
        let path = folder.join("journal.log");
        let mut file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .mode(0o600)
            .open(&path)
            .map_err(io(&path))?;
        file.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => JournalError::InUse(path.clone()),
            TryLockError::Error(cause) => JournalError::Io {
                path: path.clone(),
                cause,
            },
        })?;
        let mut text = Vec::new();
        file.read_to_end(&mut text).map_err(io(&path))?;
        let replayed = replay(&text).map_err(|line| JournalError::Damaged {
            path: path.clone(),
            line,
        })?;
        if replayed.whole < text.len() {
            file.set_len(replayed.whole as u64).map_err(io(&path))?;
            file.seek(SeekFrom::End(0)).map_err(io(&path))?;
        }
        file.sync_all().map_err(io(&path))?;
        File::open(folder)
            .and_then(|folder| folder.sync_all())
            .map_err(io(folder))?;
        let syncer = Syncer::start(&file).map_err(io(&path))?;
        Ok(Self {
            file,
            path,
            syncer,
            link: replayed.link,
            jobs: replayed.jobs,
        })
    }

    /// All jobs, without taking the journal from a station that runs. A folder without journal has none.
    ///
    /// # Errors
    /// No access, or damage.
    pub fn look(folder: &Path) -> Result<Vec<Job>, JournalError> {
        let path = folder.join("journal.log");
        match fs::read(&path) {
            Ok(text) => Ok(replay(&text)
                .map_err(|line| JournalError::Damaged { path, line })?
                .jobs),
            Err(cause) if cause.kind() == io::ErrorKind::NotFound && folder.is_dir() => {
                Ok(Vec::new())
            }
            Err(cause) => Err(JournalError::Io { path, cause }),
        }
    }

    /// Writes a line; it is on the disk when this returns.
    ///
    /// # Errors
    /// The disk refused; nothing may be done then that the line announces.
    pub fn write(&mut self, at: Timestamp, job: Uuid, event: Event) -> Result<(), JournalError> {
        self.announce(at, job, event)?;
        self.settled()
    }

    /// Writes a line and lets it go to the disk beside other work; [`Journal::settled`] waits for it, and so does the next
    /// line. What the line announces may begin only after that.
    ///
    /// # Errors
    /// The disk refused this line or the one before.
    pub fn announce(&mut self, at: Timestamp, job: Uuid, event: Event) -> Result<(), JournalError> {
        self.settled()?;
        let record = Record { at, job, event };
        let (line, link) = encode(&self.link, &record);
        let written = self
            .file
            .write_all(&line)
            .and_then(|()| self.syncer.begin());
        written.map_err(|cause| self.io(cause))?;
        self.link = link;
        Job::replay(&mut self.jobs, record);
        Ok(())
    }

    /// Waits until everything that was written is on the disk.
    ///
    /// # Errors
    /// The disk refused.
    pub fn settled(&mut self) -> Result<(), JournalError> {
        let synced = self.syncer.finish();
        synced.map_err(|cause| self.io(cause))
    }

    fn io(&self, cause: io::Error) -> JournalError {
        JournalError::Io {
            path: self.path.clone(),
            cause,
        }
    }

    /// All jobs, oldest first.
    #[must_use]
    pub fn jobs(&self) -> &[Job] {
        &self.jobs
    }

    /// Half-made cards, oldest first.
    pub fn open_jobs(&self) -> impl Iterator<Item = &Job> {
        self.jobs.iter().filter(|job| job.status == Status::Open)
    }

    /// The open job of this card.
    #[must_use]
    pub fn open_job_of(&self, factor: &str) -> Option<&Job> {
        self.jobs
            .iter()
            .rev()
            .find(|job| job.status == Status::Open && job.factor == factor)
    }

    /// The open job with this number, serial or factor.
    ///
    /// # Errors
    /// There is none.
    pub fn find_open(&self, text: &str) -> Result<&Job, JournalError> {
        let fits = |job: &&Job| {
            job.status == Status::Open
                && (job.id.to_string() == text
                    || job.serial == text
                    || job.factor.eq_ignore_ascii_case(text))
        };
        self.jobs
            .iter()
            .rev()
            .find(fits)
            .ok_or_else(|| JournalError::NoJob(text.to_owned()))
    }
}

impl Drop for Journal {
    /// The last line, that a card is registered, may still be on its way; were it lost, the card would be registered again.
    fn drop(&mut self) {
        if let Err(cause) = self.syncer.finish() {
            tracing::warn!(%cause, "the journal's last line may be missing");
        }
    }
}

struct Replayed {
    jobs: Vec<Job>,
    link: Link,
    whole: usize,
}

/// Reads the lines; a bad last line is a cut one and is left out, a bad line before others is damage.
fn replay(text: &[u8]) -> Result<Replayed, usize> {
    let mut done = Replayed {
        jobs: Vec::new(),
        link: [0; 32],
        whole: 0,
    };
    for (index, line) in text.split_inclusive(|byte| *byte == b'\n').enumerate() {
        let last = done.whole + line.len() == text.len();
        let taken = decode(&done.link, line)
            .and_then(|(record, link)| Job::replay(&mut done.jobs, record).then_some(link));
        match taken {
            Some(link) => {
                done.link = link;
                done.whole += line.len();
            }
            None if last => break,
            None => return Err(index + 1),
        }
    }
    Ok(done)
}

fn next(link: &Link, json: &[u8]) -> Link {
    Sm3::new()
        .chain_update(link)
        .chain_update(json)
        .finalize()
        .into()
}

#[allow(clippy::expect_used)] // a record holds strings, numbers and dates: nothing that JSON cannot say
fn encode(link: &Link, record: &Record) -> (Vec<u8>, Link) {
    let mut line = serde_json::to_vec(record).expect("a record is always JSON");
    let link = next(link, &line);
    line.push(b'\t');
    line.extend_from_slice(hex::encode(&link[..8]).as_bytes());
    line.push(b'\n');
    (line, link)
}

fn decode(link: &Link, line: &[u8]) -> Option<(Record, Link)> {
    let line = line.strip_suffix(b"\n")?;
    let tab = line.iter().rposition(|byte| *byte == b'\t')?;
    let (json, sum) = (&line[..tab], &line[tab + 1..]);
    let link = next(link, json);
    if hex::encode(&link[..8]).as_bytes() != sum {
        return None;
    }
    Some((serde_json::from_slice(json).ok()?, link))
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
