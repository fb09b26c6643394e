//! An EE or ED file: data ‖ signature of the SAM ‖ certificate of the SAM (R76).

use zeroize::{Zeroize, ZeroizeOnDrop};

use super::VisitError;
use crate::profile::{File, Layout, Profile};

/// The two kinds of visit record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VisitKind {
    /// 住院: files EE01–EE03, index DF03/EF05.
    Inpatient,
    /// 门诊: files ED01–ED05, index DF03/EF06.
    Outpatient,
}

impl VisitKind {
    /// Both, in the order of their indexes.
    pub const ALL: [Self; 2] = [Self::Inpatient, Self::Outpatient];

    /// Name of the layout in the profile.
    #[must_use]
    pub fn layout_name(self) -> &'static str {
        match self {
            Self::Inpatient => "EE",
            Self::Outpatient => "ED",
        }
    }

    /// Its layout.
    ///
    /// # Errors
    /// [`VisitError::NoLayout`].
    pub fn layout(self, profile: &Profile) -> Result<&Layout, VisitError> {
        let name = self.layout_name();
        profile.layout(name).ok_or(VisitError::NoLayout(name))
    }

    /// The index file.
    #[must_use]
    pub fn index(self, profile: &Profile) -> Option<&File> {
        let layout = profile.layout(self.layout_name())?;
        profile.file(&layout.index)
    }

    /// The file that belongs to record `number` (from 1) of the index.
    #[must_use]
    pub fn file(self, profile: &Profile, number: u8) -> Option<&File> {
        let at = usize::from(number).checked_sub(1)?;
        let holds = |file: &&File| file.layout.as_deref() == Some(self.layout_name());
        profile.files.iter().filter(holds).nth(at)
    }
}

/// A visit file's three parts. What is signed is the data as stored, padding included.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct SignedVisit {
    /// Bytes 0–1638 or 0–3012.
    pub data: Vec<u8>,
    /// r ‖ s.
    pub signature: Vec<u8>,
    /// The SAM's certificate (D21).
    pub certificate: Vec<u8>,
}

impl SignedVisit {
    /// Takes a file's bytes apart.
    ///
    /// # Errors
    /// [`VisitError`] when the file has another length.
    pub fn split(profile: &Profile, kind: VisitKind, file: &[u8]) -> Result<Self, VisitError> {
        let layout = kind.layout(profile)?;
        let wrong = || VisitError::Length {
            part: "file",
            there: file.len(),
            wanted: layout.size(),
        };
        let (data, rest) = file.split_at_checked(layout.data).ok_or_else(wrong)?;
        let (signature, certificate) = rest.split_at_checked(layout.signature).ok_or_else(wrong)?;
        if certificate.len() != layout.certificate {
            return Err(wrong());
        }
        Ok(Self {
            data: data.to_vec(),
            signature: signature.to_vec(),
            certificate: certificate.to_vec(),
        })
    }

    /// Puts the file's bytes together.
    ///
    /// # Errors
    /// [`VisitError`] naming the part that has another length.
    pub fn join(&self, profile: &Profile, kind: VisitKind) -> Result<Vec<u8>, VisitError> {
        let layout = kind.layout(profile)?;
        for (part, bytes, wanted) in [
            ("data", &self.data, layout.data),
            ("signature", &self.signature, layout.signature),
            ("certificate", &self.certificate, layout.certificate),
        ] {
            let there = bytes.len();
            if there != wanted {
                return Err(VisitError::Length {
                    part,
                    there,
                    wanted,
                });
            }
        }
        Ok([&self.data[..], &self.signature, &self.certificate].concat())
    }
}
