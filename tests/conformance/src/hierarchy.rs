//! The 21 keys of a card with their 57 instances, typed from the key table (`sam.md` 4.4), and the public test hierarchy
//! above them (D31, D32). Nothing here is read from a profile.

use sha2::Digest as _;

use crate::formulas::{Block, Cipher};

/// A key of the card.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyRow {
    pub name: &'static str,
    pub df: &'static str,
    /// P2 of EXTERNAL (IRK: INTERNAL) AUTHENTICATE.
    pub kid: u8,
    /// Versions 0 … groups − 1.
    pub groups: u8,
    /// Low five bits of the SAM's usage byte: 7 encrypt, 8 MAC and encrypt.
    pub kind: u8,
    pub index: u8,
    pub national: bool,
}

impl KeyRow {
    /// The version that flows use (R79, R31).
    #[must_use]
    pub fn flow_version(&self) -> u8 {
        u8::from(self.groups > 1)
    }
}

const fn key(
    name: &'static str,
    df: &'static str,
    kid: u8,
    groups: u8,
    kind: u8,
    index: u8,
    national: bool,
) -> KeyRow {
    KeyRow {
        name,
        df,
        kid,
        groups,
        kind,
        index,
        national,
    }
}

/// Table 4.4 in the order of the SAM's indices.
#[rustfmt::skip]
pub const KEYS: [KeyRow; 21] = [
    key("IRK_DDF1", "DDF1", 0x04, 4, 7, 0x01, true),
    key("STK_DDF1", "DDF1", 0x02, 1, 8, 0x02, false),
    key("STK_DF01", "DF01", 0x82, 1, 8, 0x03, false),
    key("STK_DF02", "DF02", 0x82, 1, 8, 0x04, true),
    key("STK_DF03", "DF03", 0x82, 1, 8, 0x05, true),
    key("LK_DF01", "DF01", 0x83, 1, 7, 0x07, false),
    key("LK_DF02", "DF02", 0x83, 1, 7, 0x08, false),
    key("LK_DF03", "DF03", 0x83, 1, 7, 0x09, false),
    key("UK1_DDF1", "DDF1", 0x05, 4, 7, 0x0A, false),
    key("UK1_DF01", "DF01", 0x85, 4, 7, 0x0B, false),
    key("UK1_DF02", "DF02", 0x85, 4, 7, 0x0C, true),
    key("UK2_DF02", "DF02", 0x86, 4, 7, 0x0D, true),
    key("UK3_DF02", "DF02", 0x87, 4, 7, 0x0E, true),
    key("UK1_DF03", "DF03", 0x85, 4, 7, 0x0F, true),
    key("UK2_DF03", "DF03", 0x86, 4, 7, 0x10, false),
    key("RK1_DDF1", "DDF1", 0x04, 4, 7, 0x11, true),
    key("RK1_DF01", "DF01", 0x84, 4, 7, 0x12, true),
    key("RK1_DF02", "DF02", 0x84, 4, 7, 0x13, true),
    key("RK1_DF03", "DF03", 0x84, 4, 7, 0x14, true),
    key("BK_MF", "MF", 0x03, 1, 7, 0x15, false),
    key("STK_MF", "MF", 0x02, 1, 8, 0x16, false),
];

/// The row of a name.
#[must_use]
pub fn key_named(name: &str) -> Option<&'static KeyRow> {
    KEYS.iter().find(|key| key.name == name)
}

/// What kind of product is claimed: algorithms and levels (D4, D46), and whether bank applications stand beside (P6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Preset {
    pub name: &'static str,
    pub cipher: Cipher,
    pub three_levels: bool,
    pub bank: bool,
}

/// All presets; their names are those of the profiles.
pub const PRESETS: [Preset; 4] = [
    Preset {
        name: "rhc-2012",
        cipher: Cipher::Sm4,
        three_levels: false,
        bank: false,
    },
    Preset {
        name: "rhc-2012-bank",
        cipher: Cipher::Sm4,
        three_levels: false,
        bank: true,
    },
    Preset {
        name: "rhc-three-level",
        cipher: Cipher::Sm4,
        three_levels: true,
        bank: false,
    },
    Preset {
        name: "rhc-aes",
        cipher: Cipher::Aes,
        three_levels: false,
        bank: false,
    },
];

impl Preset {
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        PRESETS.into_iter().find(|preset| preset.name == name)
    }

    /// SM3, or SHA-256 (D46).
    #[must_use]
    pub fn hash(self, data: &[u8]) -> [u8; 32] {
        match self.cipher {
            Cipher::Sm4 => sm3::Sm3::digest(data).into(),
            Cipher::Aes => sha2::Sha256::digest(data).into(),
        }
    }

    /// The root that stands at the ministry or, for a provincial key, at the province (D31, D32).
    #[must_use]
    pub fn test_root(self, name: &str, version: u8, province: Option<&str>) -> Block {
        let owner = province.map_or_else(String::new, |digits| format!("{digits}-"));
        let digest = self.hash(format!("RHC-TEST-{owner}{name}-v{version}").as_bytes());
        std::array::from_fn(|i| digest[i])
    }

    /// Factors from the root downwards (D3, D4).
    #[must_use]
    pub fn factors(self, key: &KeyRow, home: &Home) -> Vec<[u8; 8]> {
        let mut path = Vec::new();
        if key.national {
            path.push(home.province_factor());
        }
        if self.three_levels {
            path.push(home.prefecture_factor());
        }
        path.push(home.factor);
        path
    }

    /// The usage byte in the SAM: levels in the high three bits.
    #[must_use]
    pub fn usage(self, key: &KeyRow) -> u8 {
        let levels = 1 + u8::from(key.national) + u8::from(self.three_levels);
        levels << 5 | key.kind
    }

    /// The card's key.
    #[must_use]
    pub fn card_key(self, key: &KeyRow, version: u8, home: &Home) -> Block {
        let digits = home.province();
        let root = self.test_root(
            key.name,
            version,
            (!key.national).then_some(digits.as_str()),
        );
        let steps = self.factors(key, home);
        steps
            .iter()
            .fold(root, |key, factor| self.cipher.spread(&key, *factor))
    }
}

/// Where a chip belongs: its factor and the first four digits of its area code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Home {
    pub factor: [u8; 8],
    pub area: [u8; 2],
}

impl Home {
    /// Two digits.
    #[must_use]
    pub fn province(&self) -> String {
        hex::encode(&self.area[..1])
    }

    fn province_factor(&self) -> [u8; 8] {
        ascii(&hex::encode(&self.area[..1]))
    }

    fn prefecture_factor(&self) -> [u8; 8] {
        ascii(&hex::encode(self.area))
    }
}

/// Digits as ASCII, filled up with `0` to eight.
fn ascii(digits: &str) -> [u8; 8] {
    std::array::from_fn(|i| digits.as_bytes().get(i).copied().unwrap_or(b'0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_table_adds_up() {
        let instances: u32 = KEYS.iter().map(|key| u32::from(key.groups)).sum();
        assert_eq!((KEYS.len(), instances), (21, 57));
    }

    #[test]
    fn the_printed_example_of_a_root() {
        let sm4 = PRESETS[0];
        let root = sm4.test_root("IRK_DDF1", 1, None);
        assert_eq!(hex::encode_upper(root), "6B0A79D15C6D48737CEA5723D6D2C186");
    }

    #[test]
    fn usage_bytes_are_those_of_the_table() {
        let of = |preset: &str, name: &str| {
            Preset::named(preset)
                .unwrap()
                .usage(key_named(name).unwrap())
        };
        assert_eq!(of("rhc-2012", "IRK_DDF1"), 0x47);
        assert_eq!(of("rhc-2012", "STK_DDF1"), 0x28);
        assert_eq!(of("rhc-2012", "STK_DF02"), 0x48);
        assert_eq!(of("rhc-2012", "UK2_DF03"), 0x27);
        assert_eq!(of("rhc-three-level", "IRK_DDF1"), 0x67);
        assert_eq!(of("rhc-three-level", "STK_MF"), 0x48);
    }
}
