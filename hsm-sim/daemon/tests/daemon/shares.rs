//! M of N custodians unseal a store; one too few, one twice, a stranger's or a wrong passphrase do not.
#![allow(clippy::unwrap_used)]

use crate::house::*;
use hsm_wire::client::OfficerClient;
use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

fn shell(directory: &Path, script: &str) -> Output {
    Command::new("sh")
        .args(["-c", &script.replace("rhc-hsm", BIN)])
        .current_dir(directory)
        .env_remove("RHC_LANG")
        .output()
        .unwrap()
}

/// Three custodians, two needed.
fn split_house() -> House {
    let house = House::new("test");
    for name in ["sun", "qian", "zhou"] {
        hsm_wire::secret::write_secret_file(
            &house.path(&format!("{name}.pass")),
            format!("{name}'s long passphrase\n").as_bytes(),
        )
        .unwrap();
    }
    let split = shell(
        house.dir.path(),
        "rhc-hsm share split --store hsm --unseal-fd 3 --threshold 2 --custodian sun=sun.pass --custodian qian=qian.pass \
         --custodian zhou=zhou.pass --out shares 3<unseal",
    );
    assert!(
        split.status.success(),
        "{}",
        String::from_utf8_lossy(&split.stderr)
    );
    house
}

fn join(house: &House, pairs: &[(&str, &str)]) -> Output {
    let pairs: Vec<_> = pairs
        .iter()
        .map(|(share, pass)| format!("--share shares/{share}.share={pass}.pass"))
        .collect();
    shell(
        house.dir.path(),
        &format!("rhc-hsm share join --store hsm {}", pairs.join(" ")),
    )
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn any_two_of_three_unseal_and_the_store_serves() {
    let house = split_house();
    let whole = fs::read(house.path("unseal")).unwrap();
    for pair in [["sun", "qian"], ["zhou", "sun"], ["qian", "zhou"]] {
        let joined = join(&house, &pair.map(|name| (name, name)));
        assert!(joined.status.success(), "{}", said(&joined));
        assert_eq!(joined.stdout.trim_ascii(), whole.trim_ascii());
    }
    let all = join(
        &house,
        &[("sun", "sun"), ("qian", "qian"), ("zhou", "zhou")],
    );
    assert_eq!(all.stdout.trim_ascii(), whole.trim_ascii());
    // No share holds the secret, or a part of it that could be seen.
    for name in ["sun", "qian", "zhou"] {
        let text = fs::read_to_string(house.path(&format!("shares/{name}.share")))
            .unwrap()
            .to_lowercase();
        let whole = String::from_utf8(whole.clone()).unwrap();
        assert!(
            whole
                .trim()
                .as_bytes()
                .windows(8)
                .all(|part| !text.contains(std::str::from_utf8(part).unwrap()))
        );
    }
    fs::remove_file(house.path("unseal")).unwrap();
    let mut joining = Command::new(BIN)
        .args([
            "share",
            "join",
            "--store",
            "hsm",
            "--share",
            "shares/sun.share=sun.pass",
        ])
        .args(["--share", "shares/zhou.share=zhou.pass"])
        .current_dir(house.dir.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut serving = Command::new(BIN)
        .args([
            "serve",
            "--store",
            "hsm",
            "--socket",
            "s",
            "--officer-socket",
            "o",
            "--unseal-fd",
            "0",
        ])
        .current_dir(house.dir.path())
        .stdin(joining.stdout.take().unwrap())
        .spawn()
        .unwrap();
    assert!(joining.wait().unwrap().success());
    let start = Instant::now();
    let info = loop {
        if let Ok(info) =
            OfficerClient::connect(house.path("o")).and_then(|mut client| client.info())
        {
            break info;
        }
        assert!(start.elapsed() < Duration::from_secs(20), "does not serve");
        std::thread::sleep(Duration::from_millis(20));
    };
    assert_eq!(info.officers, ["li", "zhang"]);
    serving.kill().unwrap();
    serving.wait().unwrap();
}

#[test]
fn too_few_twice_foreign_and_wrong_are_refused_counted_and_slowed() {
    let house = split_house();
    let refused = |pairs: &[(&str, &str)], words: &str| {
        let output = join(&house, pairs);
        assert_eq!(output.status.code(), Some(3), "{words}");
        assert!(said(&output).contains(words), "{}", said(&output));
        assert!(output.stdout.is_empty());
    };
    let count = || {
        fs::read_to_string(house.path("hsm/unseal-failures"))
            .unwrap()
            .trim()
            .to_owned()
    };
    refused(&[("sun", "sun")], "1 shares were given, 2 are needed");
    refused(&[("sun", "sun"), ("sun", "sun")], "twice");
    refused(&[("sun", "sun"), ("qian", "zhou")], "qian does not open");
    assert_eq!(count(), "3");
    let start = Instant::now();
    refused(&[("sun", "zhou"), ("qian", "qian")], "sun does not open");
    assert!(
        start.elapsed() >= Duration::from_secs(1),
        "the fourth attempt waits for a second"
    );
    assert_eq!(count(), "4");

    // Another splitting of the same secret, and one whose label was changed.
    fs::rename(
        house.path("shares/zhou.share"),
        house.path("shares/old.share"),
    )
    .unwrap();
    fs::remove_file(house.path("hsm/unseal-failures")).unwrap();
    let again = shell(
        house.dir.path(),
        "rhc-hsm share split --store hsm --unseal-fd 3 --threshold 2 --custodian zhou=zhou.pass --custodian li=sun.pass \
         --out more 3<unseal && cp more/zhou.share shares/new.share",
    );
    assert!(again.status.success(), "{}", said(&again));
    refused(&[("sun", "sun"), ("new", "zhou")], "another splitting");
    let text = fs::read_to_string(house.path("shares/sun.share")).unwrap();
    for (from, to) in [
        ("\"number\": 1", "\"number\": 3"),
        ("\"custodian\": \"sun\"", "\"custodian\": \"son\""),
    ] {
        assert!(text.contains(from));
        fs::write(house.path("shares/changed.share"), text.replace(from, to)).unwrap();
        refused(&[("changed", "sun"), ("qian", "qian")], "does not open");
    }
    // A success forgets the failures.
    assert!(
        join(&house, &[("sun", "sun"), ("qian", "qian")])
            .status
            .success()
    );
    assert!(!house.path("hsm/unseal-failures").exists());
}

#[test]
fn splittings_that_make_no_sense_are_refused() {
    let house = split_house();
    hsm_wire::secret::write_secret_file(&house.path("short.pass"), b"elevenbytes\n").unwrap();
    hsm_wire::secret::write_secret_file(&house.path("other"), &[b'7'; 64]).unwrap();
    for (arguments, code) in [
        (
            "--threshold 1 --custodian a=sun.pass --custodian b=qian.pass 3<unseal",
            2,
        ),
        (
            "--threshold 3 --custodian a=sun.pass --custodian b=qian.pass 3<unseal",
            2,
        ),
        (
            "--threshold 2 --custodian a=sun.pass --custodian a=qian.pass 3<unseal",
            2,
        ),
        (
            "--threshold 2 --custodian a=sun.pass --custodian b=short.pass 3<unseal",
            2,
        ),
        (
            "--threshold 2 --custodian a=sun.pass --custodian ../b=qian.pass 3<unseal",
            2,
        ),
        (
            "--threshold 2 --custodian a=sun.pass --custodian b=qian.pass 3<other",
            3,
        ),
    ] {
        let output = shell(
            house.dir.path(),
            &format!("rhc-hsm share split --store hsm --unseal-fd 3 --out x {arguments}"),
        );
        assert_eq!(
            output.status.code(),
            Some(code),
            "{arguments}: {}",
            said(&output)
        );
        assert!(!house.path("x").exists(), "{arguments}");
    }
}
