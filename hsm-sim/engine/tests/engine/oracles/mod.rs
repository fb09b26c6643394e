//! The algorithms against three judges that share no code with them: OpenSSL, and the crates `libsm` and
//! `gmcrypto-core`. What `libsm` does differently from the standards is stated here too (`docs/adr`).
#![allow(clippy::unwrap_used)]

mod openssl;
mod pairs;
mod symmetric;

use std::io::Write;
use std::process::{Command, Stdio};

/// What OpenSSL says.
pub fn openssl(arguments: &[&str], input: &[u8]) -> Vec<u8> {
    let mut child = Command::new("openssl")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("openssl is installed (apt-get install openssl)");
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(
        output.status.success(),
        "openssl {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}
