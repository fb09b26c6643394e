//! `libhsm_sim_sdf.so` as C programs see it: compiled with gcc against our headers, linked with the library or loading it,
//! over the daemon and with the engine inside; what they compute is judged by OpenSSL.
#![allow(clippy::unwrap_used)] // a test may stop at a broken invariant

mod bad_input;
mod exercise;
mod house;
mod judge;
mod program;
mod symbols;
