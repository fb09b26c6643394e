//! Records of the card's variable-record files: `tag(1) ‖ len(1) ‖ value`, the tag being the element's number.
//!
//! Not BER: tag and length are one byte each and a value is at most 252 bytes (a record at most 254).

/// Why bytes are not a record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TlvError {
    #[error("a record of {0} bytes is shorter than tag and length")]
    Short(usize),
    #[error("record {tag}: its length byte says {said}, {there} bytes follow")]
    Length { tag: u8, said: usize, there: usize },
    #[error("record {tag}: {len} bytes do not fit a record (at most 252)")]
    TooLong { tag: u8, len: usize },
}

/// Longest value a record of 254 bytes holds.
pub const MAX_VALUE: usize = 252;

/// One record taken apart.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Record<'a> {
    pub tag: u8,
    pub value: &'a [u8],
}

/// `tag ‖ len ‖ value`.
///
/// # Errors
/// [`TlvError::TooLong`] when the value does not fit.
pub fn encode(tag: u8, value: &[u8]) -> Result<Vec<u8>, TlvError> {
    let len = match u8::try_from(value.len()) {
        Ok(len) if value.len() <= MAX_VALUE => len,
        _ => {
            return Err(TlvError::TooLong {
                tag,
                len: value.len(),
            });
        }
    };
    let mut out = Vec::with_capacity(value.len() + 2);
    out.extend_from_slice(&[tag, len]);
    out.extend_from_slice(value);
    Ok(out)
}

/// Reads exactly one record.
///
/// # Errors
/// [`TlvError`] when bytes are missing or left over.
pub fn parse(bytes: &[u8]) -> Result<Record<'_>, TlvError> {
    match split(bytes)? {
        (record, []) => Ok(record),
        (record, rest) => Err(TlvError::Length {
            tag: record.tag,
            said: record.value.len(),
            there: record.value.len() + rest.len(),
        }),
    }
}

/// Reads the first record and gives the bytes behind it (a STORE DATA carries several).
///
/// # Errors
/// [`TlvError`] when bytes are missing.
pub fn split(bytes: &[u8]) -> Result<(Record<'_>, &[u8]), TlvError> {
    let [tag, len, rest @ ..] = bytes else {
        return Err(TlvError::Short(bytes.len()));
    };
    match rest.split_at_checked(usize::from(*len)) {
        Some((value, behind)) => Ok((Record { tag: *tag, value }, behind)),
        None => Err(TlvError::Length {
            tag: *tag,
            said: usize::from(*len),
            there: rest.len(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_survives_the_round_trip() {
        let bytes = encode(0x39, &[0x41, 0x01, 0x00]).expect("fits");
        assert_eq!(bytes, [0x39, 3, 0x41, 0x01, 0x00]);
        let record = parse(&bytes).expect("whole");
        assert!(record.tag == 0x39 && record.value == [0x41, 0x01, 0x00]);
    }

    #[test]
    fn several_records_are_taken_one_by_one() {
        let (first, rest) = split(&[7, 1, 0xAA, 8, 0]).expect("first");
        assert!(first.tag == 7 && first.value == [0xAA]);
        let (second, rest) = split(rest).expect("second");
        assert!(second.tag == 8 && second.value.is_empty() && rest.is_empty());
    }

    #[test]
    fn missing_and_left_over_bytes_are_refused() {
        assert_eq!(parse(&[7]).err(), Some(TlvError::Short(1)));
        assert_eq!(
            parse(&[7, 2, 0]).err(),
            Some(TlvError::Length {
                tag: 7,
                said: 2,
                there: 1
            })
        );
        assert_eq!(
            parse(&[7, 1, 0, 0]).err(),
            Some(TlvError::Length {
                tag: 7,
                said: 1,
                there: 2
            })
        );
        assert_eq!(
            encode(7, &[0; 253]).err(),
            Some(TlvError::TooLong { tag: 7, len: 253 })
        );
    }
}
