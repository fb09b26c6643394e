//! SM4 and AES-128 in every mode that OpenSSL's command line has, and hashes, over one long text of odd contents.

use super::openssl;
use hsm_engine::algorithms::{Cipher, Schedule, modes};

const KEY: [u8; 16] = *b"\x2b\x7e\x15\x16\x28\xae\xd2\xa6\xab\xf7\x15\x88\x09\xcf\x4f\x3c";
const IV: [u8; 16] = *b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfe";

/// 200 blocks and, where a mode takes it, 5 bytes more.
fn text(whole: bool) -> Vec<u8> {
    let length = if whole { 3200 } else { 3205 };
    (0..length).map(|n: u32| (n * n / 7) as u8).collect()
}

fn enc(name: &str, data: &[u8]) -> Vec<u8> {
    let (key, iv) = (hex::encode(KEY), hex::encode(IV));
    let cipher = format!("-{name}");
    let mut arguments = vec!["enc", &cipher, "-nopad", "-K", &key];
    if !name.ends_with("ecb") {
        arguments.extend(["-iv", &iv]);
    }
    openssl(&arguments, data)
}

#[test]
fn every_mode_of_both_ciphers() {
    for (cipher, name) in [(Cipher::Sm4, "sm4"), (Cipher::Aes128, "aes-128")] {
        let key = Schedule::of(cipher, &KEY);
        let judge = |mode: &str, data: &[u8]| enc(&format!("{name}-{mode}"), data);
        let mut ecb = text(true);
        modes::ecb_encrypt(&key, &mut ecb).unwrap();
        assert!(ecb == judge("ecb", &text(true)), "{name} ECB");
        let (mut cbc, mut iv) = (text(true), IV);
        modes::cbc_encrypt(&key, &mut iv, &mut cbc).unwrap();
        assert!(cbc == judge("cbc", &text(true)), "{name} CBC");
        let mac = modes::cbc_mac(&key, &mut IV.clone(), &text(true)).unwrap();
        assert_eq!(mac, cbc[cbc.len() - 16..], "{name} CBC-MAC");
        iv = IV;
        modes::cbc_decrypt(&key, &mut iv, &mut cbc).unwrap();
        assert!(cbc == text(true), "{name} CBC back");
        let mut stream = text(false);
        modes::cfb_encrypt(&key, &mut IV.clone(), &mut stream);
        assert!(stream == judge("cfb", &text(false)), "{name} CFB");
        modes::cfb_decrypt(&key, &mut IV.clone(), &mut stream);
        assert!(stream == text(false), "{name} CFB back");
        modes::ofb(&key, &mut IV.clone(), &mut stream);
        assert!(stream == judge("ofb", &text(false)), "{name} OFB");
        stream = text(false);
        // The counter runs over its end here.
        modes::ctr(&key, &mut IV.clone(), &mut stream);
        assert!(stream == judge("ctr", &text(false)), "{name} CTR");
    }
}

#[test]
fn cmac_of_both_ciphers() {
    let key = format!("hexkey:{}", hex::encode(KEY));
    for (cipher, name) in [(Cipher::Sm4, "SM4-CBC"), (Cipher::Aes128, "AES-128-CBC")] {
        let schedule = Schedule::of(cipher, &KEY);
        for length in [1, 15, 16, 17, 32, 40, 64, 3205] {
            let data = &text(false)[..length];
            let said = openssl(
                &[
                    "mac", "-cipher", name, "-macopt", &key, "-binary", "-in", "-", "CMAC",
                ],
                data,
            );
            assert_eq!(modes::cmac(&schedule, data)[..], said, "{name} {length}");
        }
    }
    // SP 800-38B, the empty text.
    let empty = modes::cmac(&Schedule::of(Cipher::Aes128, &KEY), &[]);
    assert_eq!(hex::encode(empty), "bb1d6929e95937287fa37d129b756746");
}

#[test]
fn hashes() {
    use sm3::Digest;
    let data = text(false);
    let sm3: [u8; 32] = sm3::Sm3::digest(&data).into();
    let sha256: [u8; 32] = sha2::Sha256::digest(&data).into();
    assert_eq!(openssl(&["dgst", "-sm3", "-binary"], &data), sm3);
    assert_eq!(openssl(&["dgst", "-sha256", "-binary"], &data), sha256);
}
