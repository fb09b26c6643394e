//! Rotation of a tier's keys from one version to the next (D12): SAMs get n+1 and give n up, terminals switch, n retires.
//!
//! National keys are rotated by the ministry, provincial ones by their province: only the owner holds the roots that a SAM
//! takes. Cards hold all versions already. One-group keys change with the card only and take no part.

use cardlib_card::dialect::sam_use::Deed;
use cardlib_card::profile::{Key, Profile, Scope};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::tier::Tier;

/// Where a rotation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Asked for.
    Planned,
    /// Two officers have opened it: packages can be made.
    Open,
    /// Terminals use the new version.
    Switched,
    /// The old version is retired.
    Retired,
}

/// What a package does to its SAM.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// The new version in, the old one stays until terminals have switched.
    Add,
    /// The old version out.
    Retire,
    /// Both at once.
    Rekey,
    /// No use until unlocked: a straggler that is held back.
    Lock,
    /// Back in use.
    Unlock,
    /// A SAM that must never work again.
    Destroy,
}

/// What a rotation is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rotation {
    /// `rotation-1-2`.
    pub id: String,
    /// The version left behind.
    pub from: u8,
    /// The version that takes over.
    pub to: u8,
    /// Names of the keys that take part.
    pub keys: Vec<String>,
    /// Who asked.
    pub requester: String,
    /// Where it stands.
    pub phase: Phase,
}

/// A refusal, by name.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum RotationError {
    /// Versions that are none, or the same.
    #[error(
        "invalid-value: a rotation goes from one version of a key to another one that exists: 0 to {0}"
    )]
    Versions(u8),
    /// This tier owns no keys that rotate.
    #[error(
        "wrong-tier: a {0} owns no key with several versions; the ministry rotates national keys, a province its own"
    )]
    Tier(&'static str),
    /// The wrong moment.
    #[error("rotation-phase: {id} is {is:?}; {wanted}")]
    Phase {
        /// The rotation.
        id: String,
        /// Where it stands.
        is: Phase,
        /// What would be needed.
        wanted: &'static str,
    },
}

impl Phase {
    /// The word in files and tables.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Open => "open",
            Self::Switched => "switched",
            Self::Retired => "retired",
        }
    }
}

impl Action {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Add,
        Self::Retire,
        Self::Rekey,
        Self::Lock,
        Self::Unlock,
        Self::Destroy,
    ];

    /// The word in files and command lines.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Retire => "retire",
            Self::Rekey => "rekey",
            Self::Lock => "lock",
            Self::Unlock => "unlock",
            Self::Destroy => "destroy",
        }
    }

    /// From the word in files and command lines.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.as_str() == word)
    }

    /// Whether a SAM that has been through it does not open cards with the old version any more.
    #[must_use]
    pub fn ends_the_old(self) -> bool {
        matches!(
            self,
            Self::Retire | Self::Rekey | Self::Lock | Self::Destroy
        )
    }
}

/// The keys that a tier owns and that have versions.
fn own_keys<'p>(profile: &'p Profile, tier: &Tier) -> impl Iterator<Item = &'p Key> + use<'p> {
    let scope = match tier {
        Tier::Ministry => Some(Scope::National),
        Tier::Province(_) => Some(Scope::Provincial),
        Tier::Prefecture(_) => None,
    };
    profile
        .keys
        .iter()
        .filter(move |key| key.groups > 1 && Some(key.scope) == scope)
}

/// A rotation as it is asked for.
///
/// # Errors
/// [`RotationError`] for versions or a tier that cannot.
pub fn plan(
    profile: &Profile,
    tier: &Tier,
    (from, to): (u8, u8),
    requester: String,
) -> Result<Rotation, RotationError> {
    let groups = own_keys(profile, tier).map(|key| key.groups).min();
    let groups = groups.ok_or(RotationError::Tier(tier.name()))?;
    if from == to || from >= groups || to >= groups {
        return Err(RotationError::Versions(groups - 1));
    }
    Ok(Rotation {
        id: format!("rotation-{from}-{to}"),
        from,
        to,
        keys: own_keys(profile, tier)
            .map(|key| key.name.clone())
            .collect(),
        requester,
        phase: Phase::Planned,
    })
}

impl Rotation {
    /// Ids of its keys in a version.
    pub fn ids(&self, version: u8) -> impl Iterator<Item = String> {
        self.keys
            .iter()
            .map(move |name| crate::catalogue::key_id(name, version))
    }

    /// Whether a SAM of this type holds any of its keys.
    #[must_use]
    pub fn concerns(&self, profile: &Profile, sam_type: u8) -> bool {
        self.of_type(profile, sam_type).next().is_some()
    }

    fn of_type(&self, profile: &Profile, sam_type: u8) -> impl Iterator<Item = &String> {
        let held: &[String] = profile
            .sam_type(sam_type)
            .map_or(&[], |kind| kind.keys.as_slice());
        self.keys.iter().filter(|name| held.contains(name))
    }

    /// What is done to a SAM of a type.
    #[must_use]
    pub fn deeds(&self, profile: &Profile, sam_type: u8, action: Action) -> Vec<Deed> {
        let write = || {
            self.of_type(profile, sam_type).map(|key| Deed::Write {
                key: key.clone(),
                version: self.to,
            })
        };
        let retire = || {
            self.of_type(profile, sam_type).map(|key| Deed::Retire {
                key: key.clone(),
                version: self.from,
            })
        };
        match action {
            Action::Add => write().collect(),
            Action::Retire => retire().collect(),
            Action::Rekey => write().chain(retire()).collect(),
            Action::Lock => vec![Deed::Lock],
            Action::Unlock => vec![Deed::Unlock],
            Action::Destroy => vec![Deed::Destroy],
        }
    }

    /// Only in one of these phases.
    ///
    /// # Errors
    /// [`RotationError::Phase`].
    pub fn must_be(&self, phases: &[Phase], wanted: &'static str) -> Result<(), RotationError> {
        if phases.contains(&self.phase) {
            return Ok(());
        }
        Err(RotationError::Phase {
            id: self.id.clone(),
            is: self.phase,
            wanted,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_owner_rotates_its_own_keys_with_versions() {
        let profile = Profile::rhc_2012();
        let province = Tier::new("province", "41").unwrap();
        let prefecture = Tier::new("prefecture", "4101").unwrap();
        let of = |tier: &Tier| plan(profile, tier, (1, 2), "wang".to_owned());
        let national = of(&Tier::Ministry).unwrap();
        assert_eq!(national.keys.len(), 9, "IRK, four RK, four UK");
        assert!(!national.keys.iter().any(|key| key.starts_with("STK")));
        assert_eq!(
            of(&province).unwrap().keys,
            ["UK1_DDF1", "UK1_DF01", "UK2_DF03"]
        );
        assert_eq!(of(&prefecture), Err(RotationError::Tier("prefecture")));
        for versions in [(1, 1), (1, 4), (4, 1)] {
            let refused = plan(profile, &Tier::Ministry, versions, "wang".to_owned());
            assert_eq!(refused, Err(RotationError::Versions(3)));
        }
    }

    #[test]
    fn a_sam_gets_what_its_type_holds() {
        let profile = Profile::rhc_2012();
        let rotation = plan(profile, &Tier::Ministry, (1, 2), "wang".to_owned()).unwrap();
        let deeds = rotation.deeds(profile, 1, Action::Rekey);
        assert_eq!(deeds.len(), 10, "five written, five retired");
        assert!(deeds.contains(&Deed::Write {
            key: "IRK_DDF1".into(),
            version: 2
        }));
        assert!(deeds.contains(&Deed::Retire {
            key: "RK1_DF03".into(),
            version: 1
        }));
        let three = rotation.deeds(profile, 3, Action::Add);
        assert!(!three.contains(&Deed::Write {
            key: "UK2_DF02".into(),
            version: 2
        }));
        assert_eq!(
            rotation.deeds(profile, 4, Action::Rekey).len(),
            2,
            "IRK only"
        );
        let province = Tier::new("province", "41").unwrap();
        let own = plan(profile, &province, (1, 2), "wang".to_owned()).unwrap();
        assert!(!own.concerns(profile, 4), "only one-group keys");
        assert!(rotation.concerns(profile, 5));
    }
}
