//! The script for a SAM in use (D12, D45, `docs/cos-dialect.md` *A SAM in use*): a session under SMK_P that brings key versions
//! in and takes them out, sets ceilings, locks, unlocks or destroys.

use super::builder::Builder;
use super::sam::{self, master_of};
use super::template::Value;
use super::{BaseKey, Dialect, DialectError, Plan};
use crate::profile::{Key, Profile};

/// One thing that the issuer does with a SAM in use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deed {
    /// Brings a version of a key in; what stood in its place goes.
    Write {
        /// Key name.
        key: String,
        /// Version.
        version: u8,
    },
    /// Takes a version out: DELIVERY answers 6A88 from then on.
    Retire {
        /// Key name.
        key: String,
        /// Version.
        version: u8,
    },
    /// So many uses in all; 0 takes the ceiling away.
    Ceiling {
        /// Key name.
        key: String,
        /// Version.
        version: u8,
        /// Uses.
        limit: u32,
    },
    /// No use until it is unlocked.
    Lock,
    /// Back in use.
    Unlock,
    /// Everything is overwritten.
    Destroy,
}

/// The script, for exactly this counter. It ends with a second opening, whose cryptogram nobody can foretell who has neither
/// SMK_P nor this SAM: the SAM's receipt. A destroyed SAM gives none.
///
/// # Errors
/// A key is not in the profile, or the counter is at its end.
pub fn in_use(
    dialect: &Dialect,
    profile: &Profile,
    counter: u32,
    deeds: &[Deed],
) -> Result<Plan, DialectError> {
    let version = master_of(profile, BaseKey::SmkP)?;
    let mut out = Builder::new(dialect);
    out.open_held(BaseKey::SmkP, version, counter);
    out.phase("open");
    for deed in deeds {
        put(profile, deed, &mut out)?;
    }
    out.phase("keys");
    if !deeds.contains(&Deed::Destroy) {
        out.open_held(BaseKey::SmkP, version, counter + 1);
        out.phase("finish");
    }
    Ok(out.finish())
}

fn put(profile: &Profile, deed: &Deed, out: &mut Builder<'_>) -> Result<(), DialectError> {
    let place = |name: &str, version: u8| -> Result<Vec<(&'static str, Value)>, DialectError> {
        let key = known(profile, name)?;
        Ok(vec![
            ("index", Value::Number(u32::from(key.sam_index))),
            ("version", Value::Number(u32::from(version))),
        ])
    };
    match deed {
        Deed::Write { key, version } => {
            sam::write_key(profile, known(profile, key)?, *version, out)
        }
        Deed::Retire { key, version } => out.command("retire-key", place(key, *version)?),
        Deed::Ceiling {
            key,
            version,
            limit,
        } => {
            let mut values = place(key, *version)?;
            values.push(("limit", Value::Number(*limit)));
            out.command("set-ceiling", values)
        }
        Deed::Lock => out.command("lock-sam", vec![]),
        Deed::Unlock => out.command("unlock-sam", vec![]),
        Deed::Destroy => out.command("destroy-sam", vec![]),
    }
}

fn known<'p>(profile: &'p Profile, name: &str) -> Result<&'p Key, DialectError> {
    profile
        .key(name)
        .ok_or_else(|| DialectError::Mismatch(format!("the profile has no key {name}")))
}
