//! Refusals, each with a stable name that tests and callers match on.

use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident => $text:literal, $chinese:literal),+ $(,)?) => {
        /// Why the HSM refused.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum ErrorCode { $($(#[$doc])* $name),+ }

        impl ErrorCode {
            /// Every code, for tables and tests.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The stable name.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name)),+ }
            }

            /// The same in Chinese.
            #[must_use]
            pub fn meaning_zh(self) -> &'static str {
                match self { $(Self::$name => $chinese),+ }
            }

            /// What is wrong and what to do.
            #[must_use]
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$name => $text),+ }
            }
        }
    };
}

codes! {
    // access
    NotAuthenticated => "say hello with the operator's secret first", "请先以操作员密钥认证",
    WrongCredential => "the operator's secret is not this HSM's; use the file that init wrote", "操作员密钥不属于本机，请使用 init 写出的文件",
    NotPermitted => "the key's attributes do not allow this; see its usage and where it may leave to", "密钥属性不允许此操作，请查看其用途和允许去向",
    BadRequest => "the request cannot be read; client and HSM are of different versions, or a field is malformed", "请求无法读取：客户端与加密机版本不一致，或字段有误",
    TooLarge => "a field or the whole request is larger than the HSM takes", "某字段或整个请求超出允许大小",
    // names
    BadName => "names are 1-64 characters of A-Z a-z 0-9 _ . / @ + -", "名称须为 1-64 个字符：A-Z a-z 0-9 _ . / @ + -",
    NoSuchKey => "no key of this id; see list-keys", "没有此标识的密钥，请查看密钥列表",
    KeyExists => "a key of this id exists; choose another id or destroy it first", "此标识的密钥已存在，请换一个标识或先销毁",
    NoSuchTicket => "no ticket of this id; two officers create one", "没有此额度单，须由两名管理员建立",
    TicketExists => "a ticket of this id exists, or existed; choose another id", "此标识的额度单已存在或曾经存在，请换一个标识",
    NoSuchOfficer => "no officer of this name is enrolled", "没有登记此姓名的管理员",
    OfficerExists => "an officer of this name, or with this public key, is enrolled already", "此姓名或此公钥的管理员已登记",
    BadAttributes => "the attributes contradict each other", "属性互相矛盾",
    // marks
    MarkMismatch => "TEST, DEMO and PRODUCTION never mix", "测试、演示、生产三种标记不得混用",
    TestOnly => "only a TEST store does this", "仅测试存储允许此操作",
    // orders
    NeedTwoOfficers => "an order needs valid signatures of two different officers", "指令须有两名不同管理员的有效签名",
    SameOfficer => "two signatures of the same officer count once", "同一管理员的两个签名只算一个",
    BadSignature => "a signature does not verify over the body as sent", "签名与所送内容不符",
    OrderReplayed => "the order's number is not this HSM's next; read info and sign a new body", "指令号不是本机的下一个，请读取信息后重新签名",
    OrderExpired => "the order's time is over; sign a new one", "指令已过期，请重新签名",
    WrongHsm => "the order names another HSM", "指令写给另一台加密机",
    TooFewOfficers => "at least two officers must stay enrolled", "至少须保留两名管理员",
    // filling
    UnknownMechanism => "this HSM runs scp-sm4-v1", "本机只运行 scp-sm4-v1",
    NoPolicy => "no skeleton policy is loaded; two officers load one", "尚未装载骨架策略，须由两名管理员装载",
    CommandNotAllowed => "the skeleton policy does not list this command for this target", "骨架策略未列出此命令",
    LiteralInKeySlot => "the skeleton policy allows no literal bytes where a key slot belongs", "应为密钥槽之处，骨架策略不允许明文字节",
    KeySlotNotWhole => "a key slot stands alone: literal header, one whole wrapped block, its own check value", "密钥槽须独立成块：头、一个完整的加密块、其自身校验值",
    SlotInClear => "a key slot goes out only in an encrypted command", "密钥槽只能在加密命令中发出",
    KeySlotMisplaced => "the skeleton policy allows no key slot in this command", "骨架策略不允许此命令带密钥槽",
    TwoFactors => "one call serves one factor: base key and every slot end in it, over the same upper factors", "一次调用只服务一个分散因子：基础密钥与每个槽须以它结尾，上级因子一致",
    DepthTooSmall => "the key is not diversified deeply enough for where it goes", "密钥分散级数不足，不得送往该去向",
    NoSession => "a command before the first open", "打开会话之前出现命令",
    LevelMismatch => "a command's level is its session's, unless it has no data", "命令的安全级别须与会话一致（无数据者除外）",
    BadBaseKey => "this key opens no session of this target, or the ticket does not name it", "此密钥不能打开该对象的会话，或额度单未列出它",
    BadSlot => "a step names a slot or text that the request does not have", "步骤引用了请求中没有的槽或文本",
    CounterExhausted => "the card's sequence counter has no next value; the card can never be opened again", "卡的序列计数器已用尽，此卡不能再打开",
    RepeatedScript => "this request id was used with another content", "此请求号曾用于另一内容",
    AnswerExpired => "this request id was answered, and the answer is kept no longer; ask with a new id", "此请求号已应答且应答不再保存，请用新请求号",
    // tickets
    TicketEmpty => "the ticket's count is used up; two officers create another", "额度已用完，须由两名管理员另建",
    TicketExpired => "the ticket's time is over", "额度单已过期",
    TicketClosed => "the ticket is closed", "额度单已关闭",
    TicketKind => "a card ticket fills cards, a SAM ticket SAMs", "卡额度只用于卡，SAM 额度只用于 SAM",
    TooManyAttempts => "this factor has used its attempts under this ticket", "此因子在该额度单下的次数已用完",
    // packages
    UnknownPeer => "the other HSM is not enrolled here; two officers confirm its fingerprint", "对方加密机未在本机登记，须由两名管理员核对指纹",
    PeerExists => "a peer of this name or with these keys is enrolled already", "此名称或此公钥的加密机已登记",
    WrongPeerKind => "this peer's kind does not allow this direction", "对方的类别不允许此方向",
    PackageNotForUs => "the package names another receiver", "密钥包写给另一接收方",
    PackageAltered => "the package's signature, envelope or a wrapped key does not verify", "密钥包的签名、信封或某个密钥验证不通过",
    PackageOutOfSequence => "the package is not the next of this sender: replayed, or one before it is missing", "不是该发送方的下一个密钥包：重放，或缺少前一个",
    CheckValueMismatch => "an unwrapped key's check value is not the package's", "解出的密钥校验值与密钥包所列不符",
    NoSuchPackage => "no package was made for this peer, or a later one replaced it", "没有为该对方制作的密钥包",
    // the HSM itself
    AuditClosed => "store or audit cannot be written; the HSM has stopped working until it is restarted", "存储或审计无法写入，加密机已停止工作，须重新启动",
    EntropyFailed => "the random generator failed; the HSM gave nothing out", "随机数发生器故障，未输出任何内容",
    Internal => "the HSM contradicts itself; nothing was given out", "加密机内部矛盾，未输出任何内容",
    // batches (new codes go to the end: their place is their number on the wire)
    TwiceInBatch => "a batch has each request id, and each factor of a ticket, once", "同一批中每个请求号、同一额度单的每个因子只能出现一次",
    Busy => "the HSM is busy and did nothing; ask again", "加密机忙，未做任何操作，请重试",
    Tampered => "the HSM's case was opened; nothing works until its officers have looked and it is restarted", "加密机机壳曾被打开，须经管理员检查并重新启动",
    // a connection's own part
    NoAccessRight => "this connection has not got the access right of this index; give its password first", "本连接未取得此索引的私钥使用权，请先提交其口令",
    WrongPassword => "the password is not this index's, or none is set, or too many wrong ones came: two officers set one", "口令不是此索引的，或未设置，或错误次数过多：由两名管理员设置",
    NoSuchHandle => "no session key or agreement of this handle on this connection", "本连接没有此句柄的会话密钥或协商",
    KeyTypeMismatch => "the key of this index is of another algorithm or usage", "此索引的密钥算法或用途不符",
    BadPublicKey => "the public key is no point of the curve", "公钥不是曲线上的点",
    BadEnvelope => "the cipher text does not decrypt to what it should", "密文无法解出应有的内容",
    VerifyFailed => "the signature is not this key's over this value", "签名与此密钥和数据不符",
    OutOfStep => "a hash is begun, continued, ended, in this order", "杂凑须按开始、更新、结束的顺序",
    NotWholeBlocks => "SM4 takes whole blocks, at least one", "SM4 只接受至少一个完整分组",
    NoSuchFile => "no user file of this name", "没有此名称的用户文件",
    FileExists => "a user file of this name exists", "此名称的用户文件已存在",
    FileRange => "offset and length lie outside the file", "偏移与长度超出文件范围",
    FileSize => "a user file has 1 to 65536 bytes, and 64 of them find room", "用户文件为 1 至 65536 字节，最多 64 个",
    SessionFull => "this connection holds as many session keys as it may; destroy some", "本连接的会话密钥已满，请先销毁一些",
    // rights
    RoleNotAllowed => "this role may not do that; the rights are in docs/hsm.md", "此角色无权执行该操作，权限见 docs/hsm.md",
    KeyExpired => "the key's time is over; see its not_after", "密钥已过有效期，请查看 not_after",
    KeyUsedUp => "the key has been used as often as it may be", "密钥使用次数已用完",
    AlgorithmMismatch => "the keys of one call are of one algorithm: the base key's", "同一次调用的密钥须与基础密钥算法一致",
    // ceremonies
    BadEntry => "a custodian's entry does not open here, or is of another ceremony or person; make it again for this HSM and file", "保管人的录入无法在本机打开，或属于另一仪式或他人；请针对本机和本文件重新录入",
    BadComponents => "a key takes components of at least two custodians, one from each, all different, that do not cancel out", "密钥须由至少两名保管人的分量合成，每人一个，互不相同且不得相互抵消",
    BadCustody => "2 to 16 custodians with passphrases of at least 12 bytes, a threshold of at least 2 that they reach", "保管人须为 2 至 16 名，口令至少 12 字节，门限至少为 2 且可达到",
    BadShare => "not a share file of a back-up", "不是备份的份额文件",
    WrongPassphrase => "the share does not open: wrong passphrase, or the file was changed", "份额无法打开：口令错误，或文件被改动",
    ForeignShare => "the share belongs to another back-up", "该份额属于另一份备份",
    ShareTwice => "the same share was given twice; each counts once", "同一份额给出两次，只算一次",
    TooFewShares => "fewer shares than the threshold", "份额数量少于门限",
    BackupAltered => "the back-up does not open with these shares, or was changed", "备份无法用这些份额打开，或已被改动",
    CeremonyOutOfSequence => "the transcript does not follow this HSM's last ceremony; see info", "该记录并非紧接本机上一次仪式，请查看信息",
    // leases
    NoTerms => "no terms are set for this HSM; two officers set them", "尚未为该加密机设定条件，须由两名管理员设定",
    LeaseRefused => "the lease is not genuine, not newer than the last, or not readable", "许可不真实、不比上一份新，或无法读取",
    LeaseExpired => "the upper tier's lease has run out; fetch a fresh one", "上级许可已到期，请获取新的许可",
    TierSuspended => "the upper tier has suspended this tier", "上级已暂停本级",
    TierRevoked => "the upper tier has revoked this tier for good", "上级已永久撤销本级",
    KeyWithdrawn => "the upper tier has withdrawn this key", "上级已收回该密钥",
    QuotaUsedUp => "the upper tier's quota of chips for this tier is used up", "上级给予本级的芯片额度已用完",
    // holds
    KeySuspended => "two officers have suspended this key; two officers free it", "该密钥已被两名管理员暂停，须由两名管理员恢复",
    KeyBarred => "two officers have taken this key out of use for ever", "该密钥已被两名管理员永久停用",
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A refusal: its code, the step it concerns (of a fill), and words without secrets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{code}{}: {detail}", step.map(|s| format!(" at step {s}")).unwrap_or_default())]
pub struct HsmError {
    pub code: ErrorCode,
    /// Index into the request's steps, from 0.
    pub step: Option<u32>,
    pub detail: String,
}

impl HsmError {
    /// A refusal with the code's own words.
    #[must_use]
    pub fn new(code: ErrorCode) -> Self {
        Self {
            code,
            step: None,
            detail: code.meaning().to_owned(),
        }
    }

    /// A refusal that names what it is about.
    #[must_use]
    pub fn about(code: ErrorCode, what: &str) -> Self {
        Self {
            code,
            step: None,
            detail: format!("{what}: {}", code.meaning()),
        }
    }

    /// The same at a step of a fill.
    #[must_use]
    pub fn at(mut self, step: usize) -> Self {
        self.step = u32::try_from(step).ok();
        self
    }
}

impl From<ErrorCode> for HsmError {
    fn from(code: ErrorCode) -> Self {
        Self::new(code)
    }
}
