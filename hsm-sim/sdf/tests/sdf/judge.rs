//! OpenSSL as the judge: nothing here uses code of ours for what it decides.

use crate::house::{CVK, KEK, RK};
use std::collections::HashMap;
use std::io::Write;
use std::process::{Command, Stdio};

/// The session key that the programs import; they never see it.
const KEY: &str = "0123456789ABCDEFFEDCBA9876543210";
/// IV of the programs' ciphers.
const IV: &str = "A0A1A2A3A4A5A6A7A8A9AAABACADAEAF";
const ZERO: &str = "00000000000000000000000000000000";

fn openssl(arguments: &[&str], input: &[u8]) -> Vec<u8> {
    let mut child = Command::new("openssl")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("openssl is needed: apt-get install openssl");
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "openssl {arguments:?}: {errors}");
    output.stdout
}

fn sm4(mode: &str, key: &str, iv: &str, data: &[u8]) -> Vec<u8> {
    let cipher = format!("-sm4-{mode}");
    let mut arguments = vec!["enc", &cipher, "-nopad", "-K", key];
    if mode != "ecb" {
        arguments.extend(["-iv", iv]);
    }
    openssl(&arguments, data)
}

/// [`KEY`] under key encryption key 1, as OpenSSL wraps it.
pub fn wrapped_key() -> String {
    hex::encode(sm4("ecb", KEK, "", &hex::decode(KEY).unwrap()))
}

/// [`KEY`] with its bits turned.
pub fn masked_key() -> String {
    let key = hex::decode(KEY).unwrap();
    hex::encode(key.iter().map(|byte| !byte).collect::<Vec<_>>())
}

/// First 16 bytes of SM3(label), in hexadecimal digits.
fn test_key(label: &str) -> String {
    let digest = openssl(&["dgst", "-sm3", "-binary"], label.as_bytes());
    hex::encode(&digest[..16])
}

/// Judges everything that the exercise printed.
pub fn judge(text: &str) {
    let shown: HashMap<&str, Vec<u8>> = text
        .lines()
        .filter_map(|line| line.strip_prefix("JUDGE ")?.split_once(' '))
        .map(|(name, value)| (name, hex::decode(value).unwrap()))
        .collect();
    let plain: Vec<u8> = (0..64_u8)
        .map(|i| i.wrapping_mul(7).wrapping_add(1))
        .collect();
    for mode in ["ecb", "cbc", "cfb", "ofb"] {
        assert_eq!(shown[mode], sm4(mode, KEY, IV, &plain), "SM4 {mode}");
    }
    assert_eq!(shown["mac"], sm4("cbc", KEY, ZERO, &plain)[48..]);
    assert_eq!(
        shown["sm3-abc"],
        openssl(&["dgst", "-sm3", "-binary"], b"abc")
    );
    assert_eq!(
        shown["sha256-abc"],
        openssl(&["dgst", "-sha256", "-binary"], b"abc")
    );
    let mut padded = b"text\x80".to_vec();
    padded.resize(16, 0);
    assert_eq!(
        shown["named-mac"],
        sm4("cbc", &test_key(CVK), ZERO, &padded)[..8]
    );
    diversified(&shown);
    pair(&shown);
    signature(&shown);
}

/// `SM4(K, F ‖ ~F)` and what it makes of a zero block.
fn diversified(shown: &HashMap<&str, Vec<u8>>) {
    let factor = b"FACTOR01";
    let input: Vec<u8> = factor
        .iter()
        .copied()
        .chain(factor.iter().map(|b| !b))
        .collect();
    let key = hex::encode(sm4("ecb", &test_key(RK), "", &input));
    let zero = sm4("ecb", &key, "", &[0; 16]);
    assert_eq!(shown["diversified-zero"], zero);
    assert_eq!(shown["diversified-check"], zero[..3]);
}

/// The public half belongs to the private one.
fn pair(shown: &HashMap<&str, Vec<u8>>) {
    // ECPrivateKey of RFC 5915: version, d, the curve of SM2; no public key.
    let mut der = hex::decode("30310201010420").unwrap();
    der.extend(&shown["pair-d"]);
    der.extend(hex::decode("A00A06082A811CCF5501822D").unwrap());
    let arguments = ["pkey", "-inform", "DER", "-pubout", "-outform", "DER"];
    let public = openssl(&arguments, &der);
    let expected = [&shown["pair-x"][..], &shown["pair-y"][..]].concat();
    assert_eq!(public[public.len() - 64..], expected);
}

/// A signature over e = SM3(ZA ‖ message), made by `SDF_HashInit` and `SDF_InternalSign_ECC`.
fn signature(shown: &HashMap<&str, Vec<u8>>) {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).display().to_string();
    let mut public = hex::decode("3059301306072A8648CE3D020106082A811CCF5501822D03420004").unwrap();
    public.extend(&shown["sign-x"]);
    public.extend(&shown["sign-y"]);
    std::fs::write(path("public"), public).unwrap();
    let integers = [
        integer(&shown["signature-r"]),
        integer(&shown["signature-s"]),
    ]
    .concat();
    let length = u8::try_from(integers.len()).unwrap();
    std::fs::write(path("signature"), [&[0x30, length], &integers[..]].concat()).unwrap();
    std::fs::write(path("message"), "message digest").unwrap();
    let (public, signature, message) = (path("public"), path("signature"), path("message"));
    openssl(
        &[
            "pkeyutl",
            "-verify",
            "-pubin",
            "-inkey",
            &public,
            "-keyform",
            "DER",
            "-rawin",
            "-digest",
            "sm3",
            "-in",
            &message,
            "-sigfile",
            &signature,
            "-pkeyopt",
            "distid:1234567812345678",
        ],
        &[],
    );
}

/// An unsigned number as DER.
fn integer(bytes: &[u8]) -> Vec<u8> {
    let from = bytes.iter().position(|b| *b != 0).unwrap_or(31);
    let mut content = bytes[from..].to_vec();
    if content[0] & 0x80 != 0 {
        content.insert(0, 0);
    }
    [&[2, u8::try_from(content.len()).unwrap()], &content[..]].concat()
}
