//! What open keys reach: cards, SAMs and institutions of a population, counted.

use std::collections::BTreeSet;

use cardlib_card::profile::Profile;

use super::meaning::Open;
use super::{Population, Reach};

pub(super) fn reach(
    profile: &Profile,
    open: &BTreeSet<Open>,
    province: Option<&str>,
    population: &Population,
) -> Reach {
    let mut out = Reach {
        keys: open
            .iter()
            .map(|(name, version, _)| crate::catalogue::key_id(name, *version))
            .collect(),
        ..Reach::default()
    };
    if open.is_empty() {
        return out;
    }
    let here = |area: &str| province.is_none_or(|province| area.starts_with(province));
    for card in population.cards.iter().filter(|card| here(&card.area)) {
        match card.state.as_str() {
            "active" | "lost" => out.cards += 1,
            "cancelled" => out.cards_out_of_use += 1,
            // Reserved and voided cards were never finished.
            _ => {}
        }
    }
    let names: BTreeSet<&str> = open
        .iter()
        .filter(|(name, ..)| profile.key(name).is_some_and(|key| key.groups > 1))
        .map(|(name, ..)| name.as_str())
        .collect();
    let holds = |sam_type: u8| {
        profile
            .sam_type(sam_type)
            .is_some_and(|kind| kind.keys.iter().any(|key| names.contains(key.as_str())))
    };
    let sams = population.sams.iter();
    for sam in sams.filter(|sam| sam.state == "active" && here(&sam.area) && holds(sam.sam_type)) {
        out.sams += 1;
        *out.sams_by_type.entry(sam.sam_type).or_default() += 1;
        let prefecture = format!("{:0<4.4}", sam.area);
        *out.institutions.entry(prefecture).or_default() += 1;
    }
    out
}
