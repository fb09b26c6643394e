//! Who was revoked stays outside, also on a connection that stands; who is refused all the time has to wait; and what a
//! service signs for third parties.

use jiff::Timestamp;
use kms_platform::ca::{Authority, TakenBack};
use kms_platform::limit::BURST;
use kms_platform::notary::{Notary, Signed, Witness};
use kms_platform::problem::{REVOKED, TOO_MANY_REFUSALS};

use super::*;

fn list(authority: &Authority, identities: &[&Identity]) -> String {
    let now = Timestamp::now();
    let revoked = identities.iter().map(|identity| TakenBack {
        serial: identity.serial().unwrap(),
        at: now,
    });
    let all: Vec<_> = revoked.collect();
    authority.revocation_list(&all, 1, now).unwrap()
}

/// curl as the exported identity.
fn curl(dir: &Path, how: &str, url: &str) -> Output {
    let words = format!("{how} --cacert root.pem --cert chain.pem --key key.pem {url}");
    run(dir, "curl", &words.split(' ').collect::<Vec<_>>())
}

/// In one step, as an authority publishes it.
fn publish(file: &Path, text: &str) {
    let fresh = file.with_extension("new");
    std::fs::write(&fresh, text).unwrap();
    std::fs::rename(fresh, file).unwrap();
}

#[test]
fn a_revoked_identity_is_refused_at_once() {
    let house = House::new();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("revoked.pem");
    let revocations = Revocations::of(&[], Some(file.clone())).unwrap();
    let any = "127.0.0.1:0".parse().unwrap();
    let running = start_with(any, house.identity("rhc://41/kms/k1"), revocations);
    let (thief, good) = (
        house.identity("rhc://41/station/st1"),
        house.identity("rhc://41/station/st2"),
    );
    let (standing, other) = (running.client(&thief), running.client(&good));
    who(&standing).unwrap();
    who(&other).unwrap();

    publish(&file, &list(&house.province, &[&thief]));
    let refused = who(&standing);
    let problem = refused.as_ref().err().and_then(ClientError::problem);
    assert!(
        problem.is_some_and(|problem| problem.is(&REVOKED)),
        "on the connection that stands: {refused:?}"
    );
    assert_untrusted(who(&running.client(&thief)));
    who(&other).unwrap();
    who(&running.client(&good)).unwrap();

    // A file that is no list leaves the last one in force.
    publish(&file, "no list");
    assert_untrusted(who(&running.client(&thief)));
    who(&running.client(&good)).unwrap();
    // A whole authority can be revoked by the one above it; a prefecture's parties go with it.
    let below = house.identity("rhc://4101/hospital/h1");
    who(&running.client(&below)).unwrap();
    publish(
        &file,
        &list(&house.province, &[house.prefecture.identity()]),
    );
    assert_untrusted(who(&running.client(&below)));
    who(&running.client(&thief)).unwrap();
}

#[test]
fn foreign_tools_see_the_same_list_and_the_same_refusal() {
    let house = House::new();
    let dir = tempfile::tempdir().unwrap();
    let thief = house.identity("rhc://41/clerk/wang");
    let ministry = house.ministry.identity();
    export(dir.path(), &thief);
    std::fs::write(
        dir.path().join("ca.pem"),
        house.province.identity().chain_pem(),
    )
    .unwrap();
    let crl = list(&house.province, &[&thief]);
    let all = format!(
        "{}{}{crl}",
        ministry.anchors_pem(),
        house.province.identity().chain_pem()
    );
    std::fs::write(dir.path().join("all.pem"), all).unwrap();
    std::fs::write(dir.path().join("list.pem"), crl).unwrap();
    let out = run(
        dir.path(),
        "openssl",
        &["crl", "-in", "list.pem", "-noout", "-CAfile", "all.pem"],
    );
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(said.contains("verify OK"), "{said}");
    let checked = ["verify", "-crl_check", "-CAfile", "all.pem", "chain.pem"];
    let out = run(dir.path(), "openssl", &checked);
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(said.contains("certificate revoked"), "{said}");

    let revocations = Revocations::of(&[dir.path().join("list.pem")], None).unwrap();
    let any = "127.0.0.1:0".parse().unwrap();
    let running = start_with(any, house.identity("rhc://41/kms/k1"), revocations);
    let url = format!("{}/who", running.url());
    let out = curl(dir.path(), "-sS", &url);
    assert!(!out.status.success() && out.stdout.is_empty());
    export(dir.path(), &house.identity("rhc://41/clerk/li"));
    assert!(
        curl(dir.path(), "-sS", &url).status.success(),
        "somebody else"
    );
}

#[test]
fn lists_that_are_not_there_or_none_are_told() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("list.pem");
    assert!(Revocations::of(std::slice::from_ref(&file), None).is_err());
    std::fs::write(&file, "nothing").unwrap();
    assert!(Revocations::of(&[file], None).is_err());
}

#[test]
fn a_flood_of_refused_requests_is_told_to_wait() {
    let house = House::new();
    let running = start(house.identity("rhc://41/kms/k1"));
    let flood = house.identity("rhc://41/hospital/h1");
    let client = running.client(&flood);
    let refused = || {
        let answer: Result<String, ClientError> = client.get("/stations", &[]);
        answer
            .err()
            .and_then(|error| error.problem().cloned())
            .unwrap()
    };
    let mut asked = 0;
    while refused().is(&ROLE_REFUSED) {
        asked += 1;
        // Ten seconds bring one back; this loop does not take that long two hundred times.
        assert!(asked < 2 * BURST);
    }
    assert!(asked >= BURST, "{asked}");
    assert!(refused().is(&TOO_MANY_REFUSALS));
    let dir = tempfile::tempdir().unwrap();
    export(dir.path(), &flood);
    let url = format!("{}/stations", running.url());
    let said = curl(dir.path(), "-sSi", &url).stdout;
    let said = String::from_utf8_lossy(&said).to_lowercase();
    assert!(said.starts_with("http/1.1 429"), "{said}");
    let wait = said
        .lines()
        .find_map(|line| line.strip_prefix("retry-after: "));
    let wait: u64 = wait.and_then(|text| text.trim().parse().ok()).unwrap();
    assert!((1..=10).contains(&wait), "{wait}");
    // Nobody else has to wait.
    let station = running.client(&house.identity("rhc://41/station/st1"));
    assert_eq!(station.get::<String>("/stations", &[]).unwrap(), "welcome");
}

#[test]
fn a_signed_text_is_believed_from_a_service_of_the_house_only() {
    let (house, other) = (House::new(), House::new());
    let now = Timestamp::now();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("list.pem");
    let registry = house.identity("rhc://41/registry/r1");
    let revocations = Revocations::of(&[], Some(file.clone())).unwrap();
    let witness = Witness::new(&registry, revocations).unwrap();
    let signed = |identity: &Identity, purpose: &str| -> Signed {
        let notary = Notary::new(identity).unwrap();
        notary.sign(purpose, "a text".into()).unwrap()
    };
    let service = house.identity("rhc://4101/kms/k1");
    let good = signed(&service, "receipt");
    let signer = witness.signer("receipt", &good, now).unwrap();
    assert_eq!(signer.to_string(), "rhc://4101/kms/k1");
    let refused = |signed: &Signed| witness.signer("receipt", signed, now).is_err();
    assert!(refused(&Signed {
        text: "a texT".into(),
        ..good.clone()
    }));
    assert!(refused(&Signed {
        signature: "00".into(),
        ..good.clone()
    }));
    assert!(refused(&Signed {
        chain: String::new(),
        ..good.clone()
    }));
    assert!(refused(&signed(&service, "another purpose")));
    assert!(refused(&signed(
        &other.identity("rhc://4101/kms/k1"),
        "receipt"
    )));
    let person = house.identity("rhc://4101/station/st1");
    assert!(refused(&signed(&person, "receipt")), "no service");
    publish(&file, &list(&house.prefecture, &[&service]));
    assert!(refused(&good), "revoked");
}
