//! SM3 and SM4 in all modes, text by text, against `libsm` and `gmcrypto-core`.

use hsm_engine::algorithms::{Cipher, Schedule, modes};
use libsm::sm4::{Cipher as Libsm, Mode};
use proptest::prelude::*;
use sm3::Digest;

fn libsm(mode: Mode, key: &[u8; 16], iv: &[u8; 16], data: &[u8]) -> Vec<u8> {
    let cipher = Libsm::new(key, mode).unwrap();
    cipher.encrypt(&[], data, iv).unwrap()
}

fn pkcs7(data: &[u8]) -> Vec<u8> {
    let missing = 16 - data.len() % 16;
    let mut padded = data.to_vec();
    padded.resize(data.len() + missing, u8::try_from(missing).unwrap());
    padded
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn hashes_agree(data in proptest::collection::vec(any::<u8>(), 0..400)) {
        let ours: [u8; 32] = sm3::Sm3::digest(&data).into();
        prop_assert_eq!(ours, libsm::sm3::hash::Sm3Hash::new(&data).get_hash());
        prop_assert_eq!(ours, gmcrypto_core::sm3::hash(&data));
    }

    #[test]
    fn stream_modes_agree_also_in_pieces(
        key: [u8; 16],
        iv: [u8; 16],
        data in proptest::collection::vec(any::<u8>(), 1..2500),
        cut in 0_usize..150,
    ) {
        let schedule = Schedule::of(Cipher::Sm4, &key);
        let cut = (cut * 16).min(data.len() / 16 * 16);
        let piecewise = |step: &dyn Fn(&mut [u8; 16], &mut [u8])| {
            let (mut chain, mut out) = (iv, data.clone());
            let (first, second) = out.split_at_mut(cut);
            step(&mut chain, first);
            step(&mut chain, second);
            out
        };
        let ctr = piecewise(&|iv, data| modes::ctr(&schedule, iv, data));
        prop_assert_eq!(&ctr, &libsm(Mode::Ctr, &key, &iv, &data));
        prop_assert_eq!(&ctr, &gmcrypto_core::sm4::mode_ctr::encrypt(&key, &iv, &data));
        let ofb = piecewise(&|iv, data| modes::ofb(&schedule, iv, data));
        prop_assert_eq!(&ofb, &libsm(Mode::Ofb, &key, &iv, &data));
        let cfb = piecewise(&|iv, data| modes::cfb_encrypt(&schedule, iv, data));
        prop_assert_eq!(&cfb, &libsm(Mode::Cfb, &key, &iv, &data));
        let mut back = cfb;
        let mut chain = iv;
        let (first, second) = back.split_at_mut(cut);
        modes::cfb_decrypt(&schedule, &mut chain, first);
        modes::cfb_decrypt(&schedule, &mut chain, second);
        prop_assert_eq!(back, data);
    }

    #[test]
    fn block_modes_agree(
        key: [u8; 16],
        iv: [u8; 16],
        data in proptest::collection::vec(any::<u8>(), 0..2500),
    ) {
        let schedule = Schedule::of(Cipher::Sm4, &key);
        let (mut ours, mut chain) = (pkcs7(&data), iv);
        let mac = modes::cbc_mac(&schedule, &mut chain, &ours).unwrap();
        chain = iv;
        modes::cbc_encrypt(&schedule, &mut chain, &mut ours).unwrap();
        prop_assert_eq!(&ours, &libsm(Mode::Cbc, &key, &iv, &data));
        prop_assert_eq!(&ours, &gmcrypto_core::sm4::mode_cbc::encrypt(&key, &iv, &data));
        prop_assert_eq!(&mac[..], &ours[ours.len() - 16..]);
        prop_assert_eq!(&chain[..], &ours[ours.len() - 16..]);
        chain = iv;
        modes::cbc_decrypt(&schedule, &mut chain, &mut ours).unwrap();
        prop_assert_eq!(&ours, &pkcs7(&data));
        let mut ecb = pkcs7(&data);
        modes::ecb_encrypt(&schedule, &mut ecb).unwrap();
        let alone = libsm::sm4::cipher::Sm4Cipher::new(&key).unwrap();
        for (ours, plain) in ecb.chunks(16).zip(pkcs7(&data).chunks(16)) {
            prop_assert_eq!(ours, &alone.encrypt(plain).unwrap()[..]);
        }
        modes::ecb_decrypt(&schedule, &mut ecb).unwrap();
        prop_assert_eq!(ecb, pkcs7(&data));
    }

    #[test]
    fn gcm_agrees_and_notices_changes(
        key: [u8; 16],
        nonce: [u8; 12],
        aad in proptest::collection::vec(any::<u8>(), 0..60),
        data in proptest::collection::vec(any::<u8>(), 0..600),
        at: usize,
    ) {
        let mut ours = modes::gcm_seal(Cipher::Sm4, &key, &nonce, &aad, &data).unwrap();
        let (text, tag) = gmcrypto_core::sm4::mode_gcm::encrypt(&key, &nonce, &aad, &data).unwrap();
        prop_assert_eq!(&ours, &[&text[..], &tag[..]].concat());
        let opened = modes::gcm_open(Cipher::Sm4, &key, &nonce, &aad, &ours).unwrap();
        prop_assert_eq!(&*opened, &data);
        let at = at % ours.len();
        ours[at] ^= 0x20;
        prop_assert!(modes::gcm_open(Cipher::Sm4, &key, &nonce, &aad, &ours).is_none());
    }
}

/// GCM of SP 800-38D, case 2, for AES-128; blocks that are none.
#[test]
fn aes_gcm_and_pieces_of_blocks() {
    let sealed = modes::gcm_seal(Cipher::Aes128, &[0; 16], &[0; 12], &[], &[0; 16]).unwrap();
    assert_eq!(
        hex::encode(sealed),
        "0388dace60b6a392f328c2b971b2fe78ab6e47d42cec13bdf53a67b21257bddf"
    );
    let key = Schedule::of(Cipher::Aes128, &[0; 16]);
    for length in [1, 15, 17, 31] {
        let mut data = vec![0; length];
        assert!(modes::ecb_encrypt(&key, &mut data).is_err());
        assert!(modes::cbc_encrypt(&key, &mut [0; 16], &mut data).is_err());
        assert!(modes::cbc_decrypt(&key, &mut [0; 16], &mut data).is_err());
        assert!(modes::cbc_mac(&key, &mut [0; 16], &data).is_err());
        assert_eq!(data, vec![0; length], "refused data stay as they are");
    }
}
