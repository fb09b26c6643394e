//! What users read, in English and Chinese, chosen by `RHC_LANG`; and failures with their exit codes.

use hsm_engine::shares::ShareError;
use hsm_engine::{OpenError, StoreError};
use hsm_wire::client::ClientError;
use hsm_wire::secret::SecretError;

/// Picks by `RHC_LANG` (`zh`, or anything else for English).
pub fn pick(english: &'static str, chinese: &'static str) -> &'static str {
    if std::env::var("RHC_LANG").is_ok_and(|lang| lang.starts_with("zh")) {
        chinese
    } else {
        english
    }
}

/// Writes one line to standard output. A reader that has gone (`| head`) is no failure.
pub fn say(line: std::fmt::Arguments<'_>) -> Result<(), Failure> {
    use std::io::Write;
    match writeln!(std::io::stdout(), "{line}") {
        Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => Err(Failure::io("stdout", &e)),
        _ => Ok(()),
    }
}

/// `println!` that ends the command in an orderly way when nobody can be told.
macro_rules! out {
    ($($text:tt)*) => { $crate::messages::say(format_args!($($text)*))? };
}
pub(crate) use out;

/// Why a command ended without success.
pub enum Failure {
    /// Exit code 2.
    Usage(String),
    /// Exit code 3.
    NotRight(String),
    /// Exit code 4.
    Environment(String),
}

impl Failure {
    pub fn code(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            Self::NotRight(_) => 3,
            Self::Environment(_) => 4,
        }
    }

    pub fn text(&self) -> &str {
        match self {
            Self::Usage(text) | Self::NotRight(text) | Self::Environment(text) => text,
        }
    }

    pub fn io(what: &str, error: &std::io::Error) -> Self {
        Self::Environment(format!("{what}: {error}"))
    }
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        let text = error.to_string();
        match error {
            OpenError::Store(StoreError::WrongSecret) => Self::NotRight(format!(
                "{}{text}",
                pick("", "解封密钥不属于此存储，请使用 init 写出的文件 / ")
            )),
            OpenError::Store(StoreError::NoEpochFile(_)) => {
                Self::NotRight(format!("{}{text}", pick("", "纪元文件不存在 / ")))
            }
            OpenError::Store(StoreError::RolledBack(_)) => {
                Self::NotRight(format!("{}{text}", pick("", "存储已被恢复为旧副本 / ")))
            }
            OpenError::Store(StoreError::Damaged { .. }) => Self::NotRight(format!(
                "{}{text}",
                pick("", "存储已被改动，请从备份恢复 / ")
            )),
            OpenError::Officers => Self::Usage(format!(
                "{}{text}",
                pick("", "至少需要两名不同姓名和密钥的管理员 / ")
            )),
            _ => Self::Environment(text),
        }
    }
}

impl From<ShareError> for Failure {
    fn from(error: ShareError) -> Self {
        let text = error.to_string();
        let say = |chinese| format!("{}{text}", pick("", chinese));
        match error {
            ShareError::Numbers | ShareError::Custodian => Self::Usage(say(
                "保管人须 2 至 16 名，姓名不同，口令至少 12 字节，门限至少为 2 / ",
            )),
            ShareError::Store(store) => OpenError::Store(store).into(),
            ShareError::Entropy | ShareError::Memory => Self::Environment(text),
            ShareError::TooFew { .. } => Self::NotRight(say("份额不足 / ")),
            ShareError::Twice(_) => Self::NotRight(say("同一份额给出两次 / ")),
            ShareError::WrongPassphrase(_) => {
                Self::NotRight(say("口令错误，或份额文件已被改动 / "))
            }
            ShareError::Format(_) | ShareError::Foreign(_) | ShareError::WrongSecret => {
                Self::NotRight(say("份额不属于此存储或不是同一次拆分 / "))
            }
        }
    }
}

impl From<SecretError> for Failure {
    fn from(error: SecretError) -> Self {
        Self::Environment(error.to_string())
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::Refused(refusal) => {
                let chinese = format!(
                    "{}：{} / {refusal}",
                    refusal.code,
                    refusal.code.meaning_zh()
                );
                Self::NotRight(if pick("en", "zh") == "zh" {
                    chinese
                } else {
                    refusal.to_string()
                })
            }
            other => Self::Environment(other.to_string()),
        }
    }
}
