//! Who issued a card, for whom, until when; and which SAM this is.

use cardlib_card::content::CardContent;
use cardlib_card::element::{self, ElementType};
use cardlib_card::profile::Profile;

use crate::error::{FlowError, Part, malformed};

/// The SAM's public file (R55): serial (D19), version, type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SamFacts {
    /// 20 digits, beginning with the province's two.
    pub serial: String,
    pub version: u8,
    pub sam_type: u8,
}

impl SamFacts {
    pub(crate) const fn unread() -> Self {
        Self {
            serial: String::new(),
            version: 0,
            sam_type: 0,
        }
    }

    pub(crate) fn parse(profile: &Profile, public: &[u8]) -> Result<Self, FlowError> {
        let wrong = |what: &str| malformed(Part::Sam, "public file", what);
        let [serial @ .., version, sam_type, _, _] = public else {
            return Err(wrong("is too short"));
        };
        let serial = element::decode(ElementType::Cn, serial)
            .map_err(|_| wrong("holds no serial number"))?;
        if serial.len() != 20 {
            return Err(wrong("holds no serial number: the SAM is not in use"));
        }
        if profile.sam_type(*sam_type).is_none() {
            return Err(wrong("names a SAM type that the profile lacks"));
        }
        Ok(Self {
            serial,
            version: *version,
            sam_type: *sam_type,
        })
    }

    /// The province's two digits.
    #[must_use]
    pub fn province(&self) -> &str {
        self.serial.get(..2).unwrap_or_default()
    }

    /// The four digits of province and prefecture (D19).
    #[must_use]
    pub fn area(&self) -> &str {
        self.serial.get(..4).unwrap_or_default()
    }
}

/// What DDF1/EF05 says, free to read. No `Debug`: number and serial identify a person.
#[derive(Clone, PartialEq, Eq)]
pub struct CardFacts {
    /// 卡的类别: 1 formal, 2 temporary (R23).
    pub class: String,
    /// 规范版本.
    pub version: String,
    pub issuer_name: String,
    /// 发卡机构代码 (D24), 16 digits.
    pub issuer_code: String,
    pub issuer_certificate: Vec<u8>,
    /// YYYYMMDD.
    pub issued: String,
    /// 卡号, the citizen's number.
    pub number: String,
    pub security_code: String,
    /// 发卡序列号.
    pub serial: String,
    /// 应用城市代码, six digits.
    pub area: String,
}

impl CardFacts {
    /// # Errors
    /// [`FlowError::Malformed`] naming the element whose bytes are not of its type.
    pub(crate) fn of(profile: &Profile, content: &CardContent) -> Result<Self, FlowError> {
        let text = |tag: u8| {
            let (_, _, element) = profile
                .element(tag)
                .ok_or_else(|| FlowError::Unknown(format!("element {tag}")))?;
            let bytes = content.value(tag).unwrap_or_default();
            element::decode(element.kind, bytes).map_err(|cause| {
                malformed(
                    Part::Card,
                    format!("element {tag} ({})", element.name_en),
                    cause.to_string(),
                )
            })
        };
        Ok(Self {
            class: text(1)?,
            version: text(2)?,
            issuer_name: text(3)?,
            issuer_code: text(4)?,
            issuer_certificate: content.value(5).unwrap_or_default().to_vec(),
            issued: text(6)?,
            number: text(8)?,
            security_code: text(9)?,
            serial: text(10)?,
            area: text(57)?,
        })
    }
}

/// 卡有效期 against a day (R30).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Validity {
    /// Still valid; the date as YYYYMMDD.
    Until(String),
    /// Its date is past.
    Expired(String),
    /// The card carries no date.
    Unlimited,
    /// The SAM has no RK1_DDF1: the check was left out.
    NotChecked,
}

impl Validity {
    /// `until` and `today` as YYYYMMDD; a card is valid on its last day.
    #[must_use]
    pub fn of(until: &str, today: &str) -> Self {
        if until.is_empty() {
            Self::Unlimited
        } else if until < today {
            Self::Expired(until.to_owned())
        } else {
            Self::Until(until.to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_is_valid_on_its_last_day() {
        assert_eq!(
            Validity::of("20361231", "20361231"),
            Validity::Until("20361231".into())
        );
        assert_eq!(
            Validity::of("20361231", "20370101"),
            Validity::Expired("20361231".into())
        );
        assert_eq!(Validity::of("", "20370101"), Validity::Unlimited);
    }

    #[test]
    fn the_public_file_gives_serial_type_and_province() {
        let public = hex::decode("41010520260000000017 01 05 0000".replace(' ', "")).expect("hex");
        let facts = SamFacts::parse(Profile::rhc_2012(), &public).expect("facts");
        assert_eq!(
            (facts.serial.as_str(), facts.sam_type, facts.province()),
            ("41010520260000000017", 5, "41")
        );
        let unset = [0xFF; 14];
        assert!(SamFacts::parse(Profile::rhc_2012(), &unset).is_err());
        assert!(SamFacts::parse(Profile::rhc_2012(), &public[..3]).is_err());
    }
}
