//! The store's tables, one file each: plain functions over a connection, no rules.

pub mod accounts;
pub mod alarms;
pub mod approvals;
pub mod chip_group;
pub mod chips;
pub mod enrolments;
pub mod hand_downs;
pub mod identities;
pub mod keys;
pub mod life;
pub mod peers;
pub mod people;
pub mod rotations;
pub mod sams;
pub mod settings;
pub mod tickets;
