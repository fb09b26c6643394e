//! Files and data elements of the user card: tables 4-1 to 4-16 and 8-2.

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
