//! Refusals of the key service: one table of kinds (slug, status, words in both languages), and the error that every
//! part of the service answers with, to HTTP as problem details and to the command line as a failure.

mod chinese;
mod from;

use kms_api::problem as slug;
use kms_platform::exit::Failure;
use kms_platform::lang::Text;
use kms_platform::problem::{Kind, Problem};

/// Why the service did not do it.
#[derive(Debug)]
pub struct Refusal {
    kind: &'static Kind,
    detail: Option<Detail>,
}

/// What is particular to one refusal, in both languages: the asker's is not known here.
#[derive(Debug)]
struct Detail {
    en: String,
    zh: String,
}

/// A refusal with its particulars in both languages: `refuse!(&KIND, "key {id}", "密钥 {id}")`.
#[macro_export]
macro_rules! refuse {
    ($kind:expr, $en:literal, $zh:literal $(, $value:expr)* $(,)?) => {
        $crate::refusal::Refusal::both($kind, format!($en $(, $value)*), format!($zh $(, $value)*))
    };
}

/// What every part of the service answers.
pub type Result<T, E = Refusal> = std::result::Result<T, E>;

macro_rules! kinds {
    ($($name:ident = $slug:expr, $status:literal, $en:literal, $zh:literal, $next_en:literal, $next_zh:literal;)*) => {
        $(pub static $name: Kind = Kind::new($slug, $status, Text::new($en, $zh), Text::new($next_en, $next_zh));)*
        /// Every kind, for tests and documentation.
        pub static ALL: &[&Kind] = &[$(&$name),*];
    };
}

kinds! {
    CONTENT = slug::CONTENT_REFUSED, 422, "The card's content is refused", "卡内容被拒绝",
        "Correct the data at the place named and prepare the card again", "请按所指位置更正数据并重新准备";
    ROLE = slug::ROLE_REFUSED, 403, "Your role may not do this", "您的角色无权执行此操作",
        "Use an identity of a role that may", "请使用有权角色的身份";
    AREA = "area-refused", 403, "This lies outside your area", "超出您的辖区",
        "Ask the key service of that area", "请联系该辖区的密钥服务";
    WRONG_TIER = slug::WRONG_TIER, 422, "This tier does not do this", "本级不办理此事项",
        "Ask the tier that holds the keys", "请向持有该密钥的一级申请";
    NOT_ON_LIST = slug::FACTOR_NOT_ON_LIST, 422, "No delivery list names this chip", "该芯片不在任何交付清单上",
        "Import the maker's signed list, or put the card aside", "请导入卡商签名的交付清单，或将该卡搁置";
    OTHER_KIND = slug::FACTOR_KIND, 422, "The delivery list names this chip as something else", "交付清单上该芯片为他物",
        "Compare card, reader and list", "请核对卡片、读卡器与清单";
    OTHER_PERSON = slug::FACTOR_OTHER_PERSON, 409, "This card is bound to another person", "该卡已绑定他人",
        "Void this card and take another blank", "请作废该卡并更换空白卡";
    OTHER_DATA = slug::FACTOR_OTHER_DATA, 409, "This card was begun with other data", "该卡已以不同数据开始制作",
        "Repeat with the same data, or void this card and take another blank", "请用相同数据重试，或作废该卡并更换空白卡";
    OTHER_PURPOSE = slug::SAM_OTHER_PURPOSE, 409, "This SAM was begun for another purpose", "该SAM卡已为其他用途开始制作",
        "Go on with the same type and serial, or void this SAM", "请用相同类型和序列号继续，或作废该SAM卡";
    KEY_UNPROVED = slug::SAM_KEY_UNPROVED, 422, "The SAM has not proved this key", "该SAM卡未证明持有此密钥",
        "Begin the provincial stage again with the SAM in the reader", "请将SAM卡置于读卡器中，重新开始省级阶段";
    CARD_STATE = slug::CARD_STATE, 409, "No script fits this chip's state", "该芯片状态无适用脚本",
        "Take a blank, or one that this service began and did not finish", "请使用空白卡，或本服务已开始而未完成的卡";
    VENDOR = slug::VENDOR_UNKNOWN, 422, "No transport key of this maker is held here", "未持有该卡商的传输密钥",
        "Import it with rhc-kms transport import", "请用 rhc-kms transport import 导入";
    TICKET = slug::TICKET_UNKNOWN, 422, "This ticket is not good for this", "该工单不适用",
        "Compare with rhc-kms ticket list", "请用 rhc-kms ticket list 核对";
    TICKET_EMPTY = slug::TICKET_EMPTY, 409, "The ticket is used up", "工单额度已用完",
        "Ask for another: rhc-kms ticket request", "请另行申请：rhc-kms ticket request";
    TICKET_EXPIRED = slug::TICKET_EXPIRED, 409, "The ticket has expired", "工单已过期",
        "Ask for another: rhc-kms ticket request", "请另行申请：rhc-kms ticket request";
    OTHER_PRODUCT = "ticket-other-product", 409, "The ticket is for another product", "该工单用于其他产品",
        "Take a chip of the product ordered, or the ticket of this chip's order", "请使用所订产品的芯片，或该芯片订单的工单";
    OTHER_DELIVERY = "ticket-other-delivery", 409, "The ticket is for another delivery list", "该工单用于其他交付清单",
        "Take a chip of the list ordered, or the ticket of this chip's order", "请使用所订清单的芯片，或该芯片订单的工单";
    ID_REUSED = slug::REQUEST_ID_REUSED, 409, "This request id was used for another request", "该请求编号已用于其他请求",
        "Repeat the request unchanged, or use a new id", "请原样重发，或使用新编号";
    KEY_MISSING = slug::KEY_MISSING, 503, "A key that this needs is not held here", "缺少所需密钥",
        "Import the hand-down of the upper tier first", "请先导入上级下发的密钥";
    HSM_DOWN = slug::HSM_UNAVAILABLE, 503, "The HSM does not answer", "密码机无应答",
        "Start rhc-hsm or check its sockets, then repeat the same request", "请启动 rhc-hsm 或检查其套接字，然后重发同一请求";
    HSM_REFUSED = slug::HSM_REFUSED, 409, "The HSM refused", "密码机拒绝",
        "Read the rule named, and the HSM's audit", "请查看所指规则及密码机审计";
    MARK = slug::MARK_MISMATCH, 409, "TEST, DEMO and PRODUCTION never mix", "测试、演示与生产不得混用",
        "Use a store, list or package of the same mark", "请使用同一标记的库、清单或密钥包";
    AUDIT = slug::AUDIT_UNAVAILABLE, 503, "The audit log cannot be written, so nothing was done", "审计日志无法写入，操作未执行",
        "Check disk and rights of the store, then repeat", "请检查存储磁盘与权限后重试";
    STORE = slug::STORE_FAILED, 503, "The store failed", "存储失败",
        "Check disk and rights of the store, then repeat", "请检查存储磁盘与权限后重试";
    INVALID = "invalid-value", 422, "A value is not possible", "取值无效",
        "Correct the value named", "请更正所指的值";
    REQUESTER = "requester-approves", 403, "The requester cannot approve their own request", "申请人不得批准自己的申请",
        "Let two other officers approve", "请由另外两名密钥管理员批准";
    TWO_OFFICERS = "two-officers-needed", 403, "Two different officers must sign", "须由两名不同的密钥管理员签名",
        "Give --as twice, with two officers' key files, or use rhc-kms order sign", "请两次给出 --as（两名管理员的密钥文件），或使用 rhc-kms order sign";
    OFFICER = "unknown-officer", 403, "This is no officer here", "并非本处密钥管理员",
        "Enrol them with rhc-kms officer add", "请用 rhc-kms officer add 登记";
    BAD_SIGNATURE = "bad-signature", 403, "A signature does not fit", "签名不符",
        "Sign the very text again", "请对原文重新签名";
    UPPER_DOWN = "upper-tier-unavailable", 503, "The upper tier did not do it", "上级未予办理",
        "Compare address and identity, and ask the upper tier", "请核对地址与身份，并联系上级";
    LEASE_EXPIRED = "lease-expired", 409, "The upper tier's lease has run out", "上级许可已到期",
        "Fetch a fresh one: rhc-kms lease renew, or lease take with a file", "请获取新的许可：rhc-kms lease renew，或用文件 lease take";
    SUSPENDED = "tier-suspended", 403, "The upper tier has stopped this tier", "上级已停止本级",
        "Ask the upper tier", "请联系上级";
    LEASE_REFUSED = "lease-refused", 409, "The lease is refused", "该许可被拒绝",
        "Ask the upper tier for a fresh one", "请向上级索取新的许可";
    NO_POLICY = "no-policy", 403, "The policy table knows no such operation", "权限表中没有此操作",
        "Compare kms/core/src/policy/table.toml with this release", "请核对本版本的权限表";
    APPROVAL_EXPIRED = "approval-expired", 409, "The request has expired", "申请已过期",
        "Ask again, and let the officers sign in time", "请重新申请并按时签署";
    APPROVAL_FOR_ANOTHER = "approval-for-another", 403, "The signature is for another request", "该签名属于另一申请",
        "Let the officer sign this very request", "请由管理员签署本申请";
    ROLE_MISSING = "role-missing", 403, "A signature of a certain role is missing", "缺少指定角色的签名",
        "Let a person of the role named sign", "请由所指角色的人员签署";
    ROLES_APART = "roles-apart", 409, "One person must not have these roles together", "同一人不得兼任这些角色",
        "Give one of the roles to another person", "请将其中一个角色交由他人";
    LOCKED = "officer-locked", 403, "This person is locked out", "该人员已被锁定",
        "A security administrator and a second person lift it: rhc-kms officer unlock", "须由安全管理员与另一人解除：rhc-kms officer unlock";
    RATE = "too-many-approvals", 429, "Too many signatures in a short time", "短时间内签名过多",
        "Wait ten minutes", "请等待十分钟";
    PASSPHRASE = "passphrase-refused", 403, "The passphrase does not open this key", "口令不能打开该密钥",
        "Try again; after five wrong ones the key file is closed", "请重试；连续五次错误后密钥文件将关闭";
    NOT_ENROLLED = "hsm-not-enrolled", 409, "This HSM is not enrolled", "该密码机未登记",
        "Run rhc-kms hsm enrol, then two officers hsm confirm", "请先 rhc-kms hsm enrol，再由两名管理员 hsm confirm";
    FINGERPRINT = "fingerprint-mismatch", 422, "The fingerprint is not that of the keys", "指纹与密钥不符",
        "Export the file again and compare by voice", "请重新导出并口头核对";
    UNASKED = "request-unknown", 409, "Nobody here asked for this, or it was answered already", "本处未提出该申请，或已答复",
        "Ask with rhc-kms request", "请用 rhc-kms request 申请";
    OUTSTANDING = "approval-outstanding", 409, "This waits for its officers", "尚待管理员批准",
        "Ask again when two officers above have approved it", "请待上级两名管理员批准后重试";
    RECEIVER = "wrong-receiver", 409, "This package is for somebody else", "该密钥包的接收方不是本处",
        "Ask the sender for the right file", "请向发送方索取正确文件";
    PACKAGE = "package-refused", 409, "The package is refused", "密钥包被拒绝",
        "Ask the sender for the file again", "请向发送方重新索取文件";
    SEQUENCE = "package-out-of-sequence", 409, "This package is not the sender's next", "该密钥包不是发送方的下一个",
        "Import the one before it first (rhc-kms handdown fetch, or grant --approve ID again above); a later one taken needs nothing", "请先导入前一个（rhc-kms handdown fetch，或在上级再次执行 grant --approve ID）；若已导入更新的，则无需处理";
    DELIVERY = "delivery-list-refused", 422, "The delivery list is refused", "交付清单被拒绝",
        "Ask the maker for list and signature again", "请向卡商重新索取清单及签名";
    MAKER = "maker-unknown", 403, "This maker's key is not known here", "未登记该卡商的公钥",
        "Give --maker-key and two officers' --as", "请给出 --maker-key 并由两名管理员 --as 签名";
    TOKEN = "enrolment-token-refused", 403, "This enrolment token is not good", "该登记令牌无效",
        "Ask for another: rhc-kms identity token", "请另行申请：rhc-kms identity token";
    CERTIFICATE = "certificate-refused", 422, "No certificate can be made of this request", "无法据此申请签发证书",
        "Make the request anew with rhc-kms identity enrol or renew", "请用 rhc-kms identity enrol 或 renew 重新申请";
    STALE = "order-stale", 409, "The order no longer fits", "指令已不适用",
        "Make the order again and let two officers sign it", "请重新生成指令并由两名管理员签名";
    KEY_STATE = slug::KEY_STATE, 409, "The key's state does not permit this", "密钥状态不允许此操作",
        "Look at rhc-kms keys life, and let two officers decide", "请查看 rhc-kms keys life 并由两名管理员决定";
    WENT_BACK = slug::CHIP_WENT_BACK, 409, "This chip shows an earlier state than before", "该芯片呈现的状态早于先前记录",
        "Put it aside as a suspected copy and tell the security administrator", "请将其作为疑似复制卡搁置并报告安全管理员";
    ROTATION = "rotation-phase", 409, "The rotation is not at this point", "轮换未到此阶段",
        "Look at rhc-kms rotation status", "请查看 rhc-kms rotation status";
    RECEIPT = "receipt-refused", 422, "The receipt is not this SAM's", "回执并非该SAM卡所出",
        "Run the package again with the SAM in the reader, or make a new one", "请将SAM卡置于读卡器中重新执行，或重新生成数据包";
    EXISTS = "exists-already", 409, "This exists already", "已存在",
        "Choose another name, or leave it as it is", "请更换名称，或保持原样";
    UNKNOWN = "not-known-here", 404, "This is not known here", "本处无此项",
        "Compare with rhc-kms status", "请用 rhc-kms status 核对";
    CEREMONY = "ceremony-refused", 409, "The ceremony is refused", "密钥仪式被拒绝",
        "Correct the file, have it reviewed again, and look at `rhc-kms ceremony plan`", "请更正文件、重新审定，并用 rhc-kms ceremony plan 查看";
    CEREMONY_CHAIN = "ceremony-chain", 409, "The ceremony does not follow the one before", "该仪式与上一次仪式不相接",
        "Compare the last transcript with the HSM's: rhc-hsm info", "请将最近的记录与密码机核对：rhc-hsm info";
    ENTRY = "custodian-entry-refused", 422, "A custodian's entry is refused", "保管人录入被拒绝",
        "Let the custodian enter again: rhc-kms ceremony enter", "请保管人重新录入：rhc-kms ceremony enter";
    TRANSCRIPT = "transcript-refused", 409, "The transcript is refused", "仪式记录被拒绝",
        "Take the copy of another officer, and ask who changed this one", "请取另一管理员的副本，并查明何人改动";
    ROLLED_BACK = "rolled-back", 409, "This does not continue what was seen: an old copy, or a cut end", "与已见证的记录不连续：旧副本或末尾被截",
        "Stop that service and find out; after a restore that two officers know of, repeat with --restored", "请停止该服务并查明；若为两名管理员知悉的恢复，请加 --restored 重试";
    EPOCH = "epoch-not-countersigned", 409, "This store was put back from a backup and no witness has seen it since", "本库自备份恢复后尚未经见证",
        "Run rhc-kms audit checkpoint --out, have it countersigned, then audit countersigned", "请执行 rhc-kms audit checkpoint --out，取得副署后执行 audit countersigned";
    BROKEN_AUDIT = "audit-broken", 500, "The audit log has been changed", "审计日志已被改动",
        "Stop the service, keep the store, and ask the audit administrator", "请停止服务、保全存储并报告审计管理员";
}

impl Refusal {
    /// A refusal of a kind.
    #[must_use]
    pub fn new(kind: &'static Kind) -> Self {
        Self { kind, detail: None }
    }

    /// With what needs no translation: ids, a cause. Never personal data.
    #[must_use]
    pub fn about(kind: &'static Kind, detail: impl Into<String>) -> Self {
        let en = detail.into();
        Self::both(kind, en.clone(), en)
    }

    /// With what is particular to it, in both languages. Never personal data.
    #[must_use]
    pub fn both(kind: &'static Kind, en: String, zh: String) -> Self {
        Self {
            kind,
            detail: Some(Detail { en, zh }),
        }
    }

    /// The last part of the problem type.
    #[must_use]
    pub fn slug(&self) -> &'static str {
        self.kind.slug
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({})", self.kind.title, self.kind.slug)?;
        match &self.detail {
            Some(Detail { en, zh })
                if kms_platform::lang::current() == kms_platform::lang::Lang::Zh =>
            {
                write!(f, "：{}", if zh.is_empty() { en } else { zh })
            }
            Some(Detail { en, .. }) => write!(f, ": {en}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Refusal {}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let problem = Self::new(refusal.kind);
        match refusal.detail {
            Some(Detail { en, zh }) => problem.detail(en, zh),
            None => problem,
        }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        let text = refusal.to_string();
        let failure = if refusal.kind.status >= 500 {
            Self::environment(text)
        } else {
            Self::wrong(text)
        };
        failure.next(refusal.kind.next.get())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_slug_of_the_interface_has_one_kind() {
        for slug in kms_api::problem::ALL
            .iter()
            .filter(|slug| **slug != kms_api::problem::MALFORMED)
        {
            let kinds = ALL.iter().filter(|kind| kind.slug == *slug).count();
            assert_eq!(kinds, 1, "{slug}");
        }
        let mut slugs: Vec<_> = ALL.iter().map(|kind| kind.slug).collect();
        slugs.sort_unstable();
        slugs.dedup();
        assert_eq!(slugs.len(), ALL.len(), "a slug stands twice");
    }

    #[test]
    fn a_refusal_says_the_same_in_both_languages_on_the_wire() {
        let problem = Problem::from(crate::refuse!(&KEY_MISSING, "key {}", "密钥 {}", "X/0"));
        assert_eq!((problem.slug(), problem.status), ("key-missing", 503));
        assert_eq!(problem.detail.as_deref(), Some("key X/0"));
        assert_eq!(problem.detail_zh.as_deref(), Some("密钥 X/0"));
    }
}
