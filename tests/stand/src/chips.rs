//! Virtual cards and SAMs: which chip it is, where its memory lies, and putting it into a reader.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::pcscd::Daemon;
use crate::process::{Service, Tool};
use crate::stack::{Place, Reader};

/// What kind of chip a maker delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    User,
    Sam,
}

impl Kind {
    pub fn word(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Sam => "sam",
        }
    }
}

/// One chip: its factor (of a SAM: its chip serial), its memory, and the seed of its random numbers.
#[derive(Clone, Debug)]
pub struct Chip {
    pub kind: Kind,
    pub factor: String,
    pub state: PathBuf,
    pub seed: u64,
    pub profile: &'static str,
}

impl Chip {
    /// A chip whose memory lies in `folder`; blank until something wrote the file.
    pub fn new(kind: Kind, factor: &str, folder: &Path) -> Self {
        let seed = factor
            .bytes()
            .fold(7, |sum, byte| sum * 31 % 1_000_003 + u64::from(byte));
        let state = folder.join(format!("{}-{factor}.state", kind.word()));
        Self {
            kind,
            factor: factor.to_owned(),
            state,
            seed,
            profile: "rhc-2012",
        }
    }

    /// The same chip with the mask of another profile.
    pub fn of(mut self, profile: &'static str) -> Self {
        self.profile = profile;
        self
    }

    /// The command that is this chip, attached to a reader or a wire.
    fn command(&self, place: &Place) -> Result<std::process::Command> {
        let [how, place] = place.words();
        let tool = Tool::new("rhc-card")?
            .words("virtual")
            .arg(self.kind.word());
        let tool = tool.arg(how).arg(place).arg("--state").arg(&self.state);
        Ok(tool
            .arg("--profile")
            .arg(self.profile)
            .arg("--factor")
            .arg(&self.factor)
            .arg("--seed")
            .arg(self.seed.to_string())
            .into_command())
    }
}

/// A chip in a reader; dropped, it is pulled.
pub struct Inserted {
    service: Service,
}

impl Inserted {
    /// Puts the chip in and waits until the daemon has seen it.
    pub fn put(chip: &Chip, daemon: &Daemon, reader: &Reader) -> Result<Self> {
        Self::put_by(chip, daemon, reader, &reader.place)
    }

    /// The same over a wire that leads to the reader.
    pub fn put_by(chip: &Chip, daemon: &Daemon, reader: &Reader, place: &Place) -> Result<Self> {
        let log = chip.state.with_extension("log");
        let service = Service::start("virtual card", chip.command(place)?, &log)?;
        let seen = daemon.wait_card(reader, true);
        seen.with_context(|| format!("its log says:\n{}", service.log_tail(5)))?;
        Ok(Self { service })
    }

    /// Pulls the chip and waits until the reader is known to be empty.
    pub fn pull(mut self, daemon: &Daemon, reader: &Reader) -> Result<()> {
        self.service.stop();
        daemon.wait_card(reader, false)
    }

    pub fn pid(&self) -> u32 {
        self.service.pid()
    }

    /// Leaves the chip in its reader for good.
    pub fn leave(self) {
        self.service.leave();
    }
}
