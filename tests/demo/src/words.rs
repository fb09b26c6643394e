//! Everything the demo says, in Chinese and English.

use crate::say::{Text, text};

pub const TITLE: Text = text(
    "居民健康卡演示：河南省(41)郑州市(4101)，测试密钥，虚拟读卡器与卡片",
    "Resident health card: a house in province 41, prefecture 4101; test keys, virtual readers and cards",
);
pub const DAEMON: Text = text(
    "PC/SC 守护进程与虚拟读卡器",
    "PC/SC daemon with virtual readers",
);
pub const HSMS: Text = text(
    "三台密码机，各自独立进程",
    "three HSMs, each a process of its own",
);
pub const TIERS: Text = text(
    "三级密钥服务：部、省、市",
    "key services of ministry, province, prefecture",
);
pub const HAND_DOWN: Text = text("密钥逐级下发", "keys handed down, tier by tier");
pub const SERVICES: Text = text(
    "身份、交付清单、票据、登记服务",
    "identities, delivery lists, tickets, registry",
);
pub const SAMS: Text = text("SAM 卡两段生产", "SAMs made in two stages");
pub const CARDS: Text = text("居民卡个人化", "residents' cards personalised");
pub const HOSPITAL: Text = text(
    "医院核验与应被拒绝的四种情况",
    "the hospital's check, and four refusals",
);

pub const KEYS_TITLE: Text = text(
    "密钥演示：根密钥仪式演练（五名保管人取三）、逐级下发、工单",
    "Keys: a rehearsed root ceremony with three of five custodians, hand-down, an order",
);
pub const ROOT: Text = text(
    "部级根密钥仪式（演练），五名保管人",
    "the ministry's root ceremony, rehearsed, five custodians",
);
pub const RESTORED: Text = text(
    "一把密钥销毁，由三名保管人恢复",
    "a key destroyed, and given back by three custodians",
);
pub const JUDGED: Text = text(
    "三份记录成链，脱离服务核验",
    "three transcripts in a chain, checked without the service",
);
pub const BELOW: Text = text("省、市各自的演练", "rehearsals of province and prefecture");
pub const ORDER: Text = text(
    "一张卡的工单：拒绝、批准、用完",
    "an order for one card: refused, approved, used up",
);
pub const SUSPENDED: Text = text(
    "省级暂停市级，再恢复",
    "the province suspends the prefecture, and lets it go on",
);
pub const STATION: Text = text("被暂停一级的制卡站", "a station of the suspended tier");
pub const ALOUD: Text = text("朗读核对", "read aloud");
pub const REFUSED: Text = text("拒绝", "refused");
pub const UNREVIEWED: Text = text("未经审定的文件", "a file that nobody reviewed");
pub const TWO_OF_FIVE: Text = text("仅两名保管人", "two custodians only");
pub const CHANGED: Text = text("改动一个字的记录", "a transcript with one letter changed");
pub const ALONE: Text = text("仅一名管理员批准", "one officer alone");
pub const USED_UP: Text = text("用完后再制一张", "one card more");

pub const TYPE: Text = text("型", "type");
pub const SERIAL: Text = text("序列号", "serial");
pub const HELD: Text = text("把密钥", "keys");
pub const SAME: Text = text(
    "市级与省级校验值一致",
    "the prefecture's check values equal the province's",
);
pub const FORGED: Text = text(
    "伪造卡（数据真、密钥假）",
    "forged card (right data, wrong keys)",
);
pub const LOST: Text = text("挂失的卡", "lost card");
pub const NO_KEY: Text = text(
    "SAM 无所需密钥（4 型读数据）",
    "SAM without the key (type 4 reading data)",
);
pub const UNLISTED: Text = text("不在交付清单上的卡", "card on no delivery list");
pub const GOOD: Text = text("按预期", "as expected");
pub const BAD: Text = text("与预期不符", "NOT as expected");
pub const ALL_WELL: Text = text("全部符合预期", "everything went as it should");
pub const NOT_WELL: Text = text("有结果与预期不符", "something did not go as it should");
pub const RESULT: Text = text("结果文件", "result");
pub const STOPPED: Text = text("演示中止：", "demo stopped: ");
pub const SUITE: Text = text(
    "对第一张卡执行检测（不含会毁坏卡片的用例，那些需要多张样卡）：",
    "The conformance suite on the first card, without the cases that destroy one (they need more samples):",
);
pub const STILL: Text = text("一切仍在运行。可试：", "Everything is still running. Try:");
pub const STOP: Text = text("停止", "stop it all");

/// What each resident's card shows.
pub const RESIDENTS: [Text; 3] = [
    text(
        "姓名恰 15 字，少数民族",
        "a minority name of 15 characters that just fits",
    ),
    text(
        "姓名含 GB 2312 以外的字",
        "a name with characters outside GB 2312",
    ),
    text("无电话号码", "no telephone"),
];
