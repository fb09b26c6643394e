//! Block cipher keys as the HSM uses them: [`Sm4Key`] for what the HSM seals itself, [`BlockKey`] for keys of cards.
//!
//! Diversification (D2) and check value (D8), also of many keys at once, CBC-MAC, GCM. (What a session needs is in
//! `scp`; the ciphers are in `algorithms`.)

use crate::algorithms::{Cipher, Schedule, encrypt_own, modes};
use crate::sm4::Sm4;
use hsm_wire::Hex;
use hsm_wire::fill::Factor;
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

pub(crate) use crate::sm4::Block;

/// The bytes of an SM4 key. Wiped when dropped; no `Debug`; serialised into the sealed store only.
#[derive(Clone, Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
pub(crate) struct Sm4Key(Block);

impl Sm4Key {
    pub(crate) fn new(bytes: Block) -> Self {
        Self(bytes)
    }

    pub(crate) fn expose(&self) -> &Block {
        &self.0
    }

    pub(crate) fn schedule(&self) -> Sm4 {
        Sm4::of(&self.0)
    }

    /// One block.
    pub(crate) fn encrypt(&self, block: &Block) -> Block {
        self.schedule().encrypt(block)
    }

    /// The key that one encrypted block is.
    pub(crate) fn derive(&self, input: &Block) -> Self {
        Self(self.encrypt(input))
    }

    /// `SM4(K, F ‖ ~F)` for each factor in turn.
    pub(crate) fn diversify(&self, factors: &[Factor]) -> Self {
        let mut key = self.clone();
        for factor in factors {
            key = key.derive(&factor_block(factor));
        }
        key
    }

    /// First three bytes of the encryption of a zero block.
    pub(crate) fn check_value(&self) -> Hex<3> {
        let [a, b, c, ..] = self.encrypt(&[0; 16]);
        Hex([a, b, c])
    }

    /// `ciphertext ‖ tag(16)` under a nonce that is used once.
    pub(crate) fn seal(&self, nonce: &[u8; 12], aad: &[u8], plain: &[u8]) -> Option<Vec<u8>> {
        modes::gcm_seal(Cipher::Sm4, &self.0, nonce, aad, plain)
    }

    /// The plain text, if it is genuine.
    pub(crate) fn open(
        &self,
        nonce: &[u8; 12],
        aad: &[u8],
        sealed: &[u8],
    ) -> Option<Zeroizing<Vec<u8>>> {
        modes::gcm_open(Cipher::Sm4, &self.0, nonce, aad, sealed)
    }
}

/// The bytes of an AES-128 key. Wiped when dropped; no `Debug`; serialised into the sealed store only.
#[derive(Clone, Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
pub(crate) struct AesKey(Block);

impl AesKey {
    pub(crate) fn new(bytes: Block) -> Self {
        Self(bytes)
    }

    pub(crate) fn expose(&self) -> &Block {
        &self.0
    }
}

/// A key of a card, a SAM or a session: its bytes and the cipher they are for. Wiped when dropped; no `Debug`.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub(crate) struct BlockKey {
    #[zeroize(skip)]
    cipher: Cipher,
    bytes: Block,
}

impl BlockKey {
    pub(crate) fn new(cipher: Cipher, bytes: Block) -> Self {
        Self { cipher, bytes }
    }

    pub(crate) fn cipher(&self) -> Cipher {
        self.cipher
    }

    pub(crate) fn expose(&self) -> &Block {
        &self.bytes
    }

    pub(crate) fn schedule(&self) -> Schedule {
        Schedule::of(self.cipher, &self.bytes)
    }

    /// `E(K, F ‖ ~F)` for each factor in turn.
    pub(crate) fn diversify(&self, factors: &[Factor]) -> Self {
        let mut key = self.clone();
        for factor in factors {
            key.bytes = key.schedule().encrypt(&factor_block(factor));
        }
        key
    }

    /// First three bytes of the encryption of a zero block.
    pub(crate) fn check_value(&self) -> Hex<3> {
        let [a, b, c, ..] = self.schedule().encrypt(&[0; 16]);
        Hex([a, b, c])
    }

    /// CBC-MAC, IV 0, over `message ‖ 80 ‖ 00…` to a whole block.
    pub(crate) fn cbc_mac(&self, message: &[u8]) -> Block {
        cbc_mac(&self.schedule(), message)
    }
}

fn cbc_mac(schedule: &Schedule, message: &[u8]) -> Block {
    let mut padded = Zeroizing::new(Vec::with_capacity(message.len() + 16));
    padded.extend_from_slice(message);
    pad(&mut padded);
    let mut chain = [0; 16];
    for block in padded.as_chunks::<16>().0 {
        xor(&mut chain, block);
        chain = schedule.encrypt(&chain);
    }
    chain
}

/// `F ‖ ~F`.
pub(crate) fn factor_block(factor: &Factor) -> Block {
    let mut input = [0; 16];
    input[..8].copy_from_slice(factor);
    for (inverted, byte) in input[8..].iter_mut().zip(factor) {
        *inverted = !byte;
    }
    input
}

/// [`BlockKey::diversify`] for many keys of one cipher side by side, each with its own factors, and the check value of
/// each result.
pub(crate) fn diversify_all(
    cipher: Cipher,
    keys: &[(&Block, &[Factor])],
) -> Vec<(BlockKey, Hex<3>)> {
    let mut current: Zeroizing<Vec<Block>> =
        Zeroizing::new(keys.iter().map(|(key, _)| **key).collect());
    let deepest = keys.iter().map(|(_, factors)| factors.len()).max();
    for level in 0..deepest.unwrap_or(0) {
        let (mut at, mut parents, mut inputs) = (
            Vec::new(),
            Zeroizing::new(Vec::with_capacity(keys.len())),
            Vec::new(),
        );
        for (n, (_, factors)) in keys.iter().enumerate() {
            if let Some(factor) = factors.get(level) {
                at.push(n);
                parents.push(current[n]);
                inputs.push(factor_block(factor));
            }
        }
        encrypt_own(cipher, &parents, &mut inputs);
        for (n, made) in at.into_iter().zip(&mut inputs) {
            current[n] = *made;
            made.zeroize();
        }
    }
    let mut checks = vec![[0; 16]; current.len()];
    encrypt_own(cipher, &current, &mut checks);
    let made = current.iter().zip(checks);
    made.map(|(key, [a, b, c, ..])| (BlockKey::new(cipher, *key), Hex([a, b, c])))
        .collect()
}

pub(crate) fn xor(chain: &mut Block, block: &[u8]) {
    for (c, b) in chain.iter_mut().zip(block) {
        *c ^= b;
    }
}

/// ISO 7816-4 method 2: `80`, then `00` to a whole block (D9).
pub(crate) fn pad(data: &mut Vec<u8>) {
    data.push(0x80);
    data.resize(data.len().next_multiple_of(16), 0);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(text: &str) -> Block {
        Hex::parse(text).expect("16 bytes").0
    }

    #[test]
    fn sm4_standard_vector() {
        let same = block("0123456789ABCDEFFEDCBA9876543210");
        assert_eq!(
            Sm4Key::new(same).encrypt(&same),
            block("681EDF34D206965E86B3E94F536E4246")
        );
    }

    #[test]
    fn public_diversification_vector() {
        let key = BlockKey::new(Cipher::Sm4, block("0123456789ABCDEFFEDCBA9876543210"));
        let factor = Hex::parse("92CDCE45A16799FD").expect("8 bytes").0;
        assert_eq!(
            *key.diversify(&[factor]).expose(),
            block("86C63180C2806ED1F47B859DE501215B")
        );
        assert_eq!(key.check_value().to_string(), "2677F4");
    }

    /// RFC 8998, appendix A.1.
    #[test]
    fn sm4_gcm_rfc8998() {
        let key = Sm4Key::new(block("0123456789ABCDEFFEDCBA9876543210"));
        let nonce = Hex::parse("00001234567800000000ABCD").expect("12 bytes").0;
        let aad = hex::decode("FEEDFACEDEADBEEFFEEDFACEDEADBEEFABADDAD2").expect("hex");
        let plain = hex::decode(concat!(
            "AAAAAAAAAAAAAAAABBBBBBBBBBBBBBBBCCCCCCCCCCCCCCCCDDDDDDDDDDDDDDDD",
            "EEEEEEEEEEEEEEEEFFFFFFFFFFFFFFFFEEEEEEEEEEEEEEEEAAAAAAAAAAAAAAAA"
        ))
        .expect("hex");
        let sealed = key.seal(&nonce, &aad, &plain).expect("seals");
        assert_eq!(
            hex::encode_upper(&sealed),
            concat!(
                "17F399F08C67D5EE19D0DC9969C4BB7D5FD46FD3756489069157B282BB200735",
                "D82710CA5C22F0CCFA7CBF93D496AC15A56834CBCF98C397B4024A2691233B8D",
                "83DE3541E4C2B58177E065A9BF7B62EC"
            )
        );
        assert_eq!(*key.open(&nonce, &aad, &sealed).expect("opens"), plain);
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(key.open(&nonce, &aad, &changed).is_none());
        }
    }
}
