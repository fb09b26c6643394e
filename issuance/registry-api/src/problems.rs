//! The registry's refusals, each with a stable slug that clients compare.

use kms_platform::lang::Text;
use kms_platform::problem::Kind;

pub const PERSON_HAS_CARD: Kind = Kind::new(
    "person-has-card",
    409,
    Text::new("This person already has a card", "该人已持有健康卡"),
    Text::new(
        "Cancel the other card first: rhc-registry card NUMBER --set cancelled --reason TEXT",
        "请先注销原卡：rhc-registry card 卡号 --set cancelled --reason 原因",
    ),
);
pub const PERSON_HAS_RESERVATION: Kind = Kind::new(
    "person-has-reservation",
    409,
    Text::new(
        "A card is already being made for this person",
        "正在为该人制作另一张卡",
    ),
    Text::new(
        "Finish that card, or void it: rhc-station journal void",
        "请完成该卡，或将其作废：rhc-station journal void",
    ),
);
pub const FACTOR_TAKEN: Kind = Kind::new(
    "factor-taken",
    409,
    Text::new(
        "This card belongs to another person or was given up",
        "该卡已属于他人或已作废",
    ),
    Text::new(
        "Take another blank card and set this one aside",
        "请换用另一张空白卡，并将此卡收存",
    ),
);
pub const NOT_RESERVED: Kind = Kind::new(
    "not-reserved",
    409,
    Text::new(
        "No card is being made under this serial",
        "该序列号下没有制作中的卡",
    ),
    Text::new(
        "Reserve a serial before personalising",
        "请在个人化之前预留序列号",
    ),
);
pub const EVIDENCE_DIFFERS: Kind = Kind::new(
    "evidence-differs",
    409,
    Text::new(
        "The evidence is not that of the reserved card",
        "证据与预留的卡不符",
    ),
    Text::new(
        "Read the card back again; if it differs still, void it",
        "请重新回读该卡；仍不符则作废",
    ),
);
pub const NOT_READ_BACK: Kind = Kind::new(
    "not-read-back",
    422,
    Text::new(
        "The card was not read back and found right",
        "该卡未经回读核对无误",
    ),
    Text::new(
        "Read the card back through a SAM; if it differs, void it",
        "请经 SAM 回读该卡；不符则作废",
    ),
);
pub const SAM_UNKNOWN: Kind = Kind::new(
    "sam-unknown",
    422,
    Text::new(
        "This SAM is not registered as active",
        "该 SAM 未登记为有效",
    ),
    Text::new(
        "Use a SAM that was issued and registered: rhc-station sam",
        "请使用已发行并登记的 SAM：rhc-station sam",
    ),
);
pub const CARD_UNKNOWN: Kind = Kind::new(
    "card-unknown",
    404,
    Text::new("The registry knows no such card", "登记系统中没有此卡"),
    Text::new(
        "Check number and serial; a card that nobody registered is not valid",
        "请核对卡号和序列号；未登记的卡无效",
    ),
);
pub const TRANSITION_REFUSED: Kind = Kind::new(
    "transition-refused",
    409,
    Text::new(
        "A card in this state cannot take this step",
        "处于此状态的卡不能执行该操作",
    ),
    Text::new(
        "Look at the card's history: rhc-registry card NUMBER",
        "请查看该卡的历史：rhc-registry card 卡号",
    ),
);
pub const CHIP_DIFFERS: Kind = Kind::new(
    "chip-differs",
    409,
    Text::new(
        "The card is not the one that was issued under this number and serial",
        "该卡不是以此卡号与序列号发出的卡",
    ),
    Text::new(
        "Keep the card back and tell the issuer",
        "请留置该卡并通知发卡机构",
    ),
);
pub const CHIP_TAKEN: Kind = Kind::new(
    "chip-taken",
    409,
    Text::new(
        "This SAM chip has a serial of another type or area",
        "该 SAM 芯片已有其他类型或地区的序列号",
    ),
    Text::new("Take another blank SAM", "请换用另一张空白 SAM"),
);
pub const SAM_NOT_RESERVED: Kind = Kind::new(
    "sam-not-reserved",
    409,
    Text::new(
        "No SAM with this serial and chip was reserved",
        "没有以此序列号和芯片预留的 SAM",
    ),
    Text::new(
        "Ask for a serial before the provincial stage",
        "请在省级阶段之前申请序列号",
    ),
);
pub const CERTIFICATE_DIFFERS: Kind = Kind::new(
    "certificate-differs",
    422,
    Text::new(
        "The SAM certificate is not one for this SAM and this registry",
        "SAM 证书与该 SAM 或本登记系统不符",
    ),
    Text::new(
        "Read file 001C of the SAM again",
        "请重新读取 SAM 的 001C 文件",
    ),
);
pub const RECEIPT_REFUSED: Kind = Kind::new(
    "receipt-refused",
    422,
    Text::new(
        "No key service vouches for this card",
        "没有密钥服务为该卡作证",
    ),
    Text::new(
        "Ask the key service for the card's script again; if it is refused still, void the card",
        "请重新向密钥服务索取该卡脚本；仍被拒绝则作废该卡",
    ),
);
pub const ISSUER_UNKNOWN: Kind = Kind::new(
    "issuer-unknown",
    422,
    Text::new(
        "No issuer known here has signed this SAM certificate",
        "该 SAM 证书并非由本处登记的发卡机构签发",
    ),
    Text::new(
        "Start the registry with the issuer's certificate: rhc-registry serve --issuer-certificate FILE",
        "请以发卡机构证书启动登记系统：rhc-registry serve --issuer-certificate 文件",
    ),
);
