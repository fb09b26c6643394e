//! Whom a terminal trusts: the ministry's public key of each mark (D20, D38).
//!
//! The TEST root is public (D33), so it is shipped: whatever says TEST is checked against it by default. DEMO roots are
//! drawn anew for each store and the PRODUCTION root is not ours to publish: who runs a terminal gives them to it.

use cardlib_card::cert::Mark;
use cardlib_card::profile::Signature;
use cardlib_card::suite::VerifyingKey;

/// X ‖ Y of the TEST root (D33); the vector file holds what OpenSSL makes of its label.
const TEST_ROOT_SM2: [u8; 64] = hex_literal(
    b"9441963B5DF9B4741A0621935211F1149D2D60A8C03C2F3A381255104C1D4A12\
      249A4157DAACE77ACC614D5C35A87F7EC0ED0F9A9CBF69FAD985E760ED19033A",
);
/// The same of profile `rhc-aes` (D46), as OpenSSL computes it from SHA-256 of the label.
const TEST_ROOT_P256: [u8; 64] = hex_literal(
    b"72168233AAE1B19190157046ADB64407C61155902B33808D83155BB55CC078FA\
      661793C9B538F1EB875B77DD04CF73AB9DE6D3C9A109B29C0FDF976F6404BBB0",
);

/// Public keys of the ministry by mark.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Anchors {
    roots: Vec<(Mark, VerifyingKey)>,
}

impl Anchors {
    /// What is public: the TEST roots of both signature algorithms.
    #[must_use]
    pub fn shipped() -> Self {
        let shipped = [
            (Signature::Sm2, TEST_ROOT_SM2),
            (Signature::EcdsaP256, TEST_ROOT_P256),
        ];
        let root = |(algorithm, xy): (Signature, [u8; 64])| {
            let key = VerifyingKey::from_bytes(algorithm, &xy).ok()?;
            Some((Mark::Test, key))
        };
        Self {
            roots: shipped.into_iter().filter_map(root).collect(),
        }
    }

    /// The same with another root for one mark (of its own algorithm).
    #[must_use]
    pub fn with(mut self, mark: Mark, root: VerifyingKey) -> Self {
        let replaced = algorithm_of(&root);
        self.roots
            .retain(|(of, key)| *of != mark || algorithm_of(key) != replaced);
        self.roots.push((mark, root));
        self
    }

    /// The root of a mark, where this terminal has it.
    #[must_use]
    pub fn root(&self, mark: Mark, algorithm: Signature) -> Option<&VerifyingKey> {
        let fits =
            |(of, key): &&(Mark, VerifyingKey)| *of == mark && algorithm_of(key) == algorithm;
        self.roots.iter().find(fits).map(|(_, key)| key)
    }
}

/// Which algorithm a key is of.
pub(crate) const fn algorithm_of(key: &VerifyingKey) -> Signature {
    match key {
        VerifyingKey::Sm2(_) => Signature::Sm2,
        VerifyingKey::P256(_) => Signature::EcdsaP256,
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
    use cardlib_card::suite::SigningKey;

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
        assert_eq!(hex::encode_upper(TEST_ROOT_SM2), xy);
        for algorithm in [Signature::Sm2, Signature::EcdsaP256] {
            let root = SigningKey::from_label(algorithm, b"RHC-TEST-SM2-ROOT").expect("key");
            let shipped = Anchors::shipped();
            let shipped = shipped.root(Mark::Test, algorithm);
            assert_eq!(shipped, Some(&root.verifying_key()), "{algorithm:?}");
        }
    }

    #[test]
    fn other_marks_have_no_root_until_one_is_given() {
        let anchors = Anchors::shipped();
        let root = |anchors: &Anchors, mark| anchors.root(mark, Signature::Sm2).cloned();
        assert!(root(&anchors, Mark::Demo).is_none() && root(&anchors, Mark::Production).is_none());
        let key = root(&anchors, Mark::Test).expect("test root");
        let anchors = anchors.with(Mark::Demo, key.clone());
        assert_eq!(root(&anchors, Mark::Demo), Some(key.clone()));
        assert_eq!(anchors.clone().with(Mark::Demo, key), anchors);
    }
}
