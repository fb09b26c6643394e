//! The SAM's PIN (D18): six digits, sent as three bytes BCD. No `Debug`; wiped when dropped.

use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::error::FlowError;

#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Pin(Vec<u8>);

impl Pin {
    /// Takes six decimal digits; white space around them (a file's last line end) does not count.
    ///
    /// # Errors
    /// [`FlowError::PinForm`]; the text never shows the PIN.
    pub fn new(text: &str) -> Result<Self, FlowError> {
        let digits = text.trim_ascii().as_bytes();
        if digits.len() != 6 || !digits.iter().all(u8::is_ascii_digit) {
            return Err(FlowError::PinForm(
                "the SAM's PIN is six digits; write them, and nothing else, into the PIN file",
            ));
        }
        Ok(Self(
            digits
                .chunks_exact(2)
                .map(|pair| (pair[0] - b'0') << 4 | (pair[1] - b'0'))
                .collect(),
        ))
    }

    pub(crate) fn bcd(&self) -> &[u8] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn six_digits_become_three_bytes() {
        assert_eq!(
            Pin::new("123456\n").map(|pin| pin.bcd().to_vec()),
            Ok(vec![0x12, 0x34, 0x56])
        );
    }

    #[test]
    fn another_form_is_refused_without_showing_it() {
        for text in ["12345", "1234567", "12345a", "", "１２３４５６"] {
            let error = Pin::new(text).err().expect("refused").to_string();
            assert!(text.is_empty() || !error.contains(text));
        }
    }
}
