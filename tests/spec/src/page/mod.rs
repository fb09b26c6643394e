//! The tables of the card's description, copied by hand and not from a profile: what the behaviour tests expect.
//!
//! Names of keys, files and directories are the description's; tags are decimal as in its tables, everything else that
//! looks like a number on a card is hexadecimal.

mod files;
mod keys;

pub use files::*;
pub use keys::*;

/// Directories: name, FID, directory above, DF name.
pub const DIRECTORIES: [(&str, &str, &str, &str); 11] = [
    ("MF", "3F00", "", ""),
    ("DDF1", "DDF1", "MF", "57532E5359532E4444463031"),
    ("DF01", "DF01", "DDF1", "915600013200"),
    ("DF02", "DF02", "DDF1", "915600013201"),
    ("DF03", "DF03", "DDF1", "915600013202"),
    ("PSE", "DFB1", "MF", "315041592E5359532E4444463031"),
    ("PPSE", "DFB2", "MF", "325041592E5359532E4444463031"),
    ("DEBIT", "DFB3", "PSE", "A000000333010101"),
    ("CREDIT", "DFB4", "PSE", "A000000333010102"),
    ("QUASI_CREDIT", "DFB5", "PSE", "A000000333010103"),
    ("E_CASH", "DFB6", "PSE", "A000000333010106"),
];

/// A public file of the SAM.
pub type SamFileRow = (&'static str, u16, &'static [(&'static str, u8)]);

/// Public files of the SAM: path, size, types and lengths of what is inside.
pub const SAM_FILES: [SamFileRow; 6] = [
    ("MF/0001", 0, &[]),
    ("MF/0015", 14, &[("cn", 10), ("b", 1), ("b", 1), ("b", 2)]),
    ("MF/0016", 6, &[("cn", 1), ("cn", 1), ("cn", 1), ("cn", 3)]),
    (
        "DF01/001A",
        25,
        &[("b", 1), ("b", 8), ("b", 8), ("cn", 4), ("cn", 4)],
    ),
    ("DF01/001B", 180, &[]),
    ("DF01/001C", 190, &[]),
];

/// The file of this path.
#[must_use]
pub fn file(path: &str) -> &'static FileRow {
    const ALL: &[FileRow] = &FILES;
    ALL.iter()
        .find(|row| row.path == path)
        .unwrap_or_else(|| panic!("{path} is no file of the page"))
}

/// The file that has this tag, and the tag's record number, type and length.
#[must_use]
pub fn element(tag: u8) -> (&'static FileRow, u8, &'static str, u8) {
    const ALL: &[FileRow] = &FILES;
    ALL.iter()
        .find_map(|row| {
            let at = row.elements.iter().position(|element| element.0 == tag)?;
            let (_, kind, len) = row.elements[at];
            Some((row, at as u8 + 1, kind, len))
        })
        .unwrap_or_else(|| panic!("{tag} is no tag of the page"))
}

/// The key of this name.
#[must_use]
pub fn key_row(name: &str) -> &'static KeyRow {
    const ALL: &[KeyRow] = &KEYS;
    ALL.iter()
        .find(|row| row.name == name)
        .unwrap_or_else(|| panic!("{name} is no key of the page"))
}

/// KID of a right or of no key at all, as the dialect writes it.
#[must_use]
pub fn access(right: &str) -> u8 {
    match right {
        "free" | "" => 0x00,
        "never" => 0xFF,
        name => key_row(name).kid,
    }
}
