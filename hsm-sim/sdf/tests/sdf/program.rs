//! The library and the daemon as cargo builds them, and C programs compiled against them.

use crate::house::House;
use crate::judge::wrapped_key;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::LazyLock;

/// Where cargo puts what it builds for this profile; built once, or by whoever says so (`tests/all.sh` builds the workspace
/// first, whose choice of features would otherwise be undone here, twice a run).
pub fn built() -> &'static Path {
    static BUILT: LazyLock<PathBuf> = LazyLock::new(|| {
        if std::env::var_os("RHC_BUILT").is_none() {
            build();
        }
        // This program lies in deps/ below it.
        let own = std::env::current_exe().unwrap();
        own.ancestors().nth(2).unwrap().to_path_buf()
    });
    &BUILT
}

fn build() {
    let mut command = Command::new(env!("CARGO"));
    command.args(["build", "-q", "-p", "hsm-sdf", "-p", "hsm-daemon"]);
    if !cfg!(debug_assertions) {
        command.arg("--release");
    }
    assert!(
        command.status().unwrap().success(),
        "the library does not build"
    );
}

pub fn library() -> PathBuf {
    built().join("libhsm_sim_sdf.so")
}

/// How a program reaches the library.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    Linked,
    Dlopen,
}

fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/c")
}

/// Compiles `tests/c/NAME.c` with every warning an error.
pub fn compile(house: &House, name: &str, reach: Reach) -> PathBuf {
    let program = house.programs.path().join(name);
    let mut command = Command::new("gcc");
    command
        .args([
            "-std=gnu11",
            "-g",
            "-Wall",
            "-Wextra",
            "-Werror",
            "-pthread",
            "-I",
        ])
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("include"))
        .arg("-o")
        .arg(&program)
        .arg(sources().join(format!("{name}.c")));
    match reach {
        Reach::Linked => {
            let directory = built().display().to_string();
            command
                .arg(library())
                .arg(format!("-Wl,-rpath,{directory}"));
        }
        Reach::Dlopen => {
            command.args(["-DBY_DLOPEN", "-ldl"]);
        }
    }
    let output = command
        .output()
        .expect("gcc is needed: apt-get install gcc");
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name}.c: {text}");
    program
}

/// A program's command with everything that the C side reads from the environment.
pub fn prepare(house: &House, mut command: Command) -> Command {
    let officers = house.path("officers.toml");
    let separate = officers.exists();
    command
        .current_dir(house.dir.path())
        .env("RHC_SDF_CONFIG", house.path("sdf.toml"))
        .env("SDF_LIBRARY", library())
        .env("WRAPPED", wrapped_key())
        .env("FILL", house.path("fill.json"))
        .env("ORDER", house.path("order.json"))
        .env(
            "OFFICERS",
            if separate {
                officers
            } else {
                house.path("sdf.toml")
            },
        );
    if separate {
        command.env("OFFICERS_ONLY", "1");
    }
    command
}

/// Runs a program that must find nothing wrong; its standard output.
pub fn run(house: &House, command: Command) -> String {
    let output: Output = prepare(house, command).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {text}{errors}", output.status);
    assert!(text.contains(", 0 wrong"), "{text}{errors}");
    text
}

/// The number of cases in a program's last line.
pub fn cases(text: &str) -> u32 {
    let last = text.lines().last().unwrap_or_default();
    let (count, _) = last.split_once(" cases").unwrap();
    count.parse().unwrap()
}
