//! A transcript for people: the same facts in English, then in Chinese, and the words to read aloud.

use std::fmt::Write;

use kms_core::ceremony::transcript::{Done, Verified};
use kms_core::ceremony::words;
use kms_core::handdown::spoken;
use kms_platform::lang::{Lang, Text};

/// Both languages, for paper.
#[must_use]
pub fn both(verified: &Verified) -> String {
    let (english, chinese) = (page(verified, Lang::En), page(verified, Lang::Zh));
    format!("{english}\n{chinese}")
}

/// One language.
#[must_use]
pub fn page(verified: &Verified, lang: Lang) -> String {
    let say = |en, zh| Text::new(en, zh).of(lang);
    let (body, ceremony) = (&verified.body, &verified.ceremony);
    let mut text = String::new();
    let mut row = |name: &str, value: &str| {
        let _ = writeln!(text, "{name}{}{value}", say(": ", "："));
    };
    let rehearsal = say("REHEARSAL on public test keys", "演练（公开测试密钥）");
    let title = &ceremony.title;
    row(
        &format!("{} {}", say("Ceremony", "密钥仪式"), body.number),
        &if ceremony.rehearsal {
            format!("{title} - {rehearsal}")
        } else {
            title.clone()
        },
    );
    row(say("kind", "种类"), kind(ceremony.kind()).of(lang));
    row(say("outcome", "结果"), outcome(&body.outcome).of(lang));
    row(
        say("tier", "层级"),
        &format!("{} {}", ceremony.tier, ceremony.area),
    );
    row(say("mark", "标记"), &ceremony.mark.to_string());
    row(say("began", "开始"), &body.began);
    row(say("ended", "结束"), &body.ended);
    row(say("HSM", "密码机"), &spoken(&body.hsm.fingerprint));
    row(say("written by", "起草"), &ceremony.author);
    let reviewers: Vec<&str> = body.reviews.iter().map(|s| s.officer.as_str()).collect();
    row(say("reviewed by", "审定"), &reviewers.join(", "));
    row(say("officers", "管理员"), &ceremony.officers.join(", "));
    row(say("witnesses", "见证"), &ceremony.witnesses.join(", "));
    row(
        say("custodians", "保管人"),
        &ceremony.custodians().join(", "),
    );
    row(
        say("reviewed file", "审定文件"),
        &hex::encode_upper(body.ceremony),
    );
    row(
        say("ceremony before", "上一次仪式"),
        &hex::encode_upper(body.previous),
    );
    for done in &body.steps {
        step(&mut text, done, lang);
    }
    let _ = writeln!(
        text,
        "{}{}",
        say("transcript: ", "记录："),
        hex::encode_upper(verified.digest)
    );
    let aloud = match lang {
        Lang::En => words::english(&verified.digest),
        Lang::Zh => words::chinese(&verified.digest),
    };
    let _ = writeln!(text, "{}{aloud}", say("read aloud: ", "朗读核对："));
    text
}

fn step(text: &mut String, done: &Done, lang: Lang) {
    let say = |en, zh| Text::new(en, zh).of(lang);
    let _ = writeln!(
        text,
        "[{}] {} {} ({}, {}: {})",
        done.number,
        deed(&done.deed).of(lang),
        done.object,
        done.at,
        say("signed by", "签名"),
        done.officers
    );
    for key in &done.keys {
        let _ = writeln!(text, "    {}  {}", key.id, key.check_value);
    }
    for file in &done.files {
        let whose = file.custodian.as_deref().unwrap_or("-");
        let _ = writeln!(text, "    {}  {whose}  SM3 {}", file.name, file.digest);
    }
}

/// A ceremony's kind in words.
#[must_use]
pub fn kind(name: &str) -> Text {
    match name {
        "restore" => Text::new("restore of a back-up", "恢复备份"),
        "re-share" => Text::new("new custodians for a back-up", "备份改由他人保管"),
        "destroy" => Text::new("destruction of keys", "销毁密钥"),
        "makers" => Text::new("keys of card makers", "卡商密钥"),
        "back-up" => Text::new("back-up", "备份"),
        _ => Text::new("new keys", "生成密钥"),
    }
}

fn outcome(name: &str) -> Text {
    match name {
        "complete" => Text::new("complete", "完成"),
        _ => Text::new("abandoned", "放弃"),
    }
}

/// A step's deed in words.
#[must_use]
pub fn deed(name: &str) -> Text {
    match name {
        "policy" => Text::new("skeleton policy", "骨架策略"),
        "generate" => Text::new("drawn in the HSM:", "密码机内生成："),
        "test-keys" => Text::new("public test keys:", "公开测试密钥："),
        "combine" => Text::new("combined from components:", "由分量合成："),
        "test-transport" => Text::new("public test transport keys:", "公开测试传输密钥："),
        "maker-package" => Text::new("maker's transport keys:", "卡商传输密钥："),
        "maker-key" => Text::new("key of delivery lists:", "交付清单公钥："),
        "restore" => Text::new("restored from back-up", "自备份恢复"),
        "re-share" => Text::new("shared anew, back-up", "改由他人保管，备份"),
        "back-up" => Text::new("backed up:", "备份："),
        _ => Text::new("destroyed:", "销毁："),
    }
}
