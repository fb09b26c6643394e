//! The judge: keys of the public test hierarchy (D2, D3, D8, D31, D32) computed by the `openssl` command.

use std::io::Write;
use std::process::{Command, Stdio};

fn openssl(args: &[&str], input: &[u8]) -> Vec<u8> {
    let mut child = Command::new("openssl")
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("openssl runs");
    child
        .stdin
        .take()
        .expect("stdin")
        .write_all(input)
        .expect("written");
    let output = child.wait_with_output().expect("openssl ends");
    assert!(output.status.success(), "openssl {args:?}");
    output.stdout
}

/// First 16 bytes of SM3(label).
pub fn root(label: &str) -> [u8; 16] {
    openssl(&["dgst", "-sm3", "-binary"], label.as_bytes())[..16]
        .try_into()
        .expect("16 bytes")
}

/// One block of SM4.
pub fn sm4(key: &[u8; 16], block: [u8; 16]) -> [u8; 16] {
    let key = hex::encode(key);
    openssl(&["enc", "-sm4-ecb", "-K", &key, "-nopad", "-e"], &block)
        .try_into()
        .expect("one block")
}

/// `SM4(K, F ‖ ~F)`.
pub fn diversify(key: &[u8; 16], factor: &[u8; 8]) -> [u8; 16] {
    let mut block = [0; 16];
    block[..8].copy_from_slice(factor);
    block[8..].iter_mut().zip(factor).for_each(|(b, f)| *b = !f);
    sm4(key, block)
}

/// First three bytes of the encrypted zero block, in hex.
pub fn check_value(key: &[u8; 16]) -> String {
    hex::encode_upper(&sm4(key, [0; 16])[..3])
}

/// First `digits` hex digits of the CBC-MAC, padding `80 00…`.
pub fn mac_digits(key: &[u8; 16], text: &[u8], digits: usize) -> String {
    let mut padded = text.to_vec();
    padded.push(0x80);
    padded.resize(padded.len().next_multiple_of(16), 0);
    let zero = "00".repeat(16);
    let out = openssl(
        &[
            "enc",
            "-sm4-cbc",
            "-K",
            &hex::encode(key),
            "-iv",
            &zero,
            "-nopad",
            "-e",
        ],
        &padded,
    );
    hex::encode_upper(&out[out.len() - 16..])[..digits].to_owned()
}
