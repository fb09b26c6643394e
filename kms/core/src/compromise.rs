//! The compromise drill: what the loss of a key, SAM, prefecture, province or maker touches, and what replaces it
//! (`docs/key-hierarchy.md`, *What a loss means*), counted over a population of cards and SAMs.
//!
//! National and provincial reach are kept apart: a national key opens every card of the country for its version, a provincial
//! one the cards of its province. A key with versions is replaced by the next one (D12), a one-group key by new cards.

use std::collections::{BTreeMap, BTreeSet};

use cardlib_card::profile::{Key, Profile, Scope};
use serde::{Deserialize, Serialize};

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

/// What a kind of loss means, in words.
struct Meaning {
    kind: &'static str,
    not_open: &'static str,
    not_open_zh: &'static str,
    replaced: &'static [(&'static str, &'static str, &'static str)],
}

/// The table of `docs/key-hierarchy.md`. Versions and cards are added by [`report`].
const MEANINGS: &[Meaning] = &[
    Meaning {
        kind: "sam",
        not_open: "other provinces' provincial keys; SM2 keys of other SAMs",
        not_open_zh: "其他省的省级密钥；其他SAM卡的SM2密钥",
        replaced: &[(
            "its serial and certificate",
            "black-list at the registries; take its chip serial off every delivery list",
            "由登记系统列入黑名单，并从交付清单中剔除其芯片序列号",
        )],
    },
    Meaning {
        kind: "key",
        not_open: "other keys: each is drawn for itself",
        not_open_zh: "其他密钥：各密钥独立产生",
        replaced: &[],
    },
    Meaning {
        kind: "prefecture",
        not_open: "other provinces; making cards beyond its tickets needs the HSM's own counters undone",
        not_open_zh: "其他省；超出工单制卡须先破坏密码机计数器",
        replaced: &[(
            "its HSM and service identities",
            "revoke its certificates, confirm a new HSM, hand down the next version",
            "吊销其证书，确认新密码机并下发下一版本",
        )],
    },
    Meaning {
        kind: "province",
        not_open: "roots of national keys; other provinces",
        not_open_zh: "全国密钥的根；其他省",
        replaced: &[
            (
                "its roots",
                "a ceremony of the province: new provincial roots",
                "省级密钥仪式：产生新的省级根密钥",
            ),
            (
                "its issuer key",
                "a new key pair, certified by the ministry; SAM certificates anew",
                "新密钥对由部级签发证书，并重签SAM证书",
            ),
        ],
    },
    Meaning {
        kind: "maker",
        not_open: "personalised cards and SAMs: the master key replaced the transport key",
        not_open_zh: "已个人化的卡与SAM：主控密钥已替换传输密钥",
        replaced: &[(
            "the blanks on the way",
            "take them back; the maker's next product gets a key of its own",
            "召回在途空白卡；卡商下一产品使用独立的传输密钥",
        )],
    },
];

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

/// An open key, its version, and whether it reaches the whole country.
type Open = (String, u8, bool);

impl Loss {
    fn meaning(&self) -> &'static Meaning {
        let kind = match self {
            Self::Sam { .. } => "sam",
            Self::Key { .. } => "key",
            Self::Prefecture { .. } => "prefecture",
            Self::Province { .. } => "province",
            Self::Maker { .. } => "maker",
        };
        MEANINGS
            .iter()
            .find(|meaning| meaning.kind == kind)
            .unwrap_or(&MEANINGS[0])
    }

    fn words(&self) -> String {
        match self {
            Self::Key {
                name,
                version,
                province: Some(province),
            } => format!("key {name}/{version} of province {province}"),
            Self::Key { name, version, .. } => format!("key {name}/{version}, root"),
            Self::Sam {
                serial,
                sam_type,
                province,
                ..
            } => format!("SAM {serial} of type {sam_type}, province {province}"),
            Self::Prefecture { area } => format!("the HSM of prefecture {area}"),
            Self::Province { area } => format!("the HSM of province {area}"),
            Self::Maker { vendor } => format!("the transport keys of maker {vendor}"),
        }
    }

    /// Card keys that are open, each with its reach, and the province where that is provincial. A national key in the form that was
    /// derived for a province reaches that province only.
    fn opens(&self, profile: &Profile) -> (BTreeSet<Open>, String) {
        let everywhere = |name: &str| profile.key(name).map(|key| key.scope == Scope::National);
        match self {
            Self::Key {
                name,
                version,
                province,
            } => {
                let known = everywhere(name).map(|_| province.is_none());
                let open = known.map(|reach| (name.clone(), *version, reach));
                (
                    open.into_iter().collect(),
                    province.clone().unwrap_or_default(),
                )
            }
            Self::Sam { province, held, .. } => {
                let open = held.iter().filter_map(|(name, version)| {
                    Some((name.clone(), *version, everywhere(name)?))
                });
                (open.collect(), province.clone())
            }
            // Both hold national keys as they were derived for the province, and the province's own.
            Self::Prefecture { area } | Self::Province { area } => {
                let open = profile
                    .key_instances()
                    .map(|one| (one.key.name.clone(), one.version, false));
                let province = area.get(..2).unwrap_or_default().to_owned();
                (open.collect(), province)
            }
            Self::Maker { .. } => (BTreeSet::new(), String::new()),
        }
    }
}

fn reach(
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

/// Next version for keys that have versions, new cards for those that have one group.
fn versions(profile: &Profile, reach: &Reach, place: &str, place_zh: &str) -> Vec<Replacement> {
    let key = |id: &str| -> Option<&Key> { profile.key(id.split('/').next().unwrap_or_default()) };
    let (rotate, single): (Vec<&String>, Vec<&String>) = reach
        .keys
        .iter()
        .partition(|id| key(id).is_some_and(|key| key.groups > 1));
    let mut out = Vec::new();
    if !rotate.is_empty() {
        let (sams, count) = (reach.sams, rotate.len());
        out.push(Replacement {
            what: format!("{count} keys with versions, {place}"),
            by: format!(
                "the next version (D12): re-key {sams} SAMs, switch terminals, retire the old one"
            ),
            by_zh: format!(
                "{place_zh}：启用下一版本（D12），{sams} 张SAM卡换密钥，终端切换，旧版本退役"
            ),
        });
    }
    if !single.is_empty() {
        let (cards, count) = (reach.cards, single.len());
        let names: Vec<_> = single
            .iter()
            .map(|id| id.split('/').next().unwrap_or_default())
            .collect();
        out.push(Replacement {
            what: format!("{count} keys with one group, {place}: {}", names.join(", ")),
            by: format!("new roots, and with them new cards: {cards}"),
            by_zh: format!("{place_zh}：更换根密钥并换卡 {cards} 张"),
        });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn card(number: u32, area: &str, state: &str) -> CardFact {
        CardFact {
            factor: format!("{number:016X}"),
            area: area.to_owned(),
            state: state.to_owned(),
        }
    }

    fn sam(number: u32, sam_type: u8, area: &str) -> SamFact {
        SamFact {
            serial: format!("{number:020}"),
            chip_serial: format!("{number:016X}"),
            sam_type,
            area: area.to_owned(),
            state: "active".to_owned(),
        }
    }

    fn population() -> Population {
        Population {
            cards: vec![
                card(1, "410100", "active"),
                card(2, "410200", "lost"),
                card(3, "410100", "cancelled"),
                card(4, "420100", "active"),
                card(5, "420100", "voided"),
            ],
            sams: vec![
                sam(1, 1, "4101"),
                sam(2, 5, "41"),
                sam(3, 1, "4201"),
                sam(4, 4, "4101"),
            ],
            blanks: [("5454".to_owned(), 7)].into(),
        }
    }

    fn lost_sam(sam_type: u8) -> Loss {
        let profile = Profile::rhc_2012();
        let kind = profile.sam_type(sam_type).unwrap();
        let held = kind.keys.iter().map(|name| {
            let version = u8::from(profile.key(name).unwrap().groups > 1);
            (name.clone(), version)
        });
        Loss::Sam {
            serial: "41010520260000001234".to_owned(),
            sam_type,
            province: "41".to_owned(),
            held: held.collect(),
        }
    }

    #[test]
    fn a_check_terminals_sam_reaches_the_country_and_no_provincial_key() {
        let report = report(Profile::rhc_2012(), &lost_sam(1), &population());
        assert_eq!(report.national.keys.len(), 5);
        assert_eq!(
            (report.national.cards, report.national.cards_out_of_use),
            (3, 1)
        );
        assert_eq!(report.national.sams, 4, "type 4 holds IRK too");
        assert_eq!(report.provincial, Reach::default());
        assert_eq!(report.replaced_by.len(), 2, "black list and next version");
    }

    #[test]
    fn an_issuers_sam_reaches_its_province_with_provincial_keys() {
        let report = report(Profile::rhc_2012(), &lost_sam(5), &population());
        assert_eq!(report.national.cards, 3);
        assert_eq!(report.provincial.cards, 2, "the two in province 41");
        assert_eq!(
            report.provincial.sams, 1,
            "provincial keys with versions: type 5 only"
        );
        assert_eq!(
            report.provincial.institutions,
            [("4100".to_owned(), 1)].into()
        );
        assert_eq!(report.replaced_by.len(), 5);
    }

    #[test]
    fn a_prefecture_opens_its_province_and_a_maker_blanks_only() {
        let area = "4101".to_owned();
        let lost = report(
            Profile::rhc_2012(),
            &Loss::Prefecture { area },
            &population(),
        );
        assert_eq!((lost.national.cards, lost.provincial.cards), (0, 2));
        assert_eq!(lost.provincial.keys.len(), 57);
        let vendor = "5454".to_owned();
        let lost = report(Profile::rhc_2012(), &Loss::Maker { vendor }, &population());
        assert_eq!(
            (lost.national.cards, lost.provincial.cards, lost.blanks),
            (0, 0, 7)
        );
    }

    #[test]
    fn every_kind_of_loss_has_its_own_meaning() {
        let kinds: BTreeSet<_> = MEANINGS.iter().map(|meaning| meaning.kind).collect();
        assert_eq!(kinds.len(), MEANINGS.len());
    }
}
