//! C programs of the tests: compiled by gcc against the header, linked with a copy of the library beside them.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tests_stand::binaries;

pub fn crate_folder() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The library that cargo built for this test.
pub fn library() -> PathBuf {
    binaries::library("rhc_reader").expect("cargo builds it with this test")
}

/// Compiles a C source into `folder`, next to a copy of the library, as a hospital's programmer would: warnings are errors.
pub fn compile(source: &Path, folder: &Path) -> PathBuf {
    let copy = folder.join("librhc_reader.so");
    if !copy.exists() {
        std::fs::copy(library(), &copy).expect("copy of the library");
    }
    let program = folder.join(source.file_stem().expect("a name"));
    let own = crate_folder();
    let output = Command::new("gcc")
        .args(["-std=c11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror"])
        .args(["-fexec-charset=GB18030", "-g", "-pthread"])
        .arg("-I")
        .arg(own.join("include"))
        .arg("-I")
        .arg(own.join("tests/c"))
        .arg(source)
        .arg("-o")
        .arg(&program)
        .arg("-L")
        .arg(folder)
        .args(["-lrhc_reader", "-Wl,-rpath,$ORIGIN"])
        .output()
        .expect("apt-get install gcc libc6-dev");
    assert!(output.status.success(), "gcc: {}", text(&output.stderr));
    program
}

/// A program of `tests/c`.
pub fn of_tests(name: &str, folder: &Path) -> PathBuf {
    compile(&crate_folder().join("tests/c").join(name), folder)
}

/// The output of a program that must succeed.
pub fn run(command: &mut Command) -> String {
    let output = command.output().expect("the program starts");
    assert!(output.status.success(), "{}", said(&output));
    text(&output.stdout)
}

pub fn said(output: &Output) -> String {
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    format!("{}\n{out}\n{err}", output.status)
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
