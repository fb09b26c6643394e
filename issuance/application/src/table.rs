//! An applicants file: a header, then one person per row. Faulty rows are told and left out; good rows go on.

use std::collections::HashMap;

use crate::applicant::Applicant;
use crate::cell::Context;
use crate::columns::{self, COLUMNS, Column};
use crate::fault::{Fault, Reason};
use crate::lines;

/// What came out of a file.
pub struct Table {
    /// Applicants whose row is right, in the file's order.
    pub applicants: Vec<Applicant>,
    /// What is wrong with the other rows.
    pub faults: Vec<Fault>,
    /// Rows seen.
    pub rows: usize,
}

/// Why a file as a whole cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    /// Nothing in it.
    #[error("the file is empty; its first row must name the columns")]
    Empty,
    /// UTF-16, or bytes that are no UTF-8 in the header.
    #[error("the file is not UTF-8: save it as 'CSV UTF-8'")]
    NotUtf8,
    /// A column that does not exist: most likely mistyped, its data would be lost.
    #[error("column {0} of the header is unknown; known are: {list}", list = names())]
    UnknownColumn(usize),
    /// A column stands twice.
    #[error("column {0:?} stands twice in the header")]
    DoubleColumn(&'static str),
    /// A column that must be there is missing.
    #[error("column {0:?} is missing from the header")]
    MissingColumn(&'static str),
    /// The header has an open quotation mark.
    #[error("the header has a quotation mark that is not closed")]
    OpenQuote,
}

impl TableError {
    /// The error in Chinese.
    #[must_use]
    pub fn zh(&self) -> String {
        match self {
            Self::Empty => "文件为空；第一行必须是列名".into(),
            Self::NotUtf8 => "文件不是 UTF-8 编码：请另存为“CSV UTF-8”".into(),
            Self::UnknownColumn(place) => {
                format!("表头第 {place} 列的列名未知；可用列名：{}", names())
            }
            Self::DoubleColumn(name) => format!("表头中列 {name} 重复"),
            Self::MissingColumn(name) => format!("表头缺少列 {name}"),
            Self::OpenQuote => "表头的引号没有成对".into(),
        }
    }
}

fn names() -> String {
    COLUMNS
        .iter()
        .map(|column| column.name)
        .collect::<Vec<_>>()
        .join(" ")
}

/// Reads a whole file. No bytes whatever make it fail otherwise than by name.
///
/// # Errors
/// A file without a usable header.
pub fn read(file: &[u8], context: &Context<'_>) -> Result<Table, TableError> {
    let mut rows = lines::lines(file);
    let (_, first) = rows.next().ok_or(TableError::Empty)?;
    let header = header(first)?;
    let mut table = Table {
        applicants: Vec::new(),
        faults: Vec::new(),
        rows: 0,
    };
    let mut seen = HashMap::new();
    for (number, line) in rows {
        table.rows += 1;
        let place = (number, table.rows as u64);
        match row(place, line, &header, context) {
            Ok(applicant) => match seen.get(applicant.number()) {
                Some(earlier) => {
                    table
                        .faults
                        .push(fault(place, "id_number", Reason::Duplicate(*earlier)))
                }
                None => {
                    seen.insert(applicant.number().clone(), number);
                    table.applicants.push(applicant);
                }
            },
            Err(faults) => table.faults.extend(faults),
        }
    }
    Ok(table)
}

fn fault((line, row): (u64, u64), column: &'static str, reason: Reason) -> Fault {
    Fault {
        line,
        row,
        column,
        reason,
    }
}

fn row(
    place: (u64, u64),
    line: &[u8],
    header: &[&'static Column],
    context: &Context<'_>,
) -> Result<Applicant, Vec<Fault>> {
    let whole = |reason| vec![fault(place, "", reason)];
    let cells = lines::cells(line).map_err(whole)?;
    if cells.len() != header.len() {
        let (expected, found) = (header.len(), cells.len());
        return Err(whole(Reason::Cells { expected, found }));
    }
    Applicant::read(place, header, &cells, context)
}

fn header(line: &[u8]) -> Result<Vec<&'static Column>, TableError> {
    let cells = lines::cells(line).map_err(|_| TableError::OpenQuote)?;
    let mut header: Vec<&'static Column> = Vec::with_capacity(cells.len());
    for (index, cell) in cells.iter().enumerate() {
        let name = std::str::from_utf8(cell)
            .map_err(|_| TableError::NotUtf8)?
            .trim();
        let column = columns::find(name).ok_or(if name.contains('\0') {
            TableError::NotUtf8
        } else {
            TableError::UnknownColumn(index + 1)
        })?;
        if header.iter().any(|other| other.name == column.name) {
            return Err(TableError::DoubleColumn(column.name));
        }
        header.push(column);
    }
    for column in COLUMNS.iter().filter(|column| column.required) {
        if !header.iter().any(|other| other.name == column.name) {
            return Err(TableError::MissingColumn(column.name));
        }
    }
    Ok(header)
}
