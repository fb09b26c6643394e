//! What goes wrong between us and a card. Every text says what to do next.

use std::time::Duration;

use cardlib_card::apdu::ApduError;

/// A failure of the transport; what the card itself refuses is a status word and not here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReaderError {
    #[error("no reader is called '{wanted}'; {}", known(.there))]
    NoReader { wanted: String, there: Vec<String> },
    #[error("'{wanted}' fits several readers ({}); give the whole name", .fit.join(", "))]
    ManyReaders { wanted: String, fit: Vec<String> },
    #[error("no card in reader '{0}'; put one in")]
    NoCard(String),
    #[error(
        "the card in reader '{0}' does not answer to reset; turn it over, clean its contacts, or try another"
    )]
    Mute(String),
    #[error("another program holds the card in reader '{0}'; close it and try again")]
    InUse(String),
    /// The card went away in the middle: PC/SC reports success with fewer than two bytes, or a removal.
    #[error("the card was lost in the middle of a command; put it back and begin again")]
    CardLost,
    #[error("the card has been silent for {} s; take it out, put it back and begin again", .0.as_secs_f32())]
    Silent(Duration),
    #[error("another program reset the card; its rights are gone, begin again")]
    Reset,
    #[error(
        "the PC/SC service cannot be reached; start it (systemctl start pcscd, or pcscd --foreground) and try again"
    )]
    DaemonGone,
    #[error(
        "the card asks for more than {0} rounds of one command; it is defective or no health card"
    )]
    Endless(usize),
    #[error("a command is sent outside a transaction; begin one first")]
    NoTransaction,
    #[error(transparent)]
    Apdu(#[from] ApduError),
    /// A conversation that does not go as it is written, or may not be written down.
    #[error("conversation: {0}")]
    Conversation(String),
    /// What PC/SC said where nothing above fits.
    #[error("the reader failed: {0}; unplug it, plug it in again and retry")]
    Transport(String),
}

fn known(there: &[String]) -> String {
    if there.is_empty() {
        "no reader is connected: plug one in, or start pcscd with a virtual one".to_owned()
    } else {
        format!("there are: {}", there.join(", "))
    }
}

impl ReaderError {
    /// Whether the card may have executed the last command although no answer came.
    #[must_use]
    pub const fn outcome_unknown(&self) -> bool {
        matches!(
            self,
            Self::CardLost | Self::Silent(_) | Self::Transport(_) | Self::DaemonGone
        )
    }
}

impl ReaderError {
    /// The same text for a Chinese reader.
    #[must_use]
    pub fn chinese(&self) -> String {
        match self {
            Self::NoReader { wanted, there } if there.is_empty() => {
                format!("没有名为“{wanted}”的读卡器，且未接入任何读卡器：请接入读卡器后重试")
            }
            Self::NoReader { wanted, there } => {
                format!("没有名为“{wanted}”的读卡器；现有：{}", there.join("、"))
            }
            Self::ManyReaders { wanted, fit } => {
                format!("“{wanted}”对应多个读卡器（{}）；请给出全名", fit.join("、"))
            }
            Self::NoCard(reader) => format!("读卡器“{reader}”中没有卡；请插卡"),
            Self::Mute(reader) => {
                format!("读卡器“{reader}”中的卡复位无应答；请翻转、清洁触点或换卡")
            }
            Self::InUse(reader) => {
                format!("读卡器“{reader}”中的卡正被其他程序占用；请关闭该程序后重试")
            }
            Self::CardLost => "操作途中卡丢失；请重新插卡，从头开始".into(),
            Self::Silent(limit) => {
                format!(
                    "卡已 {} 秒无应答；请拔出后重新插入，从头开始",
                    limit.as_secs_f32()
                )
            }
            Self::Reset => "卡被其他程序复位，权限已失效；请从头开始".into(),
            Self::DaemonGone => {
                "无法连接 PC/SC 服务；请启动它（systemctl start pcscd 或 pcscd --foreground）后重试"
                    .into()
            }
            Self::Endless(rounds) => {
                format!("卡对一条命令要求超过 {rounds} 次往返；该卡故障或不是健康卡")
            }
            Self::NoTransaction => "命令在事务之外发出；请先开始事务".into(),
            Self::Apdu(cause) => format!("APDU 格式有误（{cause}）"),
            Self::Conversation(what) => format!("会话记录不符（{what}）"),
            Self::Transport(cause) => format!("读卡器故障（{cause}）；请重新插接读卡器后重试"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_says_what_to_do_in_both_languages() {
        let no_reader = ReaderError::NoReader {
            wanted: "X".into(),
            there: vec!["A".into(), "B".into()],
        };
        assert!(no_reader.to_string().contains("there are: A, B"));
        assert!(no_reader.chinese().contains("A、B"));
        for error in [
            ReaderError::CardLost,
            ReaderError::DaemonGone,
            ReaderError::Silent(Duration::from_secs(10)),
        ] {
            assert!(
                error.to_string().contains("again") && error.chinese().contains('请'),
                "{error}"
            );
        }
    }

    #[test]
    fn only_a_broken_pipe_leaves_the_outcome_open() {
        assert!(ReaderError::CardLost.outcome_unknown());
        assert!(!ReaderError::NoCard("R".into()).outcome_unknown());
    }
}
