//! What can go wrong at a station: each with its kind, its exit code, its words and the step that helps.

use cardlib_card::content::ContentError;
use cardlib_reader::ReaderError;
use kms_platform::exit::{Exit, Failure};
use kms_platform::lang::{Lang, current, pick};
use kms_platform::say;

use crate::journal::JournalError;
use crate::ports::{Service, ServiceFault};

/// Why a card, or the whole run, came to nothing.
#[derive(Debug)]
pub enum Fault {
    /// The transport to a reader or card failed.
    Reader(ReaderError),
    /// The transport to the SAM failed.
    SamReader(ReaderError),
    /// Not a card of this profile.
    Foreign,
    /// An active card of somebody's.
    AlreadyPersonalised,
    /// A blocked card.
    Blocked,
    /// The card was begun, but not in this journal.
    HalfMadeElsewhere,
    /// The card was given up; half made as it is, it can serve nobody.
    Voided,
    /// All that is left to do waits for cards that are half made.
    OnlyHalfMade,
    /// The card was not taken out in time.
    NotRemoved,
    /// The journal knows the card, but its person is not among the rows.
    PersonNotInFile {
        /// Serial in the journal.
        serial: String,
    },
    /// The card says one thing in its reset answer and another to the probe.
    Contradiction,
    /// The card refused a command.
    Refused {
        /// Phase of the script.
        phase: &'static str,
        /// Place of the command in the phase, from 1.
        step: usize,
        /// Its status word.
        status: String,
    },
    /// The card does not hold the key it should.
    Cryptogram,
    /// The script of the key service cannot be used.
    Script(&'static str),
    /// What was read is not what was meant.
    ReadBack(String),
    /// The SAM cannot be used.
    Sam(String),
    /// The SAM is at another stage than the one asked for (D43): English, Chinese.
    SamStage(&'static str, &'static str),
    /// TEST, DEMO and PRODUCTION met (D38): marks of key service and registry.
    Marks(String, String),
    /// A service.
    Service(ServiceFault),
    /// The journal.
    Journal(JournalError),
    /// The applicant's data do not fit the profile together.
    Content(ContentError),
}

impl From<JournalError> for Fault {
    fn from(error: JournalError) -> Self {
        Self::Journal(error)
    }
}

impl From<ServiceFault> for Fault {
    fn from(fault: ServiceFault) -> Self {
        Self::Service(fault)
    }
}

impl From<ReaderError> for Fault {
    fn from(error: ReaderError) -> Self {
        Self::Reader(error)
    }
}

impl From<ContentError> for Fault {
    fn from(error: ContentError) -> Self {
        Self::Content(error)
    }
}

impl Fault {
    /// Its name in reports and the journal.
    #[must_use]
    pub fn kind(&self) -> String {
        match self {
            Self::Reader(error) => reader_kind(error).into(),
            Self::SamReader(error) => format!("sam-{}", reader_kind(error)),
            Self::Foreign => "foreign-card".into(),
            Self::AlreadyPersonalised => "already-personalised".into(),
            Self::Blocked => "blocked-card".into(),
            Self::HalfMadeElsewhere => "half-made-elsewhere".into(),
            Self::Voided => "voided-card".into(),
            Self::NotRemoved => "card-not-removed".into(),
            Self::OnlyHalfMade => "only-half-made-left".into(),
            Self::PersonNotInFile { .. } => "person-not-in-file".into(),
            Self::Contradiction => "card-contradicts-itself".into(),
            Self::Refused { .. } => "card-refused".into(),
            Self::Cryptogram => "wrong-card-key".into(),
            Self::Script(_) => "bad-script".into(),
            Self::ReadBack(_) => "read-back-differs".into(),
            Self::Sam(_) => "sam-unusable".into(),
            Self::SamStage(..) => "sam-stage".into(),
            Self::Marks(..) => "mark-mismatch".into(),
            Self::Service(fault) => match (&fault.slug, fault.service) {
                (Some(slug), _) => slug.clone(),
                (None, Service::Kms) => "kms-unreachable".into(),
                (None, Service::Registry) => "registry-unreachable".into(),
            },
            Self::Journal(_) => "journal-unusable".into(),
            Self::Content(_) => "content-does-not-fit".into(),
        }
    }

    /// 3 where something was looked at and is not right, 4 where the surroundings failed.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::Reader(_) | Self::SamReader(_) | Self::Journal(_) | Self::NotRemoved => {
                Exit::Environment
            }
            Self::Service(fault) => fault.exit,
            _ => Exit::Wrong,
        }
    }

    /// Whether the next card would fail the same way.
    #[must_use]
    pub fn ends_the_run(&self) -> bool {
        match self {
            Self::Reader(error) => {
                matches!(
                    error,
                    ReaderError::NoReader { .. }
                        | ReaderError::ManyReaders { .. }
                        | ReaderError::DaemonGone
                )
            }
            Self::Service(fault) => {
                fault.is_down()
                    || fault.slug.as_deref().is_some_and(|slug| {
                        slug.starts_with("ticket-") || slug.ends_with("-refused")
                    })
            }
            Self::SamReader(_) | Self::Sam(_) | Self::Journal(_) | Self::Marks(..) => true,
            _ => false,
        }
    }

    /// In the user's language.
    #[must_use]
    pub fn message(&self) -> String {
        match self {
            Self::Reader(error) => reader_text(error),
            Self::SamReader(error) => {
                let text = reader_text(error);
                say!("SAM: {text}", "SAM 卡:{text}")
            }
            Self::Foreign => pick(
                "the card in the reader is not a resident health card",
                "读卡器中的卡不是居民健康卡",
            )
            .into(),
            Self::AlreadyPersonalised => {
                pick("the card is already personalised", "该卡已完成个人化").into()
            }
            Self::Blocked => pick("the card is blocked for ever", "该卡已被永久锁定").into(),
            Self::HalfMadeElsewhere => pick(
                "the card is half made, but this journal does not know it",
                "该卡为半成品,但本日志中没有记录",
            )
            .into(),
            Self::NotRemoved => pick("the last card was not taken out", "上一张卡未取出").into(),
            Self::Voided => pick("the card was voided half made", "该半成品卡已作废").into(),
            Self::OnlyHalfMade => pick(
                "the persons left have half-made cards already",
                "剩余人员均已有半成品卡",
            )
            .into(),
            Self::PersonNotInFile { serial } => say!(
                "the card is half made (serial {serial}), and the person it is for is not in the applicants file",
                "该卡为半成品(序列号 {serial}),申请文件中没有其持卡人"
            ),
            Self::Contradiction => pick(
                "the card's reset answer and its own words differ",
                "该卡复位应答与其自述不一致",
            )
            .into(),
            Self::Refused {
                phase,
                step,
                status,
            } => say!(
                "the card refused command {step} of phase {phase} with {status}",
                "卡片在 {phase} 阶段第 {step} 条命令返回 {status}"
            ),
            Self::Cryptogram => pick(
                "the card does not hold the key that the key service has for it",
                "卡内密钥与密钥服务所持不符",
            )
            .into(),
            Self::Script(why) => say!(
                "the key service's script cannot be used: {why}",
                "密钥服务返回的脚本不可用:{why}"
            ),
            Self::ReadBack(what) => {
                say!(
                    "read back, the card does not hold what was meant: {what}",
                    "回读结果与预期不符:{what}"
                )
            }
            Self::Sam(why) => say!("the SAM cannot be used: {why}", "SAM 卡不可用:{why}"),
            Self::SamStage(en, zh) => pick(en, zh).into(),
            Self::Marks(keys, registry) => say!(
                "the key service is {keys}, the registry {registry}: they never mix",
                "密钥服务标记为 {keys},登记系统标记为 {registry},二者不得混用"
            ),
            Self::Service(fault) => fault.message.clone(),
            Self::Journal(error) => match current() {
                Lang::Zh => error.chinese(),
                Lang::En => error.to_string(),
            },
            Self::Content(error) => error.to_string(),
        }
    }

    /// What to do next, in the user's language.
    #[must_use]
    pub fn next(&self) -> Option<String> {
        let text = match self {
            Self::Service(fault) => return fault.next.clone(),
            Self::Reader(error) | Self::SamReader(error) => reader_next(error)?,
            Self::Foreign | Self::AlreadyPersonalised | Self::Blocked => {
                pick("take it out and put in a blank one", "请取出并换一张空白卡")
            }
            Self::NotRemoved => pick(
                "take it out and run again for the rest",
                "请取出后再次运行以处理剩余人员",
            ),
            Self::Voided => pick(
                "destroy it and put in a blank one",
                "请销毁该卡并换一张空白卡",
            ),
            Self::OnlyHalfMade => pick(
                "put in those cards (rhc-station journal list), or void them: rhc-station journal void",
                "请插入这些卡(rhc-station journal list),或作废:rhc-station journal void",
            ),
            Self::HalfMadeElsewhere => pick(
                "name the journal of the station that began it (--journal), or set the card aside and void its serial there",
                "请用 --journal 指定开始制作该卡的日志,或将卡收存并在该日志中作废",
            ),
            Self::PersonNotInFile { .. } => pick(
                "give the file it was begun with, unchanged, or void it: rhc-station journal void",
                "请使用开始时的原申请文件,或作废:rhc-station journal void",
            ),
            Self::Contradiction | Self::Cryptogram => pick(
                "set the card aside and tell its maker",
                "请将卡收存并告知制卡商",
            ),
            Self::Refused { .. } => pick(
                "put the card in again: it is finished from where the journal says; if it refuses again, void it",
                "请重新插卡,将按日志继续;若再次拒绝,请作废",
            ),
            Self::ReadBack(_) => pick(
                "set the card aside and void it: rhc-station journal void",
                "请将卡收存并作废:rhc-station journal void",
            ),
            Self::Script(_) => pick(
                "tell the operator of the key service",
                "请告知密钥服务的运维人员",
            ),
            Self::Sam(_) => pick(
                "put in an active SAM of type 5 of this province and check its PIN file",
                "请插入本省已激活的 5 型 SAM 卡并核对 PIN 文件",
            ),
            Self::Marks(..) => pick("check the two addresses", "请核对两个服务地址"),
            Self::SamStage(..) => pick(
                "check which stage this SAM has passed: rhc-card info",
                "请查看该 SAM 卡所处阶段:rhc-card info",
            ),
            Self::Journal(_) => pick(
                "nothing was done to the card without it",
                "未对卡片做任何操作",
            ),
            Self::Content(_) => pick(
                "correct the row named and run again",
                "请更正所指行后重新运行",
            ),
        };
        Some(text.to_owned())
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        let failure = match fault.exit() {
            Exit::Environment => Failure::environment(fault.message()),
            _ => Failure::wrong(fault.message()),
        };
        match fault.next() {
            Some(next) => failure.next(next),
            None => failure,
        }
    }
}

fn reader_kind(error: &ReaderError) -> &'static str {
    match error {
        ReaderError::NoReader { .. } | ReaderError::ManyReaders { .. } => "no-reader",
        ReaderError::NoCard(_) => "no-card",
        ReaderError::Mute(_) => "mute-card",
        ReaderError::InUse(_) => "card-in-use",
        ReaderError::CardLost => "card-lost",
        ReaderError::Silent(_) => "silent-card",
        ReaderError::Reset => "card-reset",
        ReaderError::DaemonGone => "no-pcsc",
        _ => "reader-failed",
    }
}

fn reader_text(error: &ReaderError) -> String {
    match current() {
        Lang::Zh => error.chinese(),
        Lang::En => error.to_string(),
    }
}

/// The station's own next step; the other errors' texts end with theirs.
fn reader_next(error: &ReaderError) -> Option<&'static str> {
    match error {
        ReaderError::CardLost | ReaderError::Silent(_) | ReaderError::Reset => Some(pick(
            "put the same card in and run the same line again: the journal knows how far it came",
            "请重新插入同一张卡并再次运行同一命令,日志记录了进度",
        )),
        _ => None,
    }
}
