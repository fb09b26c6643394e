//! Texts that a service signs for third parties: a receipt that one service gives out and another one believes.
//!
//! The key is that of the service's TLS identity, and the certificates travel along, so whoever trusts the same roots
//! can check who signed, of which role and area. A purpose stands before the text, so that a signature given for
//! one thing is good for no other; TLS 1.3 signs texts that begin with 64 spaces, which no purpose does.

use jiff::Timestamp;
use rustls::SignatureScheme;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, UnixTime};
use serde::{Deserialize, Serialize};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use crate::identity::Identity;
use crate::name::Peer;
use crate::revocation::Revocations;
use crate::tls::{TlsError, Verifier, provider};

/// A text with the signature of a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Signed {
    /// The text, exactly as it was signed.
    pub text: String,
    /// ECDSA P-256 over SHA-256, DER, in hexadecimal.
    pub signature: String,
    /// The signer's certificate and those above it, PEM, without the root.
    pub chain: String,
}

/// Why a signed text is not believed.
#[derive(Debug, thiserror::Error)]
pub enum NotaryError {
    #[error("it is not signed in the form of this house")]
    Form,
    #[error("signature or signer: {0}")]
    Signer(rustls::Error),
}

/// A service that signs.
pub struct Notary(RwLock<Hand>);

/// The key and its certificates at present.
struct Hand {
    key: Arc<dyn rustls::sign::SigningKey>,
    chain: String,
}

impl Hand {
    fn of(identity: &Identity) -> Result<Self, TlsError> {
        let key = provider()
            .key_provider
            .load_private_key(identity.key_der()?)?;
        Ok(Self {
            key,
            chain: identity.chain_pem().to_owned(),
        })
    }
}

impl Notary {
    /// With the key of this identity.
    ///
    /// # Errors
    /// The key cannot be used.
    pub fn new(identity: &Identity) -> Result<Self, TlsError> {
        Ok(Self(RwLock::new(Hand::of(identity)?)))
    }

    /// Signs with the key of this identity from now on.
    ///
    /// # Errors
    /// The key cannot be used; the old one stays.
    pub fn exchange(&self, identity: &Identity) -> Result<(), TlsError> {
        let fresh = Hand::of(identity)?;
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        Ok(())
    }

    /// Signs a text for a purpose.
    ///
    /// # Errors
    /// The key is none of P-256, or there are no random numbers.
    pub fn sign(&self, purpose: &str, text: String) -> Result<Signed, TlsError> {
        let hand = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let signer = hand
            .key
            .choose_scheme(&[SignatureScheme::ECDSA_NISTP256_SHA256])
            .ok_or_else(|| rustls::Error::General("the key is none of P-256".into()))?;
        let signature = signer.sign(&message(purpose, &text))?;
        Ok(Signed {
            text,
            signature: hex::encode(signature),
            chain: hand.chain.clone(),
        })
    }
}

/// Somebody who checks signed texts.
pub struct Witness(Verifier);

impl Witness {
    /// By the roots of this identity and these lists.
    ///
    /// # Errors
    /// The roots cannot be used.
    pub fn new(identity: &Identity, revocations: Arc<Revocations>) -> Result<Self, TlsError> {
        Verifier::new(identity, None, revocations).map(Self)
    }

    /// Who signed. What role and area may sign this is for the caller to say.
    ///
    /// # Errors
    /// Form, signature, certificates, revocation.
    pub fn signer(
        &self,
        purpose: &str,
        signed: &Signed,
        now: Timestamp,
    ) -> Result<Peer, NotaryError> {
        let signature = hex::decode(&signed.signature).map_err(|_| NotaryError::Form)?;
        let chain = CertificateDer::pem_slice_iter(signed.chain.as_bytes())
            .collect::<Result<Vec<_>, _>>()
            .map_err(|_| NotaryError::Form)?;
        let seconds = u64::try_from(now.as_second()).unwrap_or(0);
        let now = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        self.0
            .signer(&chain, now, &message(purpose, &signed.text), &signature)
            .map_err(NotaryError::Signer)
    }
}

fn message(purpose: &str, text: &str) -> Vec<u8> {
    [purpose.as_bytes(), b"\n", text.as_bytes()].concat()
}
