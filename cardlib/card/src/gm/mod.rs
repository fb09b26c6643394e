//! The commercial-cipher primitives that the card application names: SM2 signatures and SM3 digests.
//!
//! One place wraps the crates, so that the rest of the workspace never sees a curve point or a DER signature:
//! keys are 32 and 64 raw bytes, signatures are `r ‖ s`, both big-endian, as certificates (D20, D21), visit records
//! (D17) and delivery lists (D44) carry them.

pub mod sm2;
pub mod sm3;
