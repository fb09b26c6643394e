//! Which keys there are, which tier holds which, and what each may do there: 21 card keys by version, four service
//! keys, the makers' transport keys, two SM2 key pairs.

use cardlib_card::profile::{FactorKind, Profile, Scope};

use crate::port::{BaseClass, Export, KeySpec, KeyUse, Ways};
use crate::testkeys;
use crate::tier::{Factor, Tier};

/// Security code key (D22).
pub const CVK: &str = "CVK";
/// Card master key (D39).
pub const CMK: &str = "CMK";
/// SAM master key of the national stage (D40).
pub const SMK_N: &str = "SMK_N";
/// SAM master key of the provincial stage (D40).
pub const SMK_P: &str = "SMK_P";
/// The ministry's SM2 key that signs issuer certificates (D20).
pub const SM2_ROOT: &str = "SM2_ROOT";
/// A province's SM2 key that signs SAM certificates (D21).
pub const SM2_ISSUER: &str = "SM2_ISSUER";

/// Seals the record of a key service; born in each HSM, leaves none.
pub const AUDIT_CHAIN: &str = "AUDIT_CHAIN";
/// Signs the record's checkpoints; likewise.
pub const AUDIT_SIGN: &str = "AUDIT_SIGN";

/// The two keys of a key service's own record.
#[must_use]
pub fn audit_keys() -> [KeySpec; 2] {
    let chain = KeySpec {
        id: key_id(AUDIT_CHAIN, 0),
        name: AUDIT_CHAIN.to_owned(),
        version: 0,
        usage: KeyUse::Mac,
        ways: Ways::default(),
        depth: 0,
        is_key_pair: false,
    };
    [chain, key_pair(AUDIT_SIGN, KeyUse::Sign)]
}

/// Id of a key version: `RK1_DDF1/1`.
#[must_use]
pub fn key_id(name: &str, version: u8) -> String {
    use std::fmt::Write as _;
    // With room for everything at once: a script names some sixty.
    let mut id = String::with_capacity(name.len() + "/255".len());
    id.push_str(name);
    // A string takes whatever is written to it.
    let _ = write!(id, "/{version}");
    id
}

/// Id of a maker's transport key for cards or SAMs, by vendor code.
#[must_use]
pub fn transport_id(class: BaseClass, vendor: [u8; 2]) -> String {
    key_id(&transport_name(class, vendor), 0)
}

fn transport_name(class: BaseClass, vendor: [u8; 2]) -> String {
    let kind = if class == BaseClass::SamTransport {
        "SAM_TRANSPORT"
    } else {
        "TRANSPORT"
    };
    format!("{kind}_{}", hex::encode_upper(vendor))
}

/// A root that is born at a tier, with the label of its public test value.
pub struct Root {
    /// The key.
    pub spec: KeySpec,
    /// Label of D31–D36.
    pub test_label: String,
}

/// The roots born at this tier: national at the ministry, provincial at the province, none at a prefecture.
#[must_use]
pub fn roots(profile: &Profile, tier: &Tier) -> Vec<Root> {
    let (scope, province) = match tier {
        Tier::Ministry => (Scope::National, ""),
        Tier::Province(_) => (Scope::Provincial, tier.province().unwrap_or_default()),
        Tier::Prefecture(_) => return Vec::new(),
    };
    let label = |name: &str, version| match scope {
        Scope::National => testkeys::national_root(name, version),
        Scope::Provincial => testkeys::provincial_root(province, name, version),
    };
    let card = profile
        .key_instances()
        .filter(|instance| instance.key.scope == scope)
        .map(|instance| Root {
            spec: card_key(
                &instance.key.name,
                instance.version,
                instance.key.levels(),
                scope,
            ),
            test_label: label(&instance.key.name, instance.version),
        });
    let service = profile
        .service_keys
        .iter()
        .filter(|key| key.scope == scope)
        .filter_map(|key| {
            Some(Root {
                spec: service_key(&key.name)?,
                test_label: label(&key.name, 0),
            })
        });
    let pair = match scope {
        Scope::National => Root {
            spec: key_pair(SM2_ROOT, KeyUse::SignByOrder),
            test_label: testkeys::SM2_ROOT.to_owned(),
        },
        Scope::Provincial => Root {
            spec: key_pair(SM2_ISSUER, KeyUse::Sign),
            test_label: testkeys::sm2_issuer(province),
        },
    };
    card.chain(service).chain([pair]).collect()
}

/// A maker's transport master, for cards or SAMs.
#[must_use]
pub fn transport(class: BaseClass, vendor: [u8; 2]) -> KeySpec {
    let name = transport_name(class, vendor);
    KeySpec {
        id: key_id(&name, 0),
        name,
        version: 0,
        usage: KeyUse::SessionBase(class),
        ways: Ways::default(),
        depth: 0,
        is_key_pair: false,
    }
}

/// Transport keys that a tier needs: cards below the ministry, SAMs (national stage) at the ministry.
#[must_use]
pub fn transport_classes(tier: &Tier) -> &'static [BaseClass] {
    match tier {
        Tier::Ministry => &[BaseClass::SamTransport],
        Tier::Province(_) | Tier::Prefecture(_) => &[BaseClass::CardTransport],
    }
}

/// A card key in its root form. A SAM takes roots (depth 0), a card what is diversified at every level; national keys
/// leave the ministry only diversified by the province factor.
fn card_key(name: &str, version: u8, levels: u8, scope: Scope) -> KeySpec {
    let hsm = if scope == Scope::National { 1 } else { 0 };
    let ways = Ways {
        hsm: Some(hsm),
        sam: Some(0),
        card: Some(levels),
    };
    KeySpec {
        id: key_id(name, version),
        name: name.to_owned(),
        version,
        usage: KeyUse::Derive,
        ways,
        depth: 0,
        is_key_pair: false,
    }
}

fn service_key(name: &str) -> Option<KeySpec> {
    let (usage, ways) = match name {
        CVK => (
            KeyUse::Mac,
            Ways {
                hsm: Some(0),
                ..Ways::default()
            },
        ),
        CMK => (
            KeyUse::SessionBase(BaseClass::CardMaster),
            Ways {
                hsm: Some(0),
                card: Some(1),
                ..Ways::default()
            },
        ),
        SMK_N => (
            KeyUse::SessionBase(BaseClass::SamMaster),
            Ways {
                sam: Some(1),
                ..Ways::default()
            },
        ),
        SMK_P => (
            KeyUse::SessionBase(BaseClass::SamMaster),
            Ways {
                hsm: Some(1),
                sam: Some(2),
                ..Ways::default()
            },
        ),
        _ => return None,
    };
    Some(KeySpec {
        id: key_id(name, 0),
        name: name.to_owned(),
        version: 0,
        usage,
        ways,
        depth: 0,
        is_key_pair: false,
    })
}

fn key_pair(name: &str, usage: KeyUse) -> KeySpec {
    KeySpec {
        id: key_id(name, 0),
        name: name.to_owned(),
        version: 0,
        usage,
        ways: Ways::default(),
        depth: 0,
        is_key_pair: true,
    }
}

/// What `upper` hands down to `lower` in `rhc-2012` (D4): the ministry its national keys derived for the province, the
/// province all card keys, CVK and CMK unchanged. Ways out shrink: a root for SAMs never goes below its owner.
#[must_use]
pub fn hand_down(profile: &Profile, upper: &Tier, lower: &Tier) -> Vec<Export> {
    if !upper.is_directly_above(lower) {
        return Vec::new();
    }
    let (factors, last): (Vec<Factor>, bool) = match upper {
        Tier::Ministry => (lower.province_factor().into_iter().collect(), false),
        _ => (Vec::new(), true),
    };
    let hsm = |depth: u8| (!last).then_some(depth);
    let card = profile
        .key_instances()
        .filter(|instance| last || instance.key.scope == Scope::National)
        .map(|instance| Export {
            id: key_id(&instance.key.name, instance.version),
            factors: factors.clone(),
            ways: Ways {
                hsm: hsm(1),
                sam: None,
                card: Some(instance.key.levels()),
            },
        });
    let service: Vec<Export> = if last {
        let cmk = Ways {
            card: Some(1),
            ..Ways::default()
        };
        [(CVK, Ways::default()), (CMK, cmk)]
            .map(|(name, ways)| Export {
                id: key_id(name, 0),
                factors: Vec::new(),
                ways,
            })
            .into()
    } else {
        vec![Export {
            id: key_id(SMK_P, 0),
            factors: factors.clone(),
            ways: Ways::default(),
        }]
    };
    card.chain(service).collect()
}

/// Factors that take a key from where `tier` holds it to one chip (D2, D3): those of its list that were not applied
/// on the way here. `province` names the province for the ministry, which holds national roots.
#[must_use]
pub fn remaining_factors(
    list: &[FactorKind],
    tier: &Tier,
    province: Factor,
    chip: Factor,
) -> Vec<Factor> {
    list.iter()
        .filter_map(|kind| match kind {
            FactorKind::Province if matches!(tier, Tier::Ministry) => Some(province),
            FactorKind::Province | FactorKind::Prefecture => None,
            FactorKind::Card | FactorKind::Chip => Some(chip),
        })
        .collect()
}

/// Factor list of a card key or service key; none for other names.
#[must_use]
pub fn factor_list<'p>(profile: &'p Profile, name: &str) -> Option<&'p [FactorKind]> {
    let card = profile.key(name).map(|key| key.factors.as_slice());
    card.or_else(|| profile.service_key(name).map(|key| key.factors.as_slice()))
}

/// At which tier the present form of a key was made, and the factor behind it, for the key table.
#[must_use]
pub fn provenance(
    profile: &Profile,
    name: &str,
    depth: u8,
    tier: &Tier,
) -> (&'static str, Option<Factor>) {
    let national = profile
        .key(name)
        .map(|key| key.scope)
        .or_else(|| profile.service_key(name).map(|key| key.scope));
    match (national, depth) {
        (Some(Scope::National), 0) => ("ministry", None),
        (Some(Scope::National), _) => ("province", tier.province_factor()),
        (Some(Scope::Provincial), _) => ("province", None),
        (None, _) if name == SM2_ROOT => ("ministry", None),
        (None, _) if name == SM2_ISSUER => ("province", None),
        (None, _) => ("maker", None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tier(name: &str, area: &str) -> Tier {
        Tier::new(name, area).unwrap()
    }

    #[test]
    fn every_card_key_is_born_once() {
        let profile = Profile::rhc_2012();
        let national = roots(profile, &Tier::Ministry);
        let provincial = roots(profile, &tier("province", "41"));
        assert_eq!(
            national.len(),
            38 + 2 + 1,
            "38 national instances, SMK_N, SMK_P, the root key pair"
        );
        assert_eq!(
            provincial.len(),
            19 + 2 + 1,
            "19 provincial instances, CVK, CMK, the issuer key pair"
        );
        assert!(roots(profile, &tier("prefecture", "4101")).is_empty());
        let labels: Vec<_> = provincial
            .iter()
            .map(|root| root.test_label.as_str())
            .collect();
        assert!(
            labels.contains(&"RHC-TEST-41-UK2_DF03-v3")
                && labels.contains(&"RHC-TEST-SM2-ISSUER-41")
        );
        assert!(
            national
                .iter()
                .any(|root| root.test_label == "RHC-TEST-IRK_DDF1-v1")
        );
    }

    #[test]
    fn hand_down_keeps_sam_roots_at_their_owner() {
        let profile = Profile::rhc_2012();
        let province = tier("province", "41");
        let first = hand_down(profile, &Tier::Ministry, &province);
        assert_eq!(
            first.len(),
            38 + 1,
            "national keys and SMK_P; never SMK_N or the root"
        );
        assert!(
            first
                .iter()
                .all(|e| e.factors == [*b"41000000"] && e.ways.sam.is_none())
        );
        let second = hand_down(profile, &province, &tier("prefecture", "4101"));
        assert_eq!(second.len(), 57 + 2);
        assert!(
            second
                .iter()
                .all(|e| e.factors.is_empty() && e.ways.sam.is_none() && e.ways.hsm.is_none())
        );
        assert!(hand_down(profile, &Tier::Ministry, &tier("prefecture", "4101")).is_empty());
    }

    #[test]
    fn a_chip_gets_the_factors_that_are_left() {
        let list = [FactorKind::Province, FactorKind::Card];
        let (province, chip) = (*b"41000000", [7; 8]);
        assert_eq!(
            remaining_factors(&list, &Tier::Ministry, province, chip),
            [province, chip]
        );
        assert_eq!(
            remaining_factors(&list, &tier("prefecture", "4101"), province, chip),
            [chip]
        );
        assert!(
            remaining_factors(&[], &tier("province", "41"), province, chip).is_empty(),
            "CVK"
        );
    }
}
