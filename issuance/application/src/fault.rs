//! What is wrong with a row, told in the reader's language. A reason never repeats the cell: reports travel further than
//! the file they are about.

use crate::idnumber::IdNumberFault;
use crate::photo::PhotoFault;
use crate::text::TextFault;

/// One fault of one row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Line of the file, counted from 1 (the header is line 1).
    pub line: u64,
    /// Data row, counted from 1 below the header, blank lines left out.
    pub row: u64,
    /// Column name as in the header; empty where the whole row is meant.
    pub column: &'static str,
    /// What is wrong.
    pub reason: Reason,
}

/// What is wrong with a cell or a row.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// The cell is empty and must not be.
    #[error("must be filled in")]
    Missing,
    /// Not UTF-8.
    #[error("is not UTF-8: save the file as 'CSV UTF-8'")]
    NotUtf8,
    /// An odd number of quotation marks on the line.
    #[error("has a quotation mark that is not closed (a row must stand on one line)")]
    OpenQuote,
    /// More or fewer cells than the header.
    #[error("has {found} cells, the header has {expected}")]
    Cells {
        /// Cells of the header.
        expected: usize,
        /// Cells of the row.
        found: usize,
    },
    /// The text does not fit.
    #[error(transparent)]
    Text(#[from] TextFault),
    /// The identity number is wrong in itself.
    #[error(transparent)]
    IdNumber(#[from] IdNumberFault),
    /// No such code.
    #[error("is none of the codes {0}")]
    Code(String),
    /// No date of the calendar.
    #[error("is not a date such as 1990-03-07")]
    Date,
    /// A date that should lie behind us.
    #[error("lies in the future")]
    Future,
    /// A date that should lie before us.
    #[error("has already passed")]
    Past,
    /// Not a telephone number.
    #[error("may hold digits, spaces and + - ( ) only")]
    Phone,
    /// Not letters and digits.
    #[error("may hold letters, digits and - only")]
    Plain,
    /// Says otherwise than the identity number.
    #[error("differs from the identity number")]
    DiffersFromNumber,
    /// The same person stands on an earlier line.
    #[error("is the same as on line {0}")]
    Duplicate(u64),
    /// The cell needs another one beside it.
    #[error("must be filled in when {0} is")]
    Needs(&'static str),
    /// A list is longer than the card's file.
    #[error("holds {found} entries, the card has room for {room}")]
    TooMany {
        /// Entries given.
        found: usize,
        /// Records of the file.
        room: usize,
    },
    /// An entry of a list has not the two parts it needs.
    #[error("wants entries of the form {0}, separated by |")]
    Entry(&'static str),
    /// The photograph cannot be used.
    #[error(transparent)]
    Photo(#[from] PhotoFault),
}

impl Reason {
    /// The reason in English.
    #[must_use]
    pub fn en(&self) -> String {
        self.to_string()
    }

    /// The reason in Chinese.
    #[must_use]
    pub fn zh(&self) -> String {
        match self {
            Self::Missing => "必须填写".into(),
            Self::NotUtf8 => "不是 UTF-8 编码：请将文件另存为“CSV UTF-8”".into(),
            Self::OpenQuote => "引号没有成对(一行记录不得换行)".into(),
            Self::Cells { expected, found } => format!("有 {found} 个单元格，表头为 {expected} 个"),
            Self::Text(TextFault::TooLong { needs, has }) => {
                format!("按 GB 18030 需 {needs} 字节，字段只有 {has} 字节")
            }
            Self::Text(TextFault::Character { place }) => format!("第 {place} 个字符无法写入卡片"),
            Self::IdNumber(fault) => id_number_zh(*fault).into(),
            Self::Code(codes) => format!("不在代码 {codes} 之内"),
            Self::Date => "不是日期(例：1990-03-07)".into(),
            Self::Future => "日期在将来".into(),
            Self::Past => "日期已过".into(),
            Self::Phone => "只能包含数字、空格和 + - ( )".into(),
            Self::Plain => "只能包含字母、数字和 -".into(),
            Self::DiffersFromNumber => "与身份号码不一致".into(),
            Self::Duplicate(line) => format!("与第 {line} 行相同"),
            Self::Needs(other) => format!("填写了 {other} 时必须填写"),
            Self::TooMany { found, room } => format!("有 {found} 项，卡片只能存 {room} 项"),
            Self::Entry(form) => format!("每项应为 {form}，以 | 分隔"),
            Self::Photo(fault) => fault.zh(),
        }
    }
}

fn id_number_zh(fault: IdNumberFault) -> &'static str {
    match fault {
        IdNumberFault::Form => "不是17位数字加1位数字或X",
        IdNumberFault::CheckCharacter => "校验码不对：有数字输错",
        IdNumberFault::Area => "前六位是从未存在过的行政区划代码",
        IdNumberFault::Date => "所含出生日期不存在",
    }
}
