//! Directories, files, elements and visit layouts of the user card.

use super::{Checked, ensure, unique};
use crate::element::ElementType;
use crate::profile::codes;
use crate::profile::{
    Access, BlockRule, Df, Element, File, FileKind, Format, KeyClass, Profile, SecureMessaging,
};

pub(super) fn check(profile: &Profile) -> Checked {
    directories(profile)?;
    let all = || profile.files.iter();
    unique(
        all().map(|f| (f.path.as_str(), f.path.clone())),
        "R1",
        "the path",
    )?;
    unique(
        all().map(|f| ((f.df(), f.fid), f.path.clone())),
        "R1",
        "the FID in this directory",
    )?;
    let tags = || {
        all().flat_map(|f| {
            f.elements
                .iter()
                .filter_map(move |e| e.tag.map(|t| (t, e.name_en.clone())))
        })
    };
    unique(tags(), "user card 2.2", "the tag")?;
    all().try_for_each(|f| file(profile, f))?;
    let issuer_certificate = profile.element(5).map(|(_, _, e)| e.len);
    ensure(
        issuer_certificate == Some(profile.certificates.issuer.size),
        "DDF1/EF05",
        "D20",
        || "tag 05 does not have the issuer certificate's size".into(),
    )
}

fn directories(profile: &Profile) -> Checked {
    let all = || profile.dfs.iter();
    unique(
        all().map(|d| (d.name.as_str(), d.name.clone())),
        "R1",
        "the name",
    )?;
    unique(all().map(|d| (d.fid, d.name.clone())), "R1", "the FID")?;
    unique(
        all().filter_map(|d| d.df_name.as_ref().map(|n| (n.as_slice(), d.name.clone()))),
        "R3",
        "the DF name",
    )?;
    ensure(
        all().filter(|d| d.parent.is_none()).count() == 1,
        "MF",
        "R1",
        || "exactly one directory is the root".into(),
    )?;
    for (at, df) in all().enumerate() {
        let earlier = |name: &str| profile.dfs.iter().take(at).any(|d| d.name == name);
        ensure(
            df.parent.as_deref().is_none_or(earlier),
            &df.name,
            "R1",
            || "its parent must be a directory listed before it".into(),
        )?;
        name_length(profile, df)?;
        let empty = profile.files_of(&df.name).next().is_none()
            && profile.keys_of(&df.name).next().is_none();
        ensure(
            df.block != BlockRule::Foreign || empty,
            &df.name,
            "P6",
            || "another application's directory has no files and keys here".into(),
        )?;
    }
    Ok(())
}

fn name_length(profile: &Profile, df: &Df) -> Checked {
    let allowed =
        usize::from(profile.assumed.name_min.value)..=usize::from(profile.assumed.name_max.value);
    ensure(
        df.df_name
            .as_ref()
            .is_none_or(|name| allowed.contains(&name.len())),
        &df.name,
        "R3",
        || {
            format!(
                "a DF name has {} to {} bytes",
                allowed.start(),
                allowed.end()
            )
        },
    )
}

fn file(profile: &Profile, file: &File) -> Checked {
    let item = file.path.as_str();
    ensure(profile.df(file.df()).is_some(), item, "R1", || {
        "its directory does not exist".into()
    })?;
    sizes(profile, file)?;
    for (access, classes) in [
        (&file.read, &[KeyClass::Read][..]),
        (&file.update, &[KeyClass::Update]),
        (&file.erase, &[KeyClass::Erase]),
    ] {
        right(profile, file, access, classes)?;
    }
    maintenance(profile, file)?;
    ensure(
        !file.write_once || file.update == Access::Never,
        item,
        "D25",
        || "a write-once file is never updated".into(),
    )?;
    ensure(
        file.kind == FileKind::Fixed || file.erase == Access::Never,
        item,
        "R7",
        || "only fixed records are erased".into(),
    )?;
    file.elements
        .iter()
        .try_for_each(|e| element(item, e, file.kind == FileKind::Variable))
}

fn sizes(profile: &Profile, file: &File) -> Checked {
    let item = file.path.as_str();
    let sum: usize = file.elements.iter().map(|e| e.len).sum();
    let max = profile.totals.max_records;
    ensure(file.records <= max, item, "user card 2.1", || {
        format!("at most {max} records")
    })?;
    match file.kind {
        FileKind::Variable => ensure(
            file.records == file.elements.len() && file.records > 0 && file.size == 0,
            item,
            "R20",
            || "a variable file has one record per element and no size of its own".into(),
        ),
        FileKind::Fixed | FileKind::Cyclic => {
            ensure(
                file.records > 0 && (1..=254).contains(&file.size),
                item,
                "R19",
                || "a record file needs a record size of 1 to 254 and a number of records".into(),
            )?;
            ensure(
                file.elements.is_empty() || sum == file.size,
                item,
                "R19",
                || format!("its elements make {sum} bytes, a record has {}", file.size),
            )
        }
        FileKind::Binary => {
            ensure(
                file.records == 0 && (1..=0x7FFF).contains(&file.size),
                item,
                "R13",
                || "a binary file has a size of 1 to 32767 bytes and no records".into(),
            )?;
            ensure(file.fill.is_some(), item, "R25", || {
                "say what never written bytes hold (fill)".into()
            })?;
            in_layout(profile, file)
        }
    }
}

fn in_layout(profile: &Profile, file: &File) -> Checked {
    let Some(name) = file.layout.as_deref() else {
        return Ok(());
    };
    let Some(layout) = profile.layout(name) else {
        return ensure(false, &file.path, "R64", || {
            format!("layout {name} does not exist")
        });
    };
    let sum = layout.size();
    ensure(sum == file.size, &file.path, "R64", || {
        format!(
            "layout {name} makes {sum} bytes, the file has {}",
            file.size
        )
    })
}

fn right(profile: &Profile, file: &File, access: &Access, classes: &[KeyClass]) -> Checked {
    let Some(name) = access.key() else {
        return Ok(());
    };
    let key = profile.key(name);
    ensure(key.is_some(), &file.path, "user card 2.3", || {
        format!("key {name} does not exist")
    })?;
    ensure(
        key.is_some_and(|k| k.df == file.df()),
        &file.path,
        "R31",
        || format!("key {name} is not one of this directory"),
    )?;
    ensure(
        key.is_some_and(|k| classes.contains(&k.class)),
        &file.path,
        "R34",
        || format!("key {name} is of another class than this right needs"),
    )
}

fn maintenance(profile: &Profile, file: &File) -> Checked {
    let needed = file.secure_messaging != SecureMessaging::None;
    ensure(
        needed == file.maintenance.is_some(),
        &file.path,
        "user card 2.4",
        || "secure messaging and a maintenance key come together".into(),
    )?;
    let plain_binary = file.kind == FileKind::Binary && needed;
    ensure(!plain_binary, &file.path, "user card 2.4", || {
        "binary files are updated without secure messaging".into()
    })?;
    match &file.maintenance {
        Some(name) => right(
            profile,
            file,
            &Access::Key(name.clone()),
            &[KeyClass::Maintenance],
        ),
        None => Ok(()),
    }
}

pub(super) fn element(item: &str, element: &Element, tagged: bool) -> Checked {
    let name = &element.name_en;
    ensure(element.tag.is_some() == tagged, item, "R19", || {
        format!("{name}: records of variable files have tags, others none")
    })?;
    ensure(
        (1..=252).contains(&element.len),
        item,
        "user card 2.1",
        || format!("{name}: 1 to 252 bytes"),
    )?;
    let date = match element.format {
        Format::Plain => true,
        Format::Date => element.kind == ElementType::Cn && element.len == 4,
        Format::DateTime => element.kind == ElementType::Cn && element.len == 7,
        Format::Count | Format::Money => element.kind == ElementType::Cn,
    };
    ensure(date, item, "R24", || {
        format!("{name}: a date is cn4, a date with time cn7, counts and money are cn")
    })?;
    let known = element
        .codes
        .as_deref()
        .is_none_or(|n| codes::dictionary(n).is_some());
    ensure(known, item, "user card 2.7", || {
        format!("{name}: no such code dictionary")
    })
}
