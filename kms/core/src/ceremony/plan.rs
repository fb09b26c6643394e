//! A ceremony as steps. A step is orders of one kind, signed by the officers together; it is begun only when the one
//! before is done and on record, and done again after a power cut it does no harm.

use std::collections::BTreeSet;

use cardlib_card::profile::Profile;

use super::file::{ALL, Ceremony, Doomed, Group, Maker, Source, hex32};
use super::{CeremonyError, digest};
use crate::catalogue::{self, Root};
use crate::port::KeySpec;

/// What a step does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deed {
    /// Loads the skeleton policy, if none is loaded.
    Policy,
    /// Draws keys in the HSM.
    Generate(Vec<KeySpec>),
    /// Has the HSM compute public test keys.
    TestKeys(Vec<(KeySpec, String)>),
    /// Combines keys from these custodians' components.
    Combine(Vec<KeySpec>, Vec<String>),
    /// Takes a maker's public test transport keys (D34, D41) in.
    TestTransport(Maker),
    /// Takes a maker's package in.
    MakerPackage(Maker, [u8; 32]),
    /// Notes the key that signs a maker's delivery lists.
    MakerKey(Maker),
    /// Opens the back-up of this digest with these custodians' shares and takes its keys in.
    Restore([u8; 32], Vec<String>),
    /// Opens the back-up of this digest and makes another.
    Reshare([u8; 32], Vec<String>),
    /// Makes a back-up of these keys.
    BackUp(Vec<String>),
    /// Destroys a key.
    Destroy(Doomed),
}

/// A step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// From 1.
    pub number: usize,
    /// What it does.
    pub deed: Deed,
}

impl Deed {
    /// Stable name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Policy => "policy",
            Self::Generate(_) => "generate",
            Self::TestKeys(_) => "test-keys",
            Self::Combine(..) => "combine",
            Self::TestTransport(_) => "test-transport",
            Self::MakerPackage(..) => "maker-package",
            Self::MakerKey(_) => "maker-key",
            Self::Restore(..) => "restore",
            Self::Reshare(..) => "re-share",
            Self::BackUp(_) => "back-up",
            Self::Destroy(_) => "destroy",
        }
    }

    /// What it is about: numbers and ids.
    #[must_use]
    pub fn object(&self) -> String {
        match self {
            Self::Policy => String::new(),
            Self::Generate(keys) => format!("{} keys", keys.len()),
            Self::TestKeys(keys) => format!("{} keys", keys.len()),
            Self::Combine(keys, people) => {
                format!("{} keys, {} custodians", keys.len(), people.len())
            }
            Self::TestTransport(maker) | Self::MakerPackage(maker, _) | Self::MakerKey(maker) => {
                format!("{} {}", maker.vendor, maker.product)
            }
            Self::Restore(backup, _) | Self::Reshare(backup, _) => hex::encode_upper(&backup[..8]),
            Self::BackUp(ids) => format!("{} keys", ids.len()),
            Self::Destroy(doomed) => doomed.id.clone(),
        }
    }
}

impl Ceremony {
    /// The steps, in order.
    ///
    /// # Errors
    /// It names a key that this tier does not make.
    pub fn steps(&self, profile: &Profile) -> Result<Vec<Step>, CeremonyError> {
        let roots = catalogue::roots(profile, &self.tier()?);
        let mut deeds = Vec::new();
        if !self.keys.is_empty() || !self.makers.is_empty() {
            deeds.push(Deed::Policy);
        }
        let named: BTreeSet<&String> = self.keys.iter().flat_map(|group| &group.ids).collect();
        let mut made = Vec::new();
        for group in &self.keys {
            let chosen = chosen(group, &roots, &named)?;
            made.extend(chosen.iter().map(|root| root.spec.id.clone()));
            deeds.push(born(group, &chosen)?);
        }
        for maker in &self.makers {
            deeds.push(match &maker.package {
                Some(package) => Deed::MakerPackage(maker.clone(), hex32(package, "package")?),
                None => Deed::TestTransport(maker.clone()),
            });
            deeds.push(Deed::MakerKey(maker.clone()));
        }
        if let Some(opened) = &self.restore {
            let backup = hex32(&opened.backup, "backup")?;
            deeds.push(Deed::Restore(backup, opened.custodians.clone()));
        }
        if let Some(opened) = &self.reshare {
            let backup = hex32(&opened.backup, "backup")?;
            deeds.push(Deed::Reshare(backup, opened.custodians.clone()));
        } else if let Some(backup) = &self.backup {
            let all = backup.keys.iter().any(|id| id == ALL);
            let everything = if made.is_empty() {
                roots.iter().map(|root| root.spec.id.clone()).collect()
            } else {
                made
            };
            let keys = if all { everything } else { backup.keys.clone() };
            deeds.push(Deed::BackUp(keys));
        }
        deeds.extend(self.destroy.iter().cloned().map(Deed::Destroy));
        let steps = (1..).zip(deeds);
        Ok(steps.map(|(number, deed)| Step { number, deed }).collect())
    }
}

/// The roots that a group names; `*` takes what no other group does.
fn chosen<'r>(
    group: &Group,
    roots: &'r [Root],
    named: &BTreeSet<&String>,
) -> Result<Vec<&'r Root>, CeremonyError> {
    let mut chosen = Vec::new();
    for id in &group.ids {
        if id == ALL {
            chosen.extend(roots.iter().filter(|root| !named.contains(&root.spec.id)));
            continue;
        }
        let root = roots.iter().find(|root| root.spec.id == *id);
        chosen.push(root.ok_or_else(|| CeremonyError::Key(id.clone()))?);
    }
    Ok(chosen)
}

fn born(group: &Group, chosen: &[&Root]) -> Result<Deed, CeremonyError> {
    let specs = || chosen.iter().map(|root| root.spec.clone()).collect();
    Ok(match group.source {
        Source::Hsm => Deed::Generate(specs()),
        Source::TestFormula => {
            let labelled = |root: &&Root| (root.spec.clone(), root.test_label.clone());
            Deed::TestKeys(chosen.iter().map(labelled).collect())
        }
        Source::Components => {
            if let Some(pair) = chosen.iter().find(|root| root.spec.is_key_pair) {
                let id = &pair.spec.id;
                return Err(CeremonyError::Sense(format!(
                    "{id} is a key pair: it is drawn in the HSM, not combined"
                )));
            }
            Deed::Combine(specs(), group.custodians.clone())
        }
    })
}

/// Whether a file is the one that a step names.
#[must_use]
pub fn is_file(text: &[u8], expected: &[u8; 32]) -> bool {
    digest(text) == *expected
}
