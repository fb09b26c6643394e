//! Whom a terminal trusts: the ministry's public key of each mark (D20, D38).
//!
//! The TEST root is public (D33), so it is shipped: whatever says TEST is checked against it by default. DEMO roots are
//! drawn anew for each store and the PRODUCTION root is not ours to publish: who runs a terminal gives them to it.

use cardlib_card::cert::Mark;
use cardlib_card::gm::sm2::VerifyingKey;

/// X ‖ Y of the TEST root (D33); the vector file holds what OpenSSL makes of its label.
const TEST_ROOT: [u8; 64] = hex_literal(
    b"9441963B5DF9B4741A0621935211F1149D2D60A8C03C2F3A381255104C1D4A12\
      249A4157DAACE77ACC614D5C35A87F7EC0ED0F9A9CBF69FAD985E760ED19033A",
);

/// Public keys of the ministry by mark.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Anchors {
    test: Option<VerifyingKey>,
    demo: Option<VerifyingKey>,
    production: Option<VerifyingKey>,
}

impl Anchors {
    /// What is public: the TEST root.
    #[must_use]
    pub fn shipped() -> Self {
        Self {
            test: VerifyingKey::from_bytes(&TEST_ROOT).ok(),
            ..Self::default()
        }
    }

    /// The same with another root for one mark.
    #[must_use]
    pub fn with(mut self, mark: Mark, root: VerifyingKey) -> Self {
        match mark {
            Mark::Test => self.test = Some(root),
            Mark::Demo => self.demo = Some(root),
            Mark::Production => self.production = Some(root),
        }
        self
    }

    /// The root of a mark, where this terminal has it.
    #[must_use]
    pub fn root(&self, mark: Mark) -> Option<&VerifyingKey> {
        match mark {
            Mark::Test => self.test.as_ref(),
            Mark::Demo => self.demo.as_ref(),
            Mark::Production => self.production.as_ref(),
        }
    }
}

/// 128 hexadecimal digits at compile time.
const fn hex_literal(digits: &[u8; 128]) -> [u8; 64] {
    let mut out = [0; 64];
    let mut at = 0;
    while at < 64 {
        out[at] = digit(digits[2 * at]) << 4 | digit(digits[2 * at + 1]);
        at += 1;
    }
    out
}

const fn digit(character: u8) -> u8 {
    match character {
        b'0'..=b'9' => character - b'0',
        b'A'..=b'F' => character - b'A' + 10,
        _ => panic!("upper-case hexadecimal digits only"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_test_root_is_that_of_the_public_hierarchy() {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../tests/vectors/chain.toml"
        );
        let vectors: toml::Table = std::fs::read_to_string(path)
            .expect("the vector file")
            .parse()
            .expect("its form");
        let keys = vectors["sm2"].as_array().expect("keys");
        let root = keys.iter().find(|key| key["id"].as_str() == Some("D33"));
        let root = root.expect("D33");
        let xy = format!(
            "{}{}",
            root["x"].as_str().expect("x"),
            root["y"].as_str().expect("y")
        );
        assert_eq!(hex::encode_upper(TEST_ROOT), xy);
        assert!(Anchors::shipped().root(Mark::Test).is_some());
    }

    #[test]
    fn other_marks_have_no_root_until_one_is_given() {
        let anchors = Anchors::shipped();
        assert!(anchors.root(Mark::Demo).is_none() && anchors.root(Mark::Production).is_none());
        let key = anchors.root(Mark::Test).expect("test root").clone();
        assert!(anchors.with(Mark::Demo, key).root(Mark::Demo).is_some());
    }
}
