//! Numbers that carry a check character, and dates.

pub(super) fn is_date(digits: &str) -> bool {
    let part = |from: usize, to: usize| digits.get(from..to).and_then(|d| d.parse::<i16>().ok());
    let (Some(year), Some(month), Some(day)) = (part(0, 4), part(4, 6), part(6, 8)) else {
        return false;
    };
    let (Ok(month), Ok(day)) = (i8::try_from(month), i8::try_from(day)) else {
        return false;
    };
    digits.len() == 8 && jiff::civil::Date::new(year, month, day).is_ok()
}

/// GB 11643: ISO 7064 MOD 11-2 over 17 digits.
pub(super) fn is_identity_number(text: &str) -> bool {
    let Ok(bytes) = <[u8; 18]>::try_from(text.as_bytes()) else {
        return false;
    };
    if !bytes[..17].iter().all(u8::is_ascii_digit) {
        return false;
    }
    let sum = bytes[..17]
        .iter()
        .fold(0u32, |sum, b| (sum + u32::from(b - b'0')) * 2 % 11);
    let check = b"10X98765432"[usize::try_from(sum).unwrap_or(0) % 11];
    bytes[17] == check
}

pub(super) fn is_serial(text: &str) -> bool {
    let bytes = text.as_bytes();
    let base34 = |b: &u8| b.is_ascii_digit() || b.is_ascii_uppercase() && !matches!(b, b'I' | b'O');
    bytes.len() == 10 && bytes[..2].iter().all(u8::is_ascii_digit) && bytes[2..].iter().all(base34)
}

/// GB/T 14504.
pub(super) fn luhn(digits: &str) -> bool {
    let sum: u32 = (0u32..)
        .zip(digits.bytes().rev())
        .map(|(at, b)| {
            let value = u32::from(b.saturating_sub(b'0')) * (1 + at % 2);
            value / 10 + value % 10
        })
        .sum();
    !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) && sum.is_multiple_of(10)
}
