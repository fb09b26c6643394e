//! What files and arguments say: the SAM's PIN, the ministry's key, the day.

use std::path::Path;

use cardlib_card::cert::Mark;
use cardlib_card::profile::Profile;
use cardlib_card::suite::VerifyingKey;
use cardlib_terminal::{Anchors, Pin};
use kms_platform::exit::Failure;
use kms_platform::identity::secret_file;
use kms_platform::say;

use crate::trouble::said;

pub(super) fn pin(path: &Path) -> Result<Pin, Failure> {
    let bytes = secret_file::read(path).map_err(|cause| {
        Failure::environment(say!(
            "the SAM's PIN cannot be read: {cause}",
            "无法读取 SAM 的 PIN：{cause}"
        ))
    })?;
    let text = std::str::from_utf8(&bytes).unwrap_or_default();
    Pin::new(text).map_err(|cause| Failure::environment(said(&cause)))
}

/// What is shipped, or the key given in its place whatever the mark.
pub(super) fn anchors(profile: &Profile, root: Option<&Path>) -> Result<Anchors, Failure> {
    let Some(path) = root else {
        return Ok(Anchors::shipped());
    };
    let root = root_key(profile, path)?;
    let marks = [Mark::Test, Mark::Demo, Mark::Production];
    let with = |anchors: Anchors, mark| anchors.with(mark, root.clone());
    Ok(marks.into_iter().fold(Anchors::default(), with))
}

fn root_key(profile: &Profile, path: &Path) -> Result<VerifyingKey, Failure> {
    let text = std::fs::read_to_string(path).map_err(|cause| {
        let path = path.display();
        Failure::environment(say!("{path}: {cause}", "{path}：{cause}"))
    })?;
    let key = hex::decode(text.trim())
        .ok()
        .and_then(|bytes| VerifyingKey::from_bytes(profile.crypto.signature, &bytes).ok());
    key.ok_or_else(|| {
        let path = path.display();
        Failure::environment(say!(
            "{path} holds no public key (X and Y, 128 hexadecimal digits)",
            "{path} 中没有公钥（X 与 Y，共 128 个十六进制字符）"
        ))
    })
}

/// The calendar day in China, which the dates on cards mean.
pub(super) fn today() -> String {
    let china = jiff::tz::TimeZone::fixed(jiff::tz::offset(8));
    jiff::Timestamp::now()
        .to_zoned(china)
        .strftime("%Y%m%d")
        .to_string()
}

pub(super) fn day(text: &str) -> Result<String, String> {
    match jiff::civil::Date::strptime("%Y%m%d", text) {
        Ok(_) if text.len() == 8 => Ok(text.to_owned()),
        _ => Err("a day is written YYYYMMDD, such as 20261122".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_has_eight_digits_and_exists() {
        assert_eq!(day("20261122").as_deref(), Ok("20261122"));
        for wrong in ["2026-11-22", "20261131", "2026112", "today"] {
            assert!(day(wrong).is_err(), "{wrong}");
        }
        assert_eq!(today().len(), 8);
    }
}
