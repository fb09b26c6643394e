//! The functions from another process: the source of `rhc_reader.dll`, compiled for this computer, over `rhc-card serve`; the
//! same desk program runs on it, and nobody without the token is served.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tests_stand::{Service, binaries};

use crate::program;
use crate::stand::Counter;
use crate::support::{Papers, card, sam};

/// `rhc-card serve` for a counter, and where it listens.
fn serve(counter: &Counter) -> (Service, u16) {
    let rhc_card = binaries::program("rhc-card").expect("cargo build --workspace");
    let mut command = counter.client(&rhc_card);
    command
        .arg("serve")
        .arg("--token-file")
        .arg(counter.folder().join("token"));
    command
        .arg("--config")
        .arg(counter.folder().join("rhc_reader.toml"));
    let log = counter.folder().join("serve.log");
    let mut service = Service::start("rhc-card serve", command, &log).expect("starts");
    let port = || {
        let said = std::fs::read_to_string(&log).ok()?;
        let (_, rest) = said.split_once("127.0.0.1:")?;
        rest.lines()
            .next()?
            .trim()
            .parse()
            .ok()
            .filter(|_| rest.contains('\n'))
    };
    let listening = service.wait_until(Duration::from_secs(20), || port().is_some());
    listening.expect("rhc-card serve listens");
    (service, port().expect("a port"))
}

/// The DLL's source as a library of this computer, in a folder of its own.
fn shim(folder: &Path) -> PathBuf {
    let folder = folder.join("remote");
    std::fs::create_dir(&folder).expect("folder");
    let own = program::crate_folder();
    let output = Command::new("gcc")
        .args([
            "-std=gnu11",
            "-D_GNU_SOURCE",
            "-Wall",
            "-Wextra",
            "-Werror",
            "-g",
        ])
        .args(["-fPIC", "-shared", "-I"])
        .arg(own.join("include"))
        .arg(own.join("windows/rhc_reader_dll.c"))
        .arg("-o")
        .arg(folder.join("librhc_reader.so"))
        .args(["-lpthread", "-ldl"])
        .output()
        .expect("apt-get install gcc libc6-dev");
    assert!(output.status.success(), "{}", program::said(&output));
    folder
}

#[test]
fn the_desk_works_through_another_process_and_nobody_without_token_does() {
    let counter = Counter::new(2);
    std::fs::write(
        counter.folder().join("issuer.cert"),
        Papers::default().issuer(),
    )
    .expect("write");
    counter.configure(&|_| "pin_file = \"pin\"\nissuers = [\"issuer.cert\"]\n".into());
    let _chips = (counter.insert(0, card()), counter.insert(1, sam(5)));
    let folder = shim(counter.folder());
    let desk = program::of_tests("desk.c", &folder);
    let out = folder.join("verify-data");

    let (mut service, port) = serve(&counter);
    let settings = format!("{port} {}\n", counter.folder().join("token").display());
    std::fs::write(folder.join("rhc_reader_dll.txt"), &settings).expect("write");
    let told = program::run(counter.client(&desk).arg(&out));
    assert_eq!(told, "settled\n");
    assert_eq!(std::fs::read(&out).expect("verify data").len(), 3267);

    // A wrong token is hung up on; so is a request that is longer than any.
    let mut stranger = TcpStream::connect(("127.0.0.1", port)).expect("connects");
    stranger.write_all(&[b'0'; 64]).expect("writes");
    assert_eq!(stranger.read(&mut [0; 4]).unwrap_or(0), 0, "not served");
    let token = std::fs::read(counter.folder().join("token")).expect("token");
    let mut known = TcpStream::connect(("127.0.0.1", port)).expect("connects");
    known.write_all(&token[..64]).expect("writes");
    let mut welcome = [0; 4];
    known.read_exact(&mut welcome).expect("welcome");
    assert_eq!(&welcome, b"RHC1");
    known.write_all(&[0xFF; 4]).expect("writes");
    assert_eq!(known.read(&mut [0; 4]).unwrap_or(0), 0, "hung up");

    service.stop();
    let output = counter.client(&desk).arg(&out).output().expect("runs");
    let said = program::said(&output);
    assert!(
        !output.status.success() && said.contains("rhc-card serve"),
        "{said}"
    );
}
