//! Tests of `element`.

use super::ElementType::{Ans, B, Cn};
use super::*;

#[test]
fn text_is_gb_18030_padded_with_zero() {
    assert_eq!(
        encode(Ans, 6, "张三"),
        Ok(vec![0xD5, 0xC5, 0xC8, 0xFD, 0, 0]),
        "GB 2312: two bytes each"
    );
    assert_eq!(
        encode(Ans, 4, "䶮"),
        Ok(vec![0xFE, 0x9F, 0, 0]),
        "outside GB 2312, two bytes in GB 18030-2005 and later"
    );
    assert_eq!(
        encode(Ans, 4, "𠮷"),
        Ok(vec![0x95, 0x34, 0xB2, 0x35]),
        "outside the BMP: four bytes"
    );
    assert_eq!(
        decode(Ans, &[0xD5, 0xC5, 0xC8, 0xFD, 0, 0]).as_deref(),
        Ok("张三")
    );
    assert_eq!(decode(Ans, &[0; 5]).as_deref(), Ok(""));
}

#[test]
fn a_minority_name_of_fifteen_characters_just_fits() {
    let name = "买买提艾力阿卜杜热合曼图尔荪";
    assert_eq!(
        encode(Ans, 30, &format!("{name}江")).map(|b| b.len()),
        Ok(30)
    );
    assert_eq!(
        encode(Ans, 30, &format!("{name}江江")),
        Err(ElementError::TooLong { needs: 32, len: 30 })
    );
}

#[test]
fn text_refuses_what_padding_or_printing_would_lose() {
    assert_eq!(
        encode(Ans, 9, "ab\u{0}"),
        Err(ElementError::Character { position: 3 })
    );
    assert_eq!(
        encode(Ans, 9, "a\nb"),
        Err(ElementError::Character { position: 2 })
    );
    assert_eq!(decode(Ans, &[0xD5]), Err(ElementError::Text));
}

#[test]
fn every_text_that_is_read_can_be_written_into_its_element() {
    let mut read = 0;
    let mut longer = Vec::new();
    let mut check = |bytes: &[u8]| {
        let Some(text) = GB18030.decode_without_bom_handling_and_without_replacement(bytes) else {
            return;
        };
        if text.contains(char::is_control) {
            return;
        }
        match decode(Ans, bytes) {
            Ok(text) => {
                let back = encode(Ans, bytes.len(), &text).expect("written back");
                assert_eq!(decode(Ans, &back), Ok(text), "{bytes:02X?}");
                read += 1;
            }
            Err(error) => longer.push((bytes.to_vec(), error)),
        }
    };
    for first in 0..=u8::MAX {
        check(&[first]);
        for second in 0x30..=u8::MAX {
            if first > 0x80 {
                check(&[first, second]);
            }
            if first > 0x80 && second < 0x3A {
                for third in 0x81..0xFF {
                    for fourth in 0x30..0x3A {
                        check(&[first, second, third, fourth]);
                    }
                }
            }
        }
    }
    assert_eq!(longer, [(vec![0x80], ElementError::Text)]);
    assert!(read > 1_000_000, "{read} read");
}

#[test]
fn digits_are_left_aligned_and_padded_with_f() {
    assert_eq!(encode(Cn, 1, "1"), Ok(vec![0x1F]), "R21");
    assert_eq!(encode(Cn, 1, "97"), Ok(vec![0x97]));
    assert_eq!(encode(Cn, 4, "19850712"), Ok(vec![0x19, 0x85, 0x07, 0x12]));
    assert_eq!(encode(Cn, 3, ""), Ok(vec![0xFF; 3]));
    assert_eq!(
        encode(Cn, 1, "123"),
        Err(ElementError::TooLong { needs: 2, len: 1 })
    );
    assert_eq!(
        encode(Cn, 2, "1x"),
        Err(ElementError::Digit { position: 2 })
    );
    assert_eq!(decode(Cn, &[0x41, 0x01, 0xFF]).as_deref(), Ok("4101"));
    assert_eq!(decode(Cn, &[0x1F, 0x23]), Err(ElementError::Digits));
    assert_eq!(decode(Cn, &[0x1A]), Err(ElementError::Digits));
}

#[test]
fn one_raw_byte_is_a_number_and_more_are_hexadecimal() {
    assert_eq!(encode(B, 1, "3"), Ok(vec![3]));
    assert_eq!(encode(B, 1, "256"), Err(ElementError::Number));
    assert_eq!(encode(B, 2, "0aFF"), Ok(vec![0x0A, 0xFF]));
    assert_eq!(encode(B, 2, "0a"), Err(ElementError::Hex { len: 2 }));
    assert_eq!(decode(B, &[3]).as_deref(), Ok("3"));
    assert_eq!(decode(B, &[3, 0xAB]).as_deref(), Ok("03AB"));
}

#[test]
fn only_text_and_digits_have_an_absent_form() {
    assert!(is_blank(Ans, &[0, 0]) && is_blank(Cn, &[0xFF]) && !is_blank(B, &[0]));
}
