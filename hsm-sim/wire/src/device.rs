//! What the operator's socket offers beyond catalogue keys: session keys, key indexes, files, as a machine of GM/T 0018
//! has them. Everything here belongs to the connection that asks: session keys, access rights and a begun hash end with
//! it, and nobody else can name them.
//!
//! An index N stands for the keys `sdf/N/sign` and `sdf/N/encrypt`, a key encryption key for `sdf/kek/N`; officers
//! make them like any other key. New variants go to the end: their place is their number on the wire.

use crate::fill::{Factor, FillAnswer};
use crate::{Hex, HsmError};
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop};

/// Names a session key or an agreement of this connection; never used twice.
pub type Handle = u64;

/// Most keys, and most chains of factors, of one [`DeviceRequest::DeriveAndWrap`].
pub const MAX_PARENTS: usize = 64;
/// See [`MAX_PARENTS`].
pub const MAX_CHAINS: usize = 1024;
/// Longest piece of data in one request.
pub const MAX_DATA: usize = 256 * 1024;
/// Longest plain text under an SM2 key.
pub const MAX_SM2_PLAIN: usize = 4096;
/// Longest identity in a key agreement or hash.
pub const MAX_IDENTITY: usize = 1024;
/// Longest file name.
pub const MAX_FILE_NAME: usize = 128;
/// Largest user file.
pub const MAX_FILE: usize = 64 * 1024;
/// Most user files.
pub const MAX_FILES: usize = 64;
/// Wrong passwords of an index in a row until officers set a new one.
pub const MAX_WRONG_PASSWORDS: u32 = 10;

/// Id of an index's signing key.
#[must_use]
pub fn sign_key(index: u32) -> String {
    format!("sdf/{index}/sign")
}

/// Id of an index's encryption key.
#[must_use]
pub fn encryption_key(index: u32) -> String {
    format!("sdf/{index}/encrypt")
}

/// Id of a key encryption key.
#[must_use]
pub fn kek(index: u32) -> String {
    format!("sdf/kek/{index}")
}

/// Whether a key is used by index, with the access right, and not by its id.
#[must_use]
pub fn is_indexed(id: &str) -> bool {
    id.starts_with("sdf/")
}

/// Which key of an index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Pair {
    Sign,
    Encrypt,
}

/// How SM4 chains blocks. The IV of the next piece is always in the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mode {
    Ecb,
    Cbc,
    /// 128 bits fed back.
    Cfb,
    Ofb,
}

/// A hash function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Hash {
    Sm3,
    Sha256,
}

/// An SM2 cipher text in its three parts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope {
    /// C1 without its first byte: X ‖ Y.
    pub point: Hex<64>,
    /// C3.
    pub check: Hex<32>,
    /// C2.
    #[serde(with = "crate::blob")]
    pub cipher: Vec<u8>,
}

/// Bytes that are wiped when dropped: passwords, plain text.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
pub struct Secret(#[serde(with = "crate::blob")] pub Vec<u8>);

/// The other side of a key agreement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgreementPeer {
    #[serde(with = "crate::blob")]
    pub identity: Vec<u8>,
    pub public_key: Hex<64>,
    pub temporary: Hex<64>,
}

/// A request of a connection to its own part of the HSM.
#[derive(Serialize, Deserialize)]
pub enum DeviceRequest {
    /// The password opens the private keys of an index until this connection ends.
    Access {
        index: u32,
        password: Secret,
    },
    Release {
        index: u32,
    },
    PublicKey {
        index: u32,
        pair: Pair,
    },
    /// A key pair for the caller; the HSM keeps nothing of it.
    GeneratePair,
    /// A fresh session key, and the same in an envelope for an index of this HSM.
    GenerateForIndex {
        index: u32,
    },
    /// The same for somebody else's public key.
    GenerateFor {
        public_key: Hex<64>,
    },
    ImportEnvelope {
        index: u32,
        envelope: Envelope,
    },
    /// From an index of this HSM to somebody's public key.
    ExchangeEnvelope {
        index: u32,
        public_key: Hex<64>,
        envelope: Envelope,
    },
    GenerateUnderKek {
        kek: u32,
    },
    ImportUnderKek {
        kek: u32,
        wrapped: Hex<16>,
    },
    AgreementStart {
        index: u32,
        #[serde(with = "crate::blob")]
        identity: Vec<u8>,
    },
    AgreementFinish {
        agreement: Handle,
        peer: AgreementPeer,
    },
    AgreementAnswer {
        index: u32,
        #[serde(with = "crate::blob")]
        identity: Vec<u8>,
        peer: AgreementPeer,
    },
    /// A session key, or an agreement that was not finished.
    Destroy {
        handle: Handle,
    },
    Sign {
        index: u32,
        e: Hex<32>,
    },
    Verify {
        index: u32,
        e: Hex<32>,
        signature: Hex<64>,
    },
    VerifyWith {
        public_key: Hex<64>,
        e: Hex<32>,
        signature: Hex<64>,
    },
    EncryptForIndex {
        index: u32,
        plain: Secret,
    },
    EncryptFor {
        public_key: Hex<64>,
        plain: Secret,
    },
    Decrypt {
        index: u32,
        envelope: Envelope,
    },
    /// Whole blocks.
    Cipher {
        key: Handle,
        mode: Mode,
        decrypt: bool,
        iv: Hex<16>,
        data: Secret,
    },
    /// CBC-MAC over whole blocks; the MAC is the IV of the next piece.
    Mac {
        key: Handle,
        iv: Hex<16>,
        data: Secret,
    },
    /// With a public key and an identity, ZA goes first.
    HashInit {
        hash: Hash,
        signer: Option<(Hex<64>, Secret)>,
    },
    HashUpdate {
        data: Secret,
    },
    HashFinal,
    CreateFile {
        name: Secret,
        size: u32,
    },
    ReadFile {
        name: Secret,
        offset: u32,
        length: u32,
    },
    WriteFile {
        name: Secret,
        offset: u32,
        data: Secret,
    },
    DeleteFile {
        name: Secret,
    },
    /// A catalogue key of usage `derive`, diversified for one chip, as a session key; costs the ticket as a fill does.
    Diversify {
        ticket: String,
        key: String,
        factors: Vec<Factor>,
    },
    /// Every key diversified by every chain of factors; each distinct last factor costs the ticket as a fill does.
    DeriveAndWrap {
        ticket: String,
        kek: u32,
        keys: Vec<String>,
        chains: Vec<Vec<Factor>>,
    },
}

/// The answer; the variant belongs to the request's.
#[derive(Serialize, Deserialize)]
pub enum DeviceAnswer {
    Done,
    Public(Hex<64>),
    /// Public half, private half.
    Pair(Hex<64>, Secret),
    Key(Handle),
    Enveloped(Handle, Envelope),
    Wrapped(Handle, Hex<16>),
    Envelope(Envelope),
    Started {
        agreement: Handle,
        public_key: Hex<64>,
        temporary: Hex<64>,
    },
    Answered {
        key: Handle,
        public_key: Hex<64>,
        temporary: Hex<64>,
    },
    /// r ‖ s.
    Signature(Hex<64>),
    Bytes(Secret),
    /// Next IV, and the data.
    Block(Hex<16>, Secret),
    Diversified(Handle, Hex<3>),
    /// Chain by chain, in each the keys in the request's order.
    Derived(Vec<(Hex<16>, Hex<3>)>),
}

/// One fill of a batch, as the C interface's JSON has it.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FillOutcome {
    Filled(Box<FillAnswer>),
    Refused(HsmError),
}

impl From<Result<FillAnswer, HsmError>> for FillOutcome {
    fn from(result: Result<FillAnswer, HsmError>) -> Self {
        match result {
            Ok(answer) => Self::Filled(Box::new(answer)),
            Err(refusal) => Self::Refused(refusal),
        }
    }
}
