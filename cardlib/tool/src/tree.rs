//! `rhc-card tree`: directories, files and rights, as the profile has them.

use cardlib_card::profile::{
    Access, Df, File, FileKind, KeyClass, Profile, Scope, SecureMessaging,
};
use serde_json::{Value, json};

use crate::args::Tree;
use crate::failure::{Failure, profile};
use crate::text::{Colour, line, paint, say};

/// Shows the tree.
pub fn run(order: &Tree) -> Result<(), Failure> {
    let profile = profile(&order.profile)?;
    let wanted = order.directory.as_deref();
    let dfs: Vec<&Df> = profile
        .dfs
        .iter()
        .filter(|df| wanted.is_none_or(|name| name == df.name))
        .collect();
    if dfs.is_empty() {
        let names: Vec<&str> = profile.dfs.iter().map(|df| df.name.as_str()).collect();
        return Err(Failure::Usage(format!(
            "{}: {}",
            say("the profile's directories are", "配置中的目录有"),
            names.join(", ")
        )));
    }
    if order.json {
        let rows: Vec<Value> = dfs
            .iter()
            .map(|df| df_json(profile, df, order.keys))
            .collect();
        line(&json!({ "profile": profile.name, "directories": rows }).to_string());
        return Ok(());
    }
    for df in dfs {
        print(profile, df, order.keys);
    }
    Ok(())
}

fn print(profile: &Profile, df: &Df, keys: bool) {
    let name = df.df_name.as_ref().map(|name| hex::encode_upper(&**name));
    line(&format!(
        "{} {:04X} {}{}",
        df.name,
        df.fid,
        say(&df.title_en, &df.title_zh),
        name.map_or_else(String::new, |name| paint(&format!("  {name}"), Colour::Dim))
    ));
    for file in profile.files_of(&df.name) {
        line(&format!(
            "  {:<5} {:<26} {}",
            file.path.rsplit('/').next().unwrap_or_default(),
            shape(file),
            say(&file.title_en, &file.title_zh)
        ));
        line(&paint(&format!("        {}", rights(file)), Colour::Dim));
    }
    if keys {
        for key in profile.keys_of(&df.name) {
            line(&format!(
                "  {:<10} KID {:02X} {}, {} {}, {}",
                key.name,
                key.kid,
                class(key.class),
                key.groups,
                say("versions", "个版本"),
                match key.scope {
                    Scope::National => say("national", "国家级"),
                    Scope::Provincial => say("provincial", "省级"),
                }
            ));
        }
    }
}

fn shape(file: &File) -> String {
    let (bytes, records) = (say("bytes", "字节"), say("records", "条记录"));
    match file.kind {
        FileKind::Binary => format!("{} {} {bytes}", kind(file.kind), file.size),
        FileKind::Variable => format!("{} {} {records}", kind(file.kind), file.elements.len()),
        FileKind::Fixed | FileKind::Cyclic => {
            format!(
                "{} {} × {} {bytes}",
                kind(file.kind),
                file.records,
                file.size
            )
        }
    }
}

fn rights(file: &File) -> String {
    let mut text = format!(
        "{} {} · {} {}",
        say("read", "读"),
        access(&file.read),
        say("update", "写"),
        access(&file.update)
    );
    if file.erase != Access::Never {
        text += &format!(" · {} {}", say("erase", "擦除"), access(&file.erase));
    }
    let key = file.maintenance.as_deref().unwrap_or("–");
    match file.secure_messaging {
        SecureMessaging::None => {}
        SecureMessaging::Mac => text += &format!(" · MAC {key}"),
        SecureMessaging::CipherMac => {
            text += &format!(" · {} {key}", say("cipher and MAC", "加密和 MAC"));
        }
    }
    if file.write_once {
        text += say(" · once only", " · 只写一次");
    }
    text
}

fn access(access: &Access) -> &str {
    match access {
        Access::Free => say("free", "自由"),
        Access::Never => say("never", "禁止"),
        Access::Key(name) => name,
    }
}

fn kind(kind: FileKind) -> &'static str {
    match kind {
        FileKind::Binary => say("binary", "二进制"),
        FileKind::Fixed => say("fixed", "定长"),
        FileKind::Variable => say("tagged", "变长"),
        FileKind::Cyclic => say("cyclic", "循环"),
    }
}

fn class(class: KeyClass) -> &'static str {
    match class {
        KeyClass::Internal => say("internal authentication", "内部认证"),
        KeyClass::Read => say("read", "读"),
        KeyClass::Update => say("update", "更新"),
        KeyClass::Erase => say("erase", "擦除"),
        KeyClass::Lock => say("lock", "锁定"),
        KeyClass::Maintenance => say("maintenance", "维护"),
    }
}

/// Names in JSON do not follow the language.
fn right(access: &Access) -> &str {
    match access {
        Access::Free => "free",
        Access::Never => "never",
        Access::Key(name) => name,
    }
}

fn df_json(profile: &Profile, df: &Df, keys: bool) -> Value {
    let files: Vec<Value> = profile.files_of(&df.name).map(file_json).collect();
    let mut row = json!({
        "name": df.name, "fid": format!("{:04X}", df.fid), "title_en": df.title_en, "title_zh": df.title_zh,
        "df_name": df.df_name.as_ref().map(|name| hex::encode_upper(&**name)), "files": files,
    });
    if keys {
        let keys = profile.keys_of(&df.name).map(|key| {
            json!({
                "name": key.name, "kid": key.kid, "class": format!("{:?}", key.class).to_lowercase(),
                "versions": key.groups, "scope": format!("{:?}", key.scope).to_lowercase(), "sam_index": key.sam_index,
            })
        });
        row["keys"] = Value::Array(keys.collect());
    }
    row
}

fn file_json(file: &File) -> Value {
    let elements = file.elements.iter().map(|element| {
        json!({ "tag": element.tag, "name_en": element.name_en, "name_zh": element.name_zh, "bytes": element.len })
    });
    json!({
        "path": file.path, "fid": format!("{:04X}", file.fid), "title_en": file.title_en, "title_zh": file.title_zh,
        "kind": format!("{:?}", file.kind).to_lowercase(), "size": file.size, "records": file.records,
        "read": right(&file.read), "update": right(&file.update), "erase": right(&file.erase),
        "maintenance": file.maintenance, "write_once": file.write_once,
        "secure_messaging": match file.secure_messaging {
            SecureMessaging::None => "none",
            SecureMessaging::Mac => "mac",
            SecureMessaging::CipherMac => "cipher-mac",
        },
        "elements": elements.collect::<Vec<_>>(),
    })
}
