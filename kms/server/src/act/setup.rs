//! What a new service's HSM gets: the skeleton policy and the roots that are born at its tier.

use std::collections::BTreeSet;

use kms_core::catalogue::{self, Root};
use kms_core::fill;
use kms_core::port::{HsmIdentity, Operation};

use crate::refusal::Result;
use crate::service::Service;

/// Vendor code of test chips (R62).
pub const TEST_VENDOR: [u8; 2] = [0x54, 0x54];

impl Service {
    /// Operations that are still missing, so that an interrupted set-up goes on.
    pub(super) fn set_up(&self, test_keys: bool) -> Result<Vec<Operation>> {
        let held = self.held_ids()?;
        let mut operations = Vec::new();
        let HsmIdentity { policy, .. } = self.hsm.identity()?;
        if policy.is_none() {
            operations.push(fill::policy(&self.dialect, self.mark)?);
        }
        let roots = catalogue::roots(self.profile, &self.tier).into_iter();
        operations.extend(
            roots
                .filter(|root| !held.contains(&root.spec.id))
                .map(|root| make(root, test_keys)),
        );
        if test_keys {
            operations.extend(self.test_transports(TEST_VENDOR, &held));
        }
        Ok(operations)
    }

    /// Test transport masters that this tier needs and does not hold.
    pub(crate) fn test_transports(
        &self,
        vendor: [u8; 2],
        held: &BTreeSet<String>,
    ) -> Vec<Operation> {
        let specs = catalogue::transport_classes(&self.tier)
            .iter()
            .map(|class| catalogue::transport(*class, vendor));
        specs
            .filter(|spec| !held.contains(&spec.id))
            .map(|spec| Operation::TestKey(spec, kms_core::testkeys::TRANSPORT.to_owned()))
            .collect()
    }
}

fn make(root: Root, test_keys: bool) -> Operation {
    if test_keys {
        Operation::TestKey(root.spec, root.test_label)
    } else {
        Operation::Generate(root.spec)
    }
}
