//! What the calls of templates mean: challenges, cryptograms, ciphers and MACs under the public test keys.
//!
//! Words after the key change a value: `vN` another key version, `old` the challenge before the last, `with=NAME` a saved
//! answer as the random number, `flipN` bit 0 of byte N turned, `cutN` the first N bytes only.

use std::collections::BTreeMap;

use cardlib_card::profile::Signature as Algorithm;
use cardlib_card::suite::SigningKey;

use crate::formulas::{Block, Cipher, pad};
use crate::hierarchy::{Home, KeyRow, Preset, key_named};
use crate::random::Chance;
use crate::template::{Call, Symbols, TemplateError};

/// info8 as terminals send it.
pub const INFO: [u8; 8] = [0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88];

/// Whether a call exists, and whether its first word is a key.
#[must_use]
pub fn takes_key(call: &str) -> Option<bool> {
    match call {
        "proof" | "answer" | "mac" | "cipher" | "crypt" | "enc" | "cmac" | "usage" | "factors"
        | "key-head" | "delivery" | "mac-of" | "mac-iv" | "reverse" => Some(true),
        "lc" | "info" | "rand" | "rand2" | "bytes" | "zeros" | "fill" | "pattern" | "challenge"
        | "factor" | "saved" | "pad" | "hash" | "ascii" | "security-code" | "turn" | "xor"
        | "digits" | "hex" | "fold" | "lv" | "plus" => Some(false),
        _ => None,
    }
}

/// What is known while a case runs.
pub struct Known {
    pub preset: Preset,
    pub home: Home,
    pub seed: String,
    /// Case and attempt: the place from which its chance comes.
    pub place: String,
    pub challenge: Option<[u8; 8]>,
    pub old: Option<[u8; 8]>,
    pub saved: BTreeMap<String, Vec<u8>>,
    /// The reader asks for waiting bytes itself.
    pub reader_fetches: bool,
    /// Milliseconds that the last exchange took.
    pub last_ms: u64,
    /// All challenges of the run so far, to see repetitions.
    pub challenges: std::collections::BTreeSet<[u8; 8]>,
}

fn refuse(what: impl Into<String>) -> TemplateError {
    TemplateError::Call(what.into())
}

impl Known {
    fn chance(&self, label: &str) -> Chance {
        Chance::of(&self.seed, &format!("{}/{label}", self.place))
    }

    fn cipher(&self) -> Cipher {
        self.preset.cipher
    }

    /// A GET CHALLENGE was answered.
    pub fn challenged(&mut self, value: [u8; 8]) {
        self.old = self.challenge.replace(value);
    }

    fn key(call: &Call) -> Result<&'static KeyRow, TemplateError> {
        let name = call
            .words
            .first()
            .ok_or_else(|| refuse("a key's name is missing"))?;
        key_named(name).ok_or_else(|| refuse(format!("no key {name}")))
    }

    fn saved(&self, name: &str) -> Result<&Vec<u8>, TemplateError> {
        self.saved
            .get(name)
            .ok_or_else(|| refuse(format!("nothing was saved as '{name}'")))
    }

    /// The session key of a call: card key of version `vN` (else the flow's), spread with the random number.
    fn session(&self, call: &Call, own_random: bool) -> Result<Block, TemplateError> {
        let key = Self::key(call)?;
        let version = call
            .words
            .iter()
            .find_map(|w| w.strip_prefix('v')?.parse().ok());
        let version = version.unwrap_or_else(|| key.flow_version());
        let card_key = self.preset.card_key(key, version, &self.home);
        Ok(self
            .cipher()
            .spread(&card_key, self.random_of(call, own_random)?))
    }

    fn random_of(&self, call: &Call, own: bool) -> Result<[u8; 8], TemplateError> {
        let with = call.words.iter().find_map(|w| w.strip_prefix("with="));
        if with == Some("zero") {
            return Ok([0; 8]);
        }
        if let Some(name) = with {
            let kept = self.saved(name)?.as_slice();
            return kept
                .try_into()
                .map_err(|_| refuse(format!("'{name}' is not 8 bytes")));
        }
        if own {
            return Ok(self.chance("rand").array());
        }
        // Without a challenge the bytes are zero: cases that leave it out want exactly that to be refused.
        let old = call.words.iter().any(|w| w == "old");
        Ok(if old { self.old } else { self.challenge }.unwrap_or_default())
    }

    fn plain_value(
        &self,
        call: &Call,
        so_far: &[u8],
        content: &[u8],
    ) -> Result<Vec<u8>, TemplateError> {
        let number = |at: usize| -> Result<usize, TemplateError> {
            let parsed = call
                .words
                .get(at)
                .and_then(|w| w.parse().ok())
                .filter(|n| *n <= 8192);
            parsed.ok_or_else(|| refuse(format!("{{{}}} needs a number up to 8192", call.name)))
        };
        let word = |at: usize| call.words.get(at).map_or("", String::as_str);
        let cipher = self.cipher();
        Ok(match call.name.as_str() {
            "info" => INFO.to_vec(),
            "rand" => self.chance("rand").bytes(8),
            "rand2" => self.chance("rand2").bytes(8),
            "bytes" => self.chance(&format!("bytes {}", word(1))).bytes(number(0)?),
            "pattern" => self
                .chance(&format!("pattern {}", word(1)))
                .bytes(number(0)?),
            "zeros" => vec![0; number(0)?],
            "fill" => vec![
                u8::from_str_radix(word(1), 16).map_err(|_| refuse("{fill N HH}"))?;
                number(0)?
            ],
            "challenge" => self.random_of(call, false)?.to_vec(),
            "factor" => self.home.factor.to_vec(),
            "saved" => self.part_of_saved(call)?,
            "pad" => pad(content),
            "hash" => self.preset.hash(content).to_vec(),
            "turn" => content.iter().rev().copied().collect(),
            "ascii" => word(0).as_bytes().to_vec(),
            "xor" => content
                .iter()
                .map(|b| b ^ u8::from_str_radix(word(0), 16).unwrap_or(0xFF))
                .collect(),
            // P2 of DELIVERY: version in the high three bits, index below.
            "delivery" => {
                let key = Self::key(call)?;
                let version = call
                    .words
                    .iter()
                    .find_map(|w| w.strip_prefix('v')?.parse::<u8>().ok());
                vec![version.unwrap_or_else(|| key.flow_version()) << 5 | key.index]
            }
            // left 8 ⊕ right 8, as terminals make a cryptogram of the SAM's cipher text.
            "fold" => {
                let (left, right) = content.split_at(content.len() / 2);
                left.iter().zip(right).map(|(a, b)| a ^ b).collect()
            }
            "lv" => [&[content.len().to_le_bytes()[0]], content].concat(),
            "plus" => vec![(content.len() + number(0)?).to_le_bytes()[0]],
            // The content's hexadecimal digits as characters.
            "digits" => hex::encode_upper(content).into_bytes(),
            // A decimal number as one byte.
            "hex" => vec![
                u8::try_from(number(0)?).map_err(|_| refuse("{hex N} takes numbers up to 255"))?,
            ],
            "security-code" => self.security_code(content),
            "proof" => cipher.proof(&self.session(call, false)?, INFO).to_vec(),
            "answer" => cipher.proof(&self.session(call, true)?, INFO).to_vec(),
            "mac" => cipher
                .command_mac(&self.session(call, false)?, so_far)
                .to_vec(),
            // The MAC of another message; with the challenge as initial value; in reverse order: what cards must not take.
            "mac-of" => cipher
                .command_mac(&self.session(call, false)?, content)
                .to_vec(),
            "reverse" => {
                let mac = cipher.command_mac(&self.session(call, false)?, so_far);
                mac.into_iter().rev().collect()
            }
            "mac-iv" => {
                let key = Self::key(call)?;
                let card_key = self.preset.card_key(key, key.flow_version(), &self.home);
                let challenge = self.random_of(call, false)?;
                let initial = std::array::from_fn(|i| challenge.get(i).copied().unwrap_or(0));
                cipher.cbc_mac(&card_key, initial, &pad(so_far))[..4].to_vec()
            }
            "cipher" => cipher.wrapped(&self.session(call, false)?, content),
            "crypt" => cipher.ecb(&self.session(call, false)?, content),
            "enc" => cipher.ecb(&self.session(call, true)?, content),
            "cmac" => {
                let (initial, message) = content
                    .split_first_chunk::<16>()
                    .ok_or_else(|| refuse("{cmac KEY: iv16 message}"))?;
                cipher.cbc_mac(&self.session(call, true)?, *initial, message)[..4].to_vec()
            }
            "usage" => vec![self.preset.usage(Self::key(call)?)],
            "factors" => self
                .preset
                .factors(Self::key(call)?, &self.home)
                .iter()
                .rev()
                .flatten()
                .copied()
                .collect(),
            "key-head" => self.preset.card_key(
                Self::key(call)?,
                Self::key(call)?.flow_version(),
                &self.home,
            )[..8]
                .to_vec(),
            other => return Err(refuse(format!("no call {{{other}}}"))),
        })
    }

    /// `{saved NAME}`, `{saved NAME FROM LEN}`.
    fn part_of_saved(&self, call: &Call) -> Result<Vec<u8>, TemplateError> {
        let name = call.words.first().map_or("", String::as_str);
        let bytes = self.saved(name)?;
        let at = |i: usize| call.words.get(i).and_then(|w| w.parse::<usize>().ok());
        let (from, len) = (at(1).unwrap_or(0), at(2).unwrap_or(bytes.len()));
        let end = from.saturating_add(len).min(bytes.len());
        Ok(bytes.get(from..end).unwrap_or_default().to_vec())
    }

    /// D22: number ‖ serial → three characters.
    fn security_code(&self, content: &[u8]) -> Vec<u8> {
        let cvk = self.preset.test_root("CVK", 0, Some(&self.home.province()));
        let mac = self.cipher().cbc_mac(&cvk, [0; 16], &pad(content));
        hex::encode_upper(mac).as_bytes()[..3].to_vec()
    }

    /// The public test key of a label (D33, D36, D37).
    ///
    /// # Errors
    /// For the one label in 2²⁵⁶ that gives no key.
    pub fn test_signer(&self, label: &str) -> Result<SigningKey, String> {
        let algorithm = match self.preset.cipher {
            Cipher::Sm4 => Algorithm::Sm2,
            Cipher::Aes => Algorithm::EcdsaP256,
        };
        SigningKey::from_label(algorithm, label.as_bytes()).map_err(|e| e.to_string())
    }
}

impl Symbols for Known {
    fn value(&self, call: &Call, so_far: &[u8], content: &[u8]) -> Result<Vec<u8>, TemplateError> {
        let mut out = self.plain_value(call, so_far, content)?;
        for word in &call.words {
            let number = |prefix: &str| {
                word.strip_prefix(prefix)
                    .and_then(|n| n.parse::<usize>().ok())
            };
            if let Some(byte) = number("flip").and_then(|at| out.get_mut(at)) {
                *byte ^= 1;
            } else if let Some(len) = number("cut") {
                out.truncate(len);
            }
        }
        Ok(out)
    }
}
