//! The key service's rules, without any I/O: who may ask for what, which key goes where, and what an HSM is asked.
//!
//! | module | one idea |
//! |---|---|
//! | [`tier`] | ministry, province, prefecture; the factors between them (D3, D4) |
//! | [`catalogue`] | every key, which tier holds it, where it may go |
//! | [`testkeys`] | labels of the public test hierarchy (D31–D42) |
//! | [`approval`] | two officers, neither of them the requester, over exact bytes |
//! | [`policy`] | the policy table: who may ask, who must approve, where; the one door |
//! | [`ticket`] | counted permissions |
//! | [`binding`] | a chip on a maker's list, bound once to one purpose (D44) |
//! | [`handdown`] | request, grant, import between tiers |
//! | [`ceremony`] | one reviewed file in, one transcript out |
//! | [`lifecycle`] | states of a key, steps between them, what each permits |
//! | [`rotation`] | from one key version to the next (D12) |
//! | [`compromise`] | what a loss touches, and what replaces it |
//! | [`certificate`] | issuer and SAM certificates for the HSM to sign (D20, D21) |
//! | [`key_proof`] | a SAM shows that it holds its own private key |
//! | [`fill`] | dialect plans as requests to the HSM |
//! | [`port`] | what an HSM must do, in our own words |

pub mod approval;
pub mod binding;
pub mod catalogue;
pub mod ceremony;
pub mod certificate;
pub mod compromise;
pub mod fill;
pub mod handdown;
pub mod key_proof;
pub mod lifecycle;
pub mod policy;
pub mod port;
pub mod rotation;
pub mod testkeys;
pub mod ticket;
pub mod tier;
