//! Keys, and which SAM type holds which: table 10-2 and the SAM's key table.

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
