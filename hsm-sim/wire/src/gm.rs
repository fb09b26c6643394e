//! SM2 signatures as the wire needs them: raw r ‖ s over a message with ZA of the default identity.
//!
//! A thin wrapper over crate `sm2` that refuses private keys which that crate would take: d = n−1 (for which 1 + d
//! has no inverse) and byte strings of another length than 32.

use crate::Hex;
use sm2::dsa::signature::hazmat::{PrehashSigner, PrehashVerifier};
use sm2::dsa::{Signature, SigningKey, VerifyingKey};
use sm2::elliptic_curve::sec1::ToSec1Point;
use sm3::{Digest, Sm3};
use zeroize::Zeroizing;

/// The default identity of GM/T 0009.
pub const IDENTITY: &str = "1234567812345678";

/// n − 1, the one private key in range that cannot sign.
const N_MINUS_1: [u8; 32] = [
    0xFF, 0xFF, 0xFF, 0xFE, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
    0x72, 0x03, 0xDF, 0x6B, 0x21, 0xC6, 0x05, 0x2B, 0x53, 0xBB, 0xF4, 0x09, 0x39, 0xD5, 0x41, 0x22,
];

/// A key or signature that SM2 does not allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GmError {
    #[error("not an SM2 private key: 1 ≤ d ≤ n−2, 32 bytes")]
    PrivateKey,
    #[error("not an SM2 public key: a point of the curve, X ‖ Y")]
    PublicKey,
    #[error("the signature does not verify")]
    Signature,
    #[error("the signature could not be made")]
    Signing,
}

/// Encrypts for the owner of X ‖ Y (04 ‖ C1 ‖ C3 ‖ C2).
///
/// # Errors
/// No point of the curve, or no random numbers.
pub fn encrypt(receiver: &Hex<64>, plain: &[u8]) -> Result<Vec<u8>, GmError> {
    let mut sec1 = [4; 65];
    sec1[1..].copy_from_slice(&receiver.0);
    let key = sm2::pke::EncryptingKey::from_sec1_bytes(&sec1).map_err(|_| GmError::PublicKey)?;
    key.encrypt(&mut getrandom::SysRng, plain)
        .map_err(|_| GmError::PublicKey)
}

/// An SM2 private key. Wiped when dropped; no `Debug`.
///
/// ```compile_fail
/// fn shows<T: std::fmt::Debug>() {}
/// shows::<hsm_wire::gm::PrivateKey>();
/// ```
pub struct PrivateKey(Zeroizing<[u8; 32]>);

impl PrivateKey {
    /// From d, big-endian.
    ///
    /// # Errors
    /// d is 0, n−1, or ≥ n.
    pub fn from_bytes(d: &[u8; 32]) -> Result<Self, GmError> {
        let key = Self(Zeroizing::new(*d));
        if *d == N_MINUS_1 {
            return Err(GmError::PrivateKey);
        }
        key.signer()?;
        Ok(key)
    }

    /// A fresh key from the system's generator.
    ///
    /// # Errors
    /// The generator failed.
    pub fn generate() -> Result<Self, GmError> {
        let mut d = Zeroizing::new([0; 32]);
        loop {
            getrandom::fill(&mut d[..]).map_err(|_| GmError::PrivateKey)?;
            if let Ok(key) = Self::from_bytes(&d) {
                return Ok(key);
            }
        }
    }

    /// d, for files and stores that protect it.
    #[must_use]
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    fn signer(&self) -> Result<SigningKey, GmError> {
        SigningKey::from_slice(IDENTITY, &self.0[..]).map_err(|_| GmError::PrivateKey)
    }

    /// X ‖ Y.
    ///
    /// # Errors
    /// Never for a key that was constructed.
    pub fn public_key(&self) -> Result<Hex<64>, GmError> {
        let point = self.signer()?.verifying_key().to_sec1_point(false);
        let mut xy = [0; 64];
        xy.copy_from_slice(point.as_bytes().get(1..65).ok_or(GmError::PrivateKey)?);
        Ok(Hex(xy))
    }

    /// r ‖ s over `message` with ZA.
    ///
    /// # Errors
    /// The library could not sign.
    pub fn sign(&self, message: &[u8]) -> Result<Hex<64>, GmError> {
        self.sign_digest(&message_digest(&self.public_key()?, message)?)
    }

    /// r ‖ s over *e*.
    ///
    /// # Errors
    /// The library could not sign.
    pub fn sign_digest(&self, e: &[u8; 32]) -> Result<Hex<64>, GmError> {
        signed(&self.signer()?, e)
    }

    /// r ‖ s over each *e*; what the key alone costs is spent once.
    ///
    /// # Errors
    /// The library could not sign.
    pub fn sign_digests(&self, digests: &[[u8; 32]]) -> Result<Vec<Hex<64>>, GmError> {
        let signer = self.signer()?;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let share = digests.len().div_ceil(cores).max(LEAST_SHARE);
        let sign = |part: &[[u8; 32]]| -> Result<Vec<Hex<64>>, GmError> {
            part.iter().map(|e| signed(&signer, e)).collect()
        };
        let (own, others) = digests.split_at(share.min(digests.len()));
        let parts = std::thread::scope(|scope| {
            let sign = &sign;
            // A thread that the system refuses leaves its share to this one.
            let running: Vec<_> = others
                .chunks(share)
                .map(|part| {
                    let thread = std::thread::Builder::new();
                    (part, thread.spawn_scoped(scope, move || sign(part)))
                })
                .collect();
            let mut parts = vec![sign(own)];
            parts.extend(running.into_iter().map(|(part, thread)| match thread {
                Ok(thread) => thread.join().unwrap_or(Err(GmError::Signing)),
                Err(_) => sign(part),
            }));
            parts.into_iter().collect::<Result<Vec<_>, _>>()
        })?;
        Ok(parts.concat())
    }
}

/// Fewer signatures than this are not worth a thread.
const LEAST_SHARE: usize = 16;

fn signed(signer: &SigningKey, e: &[u8; 32]) -> Result<Hex<64>, GmError> {
    let signature: Signature = signer.sign_prehash(e).map_err(|_| GmError::Signing)?;
    Ok(Hex(signature.to_bytes().into()))
}

fn verifier(public_key: &Hex<64>) -> Result<VerifyingKey, GmError> {
    let mut sec1 = [4; 65];
    sec1[1..].copy_from_slice(&public_key.0);
    VerifyingKey::from_sec1_bytes(IDENTITY, &sec1).map_err(|_| GmError::PublicKey)
}

/// Whether X ‖ Y is a point of the curve.
///
/// # Errors
/// It is not.
pub fn check_public_key(public_key: &Hex<64>) -> Result<(), GmError> {
    verifier(public_key).map(|_| ())
}

/// Verifies r ‖ s over `message` with ZA.
///
/// # Errors
/// The key is no point, or the signature is not its.
pub fn verify(public_key: &Hex<64>, message: &[u8], signature: &Hex<64>) -> Result<(), GmError> {
    verify_digest(public_key, &message_digest(public_key, message)?, signature)
}

/// Verifies r ‖ s over *e*.
///
/// # Errors
/// The key is no point, or the signature is not its.
pub fn verify_digest(
    public_key: &Hex<64>,
    e: &[u8; 32],
    signature: &Hex<64>,
) -> Result<(), GmError> {
    let signature = Signature::from_slice(&signature.0).map_err(|_| GmError::Signature)?;
    verifier(public_key)?
        .verify_prehash(e, &signature)
        .map_err(|_| GmError::Signature)
}

/// e = SM3(ZA ‖ message), ZA = SM3(ENTL ‖ ID ‖ a ‖ b ‖ G ‖ public key).
///
/// # Errors
/// The key is no point.
pub fn message_digest(public_key: &Hex<64>, message: &[u8]) -> Result<[u8; 32], GmError> {
    check_public_key(public_key)?;
    let mut za = Sm3::new();
    za.update([0x00, 0x80]);
    za.update(IDENTITY.as_bytes());
    for constant in [A, B, GX, GY] {
        za.update(hex::decode(constant).map_err(|_| GmError::PublicKey)?);
    }
    za.update(public_key.0);
    let mut hash = Sm3::new();
    hash.update(za.finalize());
    hash.update(message);
    Ok(hash.finalize().into())
}

const A: &str = "FFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFC";
const B: &str = "28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93";
const GX: &str = "32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7";
const GY: &str = "BC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0";
