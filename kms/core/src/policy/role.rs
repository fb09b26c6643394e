//! Who somebody is to the key service, and which roles one person must not have together.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

/// A role in the policy table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Machines, configuration, backups.
    SystemAdministrator,
    /// Persons and identities; lifts lock-outs.
    SecurityAdministrator,
    /// Reads and keeps the record.
    AuditAdministrator,
    /// Signs what makes, moves or destroys keys.
    KeyOfficer,
    /// Signs orders for cards and SAMs.
    Approver,
    /// Whoever may open the store: asks, and approves nothing.
    Operator,
    /// A station, by its certificate.
    Station,
    /// Another tier's key service, by its certificate.
    Tier,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 8] = [
        Self::SystemAdministrator,
        Self::SecurityAdministrator,
        Self::AuditAdministrator,
        Self::KeyOfficer,
        Self::Approver,
        Self::Operator,
        Self::Station,
        Self::Tier,
    ];

    /// The word in the table and on command lines.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SystemAdministrator => "system-administrator",
            Self::SecurityAdministrator => "security-administrator",
            Self::AuditAdministrator => "audit-administrator",
            Self::KeyOfficer => "key-officer",
            Self::Approver => "approver",
            Self::Operator => "operator",
            Self::Station => "station",
            Self::Tier => "tier",
        }
    }

    /// From the word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == word)
    }

    /// Whether two officers may give it to a person; stations and tiers have certificates.
    #[must_use]
    pub fn is_a_persons(self) -> bool {
        !matches!(self, Self::Station | Self::Tier)
    }

    /// Whether its signatures go to the HSM, so that the person must be enrolled there too.
    #[must_use]
    pub fn signs_orders(self) -> bool {
        matches!(
            self,
            Self::KeyOfficer | Self::Approver | Self::SecurityAdministrator
        )
    }

    fn is_administrator(self) -> bool {
        matches!(
            self,
            Self::SystemAdministrator | Self::SecurityAdministrator | Self::AuditAdministrator
        )
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Two roles of this set that nobody may have together: of the three administrators a person is one at most, and who
/// keeps the record approves nothing that stands in it.
#[must_use]
pub fn clash(roles: &BTreeSet<Role>) -> Option<(Role, Role)> {
    let apart = |a: Role, b: Role| {
        (a.is_administrator() && b.is_administrator())
            || (a == Role::AuditAdministrator && b.signs_orders())
    };
    let all: Vec<Role> = roles.iter().copied().collect();
    all.iter().enumerate().find_map(|(place, &a)| {
        let clashing = |b: &&Role| apart(a, **b) || apart(**b, a);
        all[place + 1..].iter().find(clashing).map(|&b| (a, b))
    })
}

/// A person as the service knows them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// Name, unique here however it is spelled.
    pub name: String,
    /// SM2 public key X‖Y.
    pub public_key: [u8; 64],
    /// What they are.
    pub roles: BTreeSet<Role>,
    /// Shut out until two persons lift it.
    pub locked: bool,
}

/// Whether two spellings are one person's: case, blanks, punctuation and full-width letters make nobody another.
#[must_use]
pub fn same_person(one: &str, other: &str) -> bool {
    folded(one) == folded(other)
}

/// What is left of a name when its spelling is taken away.
#[must_use]
pub fn folded(name: &str) -> String {
    name.chars()
        .map(|c| match c {
            // Full-width forms of printable ASCII.
            '\u{FF01}'..='\u{FF5E}' => char::from_u32(u32::from(c) - 0xFEE0).unwrap_or(c),
            other => other,
        })
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}
