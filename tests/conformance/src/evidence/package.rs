//! The signed folder: `manifest.json` lists every file with its SM3 digest and the head of the chain, `signature.txt` holds the
//! laboratory's public key and its SM2 signature over the manifest's bytes. The check needs the folder only.

use std::fs;
use std::io::Read;
use std::path::Path;

use cardlib_card::gm::sm2::{SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};
use sm3::{Digest, Sm3};

use super::chain::{self, ChainError, Head};
use super::key;
use super::{MAX_FILE, plain_file};

const MANIFEST: &str = "manifest.json";
const SIGNATURE: &str = "signature.txt";
const MAX_FILES: usize = 64;

/// What is wrong with a package.
#[derive(Debug, thiserror::Error)]
pub enum PackageError {
    #[error("{0}: {1}")]
    Io(String, std::io::Error),
    #[error("{0}: {1}")]
    Wrong(String, String),
    #[error(transparent)]
    Chain(#[from] ChainError),
    #[error("signed by {0}, not by the key that was asked for")]
    OtherKey(String),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    format: u32,
    chain: String,
    lines: u64,
    files: Vec<Entry>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    size: u64,
    sm3: String,
}

fn wrong(file: &str, what: impl Into<String>) -> PackageError {
    PackageError::Wrong(file.to_owned(), what.into())
}

fn io(file: &str) -> impl FnOnce(std::io::Error) -> PackageError + '_ {
    move |cause| PackageError::Io(file.to_owned(), cause)
}

/// Whether a folder was sealed already.
#[must_use]
pub fn is_sealed(folder: &Path) -> bool {
    folder.join(MANIFEST).exists()
}

/// Lists and signs everything in the folder.
///
/// # Errors
/// [`PackageError`] when a file cannot be read or written.
pub fn seal(folder: &Path, head: &Head, key: &SigningKey) -> Result<(), PackageError> {
    let files = present(folder)?
        .into_iter()
        .filter(|name| name != MANIFEST && name != SIGNATURE)
        .map(|name| entry(folder, &name))
        .collect::<Result<_, _>>()?;
    let manifest = Manifest {
        format: 1,
        chain: head.value.clone(),
        lines: head.lines,
        files,
    };
    let mut text =
        serde_json::to_string_pretty(&manifest).map_err(|e| wrong(MANIFEST, e.to_string()))?;
    text.push('\n');
    let signature = key
        .sign_message(text.as_bytes())
        .map_err(|e| wrong(SIGNATURE, e.to_string()))?;
    let public = key.verifying_key().to_bytes();
    let signed = format!("{}\n{}\n", hex::encode(public), hex::encode(signature));
    fs::write(folder.join(SIGNATURE), signed).map_err(io(SIGNATURE))?;
    fs::write(folder.join(MANIFEST), text).map_err(io(MANIFEST))
}

/// A package that is right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// X ‖ Y of the signer, hexadecimal.
    pub public: String,
    /// Signed with the public test key: it says nothing of who signed.
    pub rehearsal: bool,
    pub files: usize,
    pub lines: u64,
}

/// Checks a package: signature, every file, nothing more, and the chain; `wanted` is the public key to accept, if only one is.
///
/// # Errors
/// [`PackageError`] at the first thing that is not right.
pub fn verify(folder: &Path, wanted: Option<&str>) -> Result<Verified, PackageError> {
    let signed =
        String::from_utf8(content(folder, SIGNATURE)?).map_err(|_| wrong(SIGNATURE, "not text"))?;
    let (public, signature) = take_apart(&signed).ok_or_else(|| {
        wrong(
            SIGNATURE,
            "two lines of 128 lower-case hexadecimal digits are wanted",
        )
    })?;
    if wanted.is_some_and(|wanted| !wanted.eq_ignore_ascii_case(public)) {
        return Err(PackageError::OtherKey(public.to_owned()));
    }
    let bytes = |text: &str| hex::decode(text).unwrap_or_default();
    let key =
        VerifyingKey::from_bytes(&bytes(public)).map_err(|e| wrong(SIGNATURE, e.to_string()))?;
    let text = content(folder, MANIFEST)?;
    key.verify_message(&text, &bytes(signature))
        .map_err(|_| wrong(MANIFEST, "the signature is not over this manifest"))?;
    let manifest: Manifest =
        serde_json::from_slice(&text).map_err(|e| wrong(MANIFEST, e.to_string()))?;
    if manifest.format != 1 || manifest.files.len() > MAX_FILES {
        return Err(wrong(MANIFEST, "a format that this program does not know"));
    }
    let mut there = present(folder)?;
    there.retain(|name| name != MANIFEST && name != SIGNATURE);
    let listed: Vec<&String> = manifest.files.iter().map(|entry| &entry.name).collect();
    if there.iter().collect::<Vec<_>>() != listed {
        return Err(wrong(
            MANIFEST,
            format!(
                "the folder holds {}, the manifest lists {listed:?}",
                there.join(", ")
            ),
        ));
    }
    for listed in &manifest.files {
        if entry(folder, &listed.name)? != *listed {
            return Err(wrong(&listed.name, "changed since it was signed"));
        }
    }
    let head = chain::read(&folder.join(chain::FILE), drop)?;
    if (head.value.as_str(), head.lines) != (manifest.chain.as_str(), manifest.lines) {
        return Err(wrong(
            chain::FILE,
            "its chain is not the one that was signed",
        ));
    }
    let rehearsal =
        key::rehearsal().is_ok_and(|test| test.verifying_key().to_bytes()[..] == bytes(public)[..]);
    Ok(Verified {
        public: public.to_owned(),
        rehearsal,
        files: listed.len(),
        lines: head.lines,
    })
}

fn take_apart(text: &str) -> Option<(&str, &str)> {
    let (public, rest) = text.split_once('\n')?;
    let signature = rest.strip_suffix('\n')?;
    let right = |digits: &str| {
        digits.len() == 128
            && digits
                .bytes()
                .all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    };
    (right(public) && right(signature)).then_some((public, signature))
}

/// Names of the folder's files, sorted. Anything but plain files is refused.
fn present(folder: &Path) -> Result<Vec<String>, PackageError> {
    let shown = folder.display().to_string();
    let mut names = Vec::new();
    for item in fs::read_dir(folder).map_err(io(&shown))? {
        let item = item.map_err(io(&shown))?;
        let name = item
            .file_name()
            .into_string()
            .map_err(|_| wrong(&shown, "a file name that is not text"))?;
        if !item.file_type().map_err(io(&name))?.is_file() {
            return Err(wrong(&name, "a package holds plain files only"));
        }
        names.push(name);
        if names.len() > MAX_FILES + 2 {
            return Err(wrong(&shown, "more files than a package has"));
        }
    }
    names.sort();
    Ok(names)
}

fn content(folder: &Path, name: &str) -> Result<Vec<u8>, PackageError> {
    let mut bytes = Vec::new();
    let file = plain_file(&folder.join(name)).map_err(io(name))?;
    file.take(1 << 20)
        .read_to_end(&mut bytes)
        .map_err(io(name))?;
    Ok(bytes)
}

fn entry(folder: &Path, name: &str) -> Result<Entry, PackageError> {
    let file = plain_file(&folder.join(name)).map_err(io(name))?;
    let size = file.metadata().map_err(io(name))?.len();
    let mut hash = Sm3::new();
    let mut reader = std::io::BufReader::new(file.take(MAX_FILE));
    let mut buffer = [0u8; 1 << 14];
    loop {
        let read = reader.read(&mut buffer).map_err(io(name))?;
        if read == 0 {
            break;
        }
        hash.update(&buffer[..read]);
    }
    Ok(Entry {
        name: name.to_owned(),
        size,
        sm3: hex::encode(hash.finalize()),
    })
}
