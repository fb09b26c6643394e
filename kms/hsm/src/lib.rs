//! HSM adapters: the only place of the key service that names a vendor's interface.
//!
//! [`sim`] speaks to `rhc-hsm` over its two Unix sockets. SDF and PKCS#11 libraries become modules beside it.

pub mod officer;
pub mod sim;
