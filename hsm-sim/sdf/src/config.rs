//! Which HSM: a TOML file without secrets, found by a rule.
//!
//! `$RHC_SDF_CONFIG`, else `/etc/rhc/sdf.toml`. Relative paths in it start at the file's own directory. Secrets stand in
//! files of their own (mode 0600), never in this one and never in the environment.

use crate::codes::SDR_OPENDEVICE;
use crate::failure::Failure;
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where it is looked for without the variable.
pub const DEFAULT_PATH: &str = "/etc/rhc/sdf.toml";
/// Names another file.
pub const VARIABLE: &str = "RHC_SDF_CONFIG";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    socket: Option<PathBuf>,
    credential: Option<PathBuf>,
    officer_socket: Option<PathBuf>,
    timeout_ms: Option<u64>,
    store: Option<PathBuf>,
    unseal: Option<PathBuf>,
}

/// What the file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Config {
    /// `rhc-hsm` at its sockets. Without `operator` the device serves officers only, and the other way round.
    Daemon {
        /// Socket and the file with the operator's secret.
        operator: Option<(PathBuf, PathBuf)>,
        officer: Option<PathBuf>,
        timeout: Duration,
    },
    /// The engine in this process; the store, and the file with its unsealing secret.
    Embedded { store: PathBuf, unseal: PathBuf },
}

impl Config {
    /// Reads the file that the rule names.
    ///
    /// # Errors
    /// It is missing or wrong.
    pub fn find() -> Result<Self, Failure> {
        let path = std::env::var_os(VARIABLE).map_or_else(|| DEFAULT_PATH.into(), PathBuf::from);
        Self::read(&path)
    }

    /// Reads this file.
    ///
    /// # Errors
    /// It is missing or wrong.
    pub fn read(path: &Path) -> Result<Self, Failure> {
        let wrong =
            |what: &str| Failure::new(SDR_OPENDEVICE, &format!("{}: {what}", path.display()));
        let text = std::fs::read_to_string(path).map_err(|e| wrong(&e.to_string()))?;
        let file: File = toml::from_str(&text).map_err(|e| wrong(e.message()))?;
        let base = path.parent().unwrap_or(Path::new(""));
        let at = |path: PathBuf| base.join(path);
        match file {
            File {
                store: Some(store),
                unseal: Some(unseal),
                socket: None,
                credential: None,
                officer_socket: None,
                timeout_ms: None,
            } => Ok(Self::Embedded {
                store: at(store),
                unseal: at(unseal),
            }),
            File {
                store: None,
                unseal: None,
                socket,
                credential,
                officer_socket,
                timeout_ms,
            } => {
                let operator = match (socket, credential) {
                    (Some(socket), Some(credential)) => Some((at(socket), at(credential))),
                    (None, None) => None,
                    _ => return Err(wrong("socket and credential belong together")),
                };
                let officer = officer_socket.map(at);
                if operator.is_none() && officer.is_none() {
                    return Err(wrong(
                        "names no HSM: socket and credential, or officer_socket, or store and unseal",
                    ));
                }
                Ok(Self::Daemon {
                    operator,
                    officer,
                    timeout: Duration::from_millis(timeout_ms.unwrap_or(30_000).max(1)),
                })
            }
            _ => Err(wrong("either store and unseal, or sockets")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Config, Failure> {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("sdf.toml");
        std::fs::write(&path, text).expect("a file");
        Config::read(&path)
    }

    #[test]
    fn both_kinds_and_paths_from_the_file() {
        let daemon = read("socket = \"s\"\ncredential = \"/c\"\ntimeout_ms = 5").expect("a config");
        let Config::Daemon {
            operator: Some((socket, credential)),
            officer: None,
            timeout,
        } = daemon
        else {
            panic!("{daemon:?}");
        };
        assert!(socket.is_absolute() && socket.ends_with("s"));
        assert_eq!(credential, Path::new("/c"));
        assert_eq!(timeout, Duration::from_millis(5));
        assert!(matches!(
            read("store = \"hsm\"\nunseal = \"u\""),
            Ok(Config::Embedded { .. })
        ));
        assert!(matches!(
            read("officer_socket = \"o\""),
            Ok(Config::Daemon { operator: None, .. })
        ));
    }

    #[test]
    fn what_names_no_hsm_is_refused() {
        for wrong in [
            "",
            "socket = \"s\"",
            "credential = \"c\"",
            "store = \"hsm\"",
            "store = \"hsm\"\nunseal = \"u\"\nsocket = \"s\"",
            "secret = \"00\"",
            "socket = 5",
            "[",
        ] {
            let code = read(wrong).map_err(|f| f.code);
            assert_eq!(code, Err(SDR_OPENDEVICE), "{wrong}");
        }
    }
}
