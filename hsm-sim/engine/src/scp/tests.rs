//! Sessions sealed together against each sealed alone and the crate `cmac` on the crates `sm4` and `aes`.

use super::*;
use cmac::block_api::CmacCipher;
use cmac::{Cmac, KeyInit, Mac};

/// Sessions of very different lengths, sealed together, against each sealed alone and the MAC crate on `sm4`.
#[test]
fn sessions_sealed_together_are_what_they_are_alone() {
    let make = |n: usize| {
        let cipher = if n.is_multiple_of(3) {
            Cipher::Aes128
        } else {
            Cipher::Sm4
        };
        let base = BlockKey::new(cipher, [n as u8; 16]);
        let level = if n.is_multiple_of(5) {
            Level::Mac
        } else {
            Level::MacEnc
        };
        let mut session = Session::open(&base, 1, n as u32, level, [n as u8; 8]);
        for command in 0..n % 17 {
            let data = vec![command as u8; (n * 31 + command * 7) % 240];
            session.command([0x84, 0xDA, command as u8, 0], Zeroizing::new(data));
        }
        session
    };
    let together = seal((0..150).map(make).collect());
    assert_eq!(together.len(), 150);
    for (n, steps) in together.iter().enumerate() {
        let alone = seal(vec![make(n)]).remove(0);
        assert!(*steps == alone, "session {n}");
        assert_eq!(steps.len(), 2 + n % 17);
        let session = make(n);
        let mut chain = [0; 16];
        for step in &steps[1..] {
            let (message, mac) = step.apdu.split_at(step.apdu.len() - 8);
            let text = [&chain[..], message].concat();
            chain = match session.cipher {
                Cipher::Sm4 => oracle::<::sm4::Sm4>(&session.mac, &text),
                Cipher::Aes128 => oracle::<aes::Aes128>(&session.mac, &text),
            };
            assert_eq!(mac, &chain[..8], "session {n}");
        }
    }
}

fn oracle<C: CmacCipher>(key: &Block, text: &[u8]) -> Block
where
    Cmac<C>: KeyInit + Mac,
{
    let mut mac = <Cmac<C> as KeyInit>::new_from_slice(key).expect("16 bytes");
    mac.update(text);
    let mut out = [0; 16];
    out.copy_from_slice(&mac.finalize().into_bytes());
    out
}
