//! The life of a key after its birth: six states, the transitions between them as a table, and what each state lets a key do.
//!
//! D12: a key with four groups has versions 0–3. The one that flows use is active; the others wait. A card holds all versions, so a
//! version that is out of use has a stand-in on new cards: the active version's key in its place, which a leaked or left-behind
//! copy of the old one does not open.

use cardlib_card::profile::Profile;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::port::{Hold, Mark};

/// Where a key stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyState {
    /// Born, loaded onto cards, in no flow yet.
    PreActive,
    /// In use.
    Active,
    /// Out of use for a while.
    Suspended,
    /// Out of use for good; its check value still tells what it was.
    Retired,
    /// Believed to be known to somebody else.
    Compromised,
    /// Wiped.
    Destroyed,
}

/// What somebody wants to do with a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Open a session with a chip.
    Session,
    /// Diversify it onto a card.
    LoadCard,
    /// Load its root onto a SAM.
    LoadSam,
    /// Hand it down in a package.
    HandDown,
    /// Sign, or make a MAC.
    Sign,
    /// Compare check values, verify what it signed.
    Verify,
}

/// One allowed step.
#[derive(Debug, PartialEq, Eq)]
pub struct Transition {
    /// Before.
    pub from: KeyState,
    /// After.
    pub to: KeyState,
    /// When it is taken.
    pub when: &'static str,
    /// The same in Chinese.
    pub when_zh: &'static str,
}

use KeyState::{Active, Compromised, Destroyed, PreActive, Retired, Suspended};

macro_rules! transitions {
    ($($from:ident => $to:ident, $when:literal, $zh:literal;)*) => {
        /// Every step there is; each is an act of two officers.
        pub const TRANSITIONS: &[Transition] = &[$(Transition { from: $from, to: $to, when: $when, when_zh: $zh }),*];
    };
}

transitions! {
    PreActive => Active, "a rotation opens to it", "轮换启用";
    PreActive => Compromised, "it leaked before its time", "启用前已泄露";
    PreActive => Destroyed, "it will never be used", "不再启用";
    Active => Suspended, "something is being looked into", "调查期间暂停";
    Active => Retired, "a rotation has left it behind", "轮换后退役";
    Active => Compromised, "it leaked", "已泄露";
    Suspended => Active, "nothing was found", "查无异常，恢复";
    Suspended => Retired, "it is not needed any more", "不再需要";
    Suspended => Compromised, "something was found", "查实泄露";
    Retired => Compromised, "it leaked after its time", "退役后泄露";
    Retired => Destroyed, "no card, SAM or record needs it", "已无卡、SAM或记录需要";
    Compromised => Destroyed, "what it protected has been replaced", "所保护对象均已更换";
}

/// Every state with what it permits. Verifying needs no key bytes, so it is always possible.
pub const PERMITS: &[(KeyState, &[Purpose])] = &[
    (
        PreActive,
        &[
            Purpose::LoadCard,
            Purpose::LoadSam,
            Purpose::HandDown,
            Purpose::Verify,
        ],
    ),
    (
        Active,
        &[
            Purpose::Session,
            Purpose::LoadCard,
            Purpose::LoadSam,
            Purpose::HandDown,
            Purpose::Sign,
            Purpose::Verify,
        ],
    ),
    (Suspended, &[Purpose::Verify]),
    (Retired, &[Purpose::Verify]),
    (Compromised, &[Purpose::Verify]),
    (Destroyed, &[Purpose::Verify]),
];

/// A refusal, by name.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum LifeError {
    /// No such step.
    #[error("key-state: {key} is {from}; from there it becomes {possible}, not {to}", from = from.as_str(), to = to.as_str())]
    NoStep {
        /// The key.
        key: String,
        /// Where it stands.
        from: KeyState,
        /// What was wanted.
        to: KeyState,
        /// What there is.
        possible: String,
    },
    /// The state does not permit it.
    #[error("key-state: {key} is {state} and may not be used for this", state = state.as_str())]
    NotNow {
        /// The key.
        key: String,
        /// Where it stands.
        state: KeyState,
    },
}

impl KeyState {
    /// All of them, in the order of a life.
    pub const ALL: [Self; 6] = [
        PreActive,
        Active,
        Suspended,
        Retired,
        Compromised,
        Destroyed,
    ];

    /// The word in files and command lines.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            PreActive => "pre-active",
            Active => "active",
            Suspended => "suspended",
            Retired => "retired",
            Compromised => "compromised",
            Destroyed => "destroyed",
        }
    }

    /// The word people read.
    #[must_use]
    pub fn word_zh(self) -> &'static str {
        match self {
            PreActive => "待启用",
            Active => "启用",
            Suspended => "暂停",
            Retired => "退役（仅验证）",
            Compromised => "已泄露",
            Destroyed => "已销毁",
        }
    }

    /// From the word in files and command lines.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }

    /// Whether a key in this state may be used so.
    #[must_use]
    pub fn permits(self, purpose: Purpose) -> bool {
        PERMITS
            .iter()
            .any(|(state, purposes)| *state == self && purposes.contains(&purpose))
    }

    /// What the HSM is told; a destroyed key it does not have any more.
    #[must_use]
    pub fn hold(self) -> Hold {
        match self {
            PreActive | Active => Hold::Free,
            Suspended => Hold::Suspended,
            Retired | Compromised | Destroyed => Hold::Barred,
        }
    }
}

/// Whether `key` may go from one state to another.
///
/// # Errors
/// [`LifeError::NoStep`] names what there is instead.
pub fn step(key: &str, from: KeyState, to: KeyState) -> Result<&'static Transition, LifeError> {
    let found = TRANSITIONS
        .iter()
        .find(|step| step.from == from && step.to == to);
    found.ok_or_else(|| {
        let next = TRANSITIONS.iter().filter(|step| step.from == from);
        let possible: Vec<_> = next.map(|step| step.to.as_str()).collect();
        LifeError::NoStep {
            key: key.to_owned(),
            from,
            to,
            possible: if possible.is_empty() {
                "nothing".to_owned()
            } else {
                possible.join(", ")
            },
        }
    })
}

/// Where a key stands when it is born or arrives: TEST stores have every version in use (D12), others the version that flows
/// use; the rest waits.
#[must_use]
pub fn at_birth(profile: &Profile, name: &str, version: u8, mark: Mark) -> KeyState {
    let waits = profile
        .key(name)
        .is_some_and(|key| key.groups > 1 && version != profile.flow_version(key));
    if waits && mark != Mark::Test {
        PreActive
    } else {
        Active
    }
}

/// The version whose key a card gets in the place of `version`: itself while that may be loaded; else, of a key with several
/// versions and out of use for good, the highest active one. `state_of` tells a version's state, none where it is not held.
///
/// # Errors
/// [`LifeError::NotNow`]: suspended, or nothing can stand in.
pub fn on_card(
    profile: &Profile,
    name: &str,
    version: u8,
    state_of: impl Fn(u8) -> Option<KeyState>,
) -> Result<u8, LifeError> {
    let state = state_of(version).unwrap_or(Destroyed);
    if state.permits(Purpose::LoadCard) {
        return Ok(version);
    }
    let groups = profile.key(name).map_or(1, |key| key.groups);
    let stand_in = (0..groups)
        .rev()
        .find(|other| state_of(*other) == Some(Active));
    match stand_in {
        Some(other) if state.hold() == Hold::Barred => Ok(other),
        _ => Err(LifeError::NotNow {
            key: crate::catalogue::key_id(name, version),
            state,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pair_of_states_is_a_step_or_refused_by_name() {
        let allowed: Vec<_> = TRANSITIONS.iter().map(|t| (t.from, t.to)).collect();
        for from in KeyState::ALL {
            for to in KeyState::ALL {
                match step("K/1", from, to) {
                    Ok(found) => assert_eq!((found.from, found.to), (from, to)),
                    Err(error) => {
                        assert!(!allowed.contains(&(from, to)));
                        assert!(error.to_string().starts_with("key-state: K/1 is "));
                    }
                }
            }
        }
        assert_eq!(allowed.len(), 12);
    }

    /// Who was out of use for good in the HSM never comes back, so no step may promise it.
    #[test]
    fn no_step_frees_what_the_hsm_has_barred() {
        for step in TRANSITIONS {
            let barred = step.from.hold() == Hold::Barred;
            assert!(!barred || step.to.hold() == Hold::Barred, "{step:?}");
        }
    }

    #[test]
    fn what_a_state_permits() {
        for state in KeyState::ALL {
            assert!(state.permits(Purpose::Verify));
            assert_eq!(KeyState::parse(state.as_str()), Some(state));
            for purpose in [Purpose::LoadCard, Purpose::LoadSam, Purpose::HandDown] {
                assert_eq!(state.permits(purpose), state.hold() == Hold::Free);
            }
            for purpose in [Purpose::Session, Purpose::Sign] {
                assert_eq!(state.permits(purpose), state == Active);
            }
        }
    }

    #[test]
    fn versions_wait_outside_of_test_stores() {
        let profile = Profile::rhc_2012();
        let born = |name, version, mark| at_birth(profile, name, version, mark);
        assert_eq!(born("RK1_DDF1", 1, Mark::Production), Active);
        assert_eq!(born("RK1_DDF1", 2, Mark::Production), PreActive);
        assert_eq!(born("STK_DF02", 0, Mark::Demo), Active);
        assert_eq!(born("CMK", 0, Mark::Production), Active);
        assert_eq!(born("RK1_DDF1", 3, Mark::Test), Active);
    }

    #[test]
    fn a_version_out_of_use_has_a_stand_in_on_new_cards() {
        let profile = Profile::rhc_2012();
        let states = |list: [KeyState; 4]| move |v: u8| list.get(usize::from(v)).copied();
        let after = states([PreActive, Retired, Active, PreActive]);
        assert_eq!(on_card(profile, "RK1_DDF1", 1, after), Ok(2));
        assert_eq!(on_card(profile, "RK1_DDF1", 0, after), Ok(0));
        assert_eq!(on_card(profile, "RK1_DDF1", 2, after), Ok(2));
        let held = states([PreActive, Suspended, Active, PreActive]);
        assert!(on_card(profile, "RK1_DDF1", 1, held).is_err());
        let single = states([Retired, Retired, Retired, Retired]);
        assert!(on_card(profile, "STK_DF02", 0, single).is_err());
    }
}
