//! Names of commands and status words, Chinese and English.

use cardlib_card::status::Status;

use crate::text::{is_chinese, say};

/// The command of this class and instruction, as user card, SAM and the personalisation dialect know it.
pub fn command(cla: u8, ins: u8) -> Option<&'static str> {
    Some(match (cla, ins) {
        (0x00, 0x20) => say("VERIFY PIN", "VERIFY PIN 校验个人密码"),
        (_, 0x5E) => say("CHANGE PIN", "CHANGE PIN 修改个人密码"),
        (0x00, 0x82) => say("EXTERNAL AUTHENTICATE", "EXTERNAL AUTHENTICATE 外部认证"),
        (0x84, 0x82) => say(
            "EXTERNAL AUTHENTICATE (personalisation)",
            "EXTERNAL AUTHENTICATE 外部认证（个人化）",
        ),
        (_, 0x84) => say("GET CHALLENGE", "GET CHALLENGE 取随机数"),
        (_, 0x88) => say("INTERNAL AUTHENTICATE", "INTERNAL AUTHENTICATE 内部认证"),
        (_, 0xA4) => say("SELECT", "SELECT 选择"),
        (_, 0xB0) => say("READ BINARY", "READ BINARY 读二进制"),
        (_, 0xB2) => say("READ RECORD", "READ RECORD 读记录"),
        (_, 0xC0) => say("GET RESPONSE", "GET RESPONSE 取响应"),
        (0x00 | 0x04, 0xDC) => say("UPDATE RECORD", "UPDATE RECORD 更新记录"),
        (0x84, 0xDC) => say("SET CEILING", "SET CEILING 设置上限"),
        (_, 0xD2) => say("WRITE RECORD", "WRITE RECORD 写记录"),
        (0x84, 0xD6) | (0x00, 0xD6) => say("UPDATE BINARY", "UPDATE BINARY 更新二进制"),
        (_, 0x0C) => say("ERASE RECORD", "ERASE RECORD 擦除记录"),
        (0x84, 0x16) => say("CARD BLOCK", "CARD BLOCK 卡片锁定"),
        (0x84, 0x18) => say("APPLICATION UNBLOCK", "APPLICATION UNBLOCK 应用解锁"),
        (0x84, 0x1E) => say("APPLICATION BLOCK", "APPLICATION BLOCK 应用锁定"),
        (0x80, 0xDE) => say("DELIVERY SESSION KEY", "DELIVERY SESSION KEY 产生过程密钥"),
        (0x80, 0xFA) => say("CIPHER DATA", "CIPHER DATA 数据加解密"),
        (0x80, 0xC8) => say("DATA COMPRESS", "DATA COMPRESS 数据压缩"),
        (0x80, 0xC4) => say("DIGITAL SIGNATURES", "DIGITAL SIGNATURES 数字签名"),
        (0x80, 0x50) => say("INITIALIZE UPDATE", "INITIALIZE UPDATE 会话初始化"),
        (0x84, 0xD4) => say("WRITE KEY", "WRITE KEY 写密钥"),
        (0x84, 0xE0) => say("CREATE FILE", "CREATE FILE 建立文件"),
        (0x84, 0xDA) => say("STORE DATA", "STORE DATA 写入数据"),
        (0x84, 0xE4) => say("WIPE", "WIPE 清除"),
        (0x84, 0xF0) => say("SET STATE", "SET STATE 设置状态"),
        (0x84, 0x46) => say("GENERATE KEY PAIR", "GENERATE KEY PAIR 产生密钥对"),
        (0x84, 0x48) => say("PROVE KEY PAIR", "PROVE KEY PAIR 证明持有密钥对"),
        (0x84, 0xD8) => say("IMPORT KEY PAIR", "IMPORT KEY PAIR 导入密钥对"),
        (0x84, 0x24) => say("SET PIN", "SET PIN 设置个人密码"),
        (0x84, 0xE6) => say("RETIRE KEY", "RETIRE KEY 停用密钥"),
        (0x84, 0xF2) => say("MANAGE", "MANAGE 管理"),
        _ => return None,
    })
}

/// What a status word says.
pub fn status(status: Status) -> String {
    let text = if is_chinese() {
        chinese(status)
    } else {
        status.meaning()
    };
    match (status.retries(), status.bytes_waiting(), status.right_le()) {
        (Some(tries), ..) if is_chinese() => format!("校验错误，剩余 {tries} 次"),
        (Some(tries), ..) => format!("wrong, {tries} tries left"),
        (_, Some(waiting), _) => format!("{text} ({waiting})"),
        (.., Some(le)) => format!("{text} ({})", if le == 0 { 256 } else { le.into() }),
        _ => text.to_owned(),
    }
}

fn chinese(status: Status) -> &'static str {
    match status {
        Status::OK => "成功",
        Status::CRYPTOGRAM => "密文校验错误",
        Status::MEMORY => "存储器故障",
        Status::LENGTH => "长度错误",
        Status::NO_SESSION_KEY => "SAM 中没有过程密钥",
        Status::STRUCTURE => "命令与文件结构不符",
        Status::SECURITY => "不满足安全状态",
        Status::BLOCKED => "密钥或个人密码已锁定",
        Status::NO_CHALLENGE => "未取随机数",
        Status::CONDITIONS => "不满足使用条件",
        Status::NO_CURRENT_EF => "未选择文件",
        Status::SM_MISSING => "缺少安全报文",
        Status::SM_WRONG => "MAC 错误",
        Status::DATA => "数据域错误",
        Status::FUNCTION => "应用或卡片已锁定，或不支持该功能",
        Status::NO_FILE => "未找到文件",
        Status::NO_RECORD => "未找到记录",
        Status::NO_SPACE => "空间不足",
        Status::P1P2 => "P1 或 P2 错误",
        Status::NO_KEY => "未找到密钥",
        Status::OFFSET => "偏移超出文件",
        Status::INS => "指令不支持",
        Status::CLA => "类别不支持",
        Status::PERMANENTLY_BLOCKED => "应用已永久锁定",
        _ => match status.sw1() {
            0x61 => "还有数据可取",
            0x6C => "请用正确长度重发",
            0x63 => "校验错误，剩余次数",
            _ => "未知状态字",
        },
    }
}
