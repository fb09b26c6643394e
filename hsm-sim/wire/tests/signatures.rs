//! SM2 as officers and packages use it: the standard's example, OpenSSL as judge, and keys that must be refused.
#![allow(clippy::unwrap_used)]

use hsm_wire::Hex;
use hsm_wire::gm::{GmError, PrivateKey, check_public_key, message_digest, verify, verify_digest};
use std::process::Command;

/// GM/T 0003.5, signature example on the recommended curve.
const D: &str = "3945208F7B2144B13F36E38AC6D39F95889393692860B51A42FB81EF4DF7C5B8";
const PUBLIC: &str = concat!(
    "09F9DF311E5421A150DD7D161E4BC5C672179FAD1833FC076BB08FF356F35020",
    "CCEA490CE26775A52DC6EA718CC1AA600AED05FBF35E084A6632F6072DA9AD13"
);
const E: &str = "F0B43E94BA45ACCAACE692ED534382EB17E6AB5A19CE7B31F4486FDFC0D28640";
const SIGNATURE: &str = concat!(
    "F5A03B0648D2C4630EEAC513E1BB81A15944DA3827D5B74143AC7EACEEE720B3",
    "B1B6AA29DF212FD8763182BC0D421CA1BB9038FD1F7F42D4840B69C485BBC1AA"
);

fn key(d: &str) -> Result<PrivateKey, GmError> {
    PrivateKey::from_bytes(&Hex::parse(d).unwrap().0)
}

#[test]
fn the_standards_example() {
    let public = Hex::parse(PUBLIC).unwrap();
    assert_eq!(key(D).unwrap().public_key().unwrap(), public);
    assert_eq!(
        Hex(message_digest(&public, b"message digest").unwrap()).to_string(),
        E
    );
    let signature = Hex::parse(SIGNATURE).unwrap();
    verify(&public, b"message digest", &signature).unwrap();
    verify_digest(&public, &Hex::parse(E).unwrap().0, &signature).unwrap();
    assert_eq!(
        verify(&public, b"message digesu", &signature),
        Err(GmError::Signature)
    );
}

#[test]
fn keys_that_are_none() {
    let order = "FFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D541";
    for last in ["22", "23", "24"] {
        assert!(key(&format!("{order}{last}")).is_err(), "n-1, n, n+1");
    }
    assert!(key(&format!("{order}21")).is_ok(), "n-2 is one");
    assert!(key(&"0".repeat(64)).is_err());
    assert!(key(&"F".repeat(64)).is_err());
    assert_eq!(check_public_key(&Hex([0; 64])), Err(GmError::PublicKey));
    assert_eq!(check_public_key(&Hex([1; 64])), Err(GmError::PublicKey));
}

#[test]
fn signatures_that_are_none() {
    let public = Hex::parse(PUBLIC).unwrap();
    for signature in [[0; 64], [0xFF; 64]] {
        assert!(verify(&public, b"x", &Hex(signature)).is_err());
    }
    let good = key(D).unwrap().sign(b"x").unwrap();
    for bit in 0..512 {
        let mut changed = good;
        changed.0[bit / 8] ^= 1 << (bit % 8);
        assert!(verify(&public, b"x", &changed).is_err(), "bit {bit}");
    }
}

/// DER integer.
fn integer(bytes: &[u8]) -> Vec<u8> {
    let bytes = &bytes[bytes.iter().position(|b| *b != 0).unwrap()..];
    let zero: &[u8] = if bytes[0] & 0x80 == 0 { &[] } else { &[0] };
    let length = u8::try_from(zero.len() + bytes.len()).unwrap();
    [&[2, length], zero, bytes].concat()
}

/// Whoever has no program of ours checks an order or a package with OpenSSL.
#[test]
fn openssl_verifies() {
    let dir = tempfile::tempdir().unwrap();
    let key = PrivateKey::generate().unwrap();
    let message = r#"{"hsm":"00","sequence":1,"op":"remove-policy"}"#;
    let signature = key.sign(message.as_bytes()).unwrap().0;
    let spki = hex::decode("3059301306072A8648CE3D020106082A811CCF5501822D03420004").unwrap();
    let numbers = [integer(&signature[..32]), integer(&signature[32..])].concat();
    let write = |name: &str, bytes: &[u8]| std::fs::write(dir.path().join(name), bytes).unwrap();
    write(
        "key.der",
        &[&spki[..], &key.public_key().unwrap().0].concat(),
    );
    write(
        "sig",
        &[&[0x30, u8::try_from(numbers.len()).unwrap()], &numbers[..]].concat(),
    );
    for (text, right) in [(message, true), ("another text", false)] {
        write("text", text.as_bytes());
        let output = Command::new("openssl")
            .args([
                "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", "key.der", "-rawin",
                "-digest", "sm3",
            ])
            .args([
                "-pkeyopt",
                "distid:1234567812345678",
                "-in",
                "text",
                "-sigfile",
                "sig",
            ])
            .current_dir(dir.path())
            .output()
            .expect("openssl is installed (apt-get install openssl)");
        assert_eq!(
            output.status.success(),
            right,
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}
