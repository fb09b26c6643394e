//! Certificates, judged by OpenSSL and by our own refusals.
#![allow(clippy::unwrap_used)] // a failed unwrap is the failed test

mod common;

use std::path::Path;
use std::process::Command;

use common::{House, below, peer};
use jiff::Timestamp;
use kms_platform::ca::{Applicant, Authority, CaError, Request};
use kms_platform::identity::{Identity, IdentityError};

/// Splits a chain and asks `openssl verify`.
fn openssl_verifies(dir: &Path, identity: &Identity, anchors: &str, purpose: &str) -> bool {
    let chain = identity.chain_pem();
    let end =
        chain.find("-----END CERTIFICATE-----\n").unwrap() + "-----END CERTIFICATE-----\n".len();
    let write = |name: &str, text: &str| {
        let path = dir.join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let output = Command::new("openssl")
        .args(["verify", "-x509_strict", "-purpose", purpose, "-CAfile"])
        .arg(write("root.pem", anchors))
        .arg("-untrusted")
        // An empty file is an error to openssl: under the root itself nothing lies between.
        .arg(write(
            "between.pem",
            if chain[end..].is_empty() {
                chain
            } else {
                &chain[end..]
            },
        ))
        .arg(write("leaf.pem", &chain[..end]))
        .output()
        .expect("openssl is installed");
    eprintln!("{}", String::from_utf8_lossy(&output.stderr));
    output.status.success()
}

#[test]
fn openssl_accepts_every_chain_and_only_under_its_root() {
    let (house, other) = (House::new(), House::new());
    let dir = tempfile::tempdir().unwrap();
    let root = house.ministry.identity().anchors_pem();
    for uri in [
        "rhc://0/officer/li",
        "rhc://41/kms/hsm1",
        "rhc://4101/station/st1",
        "rhc://4101/hospital/h1",
    ] {
        let identity = house.identity(uri);
        assert!(
            openssl_verifies(dir.path(), &identity, root, "sslclient"),
            "{uri}"
        );
        assert!(!openssl_verifies(
            dir.path(),
            &identity,
            other.ministry.identity().anchors_pem(),
            "sslclient"
        ));
        assert_eq!(
            openssl_verifies(dir.path(), &identity, root, "sslserver"),
            uri.contains("/kms/"),
            "{uri}"
        );
    }
}

#[test]
fn an_authority_names_nobody_outside_its_area() {
    let house = House::new();
    let now = Timestamp::now();
    for uri in [
        "rhc://42/station/x",
        "rhc://4102/station/x",
        "rhc://41/kms/x",
        "rhc://0/officer/x",
    ] {
        let refused = house.prefecture.issue(&peer(uri), &[], now);
        assert!(matches!(refused, Err(CaError::OutsideArea { .. })), "{uri}");
    }
    for uri in ["rhc://42/ca/x", "rhc://0/ca/x", "rhc://41/ca/second"] {
        let request = Request::new(&peer(uri)).unwrap();
        let refused = house.province.sign_intermediate(request.csr_pem(), now);
        assert!(matches!(refused, Err(CaError::OutsideArea { .. })), "{uri}");
    }
}

#[test]
fn leaf_and_intermediate_are_not_exchanged() {
    let house = House::new();
    let now = Timestamp::now();
    let leaf = Request::new(&peer("rhc://4101/station/st1")).unwrap();
    assert!(matches!(
        house.province.sign_intermediate(leaf.csr_pem(), now),
        Err(CaError::NotAuthority(_))
    ));
    let lower = Request::new(&peer("rhc://4101/ca/x")).unwrap();
    assert!(matches!(
        house.province.sign_leaf(lower.csr_pem(), &[], now),
        Err(CaError::IsAuthority(_))
    ));
    let station = house.identity("rhc://4101/station/st1");
    assert!(matches!(
        Authority::open(station),
        Err(CaError::NotAuthority(_))
    ));
}

#[test]
fn a_request_proves_its_key_and_takes_only_its_own_answer() {
    let house = House::new();
    let now = Timestamp::now();
    let (one, two) = (
        Request::new(&peer("rhc://41/station/a")).unwrap(),
        Request::new(&peer("rhc://41/station/b")).unwrap(),
    );
    let chain = house.province.sign_leaf(one.csr_pem(), &[], now).unwrap();
    let anchors = house.ministry.identity().anchors_pem().to_owned();
    assert!(matches!(
        two.complete(chain, anchors),
        Err(IdentityError::KeyMismatch)
    ));

    // One changed character in the request's body breaks its signature or its form.
    let mut lines: Vec<String> = one.csr_pem().lines().map(str::to_owned).collect();
    let swapped = if lines[2].starts_with('A') { "B" } else { "A" };
    lines[2].replace_range(..1, swapped);
    assert!(matches!(
        Applicant::from_pem(&lines.join("\n")),
        Err(CaError::Request)
    ));
}

#[test]
fn a_waiting_request_survives_in_a_private_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("waiting.json");
    let request = Request::new(&peer("rhc://41/ca/province")).unwrap();
    request.write(&path).unwrap();
    let again = Request::read(&path).unwrap();
    assert_eq!(again.csr_pem(), request.csr_pem());
    let (before, after) = (
        Applicant::from_pem(request.csr_pem()).unwrap(),
        Applicant::from_pem(again.csr_pem()).unwrap(),
    );
    assert_eq!(before.fingerprint(), after.fingerprint());
    assert_eq!(before.fingerprint().len(), 64 + 15);
}

#[test]
fn an_identity_reads_back_and_its_name_is_the_certificates() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("station.json");
    let house = House::new();
    house
        .identity("rhc://4101/station/st1")
        .write(&path)
        .unwrap();
    assert_eq!(
        Identity::read(&path).unwrap().peer(),
        &peer("rhc://4101/station/st1")
    );

    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("/station/st1", "/officer/st1")).unwrap();
    assert!(matches!(
        Identity::read(&path),
        Err(IdentityError::NameMismatch { .. })
    ));
    std::fs::write(&path, text.replace("rhc-identity-1", "rhc-identity-9")).unwrap();
    assert!(matches!(
        Identity::read(&path),
        Err(IdentityError::Format { .. })
    ));
    std::fs::write(&path, "{").unwrap();
    assert!(matches!(
        Identity::read(&path),
        Err(IdentityError::Format { .. })
    ));
}

#[test]
fn hosts_are_checked_and_only_servers_have_them() {
    let house = House::new();
    let now = Timestamp::now();
    let bad = house
        .province
        .issue(&peer("rhc://41/kms/a"), &["not a host".into()], now);
    assert!(matches!(bad, Err(CaError::Host(_))));
    house
        .province
        .issue(
            &peer("rhc://41/kms/a"),
            &["kms.example.cn".into(), "10.1.2.3".into()],
            now,
        )
        .unwrap();
}

#[test]
fn a_province_cannot_make_a_chain_deeper_than_its_prefectures() {
    // The prefecture's certificate says path length 0: whatever it signs is no authority to anybody.
    let house = House::new();
    let now = Timestamp::now();
    let request = Request::new(&peer("rhc://4101/ca/again")).unwrap();
    assert!(matches!(
        house.prefecture.sign_intermediate(request.csr_pem(), now),
        Err(CaError::OutsideArea { .. })
    ));
    let other = below(&house.province, "rhc://4102/ca/prefecture", now);
    assert_eq!(other.identity().peer(), &peer("rhc://4102/ca/prefecture"));
}
