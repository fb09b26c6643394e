//! Why a card got its verdict, in the user's language.

use kms_platform::lang::pick;

use crate::certificates::Found;
use crate::check::Findings;
use crate::trouble::said;
use crate::verdict::Verdict;

/// What stopped the flow, or what was found.
#[must_use]
pub fn reason(findings: &Findings) -> String {
    if let Some(cause) = &findings.cause {
        return said(cause);
    }
    let not_asked = findings.standing.is_none();
    match findings.verdict {
        Verdict::Genuine if not_asked => pick(
            "the card proved its key and is valid; the registry was not asked",
            "卡已通过内部认证且在有效期内；未查询登记库",
        ),
        Verdict::Genuine => pick(
            "the card proved its key, is valid, and the registry has it as active",
            "卡已通过内部认证，在有效期内，登记库状态正常",
        ),
        Verdict::Forged => pick(
            "the chip is genuine, but the registry has this number and serial on another one: the data are copied",
            "芯片为真，但登记库中该卡号与序列号属于另一张卡：卡内数据系复制",
        ),
        Verdict::Expired => pick("its date of validity is past", "卡有效期已过"),
        Verdict::Lost => pick("the registry has it as lost", "登记库记录为挂失"),
        Verdict::Cancelled => pick("the registry has it as cancelled", "登记库记录为注销或作废"),
        Verdict::UnknownToRegistry => pick(
            "the registry knows no issued card of this number and serial",
            "登记库没有该卡号与序列号的已发卡",
        ),
        Verdict::Unsupported => pick(
            "its class or version is not known here",
            "卡的类别或规范版本未知",
        ),
        Verdict::MixedMarks => pick(
            "card, SAM and registry are not of the same kind: test, demonstration or production",
            "卡、SAM 与登记库的标记（测试、演示、生产）不一致",
        ),
        Verdict::Inconsistent if findings.certificates == Some(Found::Card) => pick(
            "its issuer certificate is not that of the issuer it names",
            "卡内发卡机构证书与所载机构不符",
        ),
        _ => pick("its data do not agree with each other", "卡内数据互相矛盾"),
    }
    .to_owned()
}
