//! What every service of the house shares, written once.
//!
//! | need | module |
//! |---|---|
//! | who somebody is: area, role, name | [`name`] |
//! | a key, its certificate chain and whom it trusts, in one file | [`identity`] |
//! | root, intermediate and leaf certificates | [`ca`] |
//! | mutual TLS 1.3 on both sides | [`tls`] |
//! | an HTTPS service with a known peer and graceful stop | [`serve`] |
//! | the blocking client of such a service | [`client`] |
//! | who is no longer believed | [`revocation`] |
//! | numbers for operations (Prometheus) | [`metrics`] |
//! | texts signed for a third party | [`notary`] |
//! | a limit on refusals per peer | [`limit`] |
//! | errors on the wire (RFC 9457) | [`problem`] |
//! | an append-only, hash-chained record | [`audit`] |
//! | a SQLite store with a mark from birth | [`store`], [`mark`] |
//! | a passphrase from terminal or descriptor | [`passphrase`] |
//! | Chinese and English, exit codes, tables, logs, time | [`lang`], [`exit`], [`output`], [`telemetry`], [`clock`] |
//!
//! Nothing here knows a card, a key or a person.

pub mod audit;
pub mod ca;
pub mod client;
pub mod clock;
pub mod exit;
pub mod identity;
pub mod lang;
pub mod limit;
pub mod mark;
pub mod metrics;
pub mod name;
pub mod notary;
pub mod output;
pub mod passphrase;
pub mod problem;
pub mod revocation;
pub mod serve;
pub mod store;
pub mod telemetry;
pub mod tls;

/// The TLS library's file formats and SQL engine, so that dependants need not name their versions.
pub use {axum, prometheus_client, sqlx};
