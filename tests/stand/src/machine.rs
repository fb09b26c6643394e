//! Which HSM stands behind the key services' port, and what each needs beside its officers.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::binaries;
use crate::hsm::Place;
use crate::process::Tool;

/// Debian's SoftHSM2.
const SOFTHSM: &str = "/usr/lib/softhsm/libsofthsm2.so";
const PIN: &str = "135790";
const TOKEN: &str = "rhc";

/// One of the three ways to an HSM.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Machine {
    /// `rhc-hsm` over its own sockets.
    #[default]
    Daemon,
    /// `rhc-hsm` through `libhsm_sim_sdf.so` (GM/T 0018 and its extension).
    Sdf,
    /// SoftHSM2 over PKCS#11, with profile `rhc-aes`.
    Token,
}

impl Machine {
    /// The card profile that goes with it.
    pub fn profile(self) -> &'static str {
        match self {
            Self::Daemon | Self::Sdf => "rhc-2012",
            Self::Token => "rhc-aes",
        }
    }

    /// Whether `rhc-hsm` runs.
    pub fn has_process(self) -> bool {
        self != Self::Token
    }

    /// What `rhc-kms init --hsm` is given.
    pub fn address(self, place: &Place) -> PathBuf {
        match self {
            Self::Daemon => place.socket(),
            Self::Sdf | Self::Token => place.folder.join("hsm.toml"),
        }
    }

    /// Makes the HSM with its officers; a process is started by the caller afterwards.
    pub fn init(self, place: &Place, mark: &str) -> Result<()> {
        match self {
            Self::Daemon => place.init(mark),
            Self::Sdf => {
                place.init(mark)?;
                sdf_address(place)
            }
            Self::Token => token(place, mark),
        }
    }

    /// What a program needs in its environment to find its token.
    pub fn environment(self, tool: Tool, place: &Place) -> Tool {
        match self {
            Self::Daemon | Self::Sdf => tool,
            Self::Token => tool.env(("SOFTHSM2_CONF", place.folder.join("softhsm2.conf"))),
        }
    }
}

fn sdf_address(place: &Place) -> Result<()> {
    let device = place.folder.join("sdf.toml");
    let text = format!(
        "socket = {:?}\ncredential = {:?}\nofficer_socket = {:?}\n",
        place.socket(),
        place.operator(),
        place.officer_socket()
    );
    fs::write(&device, text)?;
    // A copy of its own, as an installed library is: a build that goes on beside does not take it away.
    let library = place.folder.join("libhsm_sim_sdf.so");
    fs::copy(binaries::library("hsm_sim_sdf")?, &library)?;
    let text = format!("adapter = \"sdf\"\nlibrary = {library:?}\ndevice = {device:?}\n");
    Ok(fs::write(place.folder.join("hsm.toml"), text)?)
}

/// A token of its own store, prepared with both officers.
fn token(place: &Place, mark: &str) -> Result<()> {
    if !Path::new(SOFTHSM).exists() {
        anyhow::bail!("{SOFTHSM} is not there: apt-get install softhsm2");
    }
    let tokens = place.folder.join("tokens");
    fs::create_dir_all(&tokens)?;
    let conf = format!(
        "directories.tokendir = {}\nobjectstore.backend = file\nlog.level = ERROR\n",
        tokens.display()
    );
    fs::write(place.folder.join("softhsm2.conf"), conf)?;
    let made = Tool::foreign("softhsm2-util").words("--init-token --free --label");
    let made = made
        .arg(TOKEN)
        .arg("--pin")
        .arg(PIN)
        .arg("--so-pin")
        .arg(PIN);
    Machine::Token
        .environment(made, place)
        .ok()
        .context("softhsm2-util, which is in the package softhsm2")?;
    let pin = place.folder.join("pin");
    let mut options = File::options();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&pin)?;
    writeln!(file, "{PIN}")?;
    let text = format!(
        "adapter = \"pkcs11\"\nlibrary = {SOFTHSM:?}\ntoken = {TOKEN:?}\npin-file = \"pin\"\nbook = \"book.sqlite\"\n"
    );
    fs::write(place.folder.join("hsm.toml"), text)?;
    place.make_officers()?;
    let mut tool = Tool::new("rhc-kms")?
        .words("hsm prepare --mark")
        .arg(mark)
        .arg("--hsm")
        .arg(place.folder.join("hsm.toml"));
    for name in &place.officers {
        let public = format!("{name}={}.pub", place.officer_key(name).display());
        tool = tool.arg("--officer").arg(public);
    }
    Machine::Token.environment(tool, place).ok().map(drop)
}
