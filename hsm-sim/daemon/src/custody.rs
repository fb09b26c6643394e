//! `share split` and `share join`: the unsealing secret in the hands of several custodians.
//!
//! Joining writes the secret to a pipe that `serve` reads, and to nothing else. Failures are counted in the store's
//! directory, over all runs, and each makes the next attempt wait longer; a success forgets them.

use crate::cli::{Share, ShareJoin, ShareSplit};
use crate::harden;
use crate::messages::{Failure, pick};
use hsm_engine::shares::{self, ShareFile};
use hsm_engine::{UnsealSecret, World};
use hsm_wire::secret::{read_secret_file, write_secret_file};
use std::fs;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;
use zeroize::Zeroizing;

/// What the first failure costs; each further one doubles it, up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_DOUBLINGS: u32 = 7;

pub fn run(command: &Share) -> Result<(), Failure> {
    harden::forbid_dumps()?;
    match command {
        Share::Split(arguments) => split(arguments),
        Share::Join(arguments) => join(arguments),
    }
}

fn split(arguments: &ShareSplit) -> Result<(), Failure> {
    if arguments.out.starts_with(&arguments.store) {
        return Err(Failure::Usage(
            "--out must not lie inside the store".to_owned(),
        ));
    }
    let text = harden::read_fd(arguments.unseal_fd)?;
    let secret = UnsealSecret::from_hex(&text).ok_or_else(|| {
        Failure::NotRight("the unsealing secret is not 64 hexadecimal digits".to_owned())
    })?;
    let mut custodians = Vec::new();
    for pair in &arguments.custodian {
        let (name, file) = two(pair, "--custodian NAME=FILE")?;
        custodians.push((name.to_owned(), passphrase(Path::new(file))?));
    }
    let files = shares::split(
        &arguments.store,
        &secret,
        arguments.threshold,
        &custodians,
        &mut World::system(),
    )?;
    fs::create_dir_all(&arguments.out)
        .map_err(|e| Failure::io(&arguments.out.display().to_string(), &e))?;
    for file in &files {
        let path = arguments.out.join(format!("{}.share", file.custodian()));
        write_secret_file(&path, &file.to_json()?)?;
    }
    eprintln!(
        "{}",
        pick(
            "shares written; hand them out, and destroy the file with the whole secret",
            "份额已写出；请分发给保管人，并销毁保存完整密钥的文件"
        )
    );
    Ok(())
}

fn join(arguments: &ShareJoin) -> Result<(), Failure> {
    if io::stdout().is_terminal() {
        return Err(Failure::Usage(
            "the secret goes into a pipe, never onto a screen: rhc-hsm share join … | rhc-hsm serve … --unseal-fd 0"
                .to_owned(),
        ));
    }
    let mut parts = Vec::new();
    for pair in &arguments.share {
        let (file, secret) = two(pair, "--share SHARE=FILE")?;
        let text = fs::read(file).map_err(|e| Failure::io(file, &e))?;
        parts.push((
            ShareFile::from_json(file, &text)?,
            passphrase(Path::new(secret))?,
        ));
    }
    let failures = Failures::of(&arguments.store);
    failures.pause();
    match shares::join(&arguments.store, &parts) {
        Ok(secret) => {
            failures.forget();
            let mut stdout = io::stdout();
            stdout
                .write_all(secret.to_hex().as_bytes())
                .and_then(|()| stdout.flush())
                .map_err(|e| Failure::io("stdout", &e))
        }
        Err(error) => {
            failures.add()?;
            Err(error.into())
        }
    }
}

fn two<'a>(pair: &'a str, usage: &str) -> Result<(&'a str, &'a str), Failure> {
    pair.split_once('=')
        .ok_or_else(|| Failure::Usage(usage.to_owned()))
}

/// A passphrase file's content without its newline.
fn passphrase(path: &Path) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let mut bytes = read_secret_file(path)?;
    while bytes.last().is_some_and(|b| matches!(b, b'\n' | b'\r')) {
        bytes.pop();
    }
    Ok(bytes)
}

/// How often joining failed since it last succeeded.
struct Failures {
    path: PathBuf,
    count: u32,
}

impl Failures {
    /// A counter that cannot be read counts as many.
    fn of(store: &Path) -> Self {
        let path = store.join("unseal-failures");
        let count = match fs::read_to_string(&path) {
            Ok(text) => text.trim().parse().unwrap_or(LONGEST_DOUBLINGS + 1),
            Err(e) if e.kind() == io::ErrorKind::NotFound => 0,
            Err(_) => LONGEST_DOUBLINGS + 1,
        };
        Self { path, count }
    }

    fn pause(&self) {
        if let Some(doublings) = self.count.checked_sub(1) {
            let pause = FIRST_PAUSE * 2_u32.pow(doublings.min(LONGEST_DOUBLINGS));
            tracing::warn!(
                failures = self.count,
                "{}",
                pick(
                    "failed attempts before this one; waiting",
                    "此前已有失败的尝试，等待中"
                )
            );
            thread::sleep(pause);
        }
    }

    fn add(&self) -> Result<(), Failure> {
        fs::write(&self.path, format!("{}\n", self.count.saturating_add(1)))
            .map_err(|e| Failure::io(&self.path.display().to_string(), &e))
    }

    fn forget(&self) {
        let _ = fs::remove_file(&self.path);
    }
}
