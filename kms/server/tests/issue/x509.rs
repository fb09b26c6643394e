//! X.509 certificates of issuer and SAM, judged by OpenSSL.

use std::process::{Command, Output};

use super::*;

/// The identity that GM/T 0009 fixes and OpenSSL does not assume.
const IDENTITY: &str = "distid:1234567812345678";

fn openssl(house: &House, args: &[&str]) -> Output {
    let mut command = Command::new("openssl");
    command.current_dir(house.path(".")).args(args);
    command.output().expect("openssl is installed")
}

/// Called with a finished SAM of province 41.
pub fn openssl_verifies_a_sams_certificate_under_the_issuers(house: &House, chip: &str) {
    house
        .line("certificate issuer --x509 --store kms-41 --out issuer.pem")
        .ok();
    let sam = format!("certificate sam --x509 --store kms-41 --chip {chip} --out sam.pem");
    house.line(&sam).ok();
    let verify = |root: &str, what: &str| {
        let args = ["verify", "-vfyopt", IDENTITY, "-CAfile", root, what];
        openssl(house, &args)
    };
    for what in ["issuer.pem", "sam.pem"] {
        let out = verify("issuer.pem", what);
        let told = String::from_utf8_lossy(&out.stderr).into_owned();
        assert!(out.status.success(), "{what}: {told}");
    }
    let shown = openssl(house, &["x509", "-in", "issuer.pem", "-noout", "-text"]);
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    for words in ["CA:TRUE, pathlen:0", "Certificate Sign", "SM2"] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    // Changed at one byte of the signature it is nobody's.
    let text = std::fs::read_to_string(house.path("sam.pem")).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let body = lines[lines.len() - 2];
    let other = if body.starts_with('A') { "B" } else { "A" };
    let changed = text.replace(body, &format!("{other}{}", &body[1..]));
    std::fs::write(house.path("changed.pem"), changed).unwrap();
    assert!(!verify("issuer.pem", "changed.pem").status.success());
    let unknown = "certificate sam --x509 --store kms-41 --chip 0000000000000000 --out none.pem";
    house.line(unknown).refused("not-known-here");
}
