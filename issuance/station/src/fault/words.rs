//! What a fault is called to its face, and the step that helps, in the user's language.

use cardlib_reader::ReaderError;
use kms_platform::lang::{Lang, current, pick};
use kms_platform::say;

use super::Fault;

impl Fault {
    /// In the user's language.
    #[must_use]
    pub fn message(&self) -> String {
        match self {
            Self::Reader(error) => reader_text(error),
            Self::SamReader(error) => {
                let text = reader_text(error);
                say!("SAM: {text}", "SAM 卡：{text}")
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
                "该卡为半成品，但本日志中没有记录",
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
                "该卡为半成品(序列号 {serial})，申请文件中没有其持卡人"
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
                "密钥服务返回的脚本不可用：{why}"
            ),
            Self::ReadBack(what) => {
                say!(
                    "read back, the card does not hold what was meant: {what}",
                    "回读结果与预期不符：{what}"
                )
            }
            Self::Sam(why) => say!("the SAM cannot be used: {why}", "SAM 卡不可用：{why}"),
            Self::SamStage(en, zh) | Self::Package(en, zh) => pick(en, zh).into(),
            Self::Marks(keys, registry) => say!(
                "the key service is {keys}, the registry {registry}: they never mix",
                "密钥服务标记为 {keys}，登记系统标记为 {registry}，二者不得混用"
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
                "请插入这些卡(rhc-station journal list)，或作废：rhc-station journal void",
            ),
            Self::HalfMadeElsewhere => pick(
                "name the journal of the station that began it (--journal), or set the card aside and void its serial there",
                "请用 --journal 指定开始制作该卡的日志，或将卡收存并在该日志中作废",
            ),
            Self::PersonNotInFile { .. } => pick(
                "give the file it was begun with, unchanged, or void it: rhc-station journal void",
                "请使用开始时的原申请文件，或作废：rhc-station journal void",
            ),
            Self::Contradiction | Self::Cryptogram => pick(
                "set the card aside and tell its maker",
                "请将卡收存并告知制卡商",
            ),
            Self::Refused { .. } => pick(
                "put the card in again: it is finished from where the journal says; if it refuses again, void it",
                "请重新插卡，将按日志继续；若再次拒绝，请作废",
            ),
            Self::ReadBack(_) => pick(
                "set the card aside and void it: rhc-station journal void",
                "请将卡收存并作废：rhc-station journal void",
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
            Self::Package(..) => pick(
                "ask the key service for this SAM's next package: rhc-station sam probe, rhc-kms rotation packages --seen",
                "请向密钥服务索取该 SAM 卡的新数据包：rhc-station sam probe，rhc-kms rotation packages --seen",
            ),
            Self::SamStage(..) => pick(
                "check which stage this SAM has passed: rhc-card info",
                "请查看该 SAM 卡所处阶段：rhc-card info",
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
            "请重新插入同一张卡并再次运行同一命令，日志记录了进度",
        )),
        _ => None,
    }
}
