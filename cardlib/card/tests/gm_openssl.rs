//! OpenSSL judges our SM2: it verifies what we sign, we verify what it signs, and the public test keys (D33, D36,
//! D37, D42) and both certificates (D20, D21) come out as its tools compute them.
#![allow(clippy::unwrap_used)] // a failed unwrap here is the failed assertion

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use cardlib_card::cert::{
    CertificateBody, CertificateError, IssuerCertificate, IssuerLevel, Mark, SamCertificate,
    issuer_code, sam_serial,
};
use cardlib_card::gm::sm2::{SigningKey, VerifyingKey};
use cardlib_card::gm::sm3;

const DISTID: &str = "distid:1234567812345678";

/// A directory that goes away with the test.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("rhc-gm-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, content).unwrap();
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn openssl(args: &[&str]) -> (bool, Vec<u8>) {
    let output = Command::new("openssl")
        .args(args)
        .stdin(Stdio::null())
        .output()
        .expect("openssl is wanted for this test: apt-get install openssl");
    (output.status.success(), output.stdout)
}

fn path(p: &Path) -> &str {
    p.to_str().unwrap()
}

/// DER of an INTEGER from 32 big-endian bytes.
fn der_integer(bytes: &[u8]) -> Vec<u8> {
    let mut body: Vec<u8> = bytes.iter().copied().skip_while(|b| *b == 0).collect();
    if body.first().is_none_or(|b| *b >= 0x80) {
        body.insert(0, 0);
    }
    [vec![2, body.len() as u8], body].concat()
}

fn der_signature(raw: &[u8; 64]) -> Vec<u8> {
    let body = [der_integer(&raw[..32]), der_integer(&raw[32..])].concat();
    [vec![0x30, body.len() as u8], body].concat()
}

fn raw_signature(der: &[u8]) -> [u8; 64] {
    let mut raw = [0u8; 64];
    let mut at = 2;
    for half in [0, 32] {
        let len = der[at + 1] as usize;
        let number = &der[at + 2..at + 2 + len];
        let number = &number[number.len().saturating_sub(32)..];
        raw[half + 32 - number.len()..half + 32].copy_from_slice(number);
        at += 2 + len;
    }
    raw
}

/// SEC1 private key on the SM2 curve, as OpenSSL reads it: it computes the public half itself.
fn private_pem(scratch: &Scratch, name: &str, d: &[u8]) -> PathBuf {
    let body = [
        &[2, 1, 1, 4, 32][..],
        d,
        // [0] { OID 1.2.156.10197.1.301 }
        &[
            0xA0, 0x0A, 6, 8, 0x2A, 0x81, 0x1C, 0xCF, 0x55, 1, 0x82, 0x2D,
        ],
    ]
    .concat();
    let der = [vec![0x30, body.len() as u8], body].concat();
    let der_file = scratch.file(&format!("{name}.der"), &der);
    let pem = scratch.0.join(format!("{name}.pem"));
    let (ok, _) = openssl(&[
        "ec",
        "-inform",
        "DER",
        "-in",
        path(&der_file),
        "-out",
        path(&pem),
    ]);
    assert!(ok, "openssl takes the private key");
    pem
}

/// X ‖ Y as OpenSSL computes it from d: the last 64 bytes of the SubjectPublicKeyInfo.
fn openssl_public(pem: &Path) -> Vec<u8> {
    let (ok, spki) = openssl(&["pkey", "-in", path(pem), "-pubout", "-outform", "DER"]);
    assert!(ok);
    spki[spki.len() - 64..].to_vec()
}

#[test]
fn openssl_and_we_agree_on_signatures() {
    let scratch = Scratch::new("sign");
    let key = SigningKey::from_label(b"RHC-TEST-SM2-ROOT").unwrap();
    let pem = private_pem(&scratch, "root", key.to_bytes().as_slice());
    let message = scratch.file("message", b"one delivery list, to the byte\n");
    let content = std::fs::read(&message).unwrap();

    let ours = scratch.file("ours", &der_signature(&key.sign_message(&content).unwrap()));
    let verify = |message: &Path, signature: &Path| {
        openssl(&[
            "pkeyutl",
            "-verify",
            "-inkey",
            path(&pem),
            "-rawin",
            "-digest",
            "sm3",
            "-pkeyopt",
            DISTID,
            "-in",
            path(message),
            "-sigfile",
            path(signature),
        ])
        .0
    };
    assert!(verify(&message, &ours), "openssl verifies our signature");
    let other = scratch.file("other", b"one delivery list, to the bite\n");
    assert!(!verify(&other, &ours), "and refuses it for another text");

    let theirs = scratch.0.join("theirs");
    let (ok, _) = openssl(&[
        "pkeyutl",
        "-sign",
        "-inkey",
        path(&pem),
        "-rawin",
        "-digest",
        "sm3",
        "-pkeyopt",
        DISTID,
        "-in",
        path(&message),
        "-out",
        path(&theirs),
    ]);
    assert!(ok);
    let raw = raw_signature(&std::fs::read(&theirs).unwrap());
    key.verifying_key().verify_message(&content, &raw).unwrap();
    assert!(key.verifying_key().verify_message(b"other", &raw).is_err());
}

/// D17: a signature over *e*, no identity. OpenSSL signs a bare digest when it is not asked to hash.
#[test]
fn openssl_and_we_agree_on_digest_signatures() {
    let scratch = Scratch::new("digest");
    let key = SigningKey::from_label(b"RHC-TEST-SM2-ISSUER-41").unwrap();
    let pem = private_pem(&scratch, "issuer", key.to_bytes().as_slice());
    let e = sm3::digest(b"bytes of a visit record");
    let e_file = scratch.file("e", &e);
    let ours = scratch.file("ours", &der_signature(&key.sign_digest(&e).unwrap()));
    let (ok, _) = openssl(&[
        "pkeyutl",
        "-verify",
        "-inkey",
        path(&pem),
        "-in",
        path(&e_file),
        "-sigfile",
        path(&ours),
    ]);
    assert!(ok);
    let theirs = scratch.0.join("theirs");
    let (ok, _) = openssl(&[
        "pkeyutl",
        "-sign",
        "-inkey",
        path(&pem),
        "-in",
        path(&e_file),
        "-out",
        path(&theirs),
    ]);
    assert!(ok);
    let raw = raw_signature(&std::fs::read(&theirs).unwrap());
    key.verifying_key().verify_digest(&e, &raw).unwrap();
}

/// `d = SM3(label) mod (n−1) + 1`, with SM3 and the curve by OpenSSL.
#[test]
fn test_keys_are_the_public_ones() {
    let scratch = Scratch::new("labels");
    for label in [
        "RHC-TEST-SM2-ROOT",
        "RHC-TEST-SM2-ISSUER-41",
        "RHC-TEST-SM2-SAM-41010120260000000017",
        "RHC-TEST-SM2-MAKER-5454",
    ] {
        let text = scratch.file("label", label.as_bytes());
        let (ok, digest) = openssl(&["dgst", "-sm3", "-binary", path(&text)]);
        assert!(ok);
        // None of these digests reaches n−1 (its first four bytes would have to be FFFFFFFF or FFFFFFFE FF…), so
        // the reduction is nothing and d is the digest plus one.
        assert!(digest[0] < 0xFF);
        let mut d = digest.clone();
        for byte in d.iter_mut().rev() {
            *byte = byte.wrapping_add(1);
            if *byte != 0 {
                break;
            }
        }
        let key = SigningKey::from_label(label.as_bytes()).unwrap();
        assert_eq!(key.to_bytes().as_slice(), d);
        let pem = private_pem(&scratch, "key", &d);
        assert_eq!(
            key.verifying_key().to_bytes().as_slice(),
            openssl_public(&pem),
            "{label}"
        );
    }
}

fn body(mark: Mark) -> CertificateBody {
    CertificateBody {
        issuer_code: issuer_code("410000", IssuerLevel::Province, 1).unwrap(),
        serial: 0x0102_0304_0506_0708,
        valid_from: [0x20, 0x26, 0x01, 0x01],
        valid_to: [0x20, 0x36, 0x12, 0x31],
        mark,
    }
}

/// The chain root → issuer → SAM, both signatures judged by OpenSSL over the bytes that D20 and D21 name.
#[test]
fn certificates_have_their_layout_and_openssl_verifies_them() {
    let scratch = Scratch::new("cert");
    let root = SigningKey::from_label(b"RHC-TEST-SM2-ROOT").unwrap();
    let issuer = SigningKey::from_label(b"RHC-TEST-SM2-ISSUER-41").unwrap();
    let serial = sam_serial("4101", 1, 2026, 1).unwrap();
    let sam =
        SigningKey::from_label(format!("RHC-TEST-SM2-SAM-{}", hex::encode(serial)).as_bytes())
            .unwrap();

    let unsigned = IssuerCertificate {
        body: body(Mark::Test),
        public_key: issuer.verifying_key().clone(),
    };
    let issuer_bytes =
        unsigned.with_signature(&root.sign_message(&unsigned.to_be_signed()).unwrap());
    let unsigned = SamCertificate {
        body: body(Mark::Test),
        sam_serial: serial,
        public_key: sam.verifying_key().clone(),
    };
    let sam_bytes =
        unsigned.with_signature(&issuer.sign_message(&unsigned.to_be_signed()).unwrap());

    assert_eq!(issuer_bytes.len(), 180);
    assert_eq!(sam_bytes.len(), 190);
    let head = "01020304050607082026010120361231 0404ff 54455354".replace(' ', "");
    let code = hex::encode(issuer_code("410000", IssuerLevel::Province, 1).unwrap());
    let zeros = "00".repeat(16);
    assert!(hex::encode(issuer_bytes).starts_with(&format!("0101{code}{head}{zeros}")));
    assert!(
        hex::encode(sam_bytes)
            .starts_with(&format!("0102{code}{head}{zeros}{}", hex::encode(serial)))
    );
    assert_eq!(issuer_bytes[52..116], issuer.verifying_key().to_bytes());
    assert_eq!(sam_bytes[62..126], sam.verifying_key().to_bytes());

    for (bytes, signed, key, name) in [
        (&issuer_bytes[..], 116, &root, "root"),
        (&sam_bytes[..], 126, &issuer, "issuer"),
    ] {
        let pem = private_pem(&scratch, name, key.to_bytes().as_slice());
        let message = scratch.file("tbs", &bytes[..signed]);
        let raw: [u8; 64] = bytes[signed..].try_into().unwrap();
        let signature = scratch.file("sig", &der_signature(&raw));
        let (ok, _) = openssl(&[
            "pkeyutl",
            "-verify",
            "-inkey",
            path(&pem),
            "-rawin",
            "-digest",
            "sm3",
            "-pkeyopt",
            DISTID,
            "-in",
            path(&message),
            "-sigfile",
            path(&signature),
        ]);
        assert!(ok, "{name}");
    }

    let read = IssuerCertificate::verify(&issuer_bytes, root.verifying_key(), Mark::Test).unwrap();
    assert_eq!(read.body, body(Mark::Test));
    assert!(read.body.is_valid_on([0x20, 0x26, 0x01, 0x01]));
    assert!(read.body.is_valid_on([0x20, 0x36, 0x12, 0x31]));
    assert!(!read.body.is_valid_on([0x20, 0x25, 0x12, 0x31]));
    assert!(!read.body.is_valid_on([0x20, 0x37, 0x01, 0x01]));
    let read = SamCertificate::verify(&sam_bytes, &read.public_key, Mark::Test).unwrap();
    assert_eq!(read.sam_serial, serial);
}

#[test]
fn wrong_certificates_are_refused_by_name() {
    let root = SigningKey::from_label(b"RHC-TEST-SM2-ROOT").unwrap();
    let unsigned = IssuerCertificate {
        body: body(Mark::Demo),
        public_key: root.verifying_key().clone(),
    };
    let good = unsigned.with_signature(&root.sign_message(&unsigned.to_be_signed()).unwrap());
    let verify =
        |bytes: &[u8], key: &VerifyingKey, mark| IssuerCertificate::verify(bytes, key, mark);
    let key = root.verifying_key();
    assert!(verify(&good, key, Mark::Demo).is_ok());
    assert_eq!(
        verify(&good, key, Mark::Test),
        Err(CertificateError::Mark {
            expected: Mark::Test,
            found: Mark::Demo
        })
    );
    assert!(matches!(
        verify(&good[..179], key, Mark::Demo),
        Err(CertificateError::Length { .. })
    ));
    assert!(matches!(
        SamCertificate::verify(&good, key, Mark::Demo),
        Err(CertificateError::Length { .. })
    ));
    let other = SigningKey::from_label(b"RHC-TEST-SM2-ISSUER-41").unwrap();
    assert_eq!(
        verify(&good, other.verifying_key(), Mark::Demo),
        Err(CertificateError::Signature)
    );
    for (at, field) in [
        (0, "format"),
        (1, "kind"),
        (21, "validity"),
        (29, "signature algorithm"),
        (30, "key algorithm"),
        (31, "root key index and mark"),
        (32, "root key index and mark"),
    ] {
        let mut bad = good;
        bad[at] = 0xAA;
        assert_eq!(
            verify(&bad, key, Mark::Demo),
            Err(CertificateError::Field { field })
        );
    }
    for at in [2, 13, 179] {
        let mut bad = good;
        bad[at] ^= 1;
        assert_eq!(
            verify(&bad, key, Mark::Demo),
            Err(CertificateError::Signature)
        );
    }
    let mut off_curve = good;
    off_curve[100] ^= 1;
    assert_eq!(
        verify(&off_curve, key, Mark::Demo),
        Err(CertificateError::PublicKey)
    );
}
