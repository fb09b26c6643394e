//! The card's keys and the service keys.

use super::{Checked, ensure, unique};
use crate::profile::{FactorKind, Key, KeyClass, Profile, Scope, ServiceKey, ServiceUse};

/// Kinds of the SAM's usage byte (SAM 4.3) that user-card keys take.
const ENCRYPT: u8 = 7;
const MAC_AND_ENCRYPT: u8 = 8;

pub(super) fn check(profile: &Profile) -> Checked {
    let all = || profile.keys.iter();
    let names = all()
        .map(|k| &k.name)
        .chain(profile.service_keys.iter().map(|k| &k.name));
    unique(names.map(|n| (n.as_str(), n.clone())), "R80", "the name")?;
    unique(
        all().map(|k| (k.sam_index, k.name.clone())),
        "SAM 4.4",
        "the SAM index",
    )?;
    let looked_up = || all().filter(|k| k.class.authenticates());
    unique(
        looked_up().map(|k| ((k.df.as_str(), k.kid), k.name.clone())),
        "R31",
        "the KID in this directory",
    )?;
    all().try_for_each(|k| key(profile, k))?;
    profile.service_keys.iter().try_for_each(service_key)?;
    for df in &profile.dfs {
        for class in [KeyClass::Maintenance, KeyClass::Lock, KeyClass::Internal] {
            let count = profile
                .keys_of(&df.name)
                .filter(|k| k.class == class)
                .count();
            ensure(count <= 1, &df.name, "user card 2.3", || {
                format!("{count} keys of class {class:?}")
            })?;
        }
    }
    totals(profile)
}

fn totals(profile: &Profile) -> Checked {
    let (keys, instances) = (profile.keys.len(), profile.key_instances().count());
    let totals = &profile.totals;
    ensure(keys == totals.keys, "totals", "user card 2.3", || {
        format!("{keys} keys, {} announced", totals.keys)
    })?;
    ensure(instances == totals.key_instances, "totals", "D12", || {
        format!(
            "{instances} key instances, {} announced",
            totals.key_instances
        )
    })
}

fn key(profile: &Profile, key: &Key) -> Checked {
    let item = key.name.as_str();
    ensure(profile.df(&key.df).is_some(), item, "R31", || {
        format!("directory {} does not exist", key.df)
    })?;
    ensure((1..=8).contains(&key.groups), item, "SAM 4.4", || {
        "1 to 8 groups: a version has three bits".into()
    })?;
    ensure((1..=0x1F).contains(&key.sam_index), item, "SAM 4.4", || {
        "a SAM index has five bits, from 1".into()
    })?;
    ensure(key.sam_usage >> 5 == key.levels(), item, "D4", || {
        format!(
            "usage byte {:02X} does not carry {} levels",
            key.sam_usage,
            key.levels()
        )
    })?;
    let kind = if key.class == KeyClass::Maintenance {
        MAC_AND_ENCRYPT
    } else {
        ENCRYPT
    };
    let kind = if key.class == KeyClass::Internal {
        ENCRYPT
    } else {
        kind
    };
    ensure(key.sam_usage & 0x1F == kind, item, "R52", || {
        format!("usage byte {:02X} is not of kind {kind}", key.sam_usage)
    })?;
    let limit = if key.class.authenticates() {
        profile.assumed.key_error_limit.value
    } else {
        0
    };
    ensure(key.error_limit == limit, item, "D11", || {
        format!("its error limit must be {limit}")
    })?;
    let version = profile.flow_version(key);
    ensure(version < key.groups, item, "D12", || {
        format!("flows use version {version}, which it lacks")
    })?;
    ensure(!matches!(key.kid, 0x00 | 0xFF), item, "cos-dialect", || {
        "KIDs 00 and FF mean free and never".into()
    })?;
    factors(item, key.scope, &key.factors, FactorKind::Card)
}

fn service_key(key: &ServiceKey) -> Checked {
    let item = key.name.as_str();
    match key.purpose {
        ServiceUse::SecurityCode => ensure(
            key.factors.is_empty() && key.base_version.is_none(),
            item,
            "R60",
            || "is not diversified and opens no session".into(),
        ),
        ServiceUse::CardMaster => {
            ensure(key.base_version.is_some(), item, "D26", || {
                "needs a base version".into()
            })?;
            factors(item, key.scope, &key.factors, FactorKind::Card)
        }
        ServiceUse::SamMaster => {
            ensure(key.base_version.is_some(), item, "D40", || {
                "needs a base version".into()
            })?;
            ensure(
                key.factors.last() == Some(&FactorKind::Chip),
                item,
                "D40",
                || "ends with the chip serial".into(),
            )
        }
    }
}

/// Derivation runs from province over prefecture to the card, each at most once; a province's own root skips its step.
fn factors(item: &str, scope: Scope, factors: &[FactorKind], last: FactorKind) -> Checked {
    let rank = |factor: &FactorKind| match factor {
        FactorKind::Province => 0,
        FactorKind::Prefecture => 1,
        FactorKind::Card | FactorKind::Chip => 2,
    };
    let rising = factors
        .windows(2)
        .all(|pair| rank(&pair[0]) < rank(&pair[1]));
    ensure(rising && factors.last() == Some(&last), item, "D2", || {
        "factors run province, prefecture, card, and end with the card's".into()
    })?;
    let starts_at_province = factors.first() == Some(&FactorKind::Province);
    ensure(
        starts_at_province == (scope == Scope::National),
        item,
        "R51",
        || "a national key begins with the province factor, a provincial one after it".into(),
    )
}
