//! An applicants file as lines and cells.
//!
//! A row stands on one physical line, so that a quotation mark that is never closed spoils its own row and not the
//! rest of the file. Any line ending is taken; a byte order mark is skipped.

use csv::{ByteRecord, ReaderBuilder};

use crate::fault::Reason;

const BOM: &[u8] = b"\xEF\xBB\xBF";

/// The lines that are not blank, with their numbers from 1.
pub(crate) fn lines(file: &[u8]) -> impl Iterator<Item = (u64, &[u8])> {
    let file = file.strip_prefix(BOM).unwrap_or(file);
    Lines {
        rest: Some(file),
        number: 0,
    }
    .filter(|(_, line)| !line.trim_ascii().is_empty())
}

struct Lines<'a> {
    rest: Option<&'a [u8]>,
    number: u64,
}

impl<'a> Iterator for Lines<'a> {
    type Item = (u64, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.rest?;
        self.number += 1;
        let Some(end) = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')) else {
            self.rest = None;
            return Some((self.number, rest));
        };
        let ending = if rest[end..].starts_with(b"\r\n") {
            2
        } else {
            1
        };
        self.rest = Some(&rest[end + ending..]);
        Some((self.number, &rest[..end]))
    }
}

/// The cells of one line, without the blanks around them.
///
/// # Errors
/// An open quotation mark.
pub(crate) fn cells(line: &[u8]) -> Result<Vec<Vec<u8>>, Reason> {
    if line.iter().filter(|byte| **byte == b'"').count() % 2 == 1 {
        return Err(Reason::OpenQuote);
    }
    let mut reader = ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .buffer_capacity(line.len() + 1)
        .from_reader(line);
    let mut record = ByteRecord::new();
    // A line that the reader finds empty has no cells; it does not err on bytes.
    let found = reader.read_byte_record(&mut record).unwrap_or(false);
    Ok(if found {
        record.iter().map(<[u8]>::to_vec).collect()
    } else {
        Vec::new()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_ending_and_a_mark() {
        let found: Vec<_> = lines(b"\xEF\xBB\xBFa\r\nb\n\nc\rd").collect();
        assert_eq!(found, [(1, &b"a"[..]), (2, b"b"), (4, b"c"), (5, b"d")]);
        assert_eq!(lines(b"").count(), 0);
    }

    #[test]
    fn quotes_stay_on_their_line() {
        assert_eq!(
            cells(br#"a,"b,""c""",d"#),
            Ok(vec![b"a".to_vec(), br#"b,"c""#.to_vec(), b"d".to_vec()])
        );
        assert_eq!(cells(br#"a,"b,c"#), Err(Reason::OpenQuote));
        assert_eq!(cells(b"a,,").map(|cells| cells.len()), Ok(3));
    }
}
