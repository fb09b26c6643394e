//! How `rhc-hsm` is made and started: secrets, descriptors, users, mistakes.
#![allow(clippy::unwrap_used)]

use crate::house::*;
use hsm_wire::client::OfficerClient;
use std::fs::{self, File};
use std::io::Write;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

#[test]
fn the_unsealing_secret_is_read_and_gone() {
    let mut house = House::new("test");
    house.serve(&[]);
    let descriptors = fs::read_dir(format!("/proc/{}/fd", house.pid())).unwrap();
    let secret = house.path("unseal").canonicalize().unwrap();
    for descriptor in descriptors {
        let target = fs::read_link(descriptor.unwrap().path());
        assert!(
            target.is_ok_and(|t| t != secret),
            "the secret's file is still open"
        );
    }
    let environment = fs::read(format!("/proc/{}/environ", house.pid())).unwrap();
    let arguments = fs::read(format!("/proc/{}/cmdline", house.pid())).unwrap();
    let text = fs::read(&secret).unwrap();
    for (place, bytes) in [("environment", environment), ("arguments", arguments)] {
        assert!(!bytes.windows(64).any(|w| w == &text[..64]), "{place}");
    }
    for name in ["unseal", "operator.cred", "zhang.key"] {
        assert_eq!(
            fs::metadata(house.path(name)).unwrap().mode() & 0o777,
            0o600,
            "{name}"
        );
    }
    assert_eq!(fs::metadata(house.path("s")).unwrap().mode() & 0o777, 0o660);
    assert_eq!(
        fs::metadata(house.path("hsm")).unwrap().mode() & 0o777,
        0o700
    );
}

#[test]
fn wrong_secrets_and_changed_stores_are_named() {
    let mut house = House::new("test");
    fs::write(house.path("other"), "ab".repeat(32)).unwrap();
    fs::write(house.path("short"), "abcd").unwrap();
    for (name, code, text) in [
        ("other", 3, "not this store's"),
        ("short", 3, "64 hexadecimal digits"),
    ] {
        let output = house.command(&house.path(name), &[]).output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{name}");
        assert!(
            String::from_utf8_lossy(&output.stderr).contains(text),
            "{name}"
        );
    }
    let chinese = house
        .command(&house.path("other"), &[])
        .env("RHC_LANG", "zh")
        .output()
        .unwrap();
    assert!(String::from_utf8_lossy(&chinese.stderr).contains("解封密钥"));
    let snapshot = house.path("hsm/snapshot-0.sealed");
    let mut bytes = fs::read(&snapshot).unwrap();
    bytes[100] ^= 1;
    fs::write(&snapshot, &bytes).unwrap();
    let output = house.command(&house.path("unseal"), &[]).output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&output.stderr).contains("backup"));
    bytes[100] ^= 1;
    fs::write(&snapshot, &bytes).unwrap();
    house.serve(&[]);
}

#[test]
fn init_refuses_what_would_be_a_mistake() {
    let house = House::new("test");
    let dir = house.dir.path();
    let init = |more: &[&str]| {
        let mut arguments = vec![
            "init",
            "--store",
            "new",
            "--operator-cred-out",
            "op2",
            "--officer",
            "zhang=zhang.key.pub",
        ];
        arguments.extend(more);
        let output = run(dir, &arguments);
        (
            output.status.code(),
            String::from_utf8_lossy(&output.stderr).into_owned(),
        )
    };
    let (code, text) = init(&[
        "--officer",
        "li=li.key.pub",
        "--mark",
        "production",
        "--unseal-out",
        "u2",
    ]);
    assert_eq!(code, Some(2));
    assert!(text.contains("NOT FOR PRODUCTION KEYS"));
    assert_eq!(
        init(&[
            "--officer",
            "li=li.key.pub",
            "--mark",
            "test",
            "--unseal-out",
            "new/u2"
        ])
        .0,
        Some(2),
        "beside the store"
    );
    assert_eq!(
        init(&[
            "--officer",
            "li=zhang.key.pub",
            "--mark",
            "test",
            "--unseal-out",
            "u2"
        ])
        .0,
        Some(2),
        "another's key"
    );
    assert_eq!(
        init(&["--mark", "test", "--unseal-out", "u3"]).0,
        Some(2),
        "one officer"
    );
    assert_eq!(
        run(dir, &["officer-key", "--name", "a b", "--out", "x"])
            .status
            .code(),
        Some(2)
    );
    assert_eq!(
        run(
            dir,
            &["officer-key", "--name", "zhang", "--out", "zhang.key"]
        )
        .status
        .code(),
        Some(4),
        "overwrites nothing"
    );
    let forced = run(
        dir,
        &[
            "init",
            "--store",
            "prod",
            "--mark",
            "production",
            "--force-not-for-production",
            "--officer",
            "zhang=zhang.key.pub",
            "--officer",
            "li=li.key.pub",
            "--operator-cred-out",
            "op4",
            "--unseal-out",
            "u4",
        ],
    );
    assert!(forced.status.success());
    assert!(String::from_utf8_lossy(&forced.stderr).contains("NOT FOR PRODUCTION KEYS"));
}

/// As root: the process becomes another user, who may not be looked into by others of the same name.
#[test]
fn started_by_root_it_runs_as_a_user_of_its_own() {
    let mut house = House::new("test");
    let root = fs::metadata("/proc/self").unwrap().uid() == 0;
    let user = fs::read_to_string("/etc/passwd")
        .unwrap()
        .lines()
        .any(|line| line.starts_with("nobody:"));
    if !(root && user) {
        eprintln!("not started by root, or no user nobody: changing the user is not tried");
        return;
    }
    fs::set_permissions(house.dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    house.serve(&["--user", "nobody"]);
    let status = fs::read_to_string(format!("/proc/{}/status", house.pid())).unwrap();
    let uids: Vec<_> = status
        .lines()
        .find(|l| l.starts_with("Uid:"))
        .unwrap()
        .split_whitespace()
        .skip(1)
        .collect();
    assert!(uids.iter().all(|uid| *uid != "0"), "{uids:?}");
    // A process that may be dumped belongs to its user under /proc; one that may not, to root.
    assert_eq!(
        fs::metadata(format!("/proc/{}/mem", house.pid()))
            .unwrap()
            .uid(),
        0
    );
    assert!(house.order(make_key("k")).is_ok());
    assert_eq!(house.operator().list_keys().unwrap().len(), 1);
    assert!(house.end("-TERM").success());
    house.serve(&["--user", "nobody"]);
    assert_eq!(house.operator().list_keys().unwrap().len(), 1);
}

/// The descriptor may also be a pipe that is written and closed, as a parent process does it.
#[test]
fn a_pipe_is_as_good_as_a_file() {
    let mut house = House::new("test");
    let mut child = Command::new(BIN);
    child
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
        .process_group(0)
        .stdin(Stdio::piped())
        .stderr(Stdio::null());
    let mut child = child.spawn().unwrap();
    let mut pipe = child.stdin.take().unwrap();
    pipe.write_all(&fs::read(house.path("unseal")).unwrap())
        .unwrap();
    assert!(pipe.as_raw_fd() > 2);
    drop(pipe);
    house.child = Some(child);
    let start = Instant::now();
    while OfficerClient::connect(house.path("o"))
        .and_then(|mut client| client.info())
        .is_err()
    {
        assert!(start.elapsed() < Duration::from_secs(20), "does not serve");
        sleep(Duration::from_millis(20));
    }
    assert!(File::open(house.path("unseal")).is_ok());
}
