//! Keys after their birth.
//!
//! | module | one idea |
//! |---|---|
//! | [`view`] | the catalogue with states and dates |
//! | [`steps`] | acts of two officers that take keys from one state to another |
//! | [`enforce`] | states where keys are used |
//! | [`rotation`] | from one version to the next, SAM by SAM (D12) |
//! | [`receipts`] | what comes back from SAMs, and who is late |
//! | [`loss`] | what a loss touches, counted |
//! | [`alarms`] | attempts to clone |

pub mod alarms;
pub(crate) mod enforce;
pub mod loss;
pub mod receipts;
pub mod rotation;
pub(crate) mod steps;
pub mod view;
