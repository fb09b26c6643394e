//! The holder's photograph: a JPEG of at most 3,072 bytes behind its two-byte length (R75).

use std::fs::File;
use std::io::Read;
use std::path::{Component, Path, PathBuf};

/// The largest JPEG that DDF1/EF07 takes.
pub const LARGEST: usize = 3072;

/// Why a photograph cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PhotoFault {
    /// The file cannot be read.
    #[error("names a file that cannot be read")]
    Unreadable,
    /// A name that leads out of the folder.
    #[error("names a file outside the folder of the applicants file")]
    Outside,
    /// It does not begin and end as a JPEG does.
    #[error("names a file that is not a JPEG")]
    NotJpeg,
    /// It does not fit.
    #[error("names a JPEG larger than {LARGEST} bytes")]
    TooLarge,
}

impl PhotoFault {
    /// The fault in Chinese.
    #[must_use]
    pub fn zh(self) -> String {
        match self {
            Self::Unreadable => "所指文件无法读取".into(),
            Self::Outside => "所指文件不在申请人文件所在目录内".into(),
            Self::NotJpeg => "所指文件不是 JPEG".into(),
            Self::TooLarge => format!("所指 JPEG 超过 {LARGEST} 字节"),
        }
    }
}

/// Where photographs come from.
pub trait Photos {
    /// The bytes of the photograph of this name.
    ///
    /// # Errors
    /// A photograph that cannot be read or is larger than the card's file.
    fn load(&self, name: &str) -> Result<Vec<u8>, PhotoFault>;
}

/// Photographs as files, their names relative to a folder (the applicants file's).
pub struct PhotoFolder(pub PathBuf);

impl Photos for PhotoFolder {
    fn load(&self, name: &str) -> Result<Vec<u8>, PhotoFault> {
        // Whoever wrote the table chooses the name, and must not reach the station's other files with it.
        let below = |part| matches!(part, Component::Normal(_) | Component::CurDir);
        if !Path::new(name).components().all(below) {
            return Err(PhotoFault::Outside);
        }
        let path = self.0.join(name);
        if !path.is_file() {
            return Err(PhotoFault::Unreadable);
        }
        let file = File::open(path).map_err(|_| PhotoFault::Unreadable)?;
        let mut bytes = Vec::with_capacity(LARGEST + 1);
        file.take(LARGEST as u64 + 1)
            .read_to_end(&mut bytes)
            .map_err(|_| PhotoFault::Unreadable)?;
        check(&bytes)?;
        Ok(bytes)
    }
}

/// Size and frame of a JPEG: begins with SOI and a marker, ends with EOI.
///
/// # Errors
/// Too large, or another kind of file.
pub fn check(bytes: &[u8]) -> Result<(), PhotoFault> {
    if bytes.len() > LARGEST {
        // A file of another kind is told as such, whatever its size.
        return Err(if bytes.starts_with(&[0xFF, 0xD8, 0xFF]) {
            PhotoFault::TooLarge
        } else {
            PhotoFault::NotJpeg
        });
    }
    let framed = bytes.len() >= 4
        && bytes.starts_with(&[0xFF, 0xD8, 0xFF])
        && bytes.ends_with(&[0xFF, 0xD9]);
    if framed {
        Ok(())
    } else {
        Err(PhotoFault::NotJpeg)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jpeg(len: usize) -> Vec<u8> {
        let mut bytes = vec![0x20; len];
        bytes[..3].copy_from_slice(&[0xFF, 0xD8, 0xFF]);
        bytes[len - 2..].copy_from_slice(&[0xFF, 0xD9]);
        bytes
    }

    #[test]
    fn exactly_as_large_as_the_file() {
        assert_eq!(check(&jpeg(LARGEST)), Ok(()));
        assert_eq!(check(&jpeg(LARGEST + 1)), Err(PhotoFault::TooLarge));
        assert_eq!(check(b"\x89PNG"), Err(PhotoFault::NotJpeg));
        assert_eq!(check(&[0; 5000]), Err(PhotoFault::NotJpeg));
        assert_eq!(check(&jpeg(100)[..99]), Err(PhotoFault::NotJpeg));
    }

    #[test]
    fn folder_reads_only_plain_files() {
        let folder = PhotoFolder(std::env::temp_dir());
        assert_eq!(folder.load("."), Err(PhotoFault::Unreadable));
        assert_eq!(
            folder.load("no such file, surely"),
            Err(PhotoFault::Unreadable)
        );
        for name in ["../photo.jpg", "/etc/passwd", "a/../../photo.jpg"] {
            assert_eq!(folder.load(name), Err(PhotoFault::Outside), "{name}");
        }
    }
}
