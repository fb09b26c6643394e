//! Calls to the HSM as the service makes them.

use std::collections::BTreeSet;
use std::sync::Arc;

use kms_core::port::{Hsm, HsmError};

use crate::refusal::{self, Result};
use crate::refuse;
use crate::service::Service;

impl Service {
    /// Runs a call to the HSM off the async threads.
    ///
    /// # Errors
    /// What the HSM answers, or that the call broke off.
    pub async fn in_hsm<T: Send + 'static>(
        &self,
        call: impl FnOnce(&dyn Hsm) -> Result<T, HsmError> + Send + 'static,
    ) -> Result<T> {
        let hsm = Arc::clone(&self.hsm);
        let answered = tokio::task::spawn_blocking(move || call(hsm.as_ref())).await;
        let broken = |_| {
            refuse!(
                &refusal::HSM_DOWN,
                "the call to the HSM broke off",
                "对密码机的调用中断"
            )
        };
        let answered = answered.map_err(broken).and_then(|done| Ok(done?));
        if answered.is_err() {
            self.counts.hsm_errors.inc();
        }
        answered
    }

    /// Ids of the keys that the HSM holds.
    ///
    /// # Errors
    /// It does not answer.
    pub fn held_ids(&self) -> Result<BTreeSet<String>> {
        let held = self.hsm.keys()?.into_iter().map(|key| key.spec.id);
        Ok(held.collect())
    }
}
