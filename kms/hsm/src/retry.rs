//! Doing a call again when it failed for a reason that passes: busy, no entropy, a lost session.
//!
//! Only calls that may be repeated come here: reads, signatures, and fills, which an HSM answers by their request id, so
//! that a second try after a lost answer brings the first try's script and spends nothing.

use std::time::{Duration, Instant};

use kms_core::port::HsmError;

/// Tries in all, and what lies between them, doubled each time.
const TRIES: u32 = 6;
const PAUSE: Duration = Duration::from_millis(4);
/// After this long nothing new is tried: whoever waits has waited for one silent HSM already.
const PATIENCE: Duration = Duration::from_secs(10);
/// Refusals that say: not now.
const PASSING: [&str; 2] = ["Busy", "EntropyFailed"];

/// Calls until it succeeds, fails for good, or nothing is left to hope for.
pub(crate) fn again<T>(mut call: impl FnMut() -> Result<T, HsmError>) -> Result<T, HsmError> {
    let (begun, mut pause) = (Instant::now(), PAUSE);
    for _ in 1..TRIES {
        match call() {
            Err(error) if may_pass(&error) && begun.elapsed() < PATIENCE => {
                tracing::warn!(%error, "the HSM failed, trying again");
                std::thread::sleep(pause);
                pause *= 2;
            }
            done => return done,
        }
    }
    call()
}

/// For orders, which are never repeated on their own when their answer was lost: again only after a refusal that says that
/// nothing was done.
pub(crate) fn when_busy<T>(mut call: impl FnMut() -> Result<T, HsmError>) -> Result<T, HsmError> {
    let mut pause = PAUSE;
    for _ in 1..TRIES {
        match call() {
            Err(error) if error.is("Busy") => {
                std::thread::sleep(pause);
                pause *= 2;
            }
            done => return done,
        }
    }
    call()
}

fn may_pass(error: &HsmError) -> bool {
    match error {
        HsmError::Unavailable(_) => true,
        HsmError::Refused { rule, .. } => PASSING.contains(&rule.as_str()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(rule: &str) -> HsmError {
        HsmError::Refused {
            rule: rule.into(),
            detail: String::new(),
        }
    }

    #[test]
    fn what_passes_is_tried_again_and_nothing_else() {
        let tried = |error: fn() -> HsmError, good_after: u32| {
            let mut calls = 0;
            let done = again(|| {
                calls += 1;
                if calls > good_after {
                    Ok(calls)
                } else {
                    Err(error())
                }
            });
            (calls, done.is_ok())
        };
        assert_eq!(tried(|| refused("Busy"), 3), (4, true));
        assert_eq!(tried(|| refused("EntropyFailed"), 5), (6, true));
        assert_eq!(
            tried(|| HsmError::Unavailable("gone".into()), 9),
            (6, false)
        );
        assert_eq!(tried(|| refused("TicketEmpty"), 1), (1, false));
        assert_eq!(tried(|| refused("Tampered"), 1), (1, false));
    }
}
