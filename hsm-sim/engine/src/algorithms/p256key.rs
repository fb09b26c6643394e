//! P-256 inside the HSM: ECDSA with SHA-256, ECDH, and the public test scalars of `rhc-aes` (D46).

use crate::sm2key::reduced_scalar;
use crate::world::World;
use hsm_wire::{ErrorCode, Hex, HsmError};
use p256::ecdsa::signature::hazmat::{PrehashSigner, PrehashVerifier};
use p256::ecdsa::{Signature, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// n − 1.
const N_MINUS_1: [u8; 32] = [
    0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
    0xBC, 0xE6, 0xFA, 0xAD, 0xA7, 0x17, 0x9E, 0x84, 0xF3, 0xB9, 0xCA, 0xC2, 0xFC, 0x63, 0x25, 0x50,
];

/// The bytes of a P-256 private key. Wiped when dropped; no `Debug`; serialised into the sealed store only.
#[derive(Clone, Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
pub(crate) struct P256Key([u8; 32]);

impl P256Key {
    /// From d, checked.
    pub(crate) fn new(d: &[u8; 32]) -> Result<Self, HsmError> {
        let key = Self(*d);
        key.signer()?;
        Ok(key)
    }

    /// A fresh one.
    pub(crate) fn random(world: &mut World) -> Result<Self, HsmError> {
        for _ in 0..64 {
            let d = world.secret::<32>()?;
            if let Ok(key) = Self::new(&d) {
                return Ok(key);
            }
        }
        Err(ErrorCode::EntropyFailed.into())
    }

    pub(crate) fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    fn signer(&self) -> Result<SigningKey, HsmError> {
        SigningKey::from_slice(&self.0).map_err(|_| {
            HsmError::about(
                ErrorCode::BadAttributes,
                "not a P-256 private key: 1 ≤ d < n",
            )
        })
    }

    /// X ‖ Y.
    pub(crate) fn public_key(&self) -> Result<Hex<64>, HsmError> {
        let point = self.signer()?.verifying_key().to_sec1_point(false);
        let mut xy = [0; 64];
        xy.copy_from_slice(point.as_bytes().get(1..65).ok_or(ErrorCode::Internal)?);
        Ok(Hex(xy))
    }

    /// r ‖ s over a message.
    pub(crate) fn sign(&self, message: &[u8]) -> Result<Hex<64>, HsmError> {
        self.sign_digest(&Sha256::digest(message).into())
    }

    /// r ‖ s over a digest.
    pub(crate) fn sign_digest(&self, digest: &[u8; 32]) -> Result<Hex<64>, HsmError> {
        let signature: Signature = self
            .signer()?
            .sign_prehash(digest)
            .map_err(|_| ErrorCode::Internal)?;
        Ok(Hex(signature.to_bytes().into()))
    }

    /// The X coordinate that both sides have (ECDH).
    pub(crate) fn agree(&self, peer: &Hex<64>) -> Result<Zeroizing<[u8; 32]>, HsmError> {
        let signer = self.signer()?;
        let peer = verifier(peer).ok_or(ErrorCode::BadPublicKey)?;
        let shared = p256::ecdh::diffie_hellman(signer.as_nonzero_scalar(), peer.as_affine());
        let mut x = Zeroizing::new([0; 32]);
        x.copy_from_slice(shared.raw_secret_bytes());
        Ok(x)
    }
}

fn verifier(public_key: &Hex<64>) -> Option<VerifyingKey> {
    let mut sec1 = [4; 65];
    sec1[1..].copy_from_slice(&public_key.0);
    VerifyingKey::from_sec1_bytes(&sec1).ok()
}

/// Whether r ‖ s is this key's over a message.
pub(crate) fn verify(public_key: &Hex<64>, message: &[u8], signature: &Hex<64>) -> bool {
    let digest: [u8; 32] = Sha256::digest(message).into();
    let signature = Signature::from_slice(&signature.0).ok();
    verifier(public_key)
        .zip(signature)
        .is_some_and(|(key, signature)| key.verify_prehash(&digest, &signature).is_ok())
}

/// `SHA-256(label) mod (n−1) + 1` (D46).
pub(crate) fn test_scalar(label: &str) -> Zeroizing<[u8; 32]> {
    let digest = Sha256::digest(label.as_bytes());
    reduced_scalar(Zeroizing::new(digest.into()), &N_MINUS_1)
}
