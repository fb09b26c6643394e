//! Which readers, and whose PIN: a TOML file and a PIN file of mode 0600. Nothing is taken from the environment, where every
//! program of the user could put something else.
//!
//! The file is the one that `rhc_Configure` named, else `rhc_reader.toml` beside the library, else
//! `/etc/rhc/rhc_reader.toml`. Paths in it are relative to its folder.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use cardlib_card::cert::Mark;
use cardlib_card::profile::Profile;
use cardlib_card::suite::VerifyingKey;
use cardlib_terminal::{Anchors, Pin};
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::code::{Code, Fault};

const NAME: &str = "rhc_reader.toml";
const SYSTEM: &str = "/etc/rhc/rhc_reader.toml";
/// No such file is longer.
const MAX_LEN: u64 = 64 << 10;
/// Most devices of one file.
const MAX_DEVICES: usize = 16;

/// The file as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    device: Vec<DeviceText>,
    #[serde(default)]
    root: Vec<RootText>,
    #[serde(default = "default_profile")]
    profile: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DeviceText {
    card: String,
    sam: String,
    test: Option<String>,
    pin_file: Option<PathBuf>,
    serial: Option<String>,
    limit_ms: Option<u64>,
    #[serde(default)]
    issuers: Vec<PathBuf>,
}

/// The ministry's public key for one mark.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RootText {
    mark: Mark,
    #[serde(with = "hex::serde")]
    key: Vec<u8>,
}

fn default_profile() -> String {
    "rhc-2012".into()
}

/// A file that was read.
#[derive(Clone)]
pub struct Config {
    pub profile: &'static Profile,
    pub anchors: Anchors,
    pub devices: Vec<DeviceConfig>,
}

/// One pair of readers.
#[derive(Clone)]
pub struct DeviceConfig {
    /// Names of readers, or parts of names that fit one reader each.
    pub card: String,
    pub sam: String,
    /// Slot 0x12.
    pub test: Option<String>,
    pub pin_file: Option<PathBuf>,
    /// What `IReader_GetDeviceCSN` says.
    pub serial: Option<String>,
    /// How long a card may take for one command.
    pub limit: Option<Duration>,
    /// Issuers' certificates: records are verified before they are erased.
    pub issuers: Vec<Vec<u8>>,
}

impl Config {
    /// Reads the file in force.
    ///
    /// # Errors
    /// [`Code::Connect`] naming file and fault.
    pub fn find(named: Option<&Path>) -> Result<Self, Fault> {
        let beside = own_folder().map(|folder| folder.join(NAME));
        let candidates = match named {
            Some(path) => vec![path.to_owned()],
            None => beside.into_iter().chain([SYSTEM.into()]).collect(),
        };
        match candidates.iter().find(|path| path.is_file()) {
            Some(path) => Self::read(path),
            None => {
                let tried: Vec<String> = candidates
                    .iter()
                    .map(|path| path.display().to_string())
                    .collect();
                let tried = tried.join(", ");
                Err(fault(
                    format!("no configuration: write one of {tried}"),
                    format!("没有配置文件：请建立 {tried} 之一"),
                ))
            }
        }
    }

    /// Reads this file.
    ///
    /// # Errors
    /// As [`Config::find`].
    pub fn read(path: &Path) -> Result<Self, Fault> {
        let bytes = private(path)?;
        let folder = path.parent().unwrap_or(Path::new("."));
        let text = std::str::from_utf8(&bytes).map_err(|_| wrong(path, "is no UTF-8 text"))?;
        let text: Text = toml::from_str(text).map_err(|cause| wrong(path, cause.message()))?;
        let profile = Profile::named(&text.profile)
            .ok_or_else(|| wrong(path, "names a profile that this library lacks"))?;
        if text.device.is_empty() || text.device.len() > MAX_DEVICES {
            return Err(wrong(path, "must hold 1 to 16 [[device]] tables"));
        }
        let mut anchors = Anchors::shipped();
        for root in text.root {
            let key = VerifyingKey::from_bytes(profile.crypto.signature, &root.key)
                .map_err(|_| wrong(path, "holds a root key that is none"))?;
            anchors = anchors.with(root.mark, key);
        }
        let devices = text.device.into_iter();
        let devices = devices.map(|device| device.resolve(folder));
        Ok(Self {
            profile,
            anchors,
            devices: devices.collect::<Result<_, _>>()?,
        })
    }
}

impl DeviceText {
    fn resolve(self, folder: &Path) -> Result<DeviceConfig, Fault> {
        let issuers = self.issuers.iter().map(|path| {
            let path = folder.join(path);
            std::fs::read(&path).map_err(|cause| wrong(&path, &cause.to_string()))
        });
        Ok(DeviceConfig {
            card: self.card,
            sam: self.sam,
            test: self.test,
            pin_file: self.pin_file.map(|path| folder.join(path)),
            serial: self.serial,
            limit: self.limit_ms.map(Duration::from_millis),
            issuers: issuers.collect::<Result<_, _>>()?,
        })
    }
}

/// The PIN in a file.
///
/// # Errors
/// [`Code::Psam`]; the text never shows the PIN.
pub fn pin(path: &Path) -> Result<Pin, Fault> {
    let at_sam = |fault: Fault| Fault {
        code: Code::Psam,
        ..fault
    };
    let bytes = private(path).map_err(at_sam)?;
    let text = std::str::from_utf8(&bytes).unwrap_or_default();
    Pin::new(text).map_err(|cause| at_sam(cause.into()))
}

/// A file that nobody but its owner may read or write.
fn private(path: &Path) -> Result<Zeroizing<Vec<u8>>, Fault> {
    let io = |cause: std::io::Error| wrong(path, &cause.to_string());
    let file = File::open(path).map_err(io)?;
    let about = file.metadata().map_err(io)?;
    if about.permissions().mode() & 0o077 != 0 {
        let shown = path.display();
        return Err(fault(
            format!("{shown}: others may read it; chmod 600 {shown}"),
            format!("{shown}：其他用户可以读取；请执行 chmod 600 {shown}"),
        ));
    }
    if !about.is_file() || about.len() > MAX_LEN {
        return Err(wrong(path, "is no file of at most 64 KiB"));
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(4096));
    file.take(MAX_LEN).read_to_end(&mut bytes).map_err(io)?;
    Ok(bytes)
}

fn wrong(path: &Path, what: &str) -> Fault {
    let shown = path.display();
    fault(format!("{shown}: {what}"), format!("{shown}：{what}"))
}

fn fault(english: String, chinese: String) -> Fault {
    Fault::new(Code::Connect, english, chinese)
}

/// The folder of the file that this code was loaded from: the library's, or the program's it is linked into.
fn own_folder() -> Option<PathBuf> {
    let here = own_folder as fn() -> Option<PathBuf> as usize;
    let maps = std::fs::read_to_string("/proc/self/maps").ok()?;
    let holds = |line: &&str| {
        let range = line.split_once(' ').map(|(range, _)| range);
        let ends = range.and_then(|range| range.split_once('-'));
        ends.is_some_and(|(from, to)| {
            let number = |text| usize::from_str_radix(text, 16).unwrap_or(0);
            (number(from)..number(to)).contains(&here)
        })
    };
    let line = maps.lines().find(holds)?;
    let path = line.find('/').map(|at| Path::new(&line[at..]))?;
    path.parent().map(Path::to_owned)
}
