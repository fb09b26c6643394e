//! The HSM's process as the operating system sees it.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use tests_stand::hsm::Place;

fn folder() -> tempfile::TempDir {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::Builder::new()
        .prefix("rhc-hsm-")
        .tempdir()
        .expect("folder");
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o711)).expect("mode");
    folder
}

/// Field of `/proc/PID/status`.
fn status(pid: u32, field: &str) -> String {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("status");
    let line = text
        .lines()
        .find(|line| line.starts_with(field))
        .unwrap_or_else(|| panic!("no {field}"));
    line[field.len()..].trim().to_owned()
}

#[test]
fn it_runs_as_a_user_of_its_own_and_leaves_no_core_image() {
    assert!(
        rustix::process::geteuid().is_root(),
        "only root can start a process as another user: run as root"
    );
    let folder = folder();
    let place = Place::new(&folder.path().join("hsm"), ["zhang", "li"]);
    place.init("test").expect("init");
    let mut service = place.serve("hsm").expect("serve");

    let users = status(service.pid(), "Uid:");
    assert!(
        users.split_whitespace().all(|user| user != "0"),
        "runs as {users}"
    );
    let owner = std::fs::metadata(place.store()).expect("store").uid();
    assert!(
        users
            .split_whitespace()
            .all(|user| user == owner.to_string()),
        "the store belongs to {owner}"
    );
    let limits =
        std::fs::read_to_string(format!("/proc/{}/limits", service.pid())).expect("limits");
    let core = limits
        .lines()
        .find(|line| line.starts_with("Max core file size"))
        .expect("limit");
    assert_eq!(core.split_whitespace().nth(4), Some("0"), "{core}");
    // Not dumpable: the kernel then gives the process's files in /proc to root.
    let maps = std::fs::metadata(format!("/proc/{}/maps", service.pid())).expect("maps");
    assert_eq!(
        maps.uid(),
        0,
        "another process of its user could read its memory"
    );

    service.signal(rustix::process::Signal::ABORT);
    let ended = service.wait_status().expect("end");
    assert_eq!(
        std::os::unix::process::ExitStatusExt::signal(&ended),
        Some(6)
    );
    assert!(
        !std::os::unix::process::ExitStatusExt::core_dumped(&ended),
        "a core image was written"
    );
    let left: Vec<_> = files(folder.path())
        .into_iter()
        .filter(|name| name.contains("core"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn the_store_does_not_open_without_its_secret() {
    let folder = folder();
    let place = Place::new(&folder.path().join("hsm"), ["zhang", "li"]);
    place.init("test").expect("init");
    let secret = std::fs::read(place.unseal()).expect("secret");
    for file in files(&place.store()) {
        let bytes = std::fs::read(&file).expect("file");
        assert!(
            !bytes.windows(secret.len()).any(|window| window == secret),
            "{file} holds the unsealing secret"
        );
    }
    let mut wrong = secret.clone();
    wrong[0] = if wrong[0] == b'0' { b'1' } else { b'0' };
    std::fs::write(place.unseal(), wrong).expect("write");
    let refused = place
        .serve("hsm")
        .err()
        .expect("a wrong secret must not open the store")
        .to_string();
    assert!(
        refused.contains("secret") || refused.contains("unseal"),
        "{refused}"
    );
}

fn files(folder: &Path) -> Vec<String> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).expect("folder").flatten() {
        if entry.path().is_dir() {
            all.extend(files(&entry.path()));
        } else if entry.path().is_file() {
            all.push(entry.path().display().to_string());
        }
    }
    all
}
