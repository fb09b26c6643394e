//! What each kind of loss means, in words: the table of `docs/key-hierarchy.md`, *What a loss means*.

use std::collections::BTreeSet;

use cardlib_card::profile::{Profile, Scope};

use super::Loss;

/// What a kind of loss means, in words.
pub(super) struct Meaning {
    pub(super) kind: &'static str,
    pub(super) not_open: &'static str,
    pub(super) not_open_zh: &'static str,
    pub(super) replaced: &'static [(&'static str, &'static str, &'static str)],
}

/// The table of `docs/key-hierarchy.md`. Versions and cards are added by [`super::report`].
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
            "revoke its certificates, confirm a new HSM; it held every version, so it is handed none of them again",
            "吊销其证书，确认新密码机；其曾持有全部版本，原有版本不得再下发",
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

/// An open key, its version, and whether it reaches the whole country.
pub(super) type Open = (String, u8, bool);

impl Loss {
    pub(super) fn meaning(&self) -> &'static Meaning {
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

    pub(super) fn words(&self) -> String {
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
    pub(super) fn opens(&self, profile: &Profile) -> (BTreeSet<Open>, String) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_loss_has_its_own_meaning() {
        let kinds: BTreeSet<_> = MEANINGS.iter().map(|meaning| meaning.kind).collect();
        assert_eq!(kinds.len(), MEANINGS.len());
    }
}
