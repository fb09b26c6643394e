//! The compromise drill: what the loss of a key, SAM, prefecture, province or maker touches, and what replaces it
//! (`docs/key-hierarchy.md`, *What a loss means*), counted over a population of cards and SAMs.
//!
//! National and provincial reach are kept apart: a national key opens every card of the country for its version, a provincial
//! one the cards of its province. A key with versions is replaced by the next one (D12), a one-group key by new cards.

use std::collections::{BTreeMap, BTreeSet};

use cardlib_card::profile::Profile;
use serde::{Deserialize, Serialize};

use reach::reach;
use replace::versions;

mod meaning;
mod reach;
mod replace;
#[cfg(test)]
mod tests;

/// Somebody else has it now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Loss {
    /// A key as this tier holds it; `province` is set where it is a province's root or derived for it.
    Key {
        /// Name.
        name: String,
        /// Version.
        version: u8,
        /// Whose it is; none for a national root.
        province: Option<String>,
    },
    /// A SAM, opened in a laboratory.
    Sam {
        /// SAM serial, or chip serial where there is none.
        serial: String,
        /// Type.
        sam_type: u8,
        /// Province.
        province: String,
        /// What it held: key and version.
        held: BTreeSet<(String, u8)>,
    },
    /// The HSM of a prefecture, opened.
    Prefecture {
        /// Four digits.
        area: String,
    },
    /// The roots of a province.
    Province {
        /// Two digits.
        area: String,
    },
    /// A maker's transport key.
    Maker {
        /// Vendor code.
        vendor: String,
    },
}

/// A card of the population. No person: factor and area only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CardFact {
    /// Card factor, hexadecimal.
    pub factor: String,
    /// Area, two to six digits.
    pub area: String,
    /// `active`, `lost`, … as the registry has it.
    pub state: String,
}

/// A SAM of the population.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SamFact {
    /// SAM serial (D19).
    pub serial: String,
    /// Chip serial, hexadecimal.
    pub chip_serial: String,
    /// 1 to 5.
    pub sam_type: u8,
    /// Area, two to six digits.
    pub area: String,
    /// `active`, …
    pub state: String,
}

/// What registries and key service know.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Population {
    /// Cards.
    pub cards: Vec<CardFact>,
    /// SAMs.
    pub sams: Vec<SamFact>,
    /// Blanks of a maker that were delivered and not yet made, by vendor code.
    #[serde(default)]
    pub blanks: BTreeMap<String, u64>,
}

/// What one kind of keys reaches.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reach {
    /// Keys and versions that are open: `RK1_DDF1/1`.
    pub keys: Vec<String>,
    /// Cards in use (active or lost) that these keys open.
    pub cards: u64,
    /// Cards taken out of use that they still open.
    pub cards_out_of_use: u64,
    /// SAMs in use that hold one of these keys and have to be re-keyed.
    pub sams: u64,
    /// Those SAMs by type.
    pub sams_by_type: BTreeMap<u8, u64>,
    /// Institutions, by prefecture (`00` behind the province: the province's own), that hold those SAMs.
    pub institutions: BTreeMap<String, u64>,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replacement {
    /// Of what.
    pub what: String,
    /// By what.
    pub by: String,
    /// The same in Chinese.
    pub by_zh: String,
}

/// The whole report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// In words.
    pub lost: String,
    /// Kind of loss.
    pub kind: String,
    /// What national keys reach: the whole population.
    pub national: Reach,
    /// What keys of one province reach.
    pub provincial: Reach,
    /// The province of the latter.
    pub province: Option<String>,
    /// Blanks that can be opened on their way.
    pub blanks: u64,
    /// What it does not open.
    pub not_open: String,
    /// The same in Chinese.
    pub not_open_zh: String,
    /// What replaces what.
    pub replaced_by: Vec<Replacement>,
}

/// The report on a loss.
#[must_use]
pub fn report(profile: &Profile, loss: &Loss, population: &Population) -> Report {
    let meaning = loss.meaning();
    let (open, province) = loss.opens(profile);
    let (national, provincial): (BTreeSet<_>, BTreeSet<_>) =
        open.into_iter().partition(|(_, _, everywhere)| *everywhere);
    let national = reach(profile, &national, None, population);
    let provincial = reach(profile, &provincial, Some(&province), population);
    let blanks = match loss {
        Loss::Maker { vendor } => population.blanks.get(vendor).copied().unwrap_or(0),
        _ => 0,
    };
    let mut replaced_by: Vec<Replacement> = meaning
        .replaced
        .iter()
        .map(|(what, by, by_zh)| Replacement {
            what: (*what).to_owned(),
            by: (*by).to_owned(),
            by_zh: (*by_zh).to_owned(),
        })
        .collect();
    replaced_by.extend(versions(profile, &national, "everywhere", "全国"));
    replaced_by.extend(versions(
        profile,
        &provincial,
        &format!("in province {province}"),
        &format!("省 {province}"),
    ));
    Report {
        lost: loss.words(),
        kind: meaning.kind.to_owned(),
        province: (!province.is_empty()).then_some(province),
        national,
        provincial,
        blanks,
        not_open: meaning.not_open.to_owned(),
        not_open_zh: meaning.not_open_zh.to_owned(),
        replaced_by,
    }
}
