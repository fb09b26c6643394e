//! `libhsm_sim_sdf.so`: the C interface of GM/T 0018 (edition of 2012) over the software HSM, and the extension that a
//! health card's key service needs. A simulator: NOT FOR PRODUCTION KEYS.
//!
//! ```text
//! C program ── sdf.h ── ffi (the only unsafe code) ── session ── link ══ operator's socket ══ rhc-hsm
//!                                                            └── or the engine in this process (`store = …`)
//! ```
//!
//! | module | one idea |
//! |---|---|
//! | [`ffi`] | pointers in, pointers out; panics stop here |
//! | [`table`] | handles: numbers nobody can guess, looked up, never followed |
//! | [`device`], [`config`] | which HSM a device handle means |
//! | [`session`], [`link`] | one conversation with it; session keys by handle |
//! | [`keys`], [`cipher`], [`files`], [`extension`] | the functions, in safe code |
//! | [`types`], [`codes`], [`failure`] | structures, algorithm and error numbers, why a call failed |
#![deny(unsafe_code)]

pub mod cipher;
pub mod codes;
pub mod config;
pub mod device;
pub mod extension;
pub mod failure;
pub mod ffi;
pub mod files;
pub mod keys;
pub mod link;
pub mod session;
pub mod table;
pub mod types;
