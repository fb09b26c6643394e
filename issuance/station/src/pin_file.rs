//! The SAM's PIN between station and hospital: a file of mode 0600 that exists before the SAM has the PIN.

use std::path::Path;

use kms_platform::identity::secret_file::{self, SecretFileError};
use kms_platform::lang::pick;
use zeroize::Zeroizing;

use crate::fault::Fault;

/// Writes the PIN down before the SAM gets it; a PIN that stands there from an earlier attempt is kept.
///
/// # Errors
/// The file cannot be written, or the one there is none.
pub fn keep(file: &Path, pin: &Zeroizing<String>) -> Result<Zeroizing<String>, Fault> {
    match secret_file::create(file, pin.as_bytes()) {
        Ok(()) => Ok(pin.clone()),
        Err(_) if file.exists() => kept(file),
        Err(error) => Err(unusable(&error)),
    }
}

/// The PIN in a file: six digits, perhaps a line end.
///
/// # Errors
/// No such file, one that others may read, or no PIN in it.
pub fn kept(file: &Path) -> Result<Zeroizing<String>, Fault> {
    let bytes = secret_file::read(file).map_err(|error| unusable(&error))?;
    let text = std::str::from_utf8(&bytes).unwrap_or_default().trim();
    if text.len() != 6 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        let words = pick(
            "the PIN file does not hold six digits",
            "PIN 文件内容不是6位数字",
        );
        return Err(Fault::Sam(words.into()));
    }
    Ok(Zeroizing::new(text.to_owned()))
}

fn unusable(error: &SecretFileError) -> Fault {
    Fault::Sam(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_file_must_be_private_and_hold_six_digits() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("pin");
        secret_file::create(&path, b"123456\n").expect("writes");
        assert!(kept(&path).is_ok_and(|pin| *pin == "123456"));
        let bad = folder.path().join("bad");
        secret_file::create(&bad, b"12345").expect("writes");
        assert!(kept(&bad).is_err());
        let open = folder.path().join("open");
        std::fs::write(&open, "123456").expect("writes");
        std::fs::set_permissions(&open, std::os::unix::fs::PermissionsExt::from_mode(0o644))
            .expect("changes");
        assert!(kept(&open).is_err());
        assert!(kept(&folder.path().join("none")).is_err());
    }

    #[test]
    fn the_first_pin_stays() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("pin");
        let pin = |text: &str| Zeroizing::new(text.to_owned());
        assert!(keep(&path, &pin("111111")).is_ok_and(|kept| *kept == "111111"));
        assert!(keep(&path, &pin("222222")).is_ok_and(|kept| *kept == "111111"));
    }
}
