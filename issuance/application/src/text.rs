//! Text for the card: GB 18030, whole characters, in a field of fixed length (R26).

use encoding_rs::GB18030;

/// Why a text cannot stand on the card.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TextFault {
    /// More bytes than the field has.
    #[error("needs {needs} bytes of GB 18030, the field has {has}")]
    TooLong {
        /// Bytes of the text.
        needs: usize,
        /// Bytes of the field.
        has: usize,
    },
    /// A control character, or one that GB 18030 cannot write.
    #[error("contains a character that cannot be written on a card (character {place})")]
    Character {
        /// Its place, counted from 1.
        place: usize,
    },
}

/// The bytes of the text, at most `has` of them, never cut.
///
/// # Errors
/// Says which character cannot be written, or how much too long the text is.
pub fn fit(text: &str, has: usize) -> Result<Vec<u8>, TextFault> {
    if let Some(at) = text
        .chars()
        .position(|c| c.is_control() || c == '\u{FFFD}' || !encodable(c))
    {
        return Err(TextFault::Character { place: at + 1 });
    }
    let (bytes, _, _) = GB18030.encode(text);
    if bytes.len() > has {
        return Err(TextFault::TooLong {
            needs: bytes.len(),
            has,
        });
    }
    Ok(bytes.into_owned())
}

fn encodable(c: char) -> bool {
    c.is_ascii() || !GB18030.encode(c.encode_utf8(&mut [0; 4])).2
}

/// A name with its separating dots as GB 2312 writes them (·, A1A4); keyboards produce several look-alikes.
#[must_use]
pub fn name(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\u{2022}' | '\u{2027}' | '\u{2219}' | '\u{22C5}' | '\u{30FB}' | '\u{FF65}' => {
                '\u{00B7}'
            }
            other => other,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fifteen_characters_with_dots_just_fit() {
        let name = name("买买提吐尔逊•阿卜杜热依木江");
        assert_eq!(name.chars().count(), 14);
        let longer = "阿依古丽·麦麦提吐尔逊阿卜杜拉";
        assert_eq!(longer.chars().count(), 15);
        assert_eq!(fit(longer, 30).map(|bytes| bytes.len()), Ok(30));
        assert_eq!(
            fit(&format!("{longer}江"), 30),
            Err(TextFault::TooLong { needs: 32, has: 30 })
        );
        // · is A1A4 in GB 2312 and GB 18030, 阿 B0A2.
        assert_eq!(fit("阿·", 30), Ok(vec![0xB0, 0xA2, 0xA1, 0xA4]));
    }

    #[test]
    fn rare_characters_count_their_bytes() {
        assert_eq!(fit("喆", 2).map(|bytes| bytes.len()), Ok(2)); // GBK, not in GB 2312
        assert_eq!(fit("𠮷", 4), Ok(vec![0x95, 0x34, 0xB2, 0x35])); // U+20BB7, four bytes
        assert_eq!(fit("𠮷", 3), Err(TextFault::TooLong { needs: 4, has: 3 }));
    }

    #[test]
    fn refuses_what_cannot_be_written() {
        assert_eq!(fit("王\u{0}", 30), Err(TextFault::Character { place: 2 }));
        assert_eq!(
            fit("王\u{FFFD}", 30),
            Err(TextFault::Character { place: 2 })
        );
        assert_eq!(fit("\u{E5E5}", 30), Err(TextFault::Character { place: 1 }));
    }
}
