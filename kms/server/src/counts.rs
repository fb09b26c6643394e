//! What a running service counts for its operators.

use std::sync::atomic::{AtomicI64, Ordering};

use jiff::Timestamp;
use kms_platform::prometheus_client::metrics::counter::Counter;

/// Counters since the start. Clones count together.
#[derive(Default)]
pub struct Counts {
    /// Calls that the HSM did not answer or refused.
    pub hsm_errors: Counter,
    /// Scripts that went out.
    pub scripts: Counter,
    /// Transactions that requests shared.
    pub groups: Counter,
    /// End of the service's certificate, seconds since 1970; 0 while it is not known.
    certificate_until: AtomicI64,
}

impl Counts {
    /// Until when the service's certificate is good.
    pub fn certificate_until(&self) -> Option<Timestamp> {
        let seconds = self.certificate_until.load(Ordering::Relaxed);
        (seconds > 0)
            .then(|| Timestamp::from_second(seconds).ok())
            .flatten()
    }

    /// Notes it.
    pub fn set_certificate_until(&self, until: Timestamp) {
        self.certificate_until
            .store(until.as_second(), Ordering::Relaxed);
    }
}
