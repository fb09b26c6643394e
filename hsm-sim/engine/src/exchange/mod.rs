//! SM2 key exchange (GM/T 0003.3), both sides, with key confirmation. The building block for `SDF_…WithECC`; no request
//! of the sockets uses it yet. Checked with the example of GM/T 0003.5.
//!
//! The scalar arithmetic is the crate `sm2`'s (constant time). Temporary keys are used once: [`agree`] takes them away.

use hsm_wire::Hex;
use hsm_wire::gm::PrivateKey;
use sm2::elliptic_curve::ff::PrimeField;
use sm2::elliptic_curve::group::Group;
use sm2::elliptic_curve::sec1::{FromSec1Point, ToSec1Point};
use sm2::{AffinePoint, FieldBytes, ProjectivePoint, Scalar, Sec1Point};
use sm3::{Digest, Sm3};
use zeroize::{Zeroize, Zeroizing};

/// a ‖ b ‖ xG ‖ yG of the curve, as they stand in Z.
const CURVE: &str = concat!(
    "FFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFC",
    "28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93",
    "32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7",
    "BC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0",
);

/// Longest agreed key.
pub const MAX_KEY: usize = 1024;
/// Longest identity.
pub const MAX_IDENTITY: usize = 1024;

/// An exchange that cannot be finished. Nothing of the key is given out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExchangeError {
    #[error("a public key is no point of the curve")]
    PublicKey,
    #[error(
        "the identity is longer than {MAX_IDENTITY} bytes, or the key not of 1 to {MAX_KEY} bytes"
    )]
    Length,
    #[error("the shared point is at infinity; draw new temporary keys")]
    Infinity,
}

/// Who began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Sponsor,
    Responder,
}

/// What is known of the other side.
pub struct Peer<'a> {
    pub identity: &'a [u8],
    /// X ‖ Y of its long-term key.
    pub public_key: &'a Hex<64>,
    /// X ‖ Y of its temporary key.
    pub temporary: &'a Hex<64>,
}

/// What both sides have when nobody interfered.
pub struct Agreed {
    pub key: Zeroizing<Vec<u8>>,
    /// What the responder sends for the sponsor to compare (S_B = S_1).
    pub responder_says: [u8; 32],
    /// What the sponsor sends for the responder to compare (S_A = S_2).
    pub sponsor_says: [u8; 32],
}

/// Z: SM3 of an identity, the curve and a public key.
///
/// # Errors
/// The identity is too long.
pub fn identity_hash(identity: &[u8], public_key: &Hex<64>) -> Result<[u8; 32], ExchangeError> {
    if identity.len() > MAX_IDENTITY {
        return Err(ExchangeError::Length);
    }
    let bits = u16::try_from(identity.len() * 8).map_err(|_| ExchangeError::Length)?;
    let curve = Hex::<128>::parse(CURVE).map_err(|_| ExchangeError::Length)?;
    let mut hash = Sm3::new();
    hash.update(bits.to_be_bytes());
    hash.update(identity);
    hash.update(curve.0);
    hash.update(public_key.0);
    Ok(hash.finalize().into())
}

/// One side's half. `temporary` is this side's temporary private key, spent by the call.
///
/// # Errors
/// A public key off the curve, lengths out of bounds, or a shared point at infinity.
pub fn agree(
    role: Role,
    identity: &[u8],
    own: &PrivateKey,
    temporary: PrivateKey,
    peer: &Peer<'_>,
    length: usize,
) -> Result<Agreed, ExchangeError> {
    if !(1..=MAX_KEY).contains(&length) {
        return Err(ExchangeError::Length);
    }
    let public = |key: &PrivateKey| key.public_key().map_err(|_| ExchangeError::PublicKey);
    let (own_public, own_temporary) = (public(own)?, public(&temporary)?);
    let (peer_long, peer_short) = (point(peer.public_key)?, point(peer.temporary)?);
    // t = d + x̄·r, U = t·(P + x̄'·R); the cofactor is 1.
    let mut factor = scalar(own.expose())? + reduced(&own_temporary)? * scalar(temporary.expose())?;
    drop(temporary);
    let sum = ProjectivePoint::from(peer_long)
        + ProjectivePoint::from(peer_short) * reduced(peer.temporary)?;
    let shared = sum * factor;
    factor.zeroize();
    if bool::from(shared.is_identity()) {
        return Err(ExchangeError::Infinity);
    }
    let shared = coordinates(&shared.to_affine())?;
    let own_z = identity_hash(identity, &own_public)?;
    let peer_z = identity_hash(peer.identity, peer.public_key)?;
    let (za, zb, ra, rb) = match role {
        Role::Sponsor => (own_z, peer_z, &own_temporary, peer.temporary),
        Role::Responder => (peer_z, own_z, peer.temporary, &own_temporary),
    };
    let mut inner = Sm3::new();
    inner.update(&shared[..32]);
    for part in [&za[..], &zb[..], &ra.0[..], &rb.0[..]] {
        inner.update(part);
    }
    let inner = inner.finalize();
    let says = |tag: u8| -> [u8; 32] {
        let mut hash = Sm3::new();
        hash.update([tag]);
        hash.update(&shared[32..]);
        hash.update(inner);
        hash.finalize().into()
    };
    Ok(Agreed {
        key: derive(&shared, &za, &zb, length),
        responder_says: says(2),
        sponsor_says: says(3),
    })
}

/// KDF(x_U ‖ y_U ‖ Z_A ‖ Z_B).
fn derive(shared: &[u8; 64], za: &[u8; 32], zb: &[u8; 32], length: usize) -> Zeroizing<Vec<u8>> {
    let mut key = Zeroizing::new(Vec::with_capacity(length + 32));
    let mut counter = 1_u32;
    while key.len() < length {
        let mut hash = Sm3::new();
        for part in [&shared[..], &za[..], &zb[..], &counter.to_be_bytes()[..]] {
            hash.update(part);
        }
        let block = Zeroizing::new(<[u8; 32]>::from(hash.finalize()));
        key.extend_from_slice(&block[..]);
        counter += 1;
    }
    // What is cut off lies in the vector's own room, which is wiped with it.
    key.truncate(length);
    key
}

/// x̄ = 2¹²⁷ + (x mod 2¹²⁷).
fn reduced(temporary: &Hex<64>) -> Result<Scalar, ExchangeError> {
    let mut bytes = [0; 32];
    bytes[16..].copy_from_slice(&temporary.0[16..32]);
    bytes[16] |= 0x80;
    scalar(&bytes)
}

fn scalar(bytes: &[u8; 32]) -> Result<Scalar, ExchangeError> {
    let found = Scalar::from_repr(FieldBytes::from(*bytes));
    Option::from(found).ok_or(ExchangeError::PublicKey)
}

fn point(public: &Hex<64>) -> Result<AffinePoint, ExchangeError> {
    let mut sec1 = [4; 65];
    sec1[1..].copy_from_slice(&public.0);
    let encoded = Sec1Point::from_bytes(sec1).map_err(|_| ExchangeError::PublicKey)?;
    Option::from(AffinePoint::from_sec1_point(&encoded)).ok_or(ExchangeError::PublicKey)
}

fn coordinates(point: &AffinePoint) -> Result<Zeroizing<[u8; 64]>, ExchangeError> {
    let encoded = point.to_sec1_point(false);
    let mut out = Zeroizing::new([0; 64]);
    let bytes = encoded.as_bytes().get(1..65);
    out.copy_from_slice(bytes.ok_or(ExchangeError::Infinity)?);
    Ok(out)
}

#[cfg(test)]
mod tests;
