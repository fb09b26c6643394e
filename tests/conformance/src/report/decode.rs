//! Commands and status words in words, both languages, for the conversations of a report.

use crate::step::Which;
use crate::words::Lang;

/// Name of a command by class and instruction.
#[must_use]
pub fn command(chip: Which, hex: &str, lang: Lang) -> String {
    let byte = |at: usize| {
        hex.get(2 * at..2 * at + 2)
            .and_then(|d| u8::from_str_radix(d, 16).ok())
    };
    let (Some(ins), Some(p1), Some(p2)) = (byte(1), byte(2), byte(3)) else {
        return lang.say("incomplete command", "不完整的命令").to_owned();
    };
    let rest = hex.get(10..).unwrap_or_default();
    match (chip, ins) {
        (_, 0xA4) if p1 == 4 => format!("SELECT {rest}"),
        (_, 0xA4) => format!("SELECT {}", rest.get(..4).unwrap_or("")),
        (_, 0xB2) => format!("READ RECORD {p1} ({p2:02X})"),
        (_, 0xB0) => format!("READ BINARY @{}", u16::from(p1) << 8 | u16::from(p2)),
        (_, 0xD6) => format!("UPDATE BINARY @{}", u16::from(p1) << 8 | u16::from(p2)),
        (_, 0xDC) => format!("UPDATE RECORD {p1} ({p2:02X})"),
        (_, 0xD2) => format!("WRITE RECORD {p1}"),
        (_, 0x0C) => format!("ERASE RECORD {p1}"),
        (_, 0x84) => "GET CHALLENGE".into(),
        (_, 0xC0) => "GET RESPONSE".into(),
        (_, 0x88) => "INTERNAL AUTHENTICATE".into(),
        (_, 0x82) => format!("EXTERNAL AUTHENTICATE {p2:02X}"),
        (Which::Card, 0x1E) => "APPLICATION BLOCK".into(),
        (Which::Card, 0x18) => "APPLICATION UNBLOCK".into(),
        (Which::Card, 0x16) => "CARD BLOCK".into(),
        (Which::Sam, 0x20) => "VERIFY PIN".into(),
        (Which::Sam, 0x5E) => "CHANGE PIN".into(),
        (Which::Sam, 0xDE) => format!("DELIVERY SESSION KEY {:02X} v{}", p2 & 0x1F, p2 >> 5),
        (Which::Sam, 0xFA) => format!("CIPHER DATA {p1:02X}"),
        (Which::Sam, 0xC8) => "DATA COMPRESS".into(),
        (Which::Sam, 0xC4) => "DIGITAL SIGNATURES".into(),
        _ => format!("INS {ins:02X}"),
    }
}

/// What a status word says.
#[must_use]
pub fn status(answer: &str, lang: Lang) -> &'static str {
    let word = answer
        .len()
        .checked_sub(4)
        .and_then(|at| answer.get(at..))
        .unwrap_or_default();
    let (en, zh) = match word {
        "9000" => ("done", "成功"),
        "6581" => ("memory failure", "存储器错误"),
        "6700" => ("wrong length", "长度错误"),
        "6901" => ("no session key", "无会话密钥"),
        "6981" => ("does not fit the file", "与文件结构不符"),
        "6982" => ("right missing", "安全状态不满足"),
        "6983" => ("key blocked", "密钥锁定"),
        "6984" => ("no challenge", "未取随机数"),
        "6985" => ("conditions not met", "使用条件不满足"),
        "6986" => ("no current file", "无当前文件"),
        "6987" => ("secure messaging missing", "缺安全报文"),
        "6988" => ("MAC wrong", "MAC 错误"),
        "6A80" => ("data wrong", "数据域错误"),
        "6A81" => ("blocked", "已锁定"),
        "6A82" => ("file not found", "未找到文件"),
        "6A83" => ("record not found", "未找到记录"),
        "6A84" => ("no space", "空间不足"),
        "6A86" => ("P1 P2 wrong", "P1 P2 错误"),
        "6A88" => ("key not found", "未找到密钥"),
        "6B00" => ("offset outside", "偏移越界"),
        "6D00" => ("INS unknown", "INS 不支持"),
        "6E00" => ("CLA unknown", "CLA 不支持"),
        "9303" => ("blocked for ever", "永久锁定"),
        _ => match word.get(..2) {
            Some("61") => ("bytes wait", "有数据待取"),
            Some("6C") => ("wrong Le", "Le 错误"),
            Some("63") => (
                "wrong; tries left in the last digit",
                "错误；末位为剩余次数",
            ),
            _ => ("", ""),
        },
    };
    lang.say(en, zh)
}
