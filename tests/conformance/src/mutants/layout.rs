//! Products whose files, keys, limits or data are wrong: `layout.toml`, one seeded fault a row. Changes are words, several parted
//! by `;`:
//!
//! | change | of |
//! |---|---|
//! | `file PATH size\|records\|fill\|fid\|read\|update\|erase\|address VALUE` | a file; rights are `free`, `never`, `key NAME` |
//! | `element TAG tag\|len N` | an element |
//! | `key NAME kid\|groups\|error_limit\|sam_index\|sam_usage VALUE`, `keys error_limit N` | a key, all keys that count |
//! | `limit mac\|pin\|name-min\|name-max N` | what the COS counts to |
//! | `atr prefix\|version\|active HEX` | the answer to reset |
//! | `df NAME fid\|name\|block VALUE` | a directory |
//! | `sam-file FID fid\|size VALUE`, `sam-types without KEY` | a SAM |

use cardlib_card::profile::{Access, BlockRule, Profile, RecordAddress};
use serde::Deserialize;

use super::{Fault, Mutant, mutant};
use crate::suite::Kind;

const TABLE: &str = include_str!("layout.toml");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    mutant: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    id: String,
    #[serde(default = "user_card")]
    product: Kind,
    clauses: String,
    what: String,
    change: Option<String>,
    tag: Option<u8>,
    #[serde(default, with = "hex::serde")]
    value: Vec<u8>,
}

const fn user_card() -> Kind {
    Kind::UserCard
}

/// All of them.
///
/// # Panics
/// The table that is part of this program is not right; this crate's tests show that it is.
#[must_use]
#[allow(clippy::panic, reason = "a table of this program, read by its tests")]
pub fn mutants() -> Vec<Mutant> {
    let table: Table = match toml::from_str(TABLE) {
        Ok(table) => table,
        Err(cause) => panic!("layout.toml: {cause}"),
    };
    table.mutant.into_iter().map(made).collect()
}

#[allow(clippy::panic, reason = "as mutants()")]
fn made(row: Row) -> Mutant {
    let fault = match (row.change, row.tag) {
        (Some(change), None) => Fault::Profile(change),
        (None, Some(tag)) => Fault::Data(tag, row.value),
        _ => panic!("layout.toml: {}: either change or tag and value", row.id),
    };
    mutant(row.product, &row.id, &row.clauses, &row.what, fault)
}

/// Makes the changes of a row.
///
/// # Errors
/// A change that is none, or of something that the profile lacks.
pub fn apply(changes: &str, profile: &mut Profile) -> Result<(), String> {
    changes.split(';').try_for_each(|change| {
        let words: Vec<&str> = change.split_whitespace().collect();
        one(&words, profile).ok_or_else(|| format!("'{change}' is no change of this profile"))
    })
}

fn one(words: &[&str], profile: &mut Profile) -> Option<()> {
    match *words {
        ["file", path, field, ref value @ ..] => file(profile, path, field, value),
        ["element", tag, field, value] => {
            let (tag, value): (u8, usize) = (tag.parse().ok()?, value.parse().ok()?);
            let mut all = profile.files.iter_mut().flat_map(|f| &mut f.elements);
            let element = all.find(|element| element.tag == Some(tag))?;
            match field {
                "len" => element.len = value,
                "tag" => element.tag = u8::try_from(value).ok(),
                _ => return None,
            }
            Some(())
        }
        ["key", name, field, value] => key(profile, name, field, value),
        ["keys", "error_limit", value] => {
            let limit = value.parse().ok()?;
            let counted = profile.keys.iter_mut().filter(|key| key.error_limit > 0);
            counted.for_each(|key| key.error_limit = limit);
            Some(())
        }
        ["limit", what, value] => {
            let assumed = &mut profile.assumed;
            match what {
                "mac" => assumed.mac_error_limit.value = value.parse().ok()?,
                "pin" => assumed.sam_pin_tries.value = value.parse().ok()?,
                "name-min" => assumed.name_min.value = value.parse().ok()?,
                "name-max" => assumed.name_max.value = value.parse().ok()?,
                _ => return None,
            }
            Some(())
        }
        ["atr", what, value] => {
            match what {
                "prefix" => profile.atr.prefix = value.to_owned().try_into().ok()?,
                "version" => profile.atr.test_version = byte(value)?,
                "active" => profile.life_cycle.active = byte(value)?,
                _ => return None,
            }
            Some(())
        }
        ["df", name, field, value] => df(profile, name, field, value),
        ["sam-file", fid, field, value] => {
            let fid = word(fid)?;
            let file = profile.sam.files.iter_mut().find(|file| file.fid == fid)?;
            match field {
                "fid" => file.fid = word(value)?,
                "size" => file.size = value.parse().ok()?,
                _ => return None,
            }
            Some(())
        }
        ["sam-types", "without", key] => {
            let types = profile.sam.types.iter_mut();
            types.for_each(|kind| kind.keys.retain(|own| own != key));
            Some(())
        }
        _ => None,
    }
}

fn byte(digits: &str) -> Option<u8> {
    u8::from_str_radix(digits, 16).ok()
}

fn word(digits: &str) -> Option<u16> {
    u16::from_str_radix(digits, 16).ok()
}

fn access(words: &[&str]) -> Option<Access> {
    Some(match *words {
        ["free"] => Access::Free,
        ["never"] => Access::Never,
        ["key", name] => Access::Key(name.to_owned()),
        _ => return None,
    })
}

fn file(profile: &mut Profile, path: &str, field: &str, value: &[&str]) -> Option<()> {
    let file = profile.files.iter_mut().find(|file| file.path == path)?;
    let first = *value.first()?;
    match field {
        "size" => file.size = first.parse().ok()?,
        "records" => file.records = first.parse().ok()?,
        "fill" => file.fill = Some(byte(first)?),
        "fid" => file.fid = word(first)?,
        "read" => file.read = access(value)?,
        "update" => file.update = access(value)?,
        "erase" => file.erase = access(value)?,
        "address" => {
            file.address = match first {
                "position" => RecordAddress::Position,
                "tag" => RecordAddress::TagOrPosition,
                _ => return None,
            };
        }
        _ => return None,
    }
    Some(())
}

fn key(profile: &mut Profile, name: &str, field: &str, value: &str) -> Option<()> {
    let key = profile.keys.iter_mut().find(|key| key.name == name)?;
    match field {
        "kid" => key.kid = byte(value)?,
        "groups" => key.groups = value.parse().ok()?,
        "error_limit" => key.error_limit = value.parse().ok()?,
        "sam_index" => key.sam_index = byte(value)?,
        "sam_usage" => key.sam_usage = byte(value)?,
        _ => return None,
    }
    Some(())
}

fn df(profile: &mut Profile, name: &str, field: &str, value: &str) -> Option<()> {
    let df = profile.dfs.iter_mut().find(|df| df.name == name)?;
    match field {
        "fid" => df.fid = word(value)?,
        "name" => df.df_name = Some(value.to_owned().try_into().ok()?),
        "block" => {
            df.block = match value {
                "command" => BlockRule::Command,
                "mac-errors" => BlockRule::MacErrors,
                _ => return None,
            };
        }
        _ => return None,
    }
    Some(())
}
