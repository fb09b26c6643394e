//! The core's refusals in Chinese; its own texts are English.

use cardlib_card::dialect::DialectError;
use kms_core::approval::ApprovalError;
use kms_core::binding::BindingError;
use kms_core::ceremony::CeremonyError;
use kms_core::certificate::IssueError;
use kms_core::fill::FillError;
use kms_core::handdown::HandDownError;
use kms_core::lifecycle::LifeError;
use kms_core::policy::Denied;
use kms_core::port::HsmError;
use kms_core::rotation::RotationError;
use kms_core::ticket::TicketError;
use kms_core::tier::TierError;

/// What the error says, in Chinese.
pub(super) trait Chinese {
    fn chinese(&self) -> String;
}

impl Chinese for Denied {
    fn chinese(&self) -> String {
        match self {
            Self::NoRule(operation) => format!("权限表中没有 {operation}，不予执行"),
            Self::Tier { operation, tier } => format!("{tier} 级不办理 {operation}"),
            Self::Asker {
                who,
                operation,
                roles,
            } => format!("{who} 无权申请 {operation}，须为：{roles}"),
            Self::Approver {
                who,
                operation,
                roles,
            } => format!("{who} 无权批准 {operation}，须为：{roles}"),
            Self::Expired(request) => format!("申请 {request} 已过期，请重新申请"),
            Self::OtherRequest(name, request) => {
                format!("{name} 签署的是申请 {request}，而非本申请")
            }
            Self::Locked(name) => {
                format!("{name} 已被锁定，须由安全管理员与另一人用 `rhc-kms officer unlock` 解除")
            }
            Self::Among(role) => format!("签名者中须有 {role}"),
            Self::RequesterApproves(name) => format!("{name} 是申请人，须由其他管理员批准"),
            Self::RequesterUnnamed => "须注明申请人姓名（--by NAME）".to_owned(),
            Self::TooFew { given, needed } => {
                format!("已有 {given} 名签名，须 {needed} 名不同人员对同一申请签名")
            }
            Self::SameOfficer(name) => format!("{name} 签名两次，第二个签名须来自另一名管理员"),
            Self::UnknownOfficer(name) => format!("{name} 不是本处管理员"),
            Self::BadSignature(name) => format!("{name} 的签名与原文不符，请重新签名"),
        }
    }
}

impl Chinese for BindingError {
    fn chinese(&self) -> String {
        match self {
            Self::NotOnList => "没有交付清单列出该芯片".to_owned(),
            Self::OtherKind(_) => "交付清单将该芯片列为另一类".to_owned(),
            Self::OtherMaker => "交付清单的卡商与 ATR 中的卡商代码不符".to_owned(),
            Self::Mark { ours, theirs } => {
                format!("该芯片的交付清单标记为 {theirs}，本库为 {ours}")
            }
            Self::OtherSubject => "该卡已为他人制作或开始制作".to_owned(),
            Self::OtherData => "该卡已为此人以其他数据开始制作".to_owned(),
        }
    }
}

fn reviewed(error: &ApprovalError) -> String {
    match error {
        ApprovalError::RequesterApproves(name) => format!("{name} 是起草人"),
        ApprovalError::RequesterUnnamed => "未注明起草人".to_owned(),
        ApprovalError::TooFew(count) => format!("仅有 {count} 名管理员审定，须两名"),
        ApprovalError::SameOfficer(name) => format!("{name} 审定两次"),
        ApprovalError::UnknownOfficer(name) => format!("{name} 不是本处管理员"),
        ApprovalError::BadSignature(name) => format!("{name} 的签名与文件不符，请重新审定"),
    }
}

impl Chinese for CeremonyError {
    fn chinese(&self) -> String {
        match self {
            Self::Form(what) => format!("文件格式不符：{what}"),
            Self::Sense(what) => format!("内容自相矛盾：{what}"),
            Self::Rehearsal => {
                "TEST 标记的仪式即演练（rehearsal = true），其他标记则不是".to_owned()
            }
            Self::TestKeys => "公开测试密钥只能用于演练".to_owned(),
            Self::Key(id) => format!("{id} 不是在本级生成的密钥"),
            Self::Review(error) => format!("审定签名不符：{}", reviewed(error)),
            Self::TranscriptForm(what) => format!("记录格式不符：{what}"),
            Self::Altered(what) => format!("记录被改动：{what}"),
            Self::Chain(what) => format!("记录不相接：{what}"),
        }
    }
}

impl Chinese for HandDownError {
    fn chinese(&self) -> String {
        match self {
            Self::Form(_) => "文件格式不符或已损坏，请重新导出".to_owned(),
            Self::Mark { ours, theirs } => format!("本库标记为 {ours}，来者为 {theirs}"),
            Self::Tier { ours, theirs } => format!("{ours} 不向 {theirs} 下发密钥"),
            Self::Fingerprint => "文件中的指纹与其公钥不符".to_owned(),
            Self::NotEnrolled(tier) => format!("{tier} 的密码机未经两名管理员确认"),
            Self::Unasked => "该密钥包所答复的申请并非本处提出，或已答复".to_owned(),
            Self::OtherReceiver(tier) => format!("该密钥包的接收方为 {tier}"),
            Self::IssuerKey => "省级申请缺少发卡机构公钥，请用 rhc-kms request 生成".to_owned(),
        }
    }
}

impl Chinese for TicketError {
    fn chinese(&self) -> String {
        match self {
            Self::Quantity => "数量须为 1 至 100000000".to_owned(),
            Self::Id(_) => "工单编号限 1–64 个字符：A–Z a–z 0–9 _ . -".to_owned(),
            Self::Tier { .. } => "本级不制作此类卡".to_owned(),
            Self::NotApproved(id) => {
                format!("工单 {id} 尚待两名管理员批准（rhc-kms ticket approve）")
            }
            Self::Approved(id, by) => format!("工单 {id} 已由 {by} 批准，请另行申请"),
            Self::Kind { id, is, wanted } => {
                format!("工单 {id} 用于 {}，而非 {}", is.as_str(), wanted.as_str())
            }
            Self::Product(_) => {
                "产品须为卡商四位十六进制代码，可附 COS 版本，如 5454-01".to_owned()
            }
            Self::OtherProduct { id, is, chip } => {
                format!("工单 {id} 用于产品 {is}，该芯片为 {chip}")
            }
            Self::OtherDelivery { id, is } => {
                format!("工单 {id} 用于第 {is} 号交付清单，该芯片不在其上")
            }
            Self::Expired(id, until) => format!("工单 {id} 有效期至 {until}"),
        }
    }
}

impl Chinese for HsmError {
    fn chinese(&self) -> String {
        match self {
            Self::Unavailable(cause) => cause.clone(),
            Self::Refused { rule, detail } => format!("规则 {rule}：{detail}"),
        }
    }
}

impl Chinese for IssueError {
    fn chinese(&self) -> String {
        format!("证书或 SAM 文件数据有误：{self}")
    }
}

impl Chinese for FillError {
    fn chinese(&self) -> String {
        match self {
            Self::UnknownKey(name) => format!("密钥目录中没有 {name}"),
            other => format!("脚本与密码机应答不符：{other}"),
        }
    }
}

impl Chinese for TierError {
    fn chinese(&self) -> String {
        match self {
            Self::Name(name) => format!("`{name}` 不是有效层级：ministry、province 或 prefecture"),
            Self::Area { digits, given, .. } => format!("辖区须为 {digits} 位数字，而非 `{given}`"),
        }
    }
}

impl Chinese for DialectError {
    fn chinese(&self) -> String {
        match self {
            Self::Content(cause) => format!("内容与卡规范不符：{cause}"),
            Self::NoFile(path) => format!("{path}：文件缺失或多余"),
            Self::Size { path, expected } => format!("{path}：须为 {expected} 字节"),
            Self::Visit(path) => format!("{path}：新卡没有就诊记录，请勿给出该文件"),
            Self::Photo => "DDF1/EF07：照片长度字节与照片不符".to_owned(),
            Self::SecurityCodeGiven => {
                "DDF1/EF05：数据元 9（安全码）由密码机计算，不得给出".to_owned()
            }
            Self::ElementMissing(tag) => format!("DDF1/EF05：缺少数据元 {tag}"),
            Self::State {
                key_version, state, ..
            } => {
                format!("芯片处于状态 {state:02X}、密钥版本 {key_version:02X}，无适用脚本")
            }
            Self::SamType(number) => format!("规范中没有 SAM 类型 {number}"),
            Self::SamData(_) => "SAM 的 PIN 须为六位数字".to_owned(),
            Self::Template(cause) | Self::Mismatch(cause) => format!("指令模板与规范不符：{cause}"),
        }
    }
}

impl Chinese for LifeError {
    fn chinese(&self) -> String {
        match self {
            Self::NoStep { key, from, to, .. } => {
                format!("{key} 目前为{}，不能变为{}", from.word_zh(), to.word_zh())
            }
            Self::NotNow { key, state } => format!("{key} 为{}，不得用于此操作", state.word_zh()),
        }
    }
}

impl Chinese for RotationError {
    fn chinese(&self) -> String {
        match self {
            Self::Versions(last) => {
                format!("轮换须在密钥已有的两个不同版本（0 至 {last}）之间进行")
            }
            Self::Tier(tier) => {
                format!("{tier} 没有自有的多版本密钥；全国密钥由部级轮换，省级密钥由该省轮换")
            }
            Self::Phase { id, is, .. } => format!("{id} 处于阶段 {}", is.as_str()),
        }
    }
}
