//! The 22 files of the health application, typed from tables 4-1 to 4-16 and 8-2 (`user-card.md` 2.2).

/// How a file is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Records by number, this many.
    Variable(u8),
    /// Records of one byte, this many.
    Fixed(u8),
    /// At most this many records.
    Cyclic(u8),
    /// Bytes.
    Binary(u16),
}

/// A file with its rights; an empty key name means free reading or no updating.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileRow {
    pub df: &'static str,
    pub fid: u16,
    pub shape: Shape,
    pub read: &'static str,
    pub update: &'static str,
}

const fn file(
    df: &'static str,
    fid: u16,
    shape: Shape,
    read: &'static str,
    update: &'static str,
) -> FileRow {
    FileRow {
        df,
        fid,
        shape,
        read,
        update,
    }
}

/// All of them.
#[rustfmt::skip]
pub const FILES: [FileRow; 22] = [
    file("DDF1", 0xEF05, Shape::Variable(10), "", ""),
    file("DDF1", 0xEF06, Shape::Variable(5), "RK1_DDF1", ""),
    file("DDF1", 0xEF07, Shape::Binary(3074), "RK1_DDF1", "UK1_DDF1"),
    file("DDF1", 0xEF08, Shape::Variable(6), "RK1_DDF1", "UK1_DDF1"),
    file("DF01", 0xEF05, Shape::Variable(4), "RK1_DF01", "UK1_DF01"),
    file("DF01", 0xEF06, Shape::Variable(9), "RK1_DF01", "UK1_DF01"),
    file("DF01", 0xEF07, Shape::Variable(3), "RK1_DF01", "UK1_DF01"),
    file("DF01", 0xEF08, Shape::Variable(4), "RK1_DF01", "UK1_DF01"),
    file("DF02", 0xEF05, Shape::Variable(15), "RK1_DF02", "UK1_DF02"),
    file("DF02", 0xEF06, Shape::Variable(1), "RK1_DF02", "UK2_DF02"),
    file("DF02", 0xEF07, Shape::Cyclic(3), "RK1_DF02", "UK3_DF02"),
    file("DF02", 0xEF08, Shape::Cyclic(10), "RK1_DF02", "UK3_DF02"),
    file("DF03", 0xEF05, Shape::Fixed(3), "RK1_DF03", "UK1_DF03"),
    file("DF03", 0xEF06, Shape::Fixed(5), "RK1_DF03", "UK1_DF03"),
    file("DF03", 0xEE01, Shape::Binary(1893), "RK1_DF03", "UK1_DF03"),
    file("DF03", 0xEE02, Shape::Binary(1893), "RK1_DF03", "UK1_DF03"),
    file("DF03", 0xEE03, Shape::Binary(1893), "RK1_DF03", "UK1_DF03"),
    file("DF03", 0xED01, Shape::Binary(3267), "RK1_DF03", "UK1_DF03"),
    file("DF03", 0xED02, Shape::Binary(3267), "RK1_DF03", "UK1_DF03"),
    file("DF03", 0xED03, Shape::Binary(3267), "RK1_DF03", "UK1_DF03"),
    file("DF03", 0xED04, Shape::Binary(3267), "RK1_DF03", "UK1_DF03"),
    file("DF03", 0xED05, Shape::Binary(3267), "RK1_DF03", "UK1_DF03"),
];
