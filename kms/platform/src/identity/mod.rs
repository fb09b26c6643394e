//! One party's identity: its private key, its certificate chain and whom it trusts, in one JSON file of mode 0600.
//!
//! The name is not free text: it is read from the certificate, whose key must be the private key beside it.
//! There is no `Debug` and no `Display`, the key is wiped when dropped, and a file that others may read is refused.

mod facts;
pub mod secret_file;

use std::path::{Path, PathBuf};

use rcgen::{KeyPair, PublicKeyData};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, Zeroizing};

use crate::name::{NameError, Peer};
pub use facts::{Certificate, Validity};
use secret_file::SecretFileError;

/// The only file format so far; another one gets another word.
const FORMAT: &str = "rhc-identity-1";

/// Why an identity cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    #[error(transparent)]
    File(#[from] SecretFileError),
    #[error("{path} is not an identity file: {why}", path = path.display())]
    Format { path: PathBuf, why: String },
    #[error("the {what} of this identity cannot be read")]
    Pem { what: &'static str },
    #[error("the private key does not belong to the certificate")]
    KeyMismatch,
    #[error("the certificate names nobody: {0}")]
    Name(#[from] NameError),
    #[error("the certificate carries no rhc:// name")]
    Nameless,
    #[error("the file says {file}, its certificate says {certificate}")]
    NameMismatch { file: String, certificate: String },
}

/// The file's shape.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    format: String,
    name: String,
    key: String,
    chain: String,
    anchors: String,
}

impl Drop for Document {
    fn drop(&mut self) {
        self.key.zeroize();
    }
}

/// A key, the certificates that speak for it, and the roots it trusts.
#[derive(Clone)]
pub struct Identity {
    peer: Peer,
    key: Zeroizing<String>,
    chain: String,
    anchors: String,
}

impl Identity {
    /// Puts the parts together; refuses a key that is not the certificate's.
    ///
    /// `chain` is PEM, own certificate first, without the root; `anchors` is PEM of the trusted roots.
    pub fn from_parts(
        key: Zeroizing<String>,
        chain: String,
        anchors: String,
    ) -> Result<Self, IdentityError> {
        let pair = KeyPair::from_pem(&key).map_err(|_| IdentityError::Pem {
            what: "private key",
        })?;
        let own = certificates(&chain).map_err(|()| IdentityError::Pem {
            what: "certificate chain",
        })?;
        let own = own.first().ok_or(IdentityError::Pem {
            what: "certificate chain",
        })?;
        let roots = certificates(&anchors).map_err(|()| IdentityError::Pem {
            what: "trust anchors",
        })?;
        if roots.is_empty() {
            return Err(IdentityError::Pem {
                what: "trust anchors",
            });
        }
        let parsed = parse(own)?;
        if parsed.subject_public_key_info().as_ref() != pair.subject_public_key_info() {
            return Err(IdentityError::KeyMismatch);
        }
        Ok(Self {
            peer: peer_of(own)?,
            key,
            chain,
            anchors,
        })
    }

    /// Reads an identity file; refuses one that anybody but its owner may touch.
    pub fn read(path: &Path) -> Result<Self, IdentityError> {
        let text = secret_file::read(path)?;
        let mut document: Document =
            serde_json::from_slice(&text).map_err(|error| IdentityError::Format {
                path: path.to_owned(),
                why: format!("line {}, column {}", error.line(), error.column()),
            })?;
        if document.format != FORMAT {
            return Err(IdentityError::Format {
                path: path.to_owned(),
                why: format!("format is not {FORMAT}"),
            });
        }
        let identity = Self::from_parts(
            Zeroizing::new(std::mem::take(&mut document.key)),
            std::mem::take(&mut document.chain),
            std::mem::take(&mut document.anchors),
        )?;
        let certificate = identity.peer.to_string();
        if certificate != document.name {
            return Err(IdentityError::NameMismatch {
                file: std::mem::take(&mut document.name),
                certificate,
            });
        }
        Ok(identity)
    }

    /// Writes a new identity file, mode 0600; refuses to overwrite one.
    pub fn write(&self, path: &Path) -> Result<(), IdentityError> {
        Ok(secret_file::create(path, &self.document()?)?)
    }

    /// Replaces an identity file in one step (renewal).
    pub fn replace(&self, path: &Path) -> Result<(), IdentityError> {
        Ok(secret_file::replace(path, &self.document()?)?)
    }

    fn document(&self) -> Result<Zeroizing<Vec<u8>>, IdentityError> {
        let document = Document {
            format: FORMAT.into(),
            name: self.peer.to_string(),
            key: self.key.to_string(),
            chain: self.chain.clone(),
            anchors: self.anchors.clone(),
        };
        serde_json::to_vec_pretty(&document)
            .map(Zeroizing::new)
            .map_err(|_| IdentityError::Pem { what: "text" })
    }

    /// Who this is.
    #[must_use]
    pub fn peer(&self) -> &Peer {
        &self.peer
    }

    /// Serial number of the own certificate, hexadecimal, upper case: what a revocation list names.
    ///
    /// # Errors
    /// The certificate cannot be read.
    pub fn serial(&self) -> Result<String, IdentityError> {
        let chain = self.chain_der()?;
        let own = chain.first().ok_or(IdentityError::Pem {
            what: "certificate chain",
        })?;
        Ok(hex::encode_upper(parse(own)?.serial()))
    }

    /// The private key, PKCS #8 PEM: for a file that a foreign tool needs, never for a log.
    #[must_use]
    pub fn key_pem(&self) -> &Zeroizing<String> {
        &self.key
    }

    /// The own certificate and those above it, without the root.
    #[must_use]
    pub fn chain_pem(&self) -> &str {
        &self.chain
    }

    /// The trusted roots.
    #[must_use]
    pub fn anchors_pem(&self) -> &str {
        &self.anchors
    }

    pub(crate) fn key_der(&self) -> Result<PrivateKeyDer<'static>, IdentityError> {
        PrivateKeyDer::from_pem_slice(self.key.as_bytes()).map_err(|_| IdentityError::Pem {
            what: "private key",
        })
    }

    pub(crate) fn chain_der(&self) -> Result<Vec<CertificateDer<'static>>, IdentityError> {
        certificates(&self.chain).map_err(|()| IdentityError::Pem {
            what: "certificate chain",
        })
    }

    pub(crate) fn anchors_der(&self) -> Result<Vec<CertificateDer<'static>>, IdentityError> {
        certificates(&self.anchors).map_err(|()| IdentityError::Pem {
            what: "trust anchors",
        })
    }
}

fn certificates(pem: &str) -> Result<Vec<CertificateDer<'static>>, ()> {
    CertificateDer::pem_slice_iter(pem.as_bytes())
        .collect::<Result<Vec<_>, _>>()
        .map_err(|_| ())
}

fn parse<'a>(der: &'a CertificateDer<'a>) -> Result<webpki::EndEntityCert<'a>, IdentityError> {
    webpki::EndEntityCert::try_from(der).map_err(|_| IdentityError::Pem {
        what: "certificate",
    })
}

/// The one `rhc://` name of a certificate; a second one would leave open who is meant.
pub(crate) fn peer_of(der: &CertificateDer<'_>) -> Result<Peer, IdentityError> {
    let parsed = parse(der)?;
    let mut names = parsed.valid_uri_names();
    match (names.next(), names.next()) {
        (Some(name), None) => Ok(name.parse()?),
        _ => Err(IdentityError::Nameless),
    }
}
