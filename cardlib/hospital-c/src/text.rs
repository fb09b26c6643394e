//! An element's value as the interface writes it: text in GB 18030 (the GBK of the DLL with what came after it), digits
//! without padding, raw bytes in hexadecimal. Between the C strings and the terminal's texts, and nothing else.

use cardlib_card::element::{self, ElementType};
use cardlib_card::profile::{Element, Format, codes};
use cardlib_card::visit::{Day, Moment};
use encoding_rs::GB18030;
use zeroize::Zeroizing;

use crate::code::Fault;

/// Bytes of a C string; a person's, so wiped.
pub type Bytes = Zeroizing<Vec<u8>>;

/// A single blank given for an element empties it; an empty string leaves it as it is.
const EMPTIES: &[u8] = b" ";

/// An element's text as bytes of the interface; `None` when it is longer than the documented size of an element of `len`
/// bytes. No bytes of a card are known to decode to such a text; what guards a caller's memory does not rest on that.
#[must_use]
pub fn outward(kind: ElementType, len: usize, text: &str) -> Option<Bytes> {
    let (bytes, most) = match kind {
        ElementType::Ans => (GB18030.encode(text).0.into_owned(), len),
        ElementType::B if len == 1 => (hex::encode_upper([text.parse::<u8>().ok()?]).into(), 2),
        ElementType::Cn | ElementType::B => (text.as_bytes().to_vec(), 2 * len),
    };
    let bytes = Zeroizing::new(bytes);
    (bytes.len() <= most).then_some(bytes)
}

/// An element's text from bytes of the interface, checked: it fits, a date is one, a code is in its dictionary.
///
/// # Errors
/// [`crate::Code::Parameter`] naming the element, never the value.
pub fn inward(element: &Element, bytes: &[u8]) -> Result<Zeroizing<String>, Fault> {
    let text = parse(element, bytes).ok_or_else(|| refused(element, "is not of its form"))?;
    if text.is_empty() {
        return Ok(text);
    }
    let encoded = element::encode(element.kind, element.len, &text);
    drop(Zeroizing::new(
        encoded.map_err(|cause| refused(element, &cause.to_string()))?,
    ));
    let dated = match element.format {
        Format::Date => text.parse::<Day>().is_ok(),
        Format::DateTime => text.parse::<Moment>().is_ok(),
        _ => true,
    };
    if !dated {
        return Err(refused(element, "is no day of the calendar"));
    }
    match element.codes.as_deref() {
        Some(dictionary) if codes::text(dictionary, &text).is_none() => {
            Err(refused(element, "is a code that its dictionary lacks"))
        }
        _ => Ok(text),
    }
}

fn parse(element: &Element, bytes: &[u8]) -> Option<Zeroizing<String>> {
    if bytes == EMPTIES {
        return Some(Zeroizing::default());
    }
    let text = match element.kind {
        ElementType::Ans => {
            let text = GB18030.decode_without_bom_handling_and_without_replacement(bytes)?;
            text.into_owned()
        }
        ElementType::Cn => {
            let padding = bytes.iter().rev().take_while(|b| matches!(b, b'F' | b'f'));
            let digits = &bytes[..bytes.len() - padding.count()];
            let all = digits.iter().all(u8::is_ascii_digit);
            all.then(|| String::from_utf8_lossy(digits).into_owned())?
        }
        ElementType::B if element.len == 1 => {
            let text = std::str::from_utf8(bytes).ok()?;
            let digits = matches!(text.len(), 1 | 2) && bytes.iter().all(u8::is_ascii_hexdigit);
            let number = digits.then(|| u8::from_str_radix(text, 16).ok())??;
            number.to_string()
        }
        ElementType::B => std::str::from_utf8(bytes).ok()?.to_owned(),
    };
    Some(Zeroizing::new(text))
}

fn refused(element: &Element, what: &str) -> Fault {
    Fault::parameter(
        format!("{} {what}", element.name_en),
        format!("{}：值不符合要求（{what}）", element.name_zh),
    )
}

#[cfg(test)]
mod tests {
    use cardlib_card::profile::Profile;

    use super::*;
    use crate::Code;

    fn element(tag: u8) -> &'static Element {
        let (_, _, element) = Profile::rhc_2012().element(tag).expect("a tag");
        element
    }

    fn given(tag: u8, bytes: &[u8]) -> Result<String, Code> {
        inward(element(tag), bytes)
            .map(|text| text.to_string())
            .map_err(|fault| fault.code)
    }

    #[test]
    fn each_type_has_its_form_in_both_directions() {
        let out = |kind, len, text| outward(kind, len, text).map(|bytes| bytes.to_vec());
        assert_eq!(
            out(ElementType::Ans, 30, "张三"),
            Some(b"\xD5\xC5\xC8\xFD".to_vec())
        );
        assert_eq!(given(11, b"\xD5\xC5\xC8\xFD"), Ok("张三".into()));
        assert_eq!(out(ElementType::B, 1, "1"), Some(b"01".to_vec()), "sex");
        assert_eq!(
            (given(12, b"01"), given(12, b"1")),
            (Ok("1".into()), Ok("1".into()))
        );
        assert_eq!(out(ElementType::Cn, 1, "97"), Some(b"97".to_vec()));
        assert_eq!(
            (given(26, b"1"), given(26, b"1F")),
            (Ok("1".into()), Ok("1".into()))
        );
        assert_eq!(given(14, b"19850712"), Ok("19850712".into()));
        assert_eq!(given(16, b" "), Ok(String::new()), "one blank empties");
    }

    #[test]
    fn no_text_of_a_card_is_longer_than_its_buffer() {
        let pairs = (0..=u16::MAX).map(u16::to_be_bytes);
        let mut grown = Vec::new();
        for pair in pairs {
            let text = element::decode(ElementType::Ans, &pair);
            if text.is_ok_and(|text| outward(ElementType::Ans, 2, &text).is_none()) {
                grown.push(pair);
            }
        }
        assert_eq!(grown, [[0u8; 2]; 0], "refused, were there any");
        assert!(outward(ElementType::Ans, 2, "张三").is_none());
    }

    #[test]
    fn what_is_not_of_its_form_is_a_parameter_fault() {
        for (tag, bytes) in [
            (14, &b"19851312"[..]),
            (14, b"1985-7-1"),
            (26, b"5x"),
            (26, b"42"),
            (12, b"G"),
            (12, b"+1"),
            (12, b"001"),
            (11, b"\xD5"),
            (11, b"a\nb"),
            (16, b"123456789012345678901"),
        ] {
            assert_eq!(given(tag, bytes), Err(Code::Parameter), "{tag} {bytes:?}");
        }
    }
}
