//! HSM adapters: the only place of the key service that names a vendor's interface.
//!
//! [`Address`] says which HSM a service has and opens it. [`sim`] speaks to `rhc-hsm` over its two Unix sockets,
//! [`sdf`] to a machine through a GM/T 0018 library, [`pkcs11`] to a token.

mod address;
pub mod custody;
pub mod officer;
pub mod pkcs11;
mod retry;
pub mod sdf;
pub mod sim;

pub use address::{Address, AddressError, Opened};
