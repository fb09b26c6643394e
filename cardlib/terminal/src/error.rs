//! Why a flow stopped. A failure of the transport, a refusal by card or SAM, and a card that is not what it says are
//! different things; none of them names personal data.

use cardlib_card::profile::{AtrError, LifeCycle};
use cardlib_card::status::Status;
use cardlib_card::visit::{VisitError, VisitKind};
use cardlib_reader::ReaderError;

use crate::office::OfficeError;
use crate::papers::PapersError;

/// Which of the two readers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Part {
    Card,
    Sam,
}

impl Part {
    const fn name(self) -> &'static str {
        match self {
            Self::Card => "card",
            Self::Sam => "SAM",
        }
    }

    const fn chinese(self) -> &'static str {
        match self {
            Self::Card => "用户卡",
            Self::Sam => "SAM 卡",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FlowError {
    #[error("{}: {cause}", .part.name())]
    Reader { part: Part, cause: ReaderError },
    #[error("{}: {cause}", .part.name())]
    Atr { part: Part, cause: AtrError },
    /// A card or SAM that is not in use: blank, half made, or blocked for ever.
    #[error("the {} is {}", .part.name(), state_text(.state))]
    NotActive { part: Part, state: LifeCycle },
    /// A status word that the flow does not expect at this step.
    #[error("the {} answers {status} ({}) to {step}", .part.name(), .status.meaning())]
    Refused {
        part: Part,
        step: &'static str,
        status: Status,
    },
    /// An answer of the wrong form, or data that the profile does not allow.
    #[error("the {}'s {place} {what}", .part.name())]
    Malformed {
        part: Part,
        place: String,
        what: String,
    },
    #[error("the SAM's PIN is wrong; {tries_left} tries are left")]
    PinWrong { tries_left: u8 },
    #[error("the SAM's PIN is blocked; have the SAM replaced by its issuer")]
    PinBlocked,
    #[error("{0}")]
    PinForm(&'static str),
    /// The SAM does not hold the key (R69).
    #[error(
        "not permitted with this SAM (type {sam_type} has no {key}); use a SAM of the type that holds it"
    )]
    NotPermitted { key: String, sam_type: u8 },
    /// A provincial key and a card of another province (R68).
    #[error("key {key} works in its own province only: the card is of {card}, the SAM of {sam}")]
    OtherProvince {
        key: String,
        card: String,
        sam: String,
    },
    /// INTERNAL AUTHENTICATE: the card does not hold the issuer's key.
    #[error("the card is not genuine: its proof does not match")]
    NotGenuine,
    /// EXTERNAL AUTHENTICATE failed; it is never repeated by itself (R68).
    #[error("the card refuses key {key}; {tries_left} tries are left")]
    KeyRefused { key: String, tries_left: u8 },
    #[error("key {0} of the card is blocked; the card must be replaced")]
    KeyBlocked(String),
    #[error("application {0} of the card is blocked")]
    ApplicationBlocked(String),
    /// The caller asks for something that the profile lacks.
    #[error("the profile has no {0}")]
    Unknown(String),
    #[error("{0}")]
    Value(#[from] cardlib_card::content::ContentError),
    #[error("the message is too long for one command of the SAM ({0} bytes)")]
    TooLong(usize),
    /// A code that its dictionary lacks (user card 2.7); the card itself does not look (R21).
    #[error("tag {tag}: the code is not in the dictionary `{dictionary}`; choose one that is")]
    Code { tag: u8, dictionary: String },
    #[error("the photo {0}")]
    Photo(&'static str),
    /// R30.
    #[error("the card's validity ended on {0}; have it renewed by its issuer")]
    Expired(String),
    /// UNBLOCK of an application that is blocked for ever (R42).
    #[error("application {0} is blocked for ever; the card must be replaced")]
    BlockedForEver(String),
    /// UNBLOCK of an application that works (R44).
    #[error("application {0} is not blocked; there is nothing to do")]
    NotBlocked(String),
    /// Every index record stands for a visit.
    #[error("the card has no room for another {} record; settle one first", kind_text(.0))]
    NoRoom(VisitKind),
    /// The index says that this place holds a visit.
    #[error("place {number} holds another {} record; settle that first", kind_text(.kind))]
    Taken { kind: VisitKind, number: u8 },
    /// The index says that this place is empty.
    #[error("place {number} holds no {} record", kind_text(.kind))]
    NoVisit { kind: VisitKind, number: u8 },
    #[error("visit record: {0}")]
    Visit(#[from] VisitError),
    /// What the back office found.
    #[error("the back office does not accept the record: {0}")]
    Office(#[from] OfficeError),
    /// The SAM's certificates or its application data.
    #[error("the SAM's {0}")]
    Papers(#[from] PapersError),
    /// What was to be done is done, but the chip may still hold the rights that it gained.
    #[error("done, but the {} could not be reset ({cause}): take it out of its reader now", .part.name())]
    NotReset { part: Part, cause: ReaderError },
}

const fn kind_text(kind: &VisitKind) -> &'static str {
    match kind {
        VisitKind::Inpatient => "inpatient",
        VisitKind::Outpatient => "outpatient",
    }
}

const fn kind_text_chinese(kind: VisitKind) -> &'static str {
    match kind {
        VisitKind::Inpatient => "住院",
        VisitKind::Outpatient => "门诊",
    }
}

const fn state_text(state: &LifeCycle) -> &'static str {
    match state {
        LifeCycle::Blank => "blank: it was never personalised",
        LifeCycle::Initialised | LifeCycle::Personalised => {
            "half made: its personalisation was not finished"
        }
        LifeCycle::Active => "active",
        LifeCycle::Blocked => "blocked for ever",
    }
}

const fn state_text_chinese(state: LifeCycle) -> &'static str {
    match state {
        LifeCycle::Blank => "是空白卡，从未个人化",
        LifeCycle::Initialised | LifeCycle::Personalised => "是半成品，个人化未完成",
        LifeCycle::Active => "处于正常状态",
        LifeCycle::Blocked => "已被永久锁定",
    }
}

impl FlowError {
    /// The same text for a Chinese reader.
    #[must_use]
    pub fn chinese(&self) -> String {
        match self {
            Self::Reader { part, cause } => format!("{}：{}", part.chinese(), cause.chinese()),
            Self::Atr {
                part,
                cause: AtrError::Foreign,
            } => {
                format!("{}：复位应答形式不同，不是居民健康卡", part.chinese())
            }
            Self::Atr {
                part,
                cause: AtrError::State(byte),
            } => {
                format!(
                    "{}：复位应答中的生命周期字节 {byte:02X} 未知",
                    part.chinese()
                )
            }
            Self::NotActive { part, state } => {
                format!("{}{}", part.chinese(), state_text_chinese(*state))
            }
            Self::Refused { part, step, status } => {
                format!("{}对 {step} 返回 {status}", part.chinese())
            }
            Self::Malformed { part, place, .. } => format!("{}的 {place} 形式不符", part.chinese()),
            Self::PinWrong { tries_left } => format!("SAM 的 PIN 错误，还可尝试 {tries_left} 次"),
            Self::PinBlocked => "SAM 的 PIN 已锁定；请由发放机构更换 SAM".into(),
            Self::PinForm(_) => "SAM 的 PIN 为六位数字；PIN 文件中只写这六位数字".into(),
            Self::NotPermitted { key, sam_type } => {
                format!("本 SAM 不具备此权限（类型 {sam_type} 无 {key}）；请使用具备该密钥的 SAM")
            }
            Self::OtherProvince { key, card, sam } => {
                format!("密钥 {key} 仅限本省使用：卡属 {card}，SAM 属 {sam}")
            }
            Self::NotGenuine => "卡不真：内部认证结果不符".into(),
            Self::KeyRefused { key, tries_left } => {
                format!("卡拒绝密钥 {key}，还可尝试 {tries_left} 次")
            }
            Self::KeyBlocked(key) => format!("卡上密钥 {key} 已锁定；须换卡"),
            Self::ApplicationBlocked(df) => format!("卡上应用 {df} 已锁定"),
            Self::Unknown(what) => format!("配置中没有 {what}"),
            Self::Value(cause) => format!("值不能写入卡（{cause}）"),
            Self::TooLong(len) => format!("报文过长，SAM 一条命令容纳不下（{len} 字节）"),
            Self::Code { tag, dictionary } => {
                format!("数据元 {tag}：代码不在字典 {dictionary} 中；请改用字典中的代码")
            }
            Self::Photo(what) => format!("照片不能写入卡（{what}）"),
            Self::Expired(until) => format!("卡有效期已于 {until} 届满；请到发卡机构换发"),
            Self::BlockedForEver(df) => format!("应用 {df} 已被永久锁定；须换卡"),
            Self::NotBlocked(df) => format!("应用 {df} 未被锁定，无须解锁"),
            Self::NoRoom(kind) => {
                let kind = kind_text_chinese(*kind);
                format!("卡上已无空闲的{kind}记录；请先结算一条")
            }
            Self::Taken { kind, number } => {
                let kind = kind_text_chinese(*kind);
                format!("第 {number} 个位置已有{kind}记录；请先结算")
            }
            Self::NoVisit { kind, number } => {
                format!("第 {number} 个位置没有{}记录", kind_text_chinese(*kind))
            }
            Self::Visit(cause) => format!("就诊记录不能写入卡（{cause}）"),
            Self::Office(cause) => format!("后台不接受该记录：{}", cause.chinese()),
            Self::Papers(cause) => format!("SAM 的{}", cause.chinese()),
            Self::NotReset { part, cause } => {
                let part = part.chinese();
                format!(
                    "操作已完成，但{part}未能复位（{}）：请立即取出",
                    cause.chinese()
                )
            }
        }
    }
}

/// What went wrong on the card's side of the reader.
pub(crate) fn malformed(
    part: Part,
    place: impl Into<String>,
    what: impl Into<String>,
) -> FlowError {
    FlowError::Malformed {
        part,
        place: place.into(),
        what: what.into(),
    }
}
