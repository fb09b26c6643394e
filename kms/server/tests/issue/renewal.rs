//! Certificates by one-time token and by renewal.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use kms_platform::clock::ManualClock;
use kms_platform::identity::Identity;

use super::house::Ran;
use super::*;

fn slug(error: &ClientError) -> Option<String> {
    error.problem().map(|problem| problem.slug().to_owned())
}

#[test]
fn a_token_gives_one_certificate_to_one_key_of_the_name_it_was_made_for() {
    let house = House::handed_down();
    let served = house.serve_with("4101", &["--enrol", "127.0.0.1:0"], 1);
    let url = served.besides[0].clone();
    let token = |name: &str, minutes: &str| {
        house
            .kms(&[
                "identity",
                "token",
                "--store",
                "kms-4101",
                "--role",
                "station",
                "--name",
                name,
                "--by",
                "wang",
                "--minutes",
                minutes,
                "--out",
                &format!("{name}.token"),
            ])
            .ok();
        house.path(&format!("{name}.token"))
    };
    let first = token("st1", "60");
    let enrol = |token: &str, out: &str| {
        house.kms(&[
            "identity", "enrol", "--token", token, "--url", &url, "--out", out,
        ])
    };
    enrol("st1.token", "st1.json").ok();
    let station = Identity::read(&house.path("st1.json")).unwrap();
    assert_eq!(station.peer().to_string(), "rhc://4101/station/st1");
    let client = kms_api::Client::new(&served.url, &station).unwrap();
    client.status().unwrap();

    // With another key the token is spent; the secret itself is nowhere in the store.
    not_good(enrol("st1.token", "thief.json"));
    let text = std::fs::read_to_string(&first).unwrap();
    let secret = house::json(&text)["token"].as_str().unwrap().to_owned();
    for file in ["kms-4101/kms.sqlite", "kms-4101/kms.sqlite-wal"] {
        let bytes = std::fs::read(house.path(file)).unwrap_or_default();
        let found = bytes.windows(secret.len()).any(|w| w == secret.as_bytes());
        assert!(!found, "{file}");
    }

    // For another name, and unknown.
    token("st2", "60");
    let other = std::fs::read_to_string(house.path("st2.token")).unwrap();
    std::fs::write(house.path("st3.token"), other.replace("st2", "st3")).unwrap();
    make_private(&house, "st3.token");
    not_good(enrol("st3.token", "st3.json"));
    let unknown = text.replace(&secret, &"0".repeat(64));
    std::fs::write(house.path("st4.token"), unknown).unwrap();
    make_private(&house, "st4.token");
    let before = house.query("4101", "SELECT count(*) || '' FROM audit");
    not_good(enrol("st4.token", "st4.json"));
    let after = house.query("4101", "SELECT count(*) || '' FROM audit");
    assert_eq!(before, after, "a stranger fills no record");

    // Nothing else is to be had without a certificate.
    let out = std::process::Command::new("curl")
        .args(["-sSk", "-o", "/dev/null", "-w", "%{http_code}"])
        .arg(format!("{url}/v1/status"))
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&out.stdout), "404");

    // Revocation, and the list with its dates.
    let listed = house.line("identity list --store kms-4101 --json").ok().out;
    let row = house::json(&listed);
    let row = row.as_array().unwrap().iter();
    let mut own = row.filter(|row| row["name"] == "rhc://4101/station/st1");
    assert!(own.next().unwrap()["expires"].as_str().unwrap() > "2026");
    house
        .line("identity revoke --store kms-4101 --reason lost --party rhc://4101/station/st1")
        .ok();
    assert_eq!(
        slug(&client.status().unwrap_err()).as_deref(),
        Some("identity-revoked")
    );
}

/// The service refused the token; the words are its problem's.
#[track_caller]
fn not_good(ran: Ran) {
    assert_eq!(ran.code, 3, "{}{}", ran.out, ran.err);
    let words = "This enrolment token is not good";
    assert!(ran.err.contains(words), "{}", ran.err);
}

fn make_private(house: &House, name: &str) {
    use std::os::unix::fs::PermissionsExt;
    let private = std::fs::Permissions::from_mode(0o600);
    std::fs::set_permissions(house.path(name), private).unwrap();
}

#[test]
fn a_client_renews_its_certificate_by_itself_in_the_last_third_of_its_life() {
    let house = House::handed_down();
    let served = house.serve("4101");
    let old = house.identity("4101", "station", "keeps");
    let path = house.path("station-keeps.json");
    let clock = ManualClock::at(Timestamp::now());
    let shared: Arc<ManualClock> = clock.clone();
    let client = kms_api::Client::keeping(&served.url, &path, shared).unwrap();
    client.status().unwrap();
    let serial = |identity: &Identity| identity.serial().unwrap();
    assert_eq!(serial(&Identity::read(&path).unwrap()), serial(&old));

    clock.advance(SignedDuration::from_hours(24 * 300));
    client.status().unwrap();
    let fresh = Identity::read(&path).unwrap();
    assert_ne!(serial(&fresh), serial(&old));
    assert_eq!(fresh.peer(), old.peer());
    assert_ne!(*fresh.key_pem(), *old.key_pem(), "a key of its own");

    // The old one taken back, the client goes on with the new one.
    let words = format!(
        "identity revoke --store kms-4101 --reason renewed --serial {}",
        serial(&old)
    );
    house.line(&words).ok();
    client.status().unwrap();
    let with_old = kms_api::Client::new(&served.url, &old).unwrap();
    assert!(with_old.status().is_err());

    // Nobody renews for somebody else.
    let other = house.identity("4101", "station", "other");
    let asking = kms_api::Client::new(&served.url, &other).unwrap();
    let error = asking.renew(&fresh).err().unwrap();
    assert_eq!(slug(&error).as_deref(), Some("role-refused"));

    let words = format!(
        "identity renew --identity station-keeps.json --url {}",
        served.url
    );
    let told = house.line(&format!("{words} --if-due")).ok().out;
    assert!(told.contains("not due"), "{told}");
    house.line(&words).ok();
    let again = Identity::read(&path).unwrap();
    assert_ne!(serial(&again), serial(&fresh));
}
