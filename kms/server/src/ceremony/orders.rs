//! A step as orders to the HSM. What is done already asks for nothing, so a step that was cut off is simply done again.

use kms_core::catalogue;
use kms_core::ceremony::file::{Backup, Doomed, Maker};
use kms_core::ceremony::{Ceremony, CeremonyError, Deed, Step};
use kms_core::fill;
use kms_core::port::{Custody, Entry, GivenShare, Operation};

use super::brought::Brought;
use crate::act::prepare::vendor_bytes;
use crate::refusal::{self, Result};
use crate::refuse;
use crate::service::Service;

impl Service {
    pub(super) async fn step_orders(
        &self,
        ceremony: &Ceremony,
        name: &[u8; 32],
        step: &Step,
        brought: &Brought,
    ) -> Result<Vec<Operation>> {
        let held = self.held_ids()?;
        let ceremony_id = *name;
        Ok(match &step.deed {
            Deed::Policy => match self.hsm.identity()?.policy {
                Some(_) => vec![],
                None => vec![fill::policy(&self.dialect, self.mark)?],
            },
            Deed::Generate(specs) => {
                let missing = specs.iter().filter(|spec| !held.contains(&spec.id));
                missing.cloned().map(Operation::Generate).collect()
            }
            Deed::TestKeys(keys) => {
                let missing = keys.iter().filter(|(spec, _)| !held.contains(&spec.id));
                let made =
                    missing.map(|(spec, label)| Operation::TestKey(spec.clone(), label.clone()));
                made.collect()
            }
            Deed::Combine(specs, people) => {
                if specs.iter().all(|spec| held.contains(&spec.id)) {
                    return Ok(vec![]);
                }
                vec![Operation::Combine {
                    ceremony: ceremony_id,
                    keys: specs.clone(),
                    components: entries(brought, people)?,
                }]
            }
            Deed::TestTransport(maker) => self.test_transports(vendor_bytes(&maker.vendor)?, &held),
            Deed::MakerPackage(maker, package) => {
                self.maker_orders(maker, brought.file(package)?).await?
            }
            Deed::MakerKey(_) => vec![],
            Deed::Restore(backup, people) => vec![Operation::Restore {
                ceremony: ceremony_id,
                backup: brought.file(backup)?.to_owned(),
                shares: shares(brought, people)?,
            }],
            Deed::Reshare(backup, people) => vec![Operation::Reshare {
                ceremony: ceremony_id,
                backup: brought.file(backup)?.to_owned(),
                shares: shares(brought, people)?,
                custody: custody(brought, ceremony)?,
            }],
            Deed::BackUp(ids) => vec![Operation::BackUp {
                ceremony: ceremony_id,
                keys: ids.clone(),
                custody: custody(brought, ceremony)?,
            }],
            Deed::Destroy(doomed) => self.doom(doomed)?,
        })
    }

    /// Transport keys of an enrolled maker's package; none when they are here.
    async fn maker_orders(&self, maker: &Maker, package: &str) -> Result<Vec<Operation>> {
        let vendor = vendor_bytes(&maker.vendor)?;
        let held = self.held_ids()?;
        let classes = catalogue::transport_classes(&self.tier).iter();
        let mut ids = classes.map(|class| catalogue::transport_id(*class, vendor));
        if ids.all(|id| held.contains(&id)) {
            return Ok(vec![]);
        }
        self.maker_package_orders(package).await
    }

    /// The key that stands there is the one that was reviewed.
    fn doom(&self, doomed: &Doomed) -> Result<Vec<Operation>> {
        let keys = self.hsm.keys()?;
        let Some(key) = keys.iter().find(|key| key.spec.id == doomed.id) else {
            // Destroyed before a power cut; or never there, which the check values in the record tell.
            return Ok(vec![]);
        };
        if !doomed
            .check_value
            .eq_ignore_ascii_case(&hex::encode(key.check_value))
        {
            return Err(refuse!(
                &refusal::CEREMONY,
                "{} has another check value than was reviewed",
                "{} 的校验值与审定的不同",
                doomed.id
            ));
        }
        Ok(vec![Operation::DestroyKey(doomed.id.clone())])
    }
}

fn entries(brought: &Brought, people: &[String]) -> Result<Vec<Entry>> {
    people.iter().map(|name| brought.entry(name)).collect()
}

fn shares(brought: &Brought, people: &[String]) -> Result<Vec<GivenShare>> {
    people.iter().map(|name| brought.share(name)).collect()
}

fn custody(brought: &Brought, ceremony: &Ceremony) -> Result<Custody> {
    let missing = || CeremonyError::Sense("[backup] is missing".into());
    let backup: &Backup = ceremony.backup.as_ref().ok_or_else(missing)?;
    Ok(Custody {
        threshold: backup.threshold,
        custodians: entries(brought, &backup.custodians)?,
        memory_kib: backup.memory_kib,
    })
}
