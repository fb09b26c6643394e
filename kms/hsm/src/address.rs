//! Which HSM a key service has, as it stands in its store, and the one way to open it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use kms_core::approval::Officer;
use kms_core::port::{Hsm, HsmIdentity, Mark, OrderDesk};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::pkcs11::{self, Pkcs11Hsm};
use crate::sdf::SdfHsm;
use crate::sim::{SimDesk, SimHsm};

/// Where an HSM is and what speaks with it. As a file (TOML) it begins with `adapter = "sim"`, `"sdf"` or `"pkcs11"`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "adapter", deny_unknown_fields)]
pub enum Address {
    /// `rhc-hsm` over its two sockets.
    #[serde(rename_all = "kebab-case")]
    Sim {
        /// Operator's socket.
        socket: PathBuf,
        /// Officers' socket.
        officer_socket: PathBuf,
        /// File of the operator's secret.
        operator_credential: PathBuf,
    },
    /// A GM/T 0018 library with the extension.
    #[serde(rename_all = "kebab-case")]
    Sdf {
        /// The library.
        library: PathBuf,
        /// Its own configuration file: which machine, which credential.
        device: PathBuf,
    },
    /// A PKCS#11 token, profile `rhc-aes`.
    #[serde(rename_all = "kebab-case")]
    Pkcs11 {
        /// The token's library.
        library: PathBuf,
        /// The token's label.
        token: String,
        /// File of the user PIN, mode 0600.
        pin_file: PathBuf,
        /// Database of attributes, officers and quotas.
        book: PathBuf,
    },
}

/// Both sides of an opened HSM.
pub struct Opened {
    /// Using keys.
    pub hsm: Arc<dyn Hsm>,
    /// Officers' orders.
    pub desk: Arc<dyn OrderDesk>,
}

/// An HSM that cannot be opened.
#[derive(Debug, Error)]
pub enum AddressError {
    /// The file that names it.
    #[error("{path}: {why}")]
    File {
        /// Which.
        path: String,
        /// What is wrong with it.
        why: String,
    },
    /// The operator's secret.
    #[error(transparent)]
    Secret(#[from] hsm_wire::secret::SecretError),
    /// The HSM itself.
    #[error(transparent)]
    Hsm(#[from] kms_core::port::HsmError),
    /// It is prepared with a tool of its own.
    #[error("only a PKCS#11 token is prepared here; rhc-hsm init makes the simulator's store")]
    NotPrepared,
}

impl Address {
    /// From a file; paths in it count from the file's folder.
    ///
    /// # Errors
    /// It cannot be read, or is no such file.
    pub fn read(path: &Path) -> Result<Self, AddressError> {
        let bad = |why: String| AddressError::File {
            path: path.display().to_string(),
            why,
        };
        let text = std::fs::read_to_string(path).map_err(|e| bad(e.to_string()))?;
        let mut address: Self = toml::from_str(&text).map_err(|e| bad(e.message().to_owned()))?;
        let whole = std::path::absolute(path).map_err(|e| bad(e.to_string()))?;
        let folder = whole.parent().unwrap_or(Path::new("/"));
        for path in address.paths() {
            *path = folder.join(&*path);
        }
        Ok(address)
    }

    fn paths(&mut self) -> Vec<&mut PathBuf> {
        match self {
            Self::Sim {
                socket,
                officer_socket,
                operator_credential,
            } => vec![socket, officer_socket, operator_credential],
            Self::Sdf { library, device } => vec![library, device],
            Self::Pkcs11 {
                library,
                pin_file,
                book,
                ..
            } => vec![library, pin_file, book],
        }
    }

    /// Opens both sides; the HSM itself is asked at the first call.
    ///
    /// # Errors
    /// Credential, library or book cannot be used.
    pub fn open(&self) -> Result<Opened, AddressError> {
        Ok(match self {
            Self::Sim {
                socket,
                officer_socket,
                operator_credential,
            } => Opened {
                hsm: Arc::new(SimHsm::open(socket.clone(), operator_credential)?),
                desk: Arc::new(SimDesk::new(officer_socket.clone())),
            },
            Self::Sdf { library, device } => {
                let both = Arc::new(SdfHsm::open(library, device)?);
                let hsm: Arc<dyn Hsm> = both.clone();
                Opened { hsm, desk: both }
            }
            Self::Pkcs11 { .. } => {
                let both = Arc::new(Pkcs11Hsm::open(&self.place()?)?);
                let hsm: Arc<dyn Hsm> = both.clone();
                Opened { hsm, desk: both }
            }
        })
    }

    /// What the HSM says of itself without any credential, where it has none: before a service knows it.
    ///
    /// # Errors
    /// It does not answer.
    pub fn identity(&self) -> Result<HsmIdentity, AddressError> {
        Ok(match self {
            Self::Sim { officer_socket, .. } => SimDesk::new(officer_socket.clone()).identity()?,
            Self::Sdf { library, device } => OrderDesk::identity(&SdfHsm::open(library, device)?)?,
            Self::Pkcs11 { .. } => Hsm::identity(&Pkcs11Hsm::open(&self.place()?)?)?,
        })
    }

    /// Makes a new token's key pairs and book, with its mark and first officers.
    ///
    /// # Errors
    /// It is no token, does not answer, or was prepared before.
    pub fn prepare(&self, mark: Mark, officers: &[Officer]) -> Result<HsmIdentity, AddressError> {
        Ok(pkcs11::prepare(&self.place()?, mark, officers)?)
    }

    fn place(&self) -> Result<pkcs11::Place<'_>, AddressError> {
        let Self::Pkcs11 {
            library,
            token,
            pin_file,
            book,
        } = self
        else {
            return Err(AddressError::NotPrepared);
        };
        Ok(pkcs11::Place {
            library,
            token,
            pin_file,
            book,
        })
    }
}
