//! Identities taken back with `rhc-kms identity revoke`, judged by curl and OpenSSL.

use std::path::Path;
use std::process::Command;

use kms_platform::identity::Identity;

use super::*;

fn export(dir: &Path, identity: &Identity) {
    std::fs::write(dir.join("key.pem"), identity.key_pem().as_bytes()).unwrap();
    std::fs::write(dir.join("chain.pem"), identity.chain_pem()).unwrap();
    std::fs::write(dir.join("root.pem"), identity.anchors_pem()).unwrap();
}

/// Whether curl gets an answer as the exported identity.
fn curl(dir: &Path, url: &str) -> bool {
    let words = format!("-sS --cacert root.pem --cert chain.pem --key key.pem {url}/v1/status");
    let out = Command::new("curl")
        .current_dir(dir)
        .args(words.split(' '))
        .output()
        .expect("curl is installed");
    out.status.success()
}

#[test]
pub fn a_revoked_identity_is_shut_out_without_a_restart() {
    let house = House::handed_down();
    let served = house.serve("4101");
    let (thief, good) = (
        house.identity("4101", "station", "one"),
        house.identity("4101", "station", "two"),
    );
    let client = |identity: &Identity| kms_api::Client::new(&served.url, identity).unwrap();
    let (standing, other) = (client(&thief), client(&good));
    standing.status().unwrap();
    other.status().unwrap();
    export(&house.path("."), &thief);
    assert!(curl(&house.path("."), &served.url));

    let revoke = "identity revoke --store kms-4101 --reason stolen";
    house
        .line(&format!("{revoke} --party rhc://4101/station/nobody"))
        .refused("not-known-here");
    house
        .line(&format!("{revoke} --serial xyz"))
        .refused("invalid-value");
    house
        .line(&format!("{revoke} --party rhc://4101/station/one"))
        .ok();

    let error = standing.status().expect_err("on a standing connection");
    let slug = error.problem().map(|problem| problem.slug().to_owned());
    assert_eq!(slug.as_deref(), Some("identity-revoked"));
    assert!(client(&thief).status().is_err(), "on a new connection");
    assert!(!curl(&house.path("."), &served.url), "nor by curl");
    other.status().unwrap();
    client(&good).status().unwrap();

    // A list that OpenSSL takes, which names the one certificate.
    let out = Command::new("openssl")
        .current_dir(house.path("kms-4101"))
        .args("crl -in revoked.pem -noout -text".split(' '))
        .output()
        .expect("openssl runs");
    let said = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(said.contains(&thief.serial().unwrap()), "{said}");
    assert_eq!(said.matches("Serial Number").count(), 1, "{said}");

    let listed = house.line("identity list --store kms-4101 --json").ok();
    let listed = house::json(&listed.out);
    let of = |identity: &Identity| {
        let serial = identity.serial().unwrap();
        let mut all = listed.as_array().unwrap().iter();
        all.find(|one| one["serial"] == serial.as_str())
            .unwrap()
            .clone()
    };
    assert_eq!(of(&thief)["reason"], "stolen");
    assert!(of(&good)["revoked"].is_null());
    house
        .line(&format!("{revoke} --party rhc://4101/station/one"))
        .refused("not-known-here");
    house
        .line(&format!("{revoke} --serial {}", good.serial().unwrap()))
        .ok();
    assert!(client(&good).status().is_err());
    assert!(client(&thief).status().is_err(), "still");
    house.line("audit verify --store kms-4101").ok();
}
