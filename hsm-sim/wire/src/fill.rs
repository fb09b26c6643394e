//! `fill_card` and `fill_sam`: a template of steps goes in, the finished, encrypted and MACed commands of one card's
//! session come out (`docs/cos-dialect.md`, mechanism `scp-sm4-v1`).

use crate::{Hex, Mark};
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop};

/// The mechanism that this HSM runs.
pub const MECHANISM: &str = "scp-sm4-v1";

/// An 8-byte diversification factor: an area's, a card's, or a SAM chip's serial.
pub type Factor = [u8; 8];

/// A key of the HSM and the factors that diversify it, from the top down: `DK = SM4(K, F ‖ ~F)` for each in turn.
/// All lists of one request are tails of one chain that ends in the request's one factor (else `TwoFactors`).
#[derive(Clone, Serialize, Deserialize, Zeroize)]
pub struct Derived {
    pub key: String,
    /// Empty only in a slot of `fill_sam`: the SAM receives the key as it is.
    #[serde(with = "crate::hexbytes::list")]
    pub factors: Vec<Factor>,
}

/// A text whose CBC-MAC, as upper-case hexadecimal digits, goes into a command or back to the caller (安全码, D22).
#[derive(Clone, Serialize, Deserialize, Zeroize)]
pub struct MacText {
    /// A key of usage `mac`; it is not diversified.
    pub key: String,
    /// Padded by the HSM: `80`, then `00` to a whole block, always at least one byte.
    #[serde(with = "crate::blob")]
    pub message: Vec<u8>,
    /// 1–8 leading digits.
    pub digits: u8,
}

/// Protection of a session, and of one command: the MAC alone, or cipher and MAC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// 01
    Mac,
    /// 03
    MacEnc,
}

impl Zeroize for Level {
    fn zeroize(&mut self) {
        *self = Self::Mac;
    }
}

/// Which key opens a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SessionKey {
    /// The request's base key.
    Base,
    /// A slot whose key is of class card-master or sam-master (the master key that this script has just written).
    Slot(u16),
}

impl Zeroize for SessionKey {
    fn zeroize(&mut self) {
        *self = Self::Base;
    }
}

/// A piece of a command's data.
#[derive(Clone, Serialize, Deserialize, Zeroize)]
#[serde(rename_all = "kebab-case")]
pub enum Segment {
    Literal(#[serde(with = "crate::blob")] Vec<u8>),
    /// The slot's key under the session's K_DEK, 16 bytes.
    KeySlot(u16),
    /// The slot's check value, 3 bytes.
    CheckValue(u16),
    /// The digits of a MAC text.
    MacText(u16),
    /// A public test private key, `SM3(label) mod (n−1) + 1`, 32 bytes (D37); TEST stores only.
    TestScalar(String),
}

/// One step of a script.
#[derive(Clone, Serialize, Deserialize, Zeroize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// INITIALIZE UPDATE and EXTERNAL AUTHENTICATE: two commands of the answer.
    Open {
        with: SessionKey,
        key_version: u8,
        /// The card's sequence counter, as it answered it to a probe; 0 after a new master key.
        counter: u32,
        level: Level,
    },
    /// One command of the answer.
    Command {
        /// CLA INS P1 P2.
        #[serde(with = "crate::hexbytes::array")]
        header: [u8; 4],
        segments: Vec<Segment>,
        level: Level,
    },
}

/// A request to fill one card's or one SAM's script. Zeroised when dropped: it holds personal data.
///
/// ```compile_fail
/// fn shows<T: std::fmt::Debug>() {}
/// shows::<hsm_wire::fill::FillRequest>();
/// ```
#[derive(Clone, Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
pub struct FillRequest {
    /// The same id again returns the stored answer and nothing else.
    #[serde(with = "crate::hexbytes::array")]
    pub request_id: [u8; 16],
    pub ticket: String,
    #[zeroize(skip)]
    pub mark: Mark,
    /// [`MECHANISM`]
    pub mechanism: String,
    /// The one factor of this call.
    #[serde(with = "crate::hexbytes::array")]
    pub factor: Factor,
    /// The base key that the card offers now.
    pub base: Derived,
    pub slots: Vec<Derived>,
    pub mac_texts: Vec<MacText>,
    pub steps: Vec<Step>,
}

/// One finished command.
#[derive(Clone, Serialize, Deserialize, PartialEq, Eq)]
pub struct ScriptStep {
    #[serde(with = "crate::blob")]
    pub apdu: Vec<u8>,
    /// Status word that the card must answer.
    pub sw: u16,
    /// The last 8 bytes that it must answer (card cryptogram), after INITIALIZE UPDATE.
    #[serde(with = "crate::hexbytes::maybe")]
    pub expect_tail: Option<[u8; 8]>,
}

/// A filled script. An `Open` has become two steps, a `Command` one.
#[derive(Clone, Serialize, Deserialize, PartialEq, Eq)]
pub struct FillAnswer {
    #[serde(with = "crate::hexbytes::array")]
    pub request_id: [u8; 16],
    pub steps: Vec<ScriptStep>,
    /// Check value of each slot's derived key, in the request's order.
    pub check_values: Vec<Hex<3>>,
    /// Digits of each MAC text.
    pub mac_texts: Vec<String>,
    /// [`script_digest`] of the steps.
    pub digest: Hex<32>,
    /// Count left on the ticket after this call.
    pub quota_left: u64,
    /// Hash of the skeleton policy that allowed it.
    pub policy: Hex<32>,
}

/// SM3 over `length(2) ‖ apdu ‖ sw(2) ‖ tail length(1) ‖ tail` of every step.
#[must_use]
pub fn script_digest(steps: &[ScriptStep]) -> Hex<32> {
    use sm3::{Digest, Sm3};
    let mut hash = Sm3::new();
    for step in steps {
        let length = u16::try_from(step.apdu.len()).unwrap_or(u16::MAX);
        hash.update(length.to_be_bytes());
        hash.update(&step.apdu);
        hash.update(step.sw.to_be_bytes());
        match &step.expect_tail {
            Some(tail) => {
                hash.update([8]);
                hash.update(tail);
            }
            None => hash.update([0]),
        }
    }
    Hex(hash.finalize().into())
}
