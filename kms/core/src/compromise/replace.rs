//! What replaces keys that are open: the next version where there is one, new roots and new cards where there is none.

use std::collections::BTreeMap;

use cardlib_card::profile::{Key, Profile};

use super::{Reach, Replacement};

/// How a key that is open can be replaced.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Way {
    /// A version later than every open one is on the cards.
    NextVersion,
    /// The last version is open too: nothing on the cards is left to turn to.
    NoVersionLeft,
    /// One group, which changes with the card only.
    OneGroup,
}

/// By names of keys: next version for keys that have one left, a ceremony for new roots and new cards for the others.
pub(super) fn versions(
    profile: &Profile,
    reach: &Reach,
    place: &str,
    place_zh: &str,
) -> Vec<Replacement> {
    let mut highest: BTreeMap<&str, u8> = BTreeMap::new();
    for id in &reach.keys {
        let (name, version) = id.split_once('/').unwrap_or((id, "0"));
        let latest = highest.entry(name).or_default();
        *latest = version.parse().unwrap_or(0).max(*latest);
    }
    let mut ways: BTreeMap<Way, Vec<&str>> = BTreeMap::new();
    for (name, version) in highest {
        if let Some(key) = profile.key(name) {
            ways.entry(way(key, version)).or_default().push(name);
        }
    }
    let one = |(way, names): (Way, Vec<&str>)| words(way, &names, reach, place, place_zh);
    ways.into_iter().map(one).collect()
}

fn way(key: &Key, highest_open: u8) -> Way {
    if key.groups == 1 {
        Way::OneGroup
    } else if highest_open.saturating_add(1) < key.groups {
        Way::NextVersion
    } else {
        Way::NoVersionLeft
    }
}

fn words(way: Way, names: &[&str], reach: &Reach, place: &str, place_zh: &str) -> Replacement {
    let (count, sams, cards) = (names.len(), reach.sams, reach.cards);
    let list = names.join(", ");
    match way {
        Way::NextVersion => Replacement {
            what: format!("{count} keys with versions, {place}"),
            by: format!(
                "the next version (D12): re-key {sams} SAMs, switch terminals, retire the old one"
            ),
            by_zh: format!(
                "{place_zh}：启用下一版本（D12），{sams} 张SAM卡换密钥，终端切换，旧版本退役"
            ),
        },
        Way::NoVersionLeft => Replacement {
            what: format!("{count} keys whose last version is open too, {place}: {list}"),
            by: format!(
                "no further version exists: a ceremony for new roots, handed down anew, and with them new cards: {cards}, \
                 new SAMs: {sams}"
            ),
            by_zh: format!(
                "{place_zh}：已无后续版本，须举行密钥仪式产生新的根密钥并重新下发，换卡 {cards} 张，换SAM卡 {sams} 张"
            ),
        },
        Way::OneGroup => Replacement {
            what: format!("{count} keys with one group, {place}: {list}"),
            by: format!("new roots, and with them new cards: {cards}"),
            by_zh: format!("{place_zh}：更换根密钥并换卡 {cards} 张"),
        },
    }
}
