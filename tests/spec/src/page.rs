//! The tables of the card's description, copied by hand and not from a profile: what the behaviour tests expect.
//!
//! Names of keys, files and directories are the description's; tags are decimal as in its tables, everything else that
//! looks like a number on a card is hexadecimal.

/// Kinds of files by their code in the personalisation dialect.
pub const BINARY: u8 = 0x01;
pub const FIXED: u8 = 0x02;
pub const VARIABLE: u8 = 0x04;
pub const CYCLIC: u8 = 0x06;
/// What an update must carry, and whether it can be written once only: the dialect's flags.
pub const CIPHER_MAC: u8 = 0x01;
pub const MAC: u8 = 0x02;
pub const ONCE: u8 = 0x04;

/// A file of the user card.
pub struct FileRow {
    pub path: &'static str,
    pub kind: u8,
    /// Bytes of a binary file or of one raw record.
    pub size: u16,
    pub records: u8,
    pub read: &'static str,
    pub update: &'static str,
    pub erase: &'static str,
    /// Key of cipher and MAC; empty: none.
    pub stk: &'static str,
    pub flags: u8,
    /// What never written bytes hold.
    pub fill: u8,
    /// Tag, type, length; cyclic records have no tags.
    pub elements: &'static [(u8, &'static str, u8)],
}

impl FileRow {
    #[must_use]
    pub fn df(&self) -> &'static str {
        &self.path[..4]
    }

    #[must_use]
    pub fn fid(&self) -> &'static str {
        &self.path[5..]
    }
}

const fn binary(
    path: &'static str,
    size: u16,
    read: &'static str,
    update: &'static str,
) -> FileRow {
    FileRow {
        path,
        kind: BINARY,
        size,
        records: 0,
        read,
        update,
        erase: "never",
        stk: "",
        flags: 0,
        fill: 0x00,
        elements: &[],
    }
}

type Elements = &'static [(u8, &'static str, u8)];

const fn variable(
    path: &'static str,
    rights: [&'static str; 3],
    flags: u8,
    elements: Elements,
) -> FileRow {
    let [read, update, stk] = rights;
    FileRow {
        path,
        kind: VARIABLE,
        size: 0,
        records: elements.len() as u8,
        read,
        update,
        erase: "never",
        stk,
        flags,
        fill: 0x00,
        elements,
    }
}

const fn cyclic(path: &'static str, size: u16, records: u8, elements: Elements) -> FileRow {
    FileRow {
        path,
        kind: CYCLIC,
        size,
        records,
        read: "RK1_DF02",
        update: "UK3_DF02",
        erase: "never",
        stk: "STK_DF02",
        flags: CIPHER_MAC,
        fill: 0x00,
        elements,
    }
}

const fn index(path: &'static str, records: u8) -> FileRow {
    FileRow {
        path,
        kind: FIXED,
        size: 1,
        records,
        read: "RK1_DF03",
        update: "UK1_DF03",
        erase: "UK2_DF03",
        stk: "STK_DF03",
        flags: MAC,
        fill: 0xFF,
        elements: &[],
    }
}

const DF01: [&str; 3] = ["RK1_DF01", "UK1_DF01", "STK_DF01"];

/// Tables 4-1 to 4-16 and 8-2.
pub const FILES: [FileRow; 22] = [
    variable(
        "DDF1/EF05",
        ["free", "never", ""],
        ONCE,
        &[
            (1, "ans", 1),
            (2, "ans", 4),
            (3, "ans", 30),
            (4, "cn", 11),
            (5, "b", 180),
            (6, "cn", 4),
            (8, "ans", 18),
            (9, "ans", 3),
            (10, "ans", 10),
            (57, "cn", 3),
        ],
    ),
    variable(
        "DDF1/EF06",
        ["RK1_DDF1", "never", ""],
        ONCE,
        &[
            (11, "ans", 30),
            (12, "b", 1),
            (13, "cn", 1),
            (14, "cn", 4),
            (15, "ans", 18),
        ],
    ),
    binary("DDF1/EF07", 3074, "RK1_DDF1", "UK1_DDF1"),
    variable(
        "DDF1/EF08",
        ["RK1_DDF1", "UK1_DDF1", "STK_DDF1"],
        CIPHER_MAC,
        &[
            (7, "cn", 4),
            (16, "ans", 20),
            (17, "ans", 20),
            (18, "cn", 1),
            (19, "cn", 1),
            (20, "cn", 1),
        ],
    ),
    variable(
        "DF01/EF05",
        DF01,
        CIPHER_MAC,
        &[
            (21, "cn", 1),
            (22, "ans", 100),
            (23, "cn", 1),
            (24, "ans", 100),
        ],
    ),
    variable(
        "DF01/EF06",
        DF01,
        CIPHER_MAC,
        &[
            (25, "ans", 30),
            (26, "cn", 1),
            (27, "ans", 20),
            (28, "ans", 30),
            (29, "cn", 1),
            (30, "ans", 20),
            (31, "ans", 30),
            (32, "cn", 1),
            (33, "ans", 20),
        ],
    ),
    variable(
        "DF01/EF07",
        DF01,
        CIPHER_MAC,
        &[(34, "cn", 1), (35, "cn", 1), (36, "ans", 3)],
    ),
    variable(
        "DF01/EF08",
        DF01,
        CIPHER_MAC,
        &[
            (37, "cn", 1),
            (38, "ans", 18),
            (39, "ans", 17),
            (40, "ans", 18),
        ],
    ),
    variable(
        "DF02/EF05",
        ["RK1_DF02", "UK1_DF02", "STK_DF02"],
        CIPHER_MAC,
        &[
            (41, "b", 1),
            (42, "cn", 1),
            (43, "b", 1),
            (44, "b", 1),
            (45, "b", 1),
            (46, "b", 1),
            (47, "b", 1),
            (48, "b", 1),
            (49, "b", 1),
            (50, "b", 1),
            (51, "b", 1),
            (52, "b", 1),
            (53, "b", 1),
            (54, "b", 1),
            (55, "ans", 40),
        ],
    ),
    variable(
        "DF02/EF06",
        ["RK1_DF02", "UK2_DF02", "STK_DF02"],
        CIPHER_MAC,
        &[(56, "b", 1)],
    ),
    cyclic("DF02/EF07", 120, 3, &[(0, "ans", 20), (0, "ans", 100)]),
    cyclic("DF02/EF08", 24, 10, &[(0, "ans", 20), (0, "cn", 4)]),
    index("DF03/EF05", 3),
    index("DF03/EF06", 5),
    binary("DF03/EE01", 1893, "RK1_DF03", "UK1_DF03"),
    binary("DF03/EE02", 1893, "RK1_DF03", "UK1_DF03"),
    binary("DF03/EE03", 1893, "RK1_DF03", "UK1_DF03"),
    binary("DF03/ED01", 3267, "RK1_DF03", "UK1_DF03"),
    binary("DF03/ED02", 3267, "RK1_DF03", "UK1_DF03"),
    binary("DF03/ED03", 3267, "RK1_DF03", "UK1_DF03"),
    binary("DF03/ED04", 3267, "RK1_DF03", "UK1_DF03"),
    binary("DF03/ED05", 3267, "RK1_DF03", "UK1_DF03"),
];

/// A key: directory, class by its code in the dialect, KID, groups, usage byte with two levels at most, place in the SAM.
pub struct KeyRow {
    pub name: &'static str,
    pub df: &'static str,
    pub class: u8,
    pub kid: u8,
    pub groups: u8,
    pub usage: u8,
    pub index: u8,
}

pub const INTERNAL: u8 = 1;
pub const READ: u8 = 2;
pub const UPDATE: u8 = 3;
pub const ERASE: u8 = 4;
pub const LOCK: u8 = 5;
pub const MAINTENANCE: u8 = 6;

impl KeyRow {
    /// Whether its root is the ministry's.
    #[must_use]
    pub fn is_national(&self) -> bool {
        self.usage >> 4 == 4
    }
}

const fn key(name: &'static str, df: &'static str, class: u8, row: [u8; 4]) -> KeyRow {
    let [kid, groups, usage, index] = row;
    KeyRow {
        name,
        df,
        class,
        kid,
        groups,
        usage,
        index,
    }
}

/// Table 10-2 with the SAM's key table.
pub const KEYS: [KeyRow; 21] = [
    key("IRK_DDF1", "DDF1", INTERNAL, [0x04, 4, 0x47, 0x01]),
    key("STK_DDF1", "DDF1", MAINTENANCE, [0x02, 1, 0x28, 0x02]),
    key("STK_DF01", "DF01", MAINTENANCE, [0x82, 1, 0x28, 0x03]),
    key("STK_DF02", "DF02", MAINTENANCE, [0x82, 1, 0x48, 0x04]),
    key("STK_DF03", "DF03", MAINTENANCE, [0x82, 1, 0x48, 0x05]),
    key("LK_DF01", "DF01", LOCK, [0x83, 1, 0x27, 0x07]),
    key("LK_DF02", "DF02", LOCK, [0x83, 1, 0x27, 0x08]),
    key("LK_DF03", "DF03", LOCK, [0x83, 1, 0x27, 0x09]),
    key("UK1_DDF1", "DDF1", UPDATE, [0x05, 4, 0x27, 0x0A]),
    key("UK1_DF01", "DF01", UPDATE, [0x85, 4, 0x27, 0x0B]),
    key("UK1_DF02", "DF02", UPDATE, [0x85, 4, 0x47, 0x0C]),
    key("UK2_DF02", "DF02", UPDATE, [0x86, 4, 0x47, 0x0D]),
    key("UK3_DF02", "DF02", UPDATE, [0x87, 4, 0x47, 0x0E]),
    key("UK1_DF03", "DF03", UPDATE, [0x85, 4, 0x47, 0x0F]),
    key("UK2_DF03", "DF03", ERASE, [0x86, 4, 0x27, 0x10]),
    key("RK1_DDF1", "DDF1", READ, [0x04, 4, 0x47, 0x11]),
    key("RK1_DF01", "DF01", READ, [0x84, 4, 0x47, 0x12]),
    key("RK1_DF02", "DF02", READ, [0x84, 4, 0x47, 0x13]),
    key("RK1_DF03", "DF03", READ, [0x84, 4, 0x47, 0x14]),
    key("BK_MF", "MF", LOCK, [0x03, 1, 0x27, 0x15]),
    key("STK_MF", "MF", MAINTENANCE, [0x02, 1, 0x28, 0x16]),
];

/// What each SAM type holds.
pub const SAM_TYPES: [(u8, &[&str]); 5] = [
    (
        1,
        &["IRK_DDF1", "RK1_DDF1", "RK1_DF01", "RK1_DF02", "RK1_DF03"],
    ),
    (
        2,
        &[
            "IRK_DDF1", "STK_DF02", "STK_DF03", "UK1_DF02", "UK2_DF02", "UK3_DF02", "UK1_DF03",
            "RK1_DDF1", "RK1_DF01", "RK1_DF02", "RK1_DF03",
        ],
    ),
    (
        3,
        &[
            "IRK_DDF1", "STK_DF02", "STK_DF03", "UK1_DF02", "UK3_DF02", "UK1_DF03", "RK1_DDF1",
            "RK1_DF01", "RK1_DF02", "RK1_DF03",
        ],
    ),
    (
        4,
        &[
            "IRK_DDF1", "STK_MF", "STK_DDF1", "STK_DF01", "STK_DF02", "STK_DF03", "BK_MF",
            "LK_DF01", "LK_DF02", "LK_DF03",
        ],
    ),
    (
        5,
        &[
            "IRK_DDF1", "STK_DDF1", "STK_DF01", "STK_DF02", "STK_DF03", "LK_DF01", "LK_DF02",
            "LK_DF03", "UK1_DDF1", "UK1_DF01", "UK1_DF02", "UK2_DF02", "UK3_DF02", "UK1_DF03",
            "UK2_DF03", "RK1_DDF1", "RK1_DF01", "RK1_DF02", "RK1_DF03", "BK_MF", "STK_MF",
        ],
    ),
];

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
