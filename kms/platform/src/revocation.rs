//! Identities that are no longer believed: X.509 revocation lists (RFC 5280 §5) as PEM files, one per authority.
//!
//! An authority writes its list with `rhc-kms identity revoke`; a service is given the lists of the authorities that matter to
//! it and looks at them anew whenever a file changes, so that a revocation takes hold without a restart, also on
//! connections that stand. Each list is signed by its authority; who takes it in checks that together with the path.
//! A list that became unreadable leaves the last readable one in force.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::SystemTime;

use rustls_pki_types::CertificateRevocationListDer;
use rustls_pki_types::pem::PemObject;
use webpki::{CertRevocationList, OwnedCertRevocationList};

/// A list that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RevocationError {
    #[error("{path}: {source}", path = path.display())]
    File {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("{path} is no revocation list in PEM", path = path.display())]
    Form { path: PathBuf },
}

/// The lists in force.
type Lists = Arc<Vec<CertRevocationList<'static>>>;

/// Size and time of change of a file; none where there is no file.
type Stamp = Option<(u64, SystemTime)>;

/// The lists of some files, as they are now.
pub struct Revocations {
    files: Vec<PathBuf>,
    known: RwLock<Known>,
}

struct Known {
    stamps: Vec<Stamp>,
    lists: Lists,
    generation: u64,
}

impl Revocations {
    /// Nobody is revoked.
    #[must_use]
    pub fn none() -> Arc<Self> {
        Arc::new(Self {
            files: Vec::new(),
            known: RwLock::new(Known {
                stamps: Vec::new(),
                lists: Lists::default(),
                generation: 0,
            }),
        })
    }

    /// The lists in these files. `own` need not exist yet: an authority that has revoked nobody has no list.
    ///
    /// # Errors
    /// A file cannot be read or is no list.
    pub fn of(files: &[PathBuf], own: Option<PathBuf>) -> Result<Arc<Self>, RevocationError> {
        for file in files {
            std::fs::metadata(file).map_err(|source| RevocationError::File {
                path: file.clone(),
                source,
            })?;
        }
        let files: Vec<PathBuf> = files.iter().cloned().chain(own).collect();
        let stamps = files.iter().map(|file| stamp(file)).collect();
        let lists = Arc::new(read_all(&files)?);
        let known = RwLock::new(Known {
            stamps,
            lists,
            generation: 0,
        });
        Ok(Arc::new(Self { files, known }))
    }

    pub(crate) fn lists(&self) -> Lists {
        self.look_again();
        self.known
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .lists
            .clone()
    }

    /// Counts the changes: who was admitted under another number has to be looked at again.
    pub(crate) fn generation(&self) -> u64 {
        self.look_again();
        self.known
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .generation
    }

    fn look_again(&self) {
        if self.files.is_empty() {
            return;
        }
        let stamps: Vec<Stamp> = self.files.iter().map(|file| stamp(file)).collect();
        let same = |known: &Known| known.stamps == stamps;
        if same(&self.known.read().unwrap_or_else(PoisonError::into_inner)) {
            return;
        }
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if same(&known) {
            return;
        }
        match read_all(&self.files) {
            Ok(lists) => {
                known.lists = Arc::new(lists);
                known.generation += 1;
                known.stamps = stamps;
                tracing::info!("revocation lists changed");
            }
            // It may be half copied: it is tried again, and what was known stays in force.
            Err(error) => tracing::error!(%error, "revocation list not readable"),
        }
    }
}

fn stamp(file: &Path) -> Stamp {
    let about = std::fs::metadata(file).ok()?;
    Some((about.len(), about.modified().ok()?))
}

fn read_all(files: &[PathBuf]) -> Result<Vec<CertRevocationList<'static>>, RevocationError> {
    let mut lists = Vec::new();
    for path in files {
        let pem = match std::fs::read(path) {
            Ok(pem) => pem,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(source) => {
                return Err(RevocationError::File {
                    path: path.clone(),
                    source,
                });
            }
        };
        let form = || RevocationError::Form { path: path.clone() };
        let before = lists.len();
        for der in CertificateRevocationListDer::pem_slice_iter(&pem) {
            let der = der.map_err(|_| form())?;
            let list = OwnedCertRevocationList::from_der(&der).map_err(|_| form())?;
            lists.push(CertRevocationList::from(list));
        }
        if lists.len() == before {
            return Err(form());
        }
    }
    Ok(lists)
}
