//! The key service `rhc-kms`: store, HTTP, command line over the rules of `kms-core`.
//!
//! | module | one idea |
//! |---|---|
//! | [`service`] | an open service: store, HSM, tier; audit before and after |
//! | [`door`] | the policy table is asked here, and nowhere else |
//! | [`device`] | an officer's own key, sealed under a passphrase |
//! | [`act`] | what two officers do, as signed orders to the HSM |
//! | [`ceremony`] | a reviewed file carried out, a transcript made |
//! | [`life`] | keys after their birth: states, rotation, losses, alarms |
//! | [`issue`] | scripts for cards and SAMs, in one round trip each |
//! | [`http`] | the routes, over mutual TLS |
//! | [`authority`] | TLS identities of this tier |
//! | [`tiers`] | leases and receipts between two tiers |
//! | [`enrolment`] | certificates by token and by renewal |
//! | [`records`] | the tables |
//! | [`refusal`] | every refusal with slug, status and words |
//! | [`checkpoint`] | the record sealed, signed, witnessed, walked |
//! | [`backup`] | backup and restore without a way back in time |
//! | [`cli`] | the commands |

pub mod act;
pub mod authority;
pub mod backup;
pub mod ceremony;
pub mod checkpoint;
pub mod cli;
pub mod counts;
pub mod device;
pub mod door;
pub mod enrolment;
mod hsm;
pub mod http;
pub mod issue;
pub mod life;
pub mod records;
pub mod refusal;
pub mod schema;
pub mod service;
pub mod tiers;
pub mod x509;
