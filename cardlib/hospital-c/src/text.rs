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

/// An element's text as bytes of the interface.
#[must_use]
pub fn outward(kind: ElementType, text: &str) -> Bytes {
    Zeroizing::new(match (kind, text.parse::<u8>()) {
        (ElementType::B, Ok(number)) => hex::encode_upper([number]).into_bytes(),
        (ElementType::Ans, _) => GB18030.encode(text).0.into_owned(),
        _ => text.as_bytes().to_vec(),
    })
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
        assert_eq!(
            outward(ElementType::Ans, "张三").as_slice(),
            b"\xD5\xC5\xC8\xFD"
        );
        assert_eq!(given(11, b"\xD5\xC5\xC8\xFD"), Ok("张三".into()));
        assert_eq!(outward(ElementType::B, "1").as_slice(), b"01", "sex");
        assert_eq!(
            (given(12, b"01"), given(12, b"1")),
            (Ok("1".into()), Ok("1".into()))
        );
        assert_eq!(outward(ElementType::Cn, "97").as_slice(), b"97");
        assert_eq!(
            (given(26, b"1"), given(26, b"1F")),
            (Ok("1".into()), Ok("1".into()))
        );
        assert_eq!(given(14, b"19850712"), Ok("19850712".into()));
        assert_eq!(given(16, b" "), Ok(String::new()), "one blank empties");
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
