//! A certificate request: the private key stays where it was made, in a file of mode 0600, until the answer comes.

use std::path::Path;

use rcgen::{
    CertificateParams, CertificateSigningRequestParams, DnType, KeyPair, PKCS_ECDSA_P256_SHA256,
    PublicKey, SanType,
};
use serde::{Deserialize, Serialize};
use sm3::{Digest, Sm3};
use zeroize::{Zeroize, Zeroizing};

use super::CaError;
use crate::identity::{Identity, IdentityError, secret_file};
use crate::name::Peer;

const FORMAT: &str = "rhc-certificate-request-1";

/// A request on its way: the key and what is sent to the authority.
pub struct Request {
    key: Zeroizing<String>,
    csr: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    format: String,
    key: String,
    csr: String,
}

impl Drop for Document {
    fn drop(&mut self) {
        self.key.zeroize();
    }
}

impl Request {
    /// Makes a fresh P-256 key and asks for this name.
    pub fn new(peer: &Peer) -> Result<Self, CaError> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params
            .distinguished_name
            .push(DnType::CommonName, peer.name.as_str());
        params.subject_alt_names = vec![SanType::URI(peer.to_string().try_into()?)];
        let csr = params.serialize_request(&key)?.pem()?;
        Ok(Self {
            key: Zeroizing::new(key.serialize_pem()),
            csr,
        })
    }

    /// What the authority gets, PEM.
    #[must_use]
    pub fn csr_pem(&self) -> &str {
        &self.csr
    }

    /// Keeps the waiting key, mode 0600.
    pub fn write(&self, path: &Path) -> Result<(), IdentityError> {
        let document = Document {
            format: FORMAT.into(),
            key: self.key.to_string(),
            csr: self.csr.clone(),
        };
        let bytes = serde_json::to_vec(&document).map(Zeroizing::new);
        let bytes = bytes.map_err(|_| IdentityError::Pem { what: "request" })?;
        Ok(secret_file::create(path, &bytes)?)
    }

    /// Takes a waiting key up again.
    pub fn read(path: &Path) -> Result<Self, IdentityError> {
        let text = secret_file::read(path)?;
        let format = |why: &str| IdentityError::Format {
            path: path.to_owned(),
            why: why.to_owned(),
        };
        let mut document: Document =
            serde_json::from_slice(&text).map_err(|_| format("not a waiting request"))?;
        if document.format != FORMAT {
            return Err(format("not a waiting request"));
        }
        Ok(Self {
            key: Zeroizing::new(std::mem::take(&mut document.key)),
            csr: std::mem::take(&mut document.csr),
        })
    }

    /// Joins the authority's answer; refuses a certificate for another key.
    pub fn complete(
        self,
        chain_pem: String,
        anchors_pem: String,
    ) -> Result<Identity, IdentityError> {
        Identity::from_parts(self.key, chain_pem, anchors_pem)
    }
}

/// What an authority takes from a request: a proven P-256 key and a name.
pub struct Applicant {
    pub peer: Peer,
    pub(super) public_key: PublicKey,
}

impl Applicant {
    /// Reads a request and checks its proof of possession.
    pub fn from_pem(csr_pem: &str) -> Result<Self, CaError> {
        let csr =
            CertificateSigningRequestParams::from_pem(csr_pem).map_err(|_| CaError::Request)?;
        if csr.public_key.algorithm() != &PKCS_ECDSA_P256_SHA256 {
            return Err(CaError::Algorithm);
        }
        let [SanType::URI(name)] = csr.params.subject_alt_names.as_slice() else {
            return Err(CaError::Identity(IdentityError::Nameless));
        };
        let peer = name.as_str().parse::<Peer>().map_err(IdentityError::from)?;
        Ok(Self {
            peer,
            public_key: csr.public_key,
        })
    }

    /// What two people compare by voice before signing: SM3 of name and public key, in groups of four.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let mut hash = Sm3::new();
        hash.update(self.peer.to_string().as_bytes());
        hash.update([0]);
        hash.update(rcgen::PublicKeyData::subject_public_key_info(
            &self.public_key,
        ));
        let hex = hex::encode_upper(hash.finalize());
        hex.as_bytes()
            .chunks(4)
            .map(|group| String::from_utf8_lossy(group))
            .collect::<Vec<_>>()
            .join(" ")
    }
}
