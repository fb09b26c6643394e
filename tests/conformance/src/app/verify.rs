//! `verify`: a package, with nothing but the package.

use std::path::Path;

use super::{Failure, code, environment};
use crate::evidence::package;
use crate::words::say;

pub(super) fn verify(dir: &Path, public: Option<&str>, json: bool) -> Result<u8, Failure> {
    let verified = package::verify(dir, public).map_err(|e| match e {
        package::PackageError::Io(..) if !dir.exists() => environment(e),
        e => Failure::Wrong(format!("{} {e}", say("refused:", "拒绝："))),
    })?;
    if json {
        let value = serde_json::json!({
            "signer": verified.public, "rehearsal": verified.rehearsal, "files": verified.files, "records": verified.lines,
        });
        println!("{value}");
    } else {
        println!(
            "{}: {} {}, {} {}",
            say("whole", "完整"),
            verified.files,
            say("files", "个文件"),
            verified.lines,
            say("records", "条记录")
        );
        println!("{} {}", say("signed by", "签名公钥"), verified.public);
        if verified.rehearsal {
            println!(
                "{}",
                say(
                    "that is the public test key: a rehearsal, no laboratory",
                    "该密钥是公开测试密钥：演练，不代表任何实验室"
                )
            );
        }
    }
    Ok(code::DONE)
}
