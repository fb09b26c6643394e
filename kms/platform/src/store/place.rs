//! Where a store lies: a file, or a PostgreSQL database.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::StoreError;
use super::server::Server;

/// The address of a store.
#[derive(Clone, PartialEq, Eq)]
pub enum Place {
    /// `sqlite:PATH`, or a path.
    File(PathBuf),
    /// `postgres://ROLE@HOST/DATABASE`.
    Server(Server),
}

impl Place {
    /// A database that this owner may make the tables of.
    ///
    /// # Errors
    /// One of the two is no PostgreSQL database.
    pub fn owned_by(self, owner: Self) -> Result<Self, StoreError> {
        match (self, owner) {
            (Self::Server(server), Self::Server(owner)) => Ok(Self::Server(server.owned_by(owner))),
            (_, owner) => Err(StoreError::Address(owner.to_string())),
        }
    }

    /// Whether a file is there; a database is asked when it is opened.
    pub(super) fn is_no_file_yet(&self) -> bool {
        matches!(self, Self::File(path) if !path.exists())
    }
}

impl FromStr for Place {
    type Err = StoreError;

    fn from_str(address: &str) -> Result<Self, StoreError> {
        if address.starts_with("postgres://") || address.starts_with("postgresql://") {
            return Server::parse(address).map(Self::Server);
        }
        path_of(address).map(Self::File)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Server(server) => server.fmt(f),
        }
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<&Path> for Place {
    fn from(path: &Path) -> Self {
        Self::File(path.to_owned())
    }
}

impl From<&PathBuf> for Place {
    fn from(path: &PathBuf) -> Self {
        Self::File(path.clone())
    }
}

impl From<PathBuf> for Place {
    fn from(path: PathBuf) -> Self {
        Self::File(path)
    }
}

impl From<&Place> for Place {
    fn from(place: &Place) -> Self {
        place.clone()
    }
}

/// Takes the path out of `sqlite:PATH` (a bare path is fine too).
///
/// # Errors
/// The address is of another kind.
pub fn path_of(address: &str) -> Result<PathBuf, StoreError> {
    let path = address
        .strip_prefix("sqlite://")
        .or_else(|| address.strip_prefix("sqlite:"))
        .unwrap_or(address);
    if path.is_empty() || path.contains(['?', '\0']) || path.contains("://") {
        return Err(StoreError::Address(address.to_owned()));
    }
    Ok(PathBuf::from(path))
}
