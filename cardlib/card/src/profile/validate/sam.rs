//! The SAM's files and types.

use super::{Checked, ensure, files, unique};
use crate::profile::{Profile, SamFile};

pub(super) fn check(profile: &Profile) -> Checked {
    let all = || profile.sam.files.iter();
    unique(
        all().map(|f| (f.path.as_str(), f.path.clone())),
        "R55",
        "the path",
    )?;
    unique(
        all().map(|f| ((f.df(), f.fid), f.path.clone())),
        "R55",
        "the FID in this directory",
    )?;
    all().try_for_each(|f| file(profile, f))?;
    certificates(profile)?;
    let types = || profile.sam.types.iter();
    unique(
        types().map(|t| (t.number, format!("SAM type {}", t.number))),
        "SAM 4.5",
        "the number",
    )?;
    for kind in types() {
        let item = format!("SAM type {}", kind.number);
        unique(
            kind.keys.iter().map(|k| (k.as_str(), k.clone())),
            "SAM 4.5",
            "the key of a SAM type",
        )?;
        for name in &kind.keys {
            ensure(profile.key(name).is_some(), &item, "SAM 4.5", || {
                format!("key {name} does not exist")
            })?;
        }
    }
    Ok(())
}

fn file(profile: &Profile, file: &SamFile) -> Checked {
    let item = file.path.as_str();
    let known = file.df() == "MF" || file.df() == profile.sam.df.name;
    ensure(known, item, "R1", || "its directory does not exist".into())?;
    let sum: usize = file.elements.iter().map(|e| e.len).sum();
    ensure(
        file.elements.is_empty() || sum == file.size,
        item,
        "R55",
        || format!("its elements make {sum} bytes, the file has {}", file.size),
    )?;
    file.elements
        .iter()
        .try_for_each(|e| files::element(item, e, false))
}

fn certificates(profile: &Profile) -> Checked {
    for (path, size) in [
        ("DF01/001B", profile.certificates.issuer.size),
        ("DF01/001C", profile.certificates.sam.size),
    ] {
        let there = profile.sam_file(path).map(|f| f.size);
        ensure(there == Some(size), path, "D20", || {
            format!("must hold a certificate of {size} bytes")
        })?;
    }
    Ok(())
}
