//! OpenSSL judges `rhc-aes` (D46): test keys from SHA-256, ECDSA over P-256, and both certificates with algorithm byte 05.
#![allow(clippy::unwrap_used)] // a failed unwrap here is the failed assertion

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use cardlib_card::cert::{
    CertificateBody, CertificateError, IssuerCertificate, Mark, SamCertificate,
};
use cardlib_card::gm::sm2;
use cardlib_card::profile::{Profile, Signature};
use cardlib_card::suite::{self, SigningKey, VerifyingKey};

fn openssl(args: &[&str]) -> (bool, Vec<u8>) {
    let output = Command::new("openssl")
        .args(args)
        .stdin(Stdio::null())
        .output()
        .expect("openssl is wanted for this test: apt-get install openssl");
    (output.status.success(), output.stdout)
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn file(dir: &Path, name: &str, content: &[u8]) -> PathBuf {
    let path = dir.join(name);
    std::fs::write(&path, content).unwrap();
    path
}

/// SEC1 private key on P-256; OpenSSL computes the public half itself.
fn private_pem(dir: &Path, d: &[u8]) -> PathBuf {
    let curve = [0xA0, 0x0A, 6, 8, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 3, 1, 7];
    let body = [&[2, 1, 1, 4, 32][..], d, &curve].concat();
    let der = file(
        dir,
        "key.der",
        &[vec![0x30, body.len() as u8], body].concat(),
    );
    let pem = dir.join("key.pem");
    let (ok, _) = openssl(&[
        "ec",
        "-inform",
        "DER",
        "-in",
        text(&der),
        "-out",
        text(&pem),
    ]);
    assert!(ok, "openssl takes the private key");
    pem
}

fn der_signature(raw: &[u8]) -> Vec<u8> {
    let integer = |bytes: &[u8]| {
        let mut body: Vec<u8> = bytes.iter().copied().skip_while(|b| *b == 0).collect();
        if body.first().is_none_or(|b| *b >= 0x80) {
            body.insert(0, 0);
        }
        [vec![2, body.len() as u8], body].concat()
    };
    let body = [integer(&raw[..32]), integer(&raw[32..])].concat();
    [vec![0x30, body.len() as u8], body].concat()
}

/// Whether OpenSSL finds the signature right, given only the private key's file.
fn verifies(dir: &Path, pem: &Path, message: &[u8], raw: &[u8]) -> bool {
    let (message, signature) = (file(dir, "m", message), file(dir, "s", &der_signature(raw)));
    openssl(&[
        "dgst",
        "-sha256",
        "-prverify",
        text(pem),
        "-signature",
        text(&signature),
        text(&message),
    ])
    .0
}

/// D33 with D46, the number reduced by hand: SHA-256 of this label is below n − 1.
#[test]
fn test_keys_come_from_sha_256() {
    let dir = tempfile::tempdir().unwrap();
    let label = file(dir.path(), "label", b"RHC-TEST-SM2-ROOT");
    let (_, mut digest) = openssl(&["dgst", "-sha256", "-binary", text(&label)]);
    for byte in digest.iter_mut().rev() {
        *byte = byte.wrapping_add(1);
        if *byte != 0 {
            break;
        }
    }
    let key = SigningKey::from_label(Signature::EcdsaP256, b"RHC-TEST-SM2-ROOT").unwrap();
    assert_eq!(key.to_bytes().as_slice(), digest);
    let pem = private_pem(dir.path(), &digest);
    let (_, spki) = openssl(&["pkey", "-in", text(&pem), "-pubout", "-outform", "DER"]);
    assert_eq!(key.verifying_key().to_bytes(), spki[spki.len() - 64..]);
}

#[test]
fn certificates_of_the_aes_profile_are_verified_by_openssl_and_not_taken_for_sm2() {
    let profile = Profile::named("rhc-aes").unwrap();
    let key = |label: &[u8]| SigningKey::from_label(profile.crypto.signature, label).unwrap();
    let (root, issuer) = (key(b"RHC-TEST-SM2-ROOT"), key(b"RHC-TEST-SM2-ISSUER-41"));
    let body = CertificateBody {
        issuer_code: [0x41; 11],
        serial: 1,
        valid_from: [0x20, 0x26, 0x01, 0x01],
        valid_to: [0x20, 0x36, 0x01, 0x01],
        mark: Mark::Test,
    };
    let first = IssuerCertificate {
        body: body.clone(),
        public_key: issuer.verifying_key(),
    };
    let signature = root.sign_message(&first.to_be_signed()).unwrap();
    let bytes = first.with_signature(&signature);
    assert_eq!((bytes.len(), bytes[29], bytes[30]), (180, 5, 5));

    let dir = tempfile::tempdir().unwrap();
    let pem = private_pem(dir.path(), root.to_bytes().as_slice());
    assert!(verifies(dir.path(), &pem, &bytes[..116], &bytes[116..]));
    let mut wrong = bytes;
    wrong[60] ^= 1;
    assert!(!verifies(dir.path(), &pem, &wrong[..116], &wrong[116..]));

    let read = IssuerCertificate::verify(&bytes, &root.verifying_key(), Mark::Test).unwrap();
    assert_eq!(read, first);
    let other = IssuerCertificate::verify(&bytes, &issuer.verifying_key(), Mark::Test);
    assert_eq!(other, Err(CertificateError::Signature));
    let field = CertificateError::Field {
        field: "key algorithm",
    };
    let as_sm2 = IssuerCertificate::<sm2::VerifyingKey>::parse_unverified(&bytes);
    assert_eq!(as_sm2, Err(field));

    let second = SamCertificate {
        body,
        sam_serial: [0x41; 10],
        public_key: key(b"RHC-TEST-SM2-SAM-41").verifying_key(),
    };
    let signature = issuer.sign_message(&second.to_be_signed()).unwrap();
    let bytes = second.with_signature(&signature);
    let pem = private_pem(dir.path(), issuer.to_bytes().as_slice());
    assert!(verifies(dir.path(), &pem, &bytes[..126], &bytes[126..]));
    let read = SamCertificate::verify(&bytes, &read.public_key, Mark::Test).unwrap();
    assert_eq!(read, second);
    // Bytes 29 and 30 name one algorithm.
    let mut mixed = bytes;
    mixed[29] = 4;
    assert!(SamCertificate::<VerifyingKey>::parse_any(&mixed).is_err());
}

/// D17: e is the digest itself.
#[test]
fn a_visits_digest_is_signed_as_it_is() {
    let hash = Profile::named("rhc-aes").unwrap().crypto.hash;
    let dir = tempfile::tempdir().unwrap();
    let key = SigningKey::from_label(Signature::EcdsaP256, b"RHC-TEST-SM2-SAM-41").unwrap();
    let data = [0x5A; 1639];
    let signature = key.sign_digest(&suite::digest(hash, &data)).unwrap();
    let pem = private_pem(dir.path(), key.to_bytes().as_slice());
    assert!(verifies(dir.path(), &pem, &data, &signature));
}
