//! Files: secrets, read only when nobody else may read them and made with mode 0600; scripts and conversations.

use std::fs::OpenOptions;
use std::io::{Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use zeroize::Zeroizing;

use crate::failure::Failure;
use crate::text::say;

/// No such file is longer; whoever names `/dev/zero` is told so.
const MAX_LEN: u64 = 4096;

/// Longest script or conversation.
const MAX_TEXT: u64 = 64 << 20;

/// The text of a secret file.
pub fn read_secret(path: &Path) -> Result<Zeroizing<String>, Failure> {
    let shown = path.display();
    let io = |cause: std::io::Error| Failure::environment(format!("{shown}: {cause}"));
    let file = std::fs::File::open(path).map_err(io)?;
    let mode = file.metadata().map_err(io)?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(Failure::wrong(format!(
            "{shown}: {} chmod 600 {shown}",
            say(
                "others may read this secret; do",
                "其他用户可以读取此机密文件，请执行"
            )
        )));
    }
    let mut text = Zeroizing::new(String::new());
    file.take(MAX_LEN).read_to_string(&mut text).map_err(io)?;
    Ok(text)
}

/// A script or a conversation: text of at most [`MAX_TEXT`] bytes.
pub fn read_text(path: &Path) -> Result<String, Failure> {
    let shown = path.display();
    let io = |cause: std::io::Error| Failure::environment(format!("{shown}: {cause}"));
    let file = std::fs::File::open(path).map_err(io)?;
    let mut bytes = Vec::new();
    file.take(MAX_TEXT + 1)
        .read_to_end(&mut bytes)
        .map_err(io)?;
    if bytes.len() as u64 > MAX_TEXT {
        return Err(Failure::wrong(format!(
            "{shown}: {}",
            say("longer than 64 MiB; split it", "超过 64 MiB，请拆分")
        )));
    }
    String::from_utf8(bytes)
        .map_err(|_| Failure::wrong(format!("{shown}: {}", say("is no text", "不是文本"))))
}

/// Makes a secret file; one that exists is not touched.
pub fn create_secret(path: &Path, text: &str) -> Result<(), Failure> {
    let io = |cause: std::io::Error| Failure::environment(format!("{}: {cause}", path.display()));
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(io)?;
    file.write_all(text.as_bytes()).map_err(io)
}
