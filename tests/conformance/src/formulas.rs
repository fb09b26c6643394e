//! The formulas of the card application, of the harness's own: diversification (D2), session key (D1), cryptogram (R37),
//! padding (D9), cipher and MAC of commands (section 3.4 of the card's description). What is right is decided by these,
//! never by the simulator's or the terminal's.

use aes::Aes128;
use cipher::{BlockCipherEncrypt, KeyInit};
use sm4::Sm4;

/// Key and block.
pub type Block = [u8; 16];

/// Which block cipher a product has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cipher {
    Sm4,
    Aes,
}

impl Cipher {
    /// One block.
    #[must_use]
    pub fn encrypt(self, key: &Block, input: Block) -> Block {
        let mut block = input.into();
        match self {
            Self::Sm4 => Sm4::new(&(*key).into()).encrypt_block(&mut block),
            Self::Aes => Aes128::new(&(*key).into()).encrypt_block(&mut block),
        }
        block.into()
    }

    /// `E(K, x ‖ ~x)`: one level of diversification (D2), and the session key of a random number (D1).
    #[must_use]
    pub fn spread(self, key: &Block, value: [u8; 8]) -> Block {
        let input = std::array::from_fn(|i| if i < 8 { value[i] } else { !value[i - 8] });
        self.encrypt(key, input)
    }

    /// left 8 ⊕ right 8 of `E(SK, info ‖ 0)` (R37).
    #[must_use]
    pub fn proof(self, session: &Block, info: [u8; 8]) -> [u8; 8] {
        let input = std::array::from_fn(|i| if i < 8 { info[i] } else { 0 });
        let out = self.encrypt(session, input);
        std::array::from_fn(|i| out[i] ^ out[i + 8])
    }

    /// Whole blocks, each for itself. A part block at the end stays as it is: hostile cases send such.
    #[must_use]
    pub fn ecb(self, key: &Block, plain: &[u8]) -> Vec<u8> {
        let (blocks, rest) = plain.as_chunks::<16>();
        let mut out: Vec<u8> = blocks
            .iter()
            .flat_map(|block| self.encrypt(key, *block))
            .collect();
        out.extend_from_slice(rest);
        out
    }

    /// The last block of CBC over whole blocks.
    #[must_use]
    pub fn cbc_mac(self, key: &Block, initial: Block, message: &[u8]) -> Block {
        let (blocks, _) = message.as_chunks::<16>();
        blocks.iter().fold(initial, |state, block| {
            self.encrypt(key, std::array::from_fn(|i| state[i] ^ block[i]))
        })
    }

    /// `E(SK, len ‖ content ‖ 80 00…)`.
    #[must_use]
    pub fn wrapped(self, session: &Block, content: &[u8]) -> Vec<u8> {
        let head = [content.len().to_le_bytes()[0]];
        self.ecb(session, &pad(&[&head[..], content].concat()))
    }

    /// The four bytes after a command that so far reads `command` (its Lc counts them already).
    #[must_use]
    pub fn command_mac(self, session: &Block, command: &[u8]) -> [u8; 4] {
        let [a, b, c, d, ..] = self.cbc_mac(session, [0; 16], &pad(command));
        [a, b, c, d]
    }
}

/// ISO 7816-4 method 2: always at least one byte (D9).
#[must_use]
pub fn pad(bytes: &[u8]) -> Vec<u8> {
    let mut out = bytes.to_vec();
    out.push(0x80);
    out.resize(out.len().next_multiple_of(16), 0);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(text: &str) -> Block {
        hex::decode(text).unwrap().try_into().unwrap()
    }

    /// The vector of the whole chain, which OpenSSL confirms.
    #[test]
    fn the_chain_of_the_decisions_page() {
        let sm4 = Cipher::Sm4;
        let root = block("0123456789ABCDEFFEDCBA9876543210");
        let province = sm4.spread(&root, *b"41000000");
        assert_eq!(province, block("71B5329BB4EC4E2F8ABDE61BD953DE5E"));
        let card = sm4.spread(&province, [0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88]);
        assert_eq!(card, block("0F320AC49E8E03DD667A74D1A8E505AC"));
        let session = sm4.spread(&card, [1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(session, block("659B3B7AB063EA0C0F6EFDC1817C17E9"));
        let info = [0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88];
        assert_eq!(
            hex::encode_upper(sm4.proof(&session, info)),
            "FA4C04D1B95CACCE"
        );
        let cipher = sm4.wrapped(&session, &[0x22, 0x01, 0x20]);
        assert_eq!(
            hex::encode_upper(&cipher),
            "F2A8F3CB5C9AA233D721EA90404F1E7D"
        );
        let command = [&[0x04, 0xDC, 0x01, 0x04, 0x14][..], &cipher].concat();
        assert_eq!(
            hex::encode_upper(sm4.command_mac(&session, &command)),
            "7D019C7B"
        );
        let write = sm4.command_mac(&session, &[0x84, 0xD2, 0x01, 0x00, 0x04]);
        assert_eq!(hex::encode_upper(write), "3D8415B0");
        let erase = sm4.command_mac(&session, &[0x84, 0x0C, 0x01, 0x00, 0x04]);
        assert_eq!(hex::encode_upper(erase), "20D81EFF");
    }

    /// FIPS 197, appendix C.1.
    #[test]
    fn aes_of_the_standard() {
        let key = block("000102030405060708090A0B0C0D0E0F");
        let plain = block("00112233445566778899AABBCCDDEEFF");
        assert_eq!(
            Cipher::Aes.encrypt(&key, plain),
            block("69C4E0D86A7B0430D8CDB78070B4C55A")
        );
    }
}
