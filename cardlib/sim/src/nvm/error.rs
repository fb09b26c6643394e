//! Whose memory a state file holds, and what can be wrong with it.

use std::path::{Path, PathBuf};

use thiserror::Error;

/// Whose memory a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A user card.
    User,
    /// A SAM.
    Sam,
    /// A custodian's card.
    Custodian,
}

impl Kind {
    pub(super) fn byte(self) -> u8 {
        match self {
            Self::User => b'U',
            Self::Sam => b'S',
            Self::Custodian => b'C',
        }
    }

    pub(super) fn from_byte(byte: u8) -> Option<Self> {
        [Self::User, Self::Sam, Self::Custodian]
            .into_iter()
            .find(|k| k.byte() == byte)
    }
}

/// Why a state file was refused or could not be written.
#[derive(Debug, Error)]
pub enum StateError {
    /// The system said no.
    #[error("state file {path}: {cause}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's words.
        cause: std::io::Error,
    },
    /// Not made by this program.
    #[error("{0} is not a state file of a virtual card")]
    Foreign(PathBuf),
    /// Made by another version of it.
    #[error("state file {path} has format {found}, which this program does not read")]
    Format {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u8,
    },
    /// One kind of card's file for another.
    #[error("state file {path} holds another kind of card: use `rhc-card virtual {wanted}`")]
    Kind {
        /// The file.
        path: PathBuf,
        /// The command that would fit.
        wanted: &'static str,
    },
    /// Bytes were changed or lost.
    #[error(
        "state file {path} is damaged at byte {at}: restore a copy, or start a new card with another file"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where.
        at: usize,
    },
    /// Commits that were in the file are gone: counters that were spent would be whole again.
    #[error(
        "state file {path} was rolled back: it knows of {known} changes and holds {found}; start a new card with another file"
    )]
    RolledBack {
        /// The file.
        path: PathBuf,
        /// Changes that it holds.
        found: u64,
        /// Changes that were made.
        known: u64,
    },
    /// Another process has it.
    #[error("state file {0} is in use by another virtual card")]
    InUse(PathBuf),
    /// A change that cannot be encoded.
    #[error("the card's state cannot be encoded: {0}")]
    Encode(postcard::Error),
}

impl StateError {
    /// The same text for a Chinese reader.
    #[must_use]
    pub fn chinese(&self) -> String {
        match self {
            Self::Io { path, cause } => format!("状态文件 {}：{cause}", path.display()),
            Self::Foreign(path) => format!("{} 不是虚拟卡的状态文件", path.display()),
            Self::Format { path, found } => {
                format!(
                    "状态文件 {} 的格式为 {found}，本程序无法读取",
                    path.display()
                )
            }
            Self::Kind { path, wanted } => format!(
                "状态文件 {} 属于另一种卡：请使用 `rhc-card virtual {wanted}`",
                path.display()
            ),
            Self::Damaged { path, at } => format!(
                "状态文件 {} 在第 {at} 字节处损坏：请恢复备份，或用新文件启动新卡",
                path.display()
            ),
            Self::RolledBack { path, found, known } => format!(
                "状态文件 {} 被回退：应有 {known} 次变更，仅存 {found} 次；请用新文件启动新卡",
                path.display()
            ),
            Self::InUse(path) => format!("状态文件 {} 正被另一张虚拟卡使用", path.display()),
            Self::Encode(cause) => format!("卡状态无法编码：{cause}"),
        }
    }
}

/// The system's refusal, with the file's name.
pub(super) fn io(path: &Path, cause: std::io::Error) -> StateError {
    StateError::Io {
        path: path.to_owned(),
        cause,
    }
}
