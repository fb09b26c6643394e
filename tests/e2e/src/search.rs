//! Looks for secrets in bytes: raw, as hexadecimal in both cases, as base64 at every alignment and in both alphabets,
//! and as a JSON array of numbers, because a derived serializer writes that.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use aho_corasick::AhoCorasick;
use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// Every form of every secret as one automaton.
pub struct Search {
    automaton: AhoCorasick,
    labels: Vec<String>,
    longest: usize,
}

impl Search {
    /// Secrets are (label, bytes); the label is what a finding names.
    pub fn for_secrets(secrets: &[(String, Vec<u8>)]) -> Result<Self> {
        let mut patterns = Vec::new();
        let mut labels = Vec::new();
        for (label, secret) in secrets {
            for (form, pattern) in forms(secret) {
                patterns.push(pattern);
                labels.push(format!("{label} ({form})"));
            }
        }
        let longest = patterns.iter().map(Vec::len).max().unwrap_or(0);
        let automaton = AhoCorasick::new(&patterns).context("too many secrets to search for")?;
        Ok(Self {
            automaton,
            labels,
            longest,
        })
    }

    /// Labels of what is found in `bytes`.
    pub fn bytes(&self, bytes: &[u8]) -> BTreeSet<String> {
        self.automaton
            .find_iter(bytes)
            .map(|found| self.labels[found.pattern().as_usize()].clone())
            .collect()
    }

    /// Searches every file below `folder`; a finding reads `path: label`. `skip` says which files may hold secrets.
    pub fn folder(
        &self,
        folder: &Path,
        skip: &dyn Fn(&Path) -> bool,
    ) -> Result<(Vec<String>, usize)> {
        let mut findings = Vec::new();
        let mut files = 0;
        let mut queue = vec![folder.to_path_buf()];
        while let Some(next) = queue.pop() {
            for entry in
                fs::read_dir(&next).with_context(|| format!("cannot list {}", next.display()))?
            {
                let entry = entry?;
                let (path, kind) = (entry.path(), entry.file_type()?);
                if kind.is_dir() {
                    queue.push(path);
                } else if kind.is_file() && !skip(&path) {
                    files += 1;
                    let found = self.bytes(&fs::read(&path)?);
                    findings.extend(
                        found
                            .into_iter()
                            .map(|label| format!("{}: {label}", path.display())),
                    );
                }
            }
        }
        Ok((findings, files))
    }

    /// How many bytes two neighbouring pieces of one text must share so that nothing is missed between them.
    pub fn overlap(&self) -> usize {
        self.longest.saturating_sub(1)
    }
}

fn forms(secret: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let numbers: Vec<String> = secret.iter().map(u8::to_string).collect();
    let mut forms = vec![
        ("raw", secret.to_vec()),
        ("hex", hex::encode(secret).into_bytes()),
        ("HEX", hex::encode_upper(secret).into_bytes()),
        ("numbers", numbers.join(",").into_bytes()),
        ("numbers", numbers.join(", ").into_bytes()),
    ];
    for offset in 0..3 {
        forms.push((
            "base64",
            base64_core(
                &STANDARD_NO_PAD.encode(shifted(secret, offset)),
                secret.len(),
                offset,
            ),
        ));
        forms.push((
            "base64url",
            base64_core(
                &URL_SAFE_NO_PAD.encode(shifted(secret, offset)),
                secret.len(),
                offset,
            ),
        ));
    }
    forms
}

fn shifted(secret: &[u8], offset: usize) -> Vec<u8> {
    [&[0, 0][..offset], secret].concat()
}

/// The characters that depend on the secret alone, wherever it stands in a longer text.
fn base64_core(encoded: &str, length: usize, offset: usize) -> Vec<u8> {
    let first = (offset * 8).div_ceil(6);
    let last = (offset + length) * 8 / 6;
    encoded.as_bytes()[first..last].to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: [u8; 16] = *b"\x01\x23\x45\x67\x89\xAB\xCD\xEF\xFE\xDC\xBA\x98\x76\x54\x32\x10";

    fn search() -> Search {
        Search::for_secrets(&[("planted".into(), KEY.to_vec())]).unwrap()
    }

    #[test]
    fn every_form_is_found_inside_other_text() {
        let list = serde_json::to_string(&KEY).unwrap();
        let texts = [
            [b"xx".as_slice(), &KEY, b"yy"].concat(),
            format!("key={};", hex::encode(KEY)).into_bytes(),
            format!("\"{}\"", hex::encode_upper(KEY)).into_bytes(),
            format!("{{\"k\":{list}}}").into_bytes(),
        ];
        for text in texts {
            assert_eq!(
                search().bytes(&text).len(),
                1,
                "{}",
                String::from_utf8_lossy(&text)
            );
        }
        for before in 0..4 {
            for after in 0..4 {
                let whole = [vec![7; before], KEY.to_vec(), vec![9; after]].concat();
                assert!(
                    !search()
                        .bytes(STANDARD_NO_PAD.encode(&whole).as_bytes())
                        .is_empty(),
                    "{before} {after}"
                );
                assert!(
                    !search()
                        .bytes(URL_SAFE_NO_PAD.encode(&whole).as_bytes())
                        .is_empty(),
                    "{before} {after}"
                );
            }
        }
    }

    #[test]
    fn a_near_miss_is_no_finding() {
        let mut near = KEY;
        near[7] ^= 1;
        let text = format!(
            "{} {} {}",
            hex::encode(near),
            STANDARD_NO_PAD.encode(near),
            hex::encode(&KEY[..15])
        );
        assert!(search().bytes(text.as_bytes()).is_empty());
    }

    #[test]
    fn files_below_a_folder_are_read_and_excepted_by_name() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("deep")).unwrap();
        fs::write(folder.path().join("deep/log.txt"), hex::encode(KEY)).unwrap();
        fs::write(folder.path().join("card.state"), KEY).unwrap();
        let (found, files) = search()
            .folder(folder.path(), &|path| path.ends_with("card.state"))
            .unwrap();
        assert_eq!((found.len(), files), (1, 1));
        assert!(
            found[0].contains("deep/log.txt: planted (hex)"),
            "{found:?}"
        );
    }
}
