//! A PKCS#11 token behind the port, for profile `rhc-aes` (D46): AES-128, P-256, SHA-256.
//!
//! What the token does and what it cannot do decides the shape. **In the token**: every key, every derivation of D2 and
//! D26 (`CKM_AES_CBC_ENCRYPT_DATA` with IV 0 over one block), the wrapping of each card key under K_DEK
//! (`C_WrapKey`, `CKM_AES_CBC`, IV 0), ciphers and MACs of the session, signatures, and the envelopes between tiers.
//! Keys are sensitive objects: their bytes do not come into the memory of this side. **Here**: putting the script
//! together ([`script`]), the rules of the port ([`rules`]), officers' signatures ([`order`]) and, since a token counts
//! nothing, quotas, in one serialisable row of a database ([`book`]). Whoever holds token PIN and book can therefore go round quota
//! and officers, which an HSM with these rules inside does not allow: `rhc-kms doctor` says so.
//!
//! | module | one idea |
//! |---|---|
//! | [`token`] | sessions, objects, and the few operations that are asked of them |
//! | [`book`] | what a token does not keep: attributes, officers, peers, tickets, answers |
//! | [`rules`] | which key may go where, which command may carry what |
//! | [`script`] | one session of the dialect, made of token operations |
//! | [`fill`] | a chip's request: quota and answer in one transaction |
//! | [`order`] | what two officers sign, and its execution |
//! | [`package`] | keys for another token (D27) |
//! | [`prepare`] | a new token: its own key pairs, mark and first officers |

mod book;
mod fill;
mod order;
mod package;
mod prepare;
mod rules;
mod script;
mod token;

use std::path::Path;

use kms_core::port::{FillRequest, Filled, HeldKey, Hsm, HsmError, HsmIdentity, Keeper, Nature};

use book::Book;
use token::Token;

pub use prepare::prepare;

/// The signature algorithm of this adapter's profile.
const ALGORITHM: cardlib_card::profile::Signature = cardlib_card::profile::Signature::EcdsaP256;

/// Where token and book are.
pub struct Place<'a> {
    /// The token's library.
    pub library: &'a Path,
    /// Label of the token.
    pub token: &'a str,
    /// File of the user PIN, mode 0600.
    pub pin_file: &'a Path,
    /// The database beside the token.
    pub book: &'a Path,
}

/// One token with its book: both sides of the port.
pub struct Pkcs11Hsm {
    token: Token,
    book: Book,
}

impl Pkcs11Hsm {
    /// Loads the library and opens the book; the token itself is asked at the first call.
    ///
    /// # Errors
    /// The PIN file, the library or the book cannot be used.
    pub fn open(place: &Place<'_>) -> Result<Self, HsmError> {
        Ok(Self {
            token: Token::load(place.library, place.token, place.pin_file)?,
            book: Book::open(place.book)?,
        })
    }
}

impl Hsm for Pkcs11Hsm {
    fn identity(&self) -> Result<HsmIdentity, HsmError> {
        self.token.is_there()?;
        self.book.read(|rows| rows.identity())
    }

    fn nature(&self) -> Nature {
        Nature {
            adapter: "pkcs11",
            algorithms: "AES-128, SHA-256, ECDSA P-256",
            keys: Keeper::Hsm,
            rules: Keeper::KeyService,
            officers: Keeper::KeyService,
            counts: Keeper::KeyService,
            scripts: Keeper::KeyService,
            audit: Keeper::Nobody,
        }
    }

    fn keys(&self) -> Result<Vec<HeldKey>, HsmError> {
        self.book.read(|rows| rows.keys())
    }

    fn fill(&self, request: &FillRequest) -> Result<Filled, HsmError> {
        fill::fill(&self.token, &self.book, request)
    }

    fn sign(&self, key: &str, message: &[u8]) -> Result<[u8; 64], HsmError> {
        let held = self.book.read(|rows| rows.usable(key))?;
        if held.spec.usage != kms_core::port::KeyUse::Sign {
            return Err(refused("NotPermitted", key));
        }
        self.token.with(|work| work.sign(key, message))
    }

    fn mac(&self, key: &str, message: &[u8]) -> Result<[u8; 8], HsmError> {
        let held = self.book.read(|rows| rows.key(key))?;
        if held.spec.usage != kms_core::port::KeyUse::Mac {
            return Err(refused("NotPermitted", key));
        }
        let mut padded = [message, &[0x80]].concat();
        padded.resize(padded.len().next_multiple_of(16), 0);
        self.token.with(|work| {
            let handle = work.key(key)?;
            let cipher = work.cbc(&handle, [0; 16], &padded)?;
            let last = cipher
                .len()
                .checked_sub(16)
                .and_then(|at| cipher.get(at..at + 8));
            let mac = last.and_then(|mac| mac.try_into().ok());
            mac.ok_or_else(|| {
                unavailable("the token answered in another length than was asked").into()
            })
        })
    }

    fn last_package(&self, peer: &str) -> Result<String, HsmError> {
        let known = self.book.read(|rows| rows.peer(peer))?;
        known
            .package
            .ok_or_else(|| refused("NoSuchPackage", "no package was made for this peer"))
    }
}

/// A refusal under the name that the HSM's own documentation has for it.
fn refused(rule: &str, detail: impl Into<String>) -> HsmError {
    HsmError::Refused {
        rule: rule.to_owned(),
        detail: detail.into(),
    }
}

/// Nothing can be said about what was asked: token or book do not answer.
fn unavailable(detail: impl Into<String>) -> HsmError {
    HsmError::Unavailable(detail.into())
}
