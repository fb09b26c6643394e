//! Directories and files as SELECT sees them (R1–R6), the same for user card and SAM.

use cardlib_card::profile::Profile;
use cardlib_card::status::Status;

use crate::apdu::{Incoming, require};

/// The master file's identifier.
pub const MF: u16 = 0x3F00;

struct Dir {
    fid: u16,
    parent: Option<usize>,
    name: Option<Vec<u8>>,
}

/// What SELECT found, by its place in the profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// A directory.
    Df(usize),
    /// A file.
    Ef(usize),
}

/// All directories and files of a card; index 0 is the MF.
pub struct Tree {
    dirs: Vec<Dir>,
    files: Vec<(usize, u16)>,
    name_lengths: std::ops::RangeInclusive<usize>,
}

impl Tree {
    /// The user card's.
    #[must_use]
    pub fn of_user_card(profile: &Profile) -> Self {
        let place = |name: &str| profile.dfs.iter().position(|df| df.name == name);
        Self {
            dirs: profile
                .dfs
                .iter()
                .map(|df| Dir {
                    fid: df.fid,
                    parent: df.parent.as_deref().and_then(place),
                    name: df.df_name.as_ref().map(|name| name.to_vec()),
                })
                .collect(),
            files: profile
                .files
                .iter()
                .filter_map(|file| Some((place(file.df())?, file.fid)))
                .collect(),
            name_lengths: name_lengths(profile),
        }
    }

    /// The SAM's: the MF and one directory without name.
    #[must_use]
    pub fn of_sam(profile: &Profile) -> Self {
        let df = &profile.sam.df;
        let unnamed = |fid, parent| Dir {
            fid,
            parent,
            name: None,
        };
        Self {
            dirs: vec![unnamed(MF, None), unnamed(df.fid, Some(0))],
            files: profile
                .sam
                .files
                .iter()
                .map(|file| (usize::from(file.df() == df.name), file.fid))
                .collect(),
            name_lengths: name_lengths(profile),
        }
    }

    /// Checks a SELECT command (R3, R4) and finds what it asks for among what `exists` (R2).
    ///
    /// # Errors
    /// 6A86, 6700 or 6A82.
    pub fn select(
        &self,
        command: &Incoming<'_>,
        current: usize,
        exists: impl Fn(Target) -> bool,
    ) -> Result<Target, Status> {
        command.p1p2_is(|p1, p2| matches!(p1, 0x00 | 0x04) && matches!(p2, 0x00 | 0x0C))?;
        if command.p1 == 0x00 {
            command.lc_is(|lc| lc == 2)?;
            let fid = u16::from_be_bytes([command.data[0], command.data[1]]);
            return self.by_fid(current, fid, exists).ok_or(Status::NO_FILE);
        }
        command.lc_is(|lc| lc <= *self.name_lengths.end())?;
        require(
            command.data.len() >= *self.name_lengths.start(),
            Status::NO_FILE,
        )?;
        let named = |dir: &Dir| {
            dir.name
                .as_ref()
                .is_some_and(|name| name.starts_with(command.data))
        };
        (0..self.dirs.len())
            .find(|&df| named(&self.dirs[df]) && exists(Target::Df(df)))
            .map(Target::Df)
            .ok_or(Status::NO_FILE)
    }

    fn by_fid(&self, current: usize, fid: u16, exists: impl Fn(Target) -> bool) -> Option<Target> {
        if fid == MF {
            return Some(Target::Df(0));
        }
        let here = self.dirs.get(current)?;
        let ef = self
            .files
            .iter()
            .position(|&file| file == (current, fid))
            .map(Target::Ef);
        let children = (0..self.dirs.len()).filter(|&df| self.dirs[df].parent == Some(current));
        let siblings = (0..self.dirs.len()).filter(|&df| self.dirs[df].parent == here.parent);
        let dirs = children
            .chain([current])
            .chain(here.parent)
            .chain(siblings)
            .filter(|&df| self.dirs[df].fid == fid)
            .map(Target::Df);
        ef.into_iter().chain(dirs).find(|target| exists(*target))
    }

    /// The template that SELECT of a directory answers (D29, R5).
    #[must_use]
    pub fn fci(&self, df: usize) -> Vec<u8> {
        let Some(dir) = self.dirs.get(df) else {
            return Vec::new();
        };
        let fid = dir.fid.to_be_bytes();
        let (tag, value) = match &dir.name {
            Some(name) => (0x84, name.as_slice()),
            None => (0x83, fid.as_slice()),
        };
        // Names are at most 16 bytes, so both lengths fit a byte.
        let len = value.len().to_le_bytes()[0];
        [&[0x6F, len + 2, tag, len], value].concat()
    }
}

fn name_lengths(profile: &Profile) -> std::ops::RangeInclusive<usize> {
    usize::from(profile.assumed.name_min.value)..=usize::from(profile.assumed.name_max.value)
}

/// READ BINARY (R11, R13) of a file's bytes, after every check that comes before the offset.
///
/// # Errors
/// 6B00, 6C xx.
pub fn read_binary(command: &Incoming<'_>, bytes: &[u8]) -> Result<Vec<u8>, Status> {
    let offset = usize::from(u16::from_be_bytes([command.p1, command.p2]));
    require(offset < bytes.len(), Status::OFFSET)?;
    let left = &bytes[offset..];
    match command.wanted() {
        None => Ok(left[..left.len().min(256)].to_vec()),
        Some(wanted) if wanted <= left.len() => Ok(left[..wanted].to_vec()),
        // `wanted` is at most 255, so what is left is less and never 00.
        Some(_) => Err(Status::wrong_le(left.len().to_le_bytes()[0])),
    }
}
