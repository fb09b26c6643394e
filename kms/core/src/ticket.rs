//! Tickets: a counted permission to make cards or SAM stages. Asked for by one, approved by two others; the HSM counts.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::tier::Tier;

/// More than a country has residents of one year; HSMs count no further.
pub const MAX_QUANTITY: u64 = 100_000_000;

/// What one count of a ticket makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TicketKind {
    /// One user card.
    Card,
    /// The national stage of one SAM (ministry).
    SamNational,
    /// The provincial stage of one SAM, both parts (province).
    SamProvincial,
}

/// A ticket as the store keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticket {
    /// Id, as requests name it and the HSM knows it.
    pub id: String,
    /// What it is good for.
    pub kind: TicketKind,
    /// How many.
    pub quantity: u64,
    /// Who asked.
    pub requester: String,
    /// What for, in the requester's words.
    pub purpose: String,
    /// End of validity.
    pub valid_until: Timestamp,
    /// Where it stands.
    pub state: TicketState,
    /// Which product the chips are, and on which delivery list they came; empty: any.
    #[serde(default)]
    pub product: String,
    /// Number of the maker's list, when the order is for one.
    #[serde(default)]
    pub delivery: Option<u64>,
}

/// Where a ticket stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "state")]
pub enum TicketState {
    /// Waits for two officers.
    Requested,
    /// The HSM counts it.
    Approved {
        /// The two officers.
        approvers: String,
    },
}

/// A refusal, by name.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum TicketError {
    /// Nothing to count.
    #[error("a ticket is for 1 to {MAX_QUANTITY} chips")]
    Quantity,
    /// An id that the HSM would refuse.
    #[error("`{0}` is no ticket id: 1-64 characters of A-Z a-z 0-9 _ . -")]
    Id(String),
    /// This tier makes no such thing.
    #[error("wrong-tier: a {tier} makes no {kind:?}; ask at the tier that holds the keys")]
    Tier {
        /// The tier.
        tier: &'static str,
        /// What was asked.
        kind: TicketKind,
    },
    /// Not approved yet.
    #[error(
        "ticket-unknown: ticket {0} waits for approval by two officers (`rhc-kms ticket approve`)"
    )]
    NotApproved(String),
    /// Approved already.
    #[error("ticket {0} is approved already by {1}; ask for a new one")]
    Approved(String, String),
    /// For something else.
    #[error("ticket-unknown: ticket {id} is for {is:?}, not for {wanted:?}")]
    Kind {
        /// The ticket.
        id: String,
        /// What it is for.
        is: TicketKind,
        /// What was wanted.
        wanted: TicketKind,
    },
    /// No product's name.
    #[error(
        "`{0}` is no product: the maker's four hexadecimal digits, or these and the COS version, like 5454-01"
    )]
    Product(String),
    /// A chip of another product.
    #[error("ticket {id} is for product {is}, and this chip is {chip}")]
    OtherProduct {
        /// The ticket.
        id: String,
        /// Its product.
        is: String,
        /// The chip's.
        chip: String,
    },
    /// A chip of another delivery.
    #[error("ticket {id} is for delivery list {is} of its maker, and this chip stands on another")]
    OtherDelivery {
        /// The ticket.
        id: String,
        /// Its list.
        is: u64,
    },
    /// Too late.
    #[error("ticket-expired: ticket {0} was valid until {1}; ask for a new one")]
    Expired(String, Timestamp),
}

impl TicketKind {
    /// The word in files and command lines.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Card => "card",
            Self::SamNational => "sam-national",
            Self::SamProvincial => "sam-provincial",
        }
    }

    /// From the word in files and command lines.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Card, Self::SamNational, Self::SamProvincial]
            .into_iter()
            .find(|kind| kind.as_str() == word)
    }

    /// Whether a tier holds the keys for it: national roots at the ministry, provincial roots at the province,
    /// card keys at both lower tiers.
    #[must_use]
    pub fn is_made_at(self, tier: &Tier) -> bool {
        match self {
            Self::Card => !matches!(tier, Tier::Ministry),
            Self::SamNational => matches!(tier, Tier::Ministry),
            Self::SamProvincial => matches!(tier, Tier::Province(_)),
        }
    }
}

impl Ticket {
    /// A new request.
    ///
    /// # Errors
    /// Quantity 0, or a kind that this tier does not make.
    pub fn request(
        id: String,
        kind: TicketKind,
        quantity: u64,
        requester: String,
        purpose: String,
        valid_until: Timestamp,
        tier: &Tier,
    ) -> Result<Self, TicketError> {
        if !(1..=MAX_QUANTITY).contains(&quantity) {
            return Err(TicketError::Quantity);
        }
        let letter = |b: u8| b.is_ascii_alphanumeric() || b"_.-".contains(&b);
        if !(1..=64).contains(&id.len()) || !id.bytes().all(letter) {
            return Err(TicketError::Id(id));
        }
        if !kind.is_made_at(tier) {
            return Err(TicketError::Tier {
                tier: tier.name(),
                kind,
            });
        }
        Ok(Self {
            id,
            kind,
            quantity,
            requester,
            purpose,
            valid_until,
            state: TicketState::Requested,
            product: String::new(),
            delivery: None,
        })
    }

    /// For one product, one delivery list; an empty product is any.
    ///
    /// # Errors
    /// The product's name is none.
    pub fn only_for(mut self, product: String, delivery: Option<u64>) -> Result<Self, TicketError> {
        if !product.is_empty() && product_of(&product).is_none() {
            return Err(TicketError::Product(product));
        }
        (self.product, self.delivery) = (product.to_ascii_uppercase(), delivery);
        Ok(self)
    }

    /// The maker whose chips it is for, where it names one.
    #[must_use]
    pub fn maker(&self) -> Option<[u8; 2]> {
        product_of(&self.product).map(|(maker, _)| maker)
    }

    /// Whether it may be spent for a chip of this maker and COS version that stands on this list.
    ///
    /// # Errors
    /// [`TicketError::OtherProduct`], [`TicketError::OtherDelivery`].
    pub fn admits_chip(
        &self,
        vendor: [u8; 2],
        cos_version: u8,
        list: Option<u64>,
    ) -> Result<(), TicketError> {
        let fits = self.product.is_empty()
            || product_of(&self.product).is_some_and(|(maker, version)| {
                maker == vendor && version.is_none_or(|version| version == cos_version)
            });
        if !fits {
            return Err(TicketError::OtherProduct {
                id: self.id.clone(),
                is: self.product.clone(),
                chip: format!("{}-{cos_version:02X}", hex::encode_upper(vendor)),
            });
        }
        match self.delivery {
            Some(is) if list != Some(is) => Err(TicketError::OtherDelivery {
                id: self.id.clone(),
                is,
            }),
            _ => Ok(()),
        }
    }

    /// Whether it still waits for its officers.
    ///
    /// # Errors
    /// It is approved already.
    pub fn must_wait(&self) -> Result<(), TicketError> {
        match &self.state {
            TicketState::Requested => Ok(()),
            TicketState::Approved { approvers } => {
                Err(TicketError::Approved(self.id.clone(), approvers.clone()))
            }
        }
    }

    /// Whether a request may spend it now (the count itself is the HSM's).
    ///
    /// # Errors
    /// [`TicketError`] says why not.
    pub fn admits(&self, wanted: TicketKind, now: Timestamp) -> Result<(), TicketError> {
        if !matches!(self.state, TicketState::Approved { .. }) {
            return Err(TicketError::NotApproved(self.id.clone()));
        }
        if self.kind != wanted {
            return Err(TicketError::Kind {
                id: self.id.clone(),
                is: self.kind,
                wanted,
            });
        }
        if now > self.valid_until {
            return Err(TicketError::Expired(self.id.clone(), self.valid_until));
        }
        Ok(())
    }
}

/// Maker and COS version of a product's name: `5454`, `5454-01`.
fn product_of(name: &str) -> Option<([u8; 2], Option<u8>)> {
    let (maker, version) = match name.split_once('-') {
        Some((maker, version)) => (maker, Some(version)),
        None => (name, None),
    };
    let mut vendor = [0; 2];
    hex::decode_to_slice(maker, &mut vendor).ok()?;
    let Some(version) = version else {
        return Some((vendor, None));
    };
    let mut one = [0; 1];
    hex::decode_to_slice(version, &mut one).ok()?;
    Some((vendor, Some(one[0])))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(
        id: &str,
        kind: TicketKind,
        quantity: u64,
        tier: (&str, &str),
    ) -> Result<Ticket, TicketError> {
        let tier = Tier::new(tier.0, tier.1).unwrap();
        let until = Timestamp::from_second(1_000).unwrap();
        Ticket::request(
            id.into(),
            kind,
            quantity,
            "wang".into(),
            String::new(),
            until,
            &tier,
        )
    }

    #[test]
    fn each_kind_is_made_where_its_keys_are() {
        use TicketKind::{Card, SamNational, SamProvincial};
        let tiers = [("ministry", ""), ("province", "41"), ("prefecture", "4101")];
        for (kind, made) in [
            (SamNational, [true, false, false]),
            (SamProvincial, [false, true, false]),
            (Card, [false, true, true]),
        ] {
            assert_eq!(
                tiers.map(|tier| ask("t", kind, 1, tier).is_ok()),
                made,
                "{kind:?}"
            );
            assert_eq!(TicketKind::parse(kind.as_str()), Some(kind));
        }
    }

    #[test]
    fn a_ticket_is_for_its_product_and_its_list() {
        let plain = || ask("t", TicketKind::Card, 1, ("province", "41")).unwrap();
        assert_eq!(plain().admits_chip([0x48, 0x44], 9, None), Ok(()));
        for wrong in ["545", "5454-", "5454-1", "5454-01-", "RHC-SIM", "-01"] {
            let refused = plain().only_for(wrong.into(), None).err();
            assert_eq!(refused, Some(TicketError::Product(wrong.into())));
        }
        let maker = plain().only_for("5454".into(), None).unwrap();
        assert_eq!(maker.admits_chip([0x54, 0x54], 9, None), Ok(()));
        let whole = plain().only_for("5454-0a".into(), Some(3)).unwrap();
        assert_eq!(whole.admits_chip([0x54, 0x54], 10, Some(3)), Ok(()));
        for (vendor, version) in [([0x48, 0x44], 10), ([0x54, 0x54], 9)] {
            let refused = whole.admits_chip(vendor, version, Some(3));
            assert!(matches!(refused, Err(TicketError::OtherProduct { .. })));
        }
        for list in [None, Some(2)] {
            let refused = whole.admits_chip([0x54, 0x54], 10, list);
            assert!(matches!(refused, Err(TicketError::OtherDelivery { .. })));
        }
    }

    #[test]
    fn what_an_hsm_would_not_count_is_refused_at_once() {
        let card = |id: &str, quantity| ask(id, TicketKind::Card, quantity, ("province", "41"));
        assert_eq!(card("t", 0).err(), Some(TicketError::Quantity));
        assert_eq!(
            card("t", MAX_QUANTITY + 1).err(),
            Some(TicketError::Quantity)
        );
        assert!(card("t", MAX_QUANTITY).is_ok());
        for id in ["", "a b", "卡", &"t".repeat(65)] {
            assert_eq!(card(id, 1).err(), Some(TicketError::Id(id.into())));
        }
    }

    #[test]
    fn only_an_approved_unexpired_ticket_of_the_kind_is_spent() {
        let early = Timestamp::from_second(1_000).unwrap();
        let late = Timestamp::from_second(1_001).unwrap();
        let mut ticket = ask("t", TicketKind::Card, 1, ("province", "41")).unwrap();
        assert_eq!(
            ticket.admits(TicketKind::Card, early),
            Err(TicketError::NotApproved("t".into()))
        );
        assert_eq!(ticket.must_wait(), Ok(()));
        ticket.state = TicketState::Approved {
            approvers: "li,zhang".into(),
        };
        assert!(matches!(ticket.must_wait(), Err(TicketError::Approved(..))));
        assert_eq!(ticket.admits(TicketKind::Card, early), Ok(()));
        assert!(matches!(
            ticket.admits(TicketKind::Card, late),
            Err(TicketError::Expired(..))
        ));
        assert!(matches!(
            ticket.admits(TicketKind::SamNational, early),
            Err(TicketError::Kind { .. })
        ));
    }
}
