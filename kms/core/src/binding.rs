//! A key is made only for a chip that exists (architecture rule 5): its factor stands on a maker's signed list (D44), and
//! it is bound once to one purpose, of which only hashes are kept.

use serde::{Deserialize, Serialize};
use sm3::{Digest, Sm3};
use subtle::ConstantTimeEq;
use thiserror::Error;

use crate::port::Mark;
use crate::tier::Factor;

/// What a delivery list delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChipKind {
    /// User card, named by its factor.
    Card,
    /// SAM, named by its chip serial.
    Sam,
}

/// A chip as the store knows it from a delivery list.
#[derive(Clone, PartialEq, Eq)]
pub struct DeliveredChip {
    /// Card factor or chip serial.
    pub factor: Factor,
    /// Card or SAM.
    pub kind: ChipKind,
    /// Vendor code of the maker that signed the list.
    pub maker: [u8; 2],
    /// Mark of the list.
    pub mark: Mark,
    /// What it was bound to, once it was.
    pub binding: Option<Binding>,
}

/// What a chip is for, as two hashes: for a card person and data, for a SAM its type with province and its serial.
#[derive(Clone, PartialEq, Eq)]
pub struct Binding {
    /// Keyed hash of whom it is for.
    pub subject: [u8; 32],
    /// Keyed hash of what goes onto it.
    pub data: [u8; 32],
}

/// What a request says about the chip.
pub struct ChipClaim<'a> {
    /// Card factor or chip serial.
    pub factor: &'a Factor,
    /// Card or SAM.
    pub kind: ChipKind,
    /// Vendor code from the ATR.
    pub vendor: &'a [u8; 2],
    /// Mark of the store.
    pub mark: Mark,
}

/// How the request stands to what was bound before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nothing was bound: bind now.
    First,
    /// The same purpose again: a resume.
    Continued,
}

/// A refusal, by name.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum BindingError {
    /// No list names it.
    #[error(
        "factor-not-on-list: no delivery list names this chip; import the maker's signed list, or put the card aside"
    )]
    NotOnList,
    /// A list names it, but as something else.
    #[error("factor-of-another-kind: the delivery list names this chip as {0}")]
    OtherKind(&'static str),
    /// Another maker's chip.
    #[error(
        "factor-of-another-kind: the delivery list that names this chip is by another maker than its ATR says"
    )]
    OtherMaker,
    /// Another world (D38).
    #[error("mark-mismatch: the delivery list of this chip is marked {theirs}, this store {ours}")]
    Mark {
        /// Our mark.
        ours: Mark,
        /// The list's.
        theirs: Mark,
    },
    /// Bound to somebody else.
    #[error(
        "factor-bound-to-another-person: this card was made or begun for somebody else; void it and take another blank"
    )]
    OtherSubject,
    /// Bound to the same person, other data.
    #[error(
        "factor-bound-to-other-data: this card was begun for this person with other data; repeat the same data, or void it and take another blank"
    )]
    OtherData,
}

/// The key of the store's hashes: 32 random bytes, so that nobody finds a person's number by trying.
pub struct HashKey(zeroize::Zeroizing<[u8; 32]>);

impl HashKey {
    /// Takes the store's 32 random bytes.
    #[must_use]
    pub fn new(bytes: zeroize::Zeroizing<[u8; 32]>) -> Self {
        Self(bytes)
    }

    /// HMAC-SM3 over a label and the text.
    #[must_use]
    pub fn hash(&self, label: &str, text: &[u8]) -> [u8; 32] {
        let pad = |byte: u8| {
            let mut block = zeroize::Zeroizing::new([byte; 64]);
            block
                .iter_mut()
                .zip(self.0.iter())
                .for_each(|(b, k)| *b ^= k);
            block
        };
        let inner = Sm3::new()
            .chain_update(pad(0x36).as_slice())
            .chain_update(label.as_bytes())
            .chain_update([0])
            .chain_update(text)
            .finalize();
        Sm3::new()
            .chain_update(pad(0x5C).as_slice())
            .chain_update(inner)
            .finalize()
            .into()
    }
}

/// Checks a request against what the lists and earlier requests say.
///
/// # Errors
/// [`BindingError`] names the refusal.
pub fn check(
    claim: &ChipClaim<'_>,
    chip: Option<&DeliveredChip>,
    wanted: &Binding,
) -> Result<Standing, BindingError> {
    let chip = chip
        .filter(|chip| chip.factor == *claim.factor)
        .ok_or(BindingError::NotOnList)?;
    if chip.mark != claim.mark {
        return Err(BindingError::Mark {
            ours: claim.mark,
            theirs: chip.mark,
        });
    }
    match (claim.kind, chip.kind) {
        (ChipKind::Card, ChipKind::Sam) => return Err(BindingError::OtherKind("a SAM")),
        (ChipKind::Sam, ChipKind::Card) => return Err(BindingError::OtherKind("a user card")),
        _ => {}
    }
    if chip.maker != *claim.vendor {
        return Err(BindingError::OtherMaker);
    }
    let Some(bound) = &chip.binding else {
        return Ok(Standing::First);
    };
    if !bool::from(bound.subject.ct_eq(&wanted.subject)) {
        return Err(BindingError::OtherSubject);
    }
    if !bool::from(bound.data.ct_eq(&wanted.data)) {
        return Err(BindingError::OtherData);
    }
    Ok(Standing::Continued)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FACTOR: Factor = [0x11; 8];

    fn chip(binding: Option<Binding>) -> DeliveredChip {
        DeliveredChip {
            factor: FACTOR,
            kind: ChipKind::Card,
            maker: [0x54; 2],
            mark: Mark::Test,
            binding,
        }
    }

    fn claim() -> ChipClaim<'static> {
        ChipClaim {
            factor: &FACTOR,
            kind: ChipKind::Card,
            vendor: &[0x54; 2],
            mark: Mark::Test,
        }
    }

    fn binding(subject: u8, data: u8) -> Binding {
        Binding {
            subject: [subject; 32],
            data: [data; 32],
        }
    }

    #[test]
    fn a_listed_blank_is_bound_once_and_a_repeat_continues() {
        assert_eq!(
            check(&claim(), Some(&chip(None)), &binding(1, 2)),
            Ok(Standing::First)
        );
        let bound = chip(Some(binding(1, 2)));
        assert_eq!(
            check(&claim(), Some(&bound), &binding(1, 2)),
            Ok(Standing::Continued)
        );
        assert_eq!(
            check(&claim(), Some(&bound), &binding(9, 2)),
            Err(BindingError::OtherSubject)
        );
        assert_eq!(
            check(&claim(), Some(&bound), &binding(1, 9)),
            Err(BindingError::OtherData)
        );
    }

    #[test]
    fn what_no_list_names_so_is_refused() {
        let wanted = binding(1, 2);
        assert_eq!(check(&claim(), None, &wanted), Err(BindingError::NotOnList));
        let sam = DeliveredChip {
            kind: ChipKind::Sam,
            ..chip(None)
        };
        assert_eq!(
            check(&claim(), Some(&sam), &wanted),
            Err(BindingError::OtherKind("a SAM"))
        );
        let other_maker = DeliveredChip {
            maker: [0x48, 0x44],
            ..chip(None)
        };
        assert_eq!(
            check(&claim(), Some(&other_maker), &wanted),
            Err(BindingError::OtherMaker)
        );
        let demo = DeliveredChip {
            mark: Mark::Demo,
            ..chip(None)
        };
        assert!(matches!(
            check(&claim(), Some(&demo), &wanted),
            Err(BindingError::Mark { .. })
        ));
    }

    /// HMAC-SM3 as `openssl dgst -sm3 -mac HMAC -macopt hexkey:00..1f` gives it for `person\0abc`.
    #[test]
    fn the_hash_is_hmac_sm3() {
        let mut key = [0u8; 32];
        key.iter_mut().zip(0u8..).for_each(|(b, i)| *b = i);
        let key = HashKey::new(zeroize::Zeroizing::new(key));
        assert_eq!(
            hex::encode(key.hash("person", b"abc")),
            "09d37ee6d664c5114f7215f8f8db20a8ff277b77e069eb469519f120d75d3928"
        );
    }
}
