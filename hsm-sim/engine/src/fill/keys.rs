//! The keys of one fill: base key, slots, MAC texts; who may go where and how deep (rules 1 and 4 of the HSM port).

use crate::cipher::{BlockKey, diversify_all};
use crate::control::{Control, enforced};
use crate::keys::{Key, Uses};
use crate::state::{State, Ticket};
use hsm_wire::fill::{Derived, Factor, FillRequest, SessionKey};
use hsm_wire::ticket::Target;
use hsm_wire::{BaseClass, ErrorCode, Hex, HsmError, Usage};

/// A derived key that goes into the target.
struct Slot {
    key: BlockKey,
    check_value: Hex<3>,
    usage: Usage,
}

/// Derived keys of a request; wiped when dropped.
pub(super) struct SlotKeys {
    base: BlockKey,
    base_is_transport: bool,
    slots: Vec<Slot>,
    mac_texts: Vec<String>,
}

impl SlotKeys {
    /// Checks and derives everything that the request names.
    pub(super) fn derive(
        state: &State,
        ticket: &Ticket,
        target: Target,
        request: &FillRequest,
        (now, uses): (u64, &mut Uses),
    ) -> Result<Self, HsmError> {
        check_one_factor(request)?;
        let (base, base_is_transport) = base_key(state, ticket, target, request, (now, uses))?;
        let cipher = base.cipher();
        let mut roots = Vec::with_capacity(request.slots.len());
        let mut usages = Vec::with_capacity(request.slots.len());
        for slot in &request.slots {
            let key = state.key(&slot.key)?;
            check_slot(key, target, slot)?;
            uses.take(key, now)?;
            let root = key.block()?;
            if root.cipher() != cipher {
                return Err(HsmError::about(ErrorCode::AlgorithmMismatch, &slot.key));
            }
            roots.push((root, slot.factors.as_slice()));
            usages.push(key.usage());
        }
        let roots: Vec<_> = roots
            .iter()
            .map(|(root, factors)| (root.expose(), *factors))
            .collect();
        let made = diversify_all(cipher, &roots).into_iter().zip(usages);
        let slots = made
            .map(|((key, check_value), usage)| Slot {
                key,
                check_value,
                usage,
            })
            .collect();
        let mut mac_texts = Vec::with_capacity(request.mac_texts.len());
        for text in &request.mac_texts {
            let key = state.key(&text.key)?;
            if key.usage() != Usage::Mac {
                return Err(HsmError::about(ErrorCode::NotPermitted, &text.key));
            }
            uses.take(key, now)?;
            let key = key.block()?;
            if key.cipher() != cipher {
                return Err(HsmError::about(ErrorCode::AlgorithmMismatch, &text.key));
            }
            let mut digits = hex::encode_upper(key.cbc_mac(&text.message));
            digits.truncate(usize::from(text.digits));
            mac_texts.push(digits);
        }
        Ok(Self {
            base,
            base_is_transport,
            slots,
            mac_texts,
        })
    }

    /// The key that a session is opened with, and whether it is a transport key, which the maker knows too.
    pub(super) fn session(&self, with: SessionKey) -> Result<(&BlockKey, bool), HsmError> {
        match with {
            SessionKey::Base => Ok((&self.base, self.base_is_transport)),
            SessionKey::Slot(slot) => match self.usage(slot) {
                Some(Usage::SessionBase(class)) if class.is_master() => {
                    Ok((self.slot(slot)?, false))
                }
                Some(_) => Err(ErrorCode::BadBaseKey.into()),
                None => Err(ErrorCode::BadSlot.into()),
            },
        }
    }

    pub(super) fn slot(&self, slot: u16) -> Result<&BlockKey, HsmError> {
        self.slots
            .get(usize::from(slot))
            .map(|slot| &slot.key)
            .ok_or_else(|| ErrorCode::BadSlot.into())
    }

    pub(super) fn usage(&self, slot: u16) -> Option<Usage> {
        self.slots.get(usize::from(slot)).map(|slot| slot.usage)
    }

    /// Every slot's key, in the request's order.
    pub(super) fn keys(&self) -> impl Iterator<Item = &BlockKey> {
        self.slots.iter().map(|slot| &slot.key)
    }

    pub(super) fn check_value(&self, slot: u16) -> Result<Hex<3>, HsmError> {
        let found = self.slots.get(usize::from(slot));
        found
            .map(|slot| slot.check_value)
            .ok_or_else(|| ErrorCode::BadSlot.into())
    }

    pub(super) fn check_values(&self) -> Vec<Hex<3>> {
        self.slots.iter().map(|slot| slot.check_value).collect()
    }

    pub(super) fn mac_texts(&self) -> &[String] {
        &self.mac_texts
    }
}

/// Rule 1: one factor. Every list of factors is a tail of the longest, and ends in the request's factor.
fn check_one_factor(request: &FillRequest) -> Result<(), HsmError> {
    let lists = || {
        request
            .slots
            .iter()
            .chain([&request.base])
            .map(|derived| derived.factors.as_slice())
    };
    let longest: &[Factor] = lists().max_by_key(|list| list.len()).unwrap_or_default();
    for list in lists() {
        let ends_right = list.last().is_none_or(|last| *last == request.factor);
        if (!ends_right || !longest.ends_with(list)) && enforced(Control::FactorBinding) {
            return Err(ErrorCode::TwoFactors.into());
        }
    }
    Ok(())
}

/// Rule 4: the base key is of the target's class, named by the ticket, and diversified for this one card.
fn base_key(
    state: &State,
    ticket: &Ticket,
    target: Target,
    request: &FillRequest,
    (now, uses): (u64, &mut Uses),
) -> Result<(BlockKey, bool), HsmError> {
    let base = &request.base;
    let key = state.key(&base.key)?;
    let class = match (target, key.usage()) {
        (
            Target::Card,
            Usage::SessionBase(class @ (BaseClass::CardTransport | BaseClass::CardMaster)),
        )
        | (
            Target::Sam,
            Usage::SessionBase(class @ (BaseClass::SamTransport | BaseClass::SamMaster)),
        ) => Some(class),
        _ => None,
    };
    let Some(class) = class.filter(|_| ticket.spec.base_keys.contains(&base.key)) else {
        return Err(HsmError::about(ErrorCode::BadBaseKey, &base.key));
    };
    if base.factors.is_empty() {
        return Err(HsmError::about(ErrorCode::DepthTooSmall, &base.key));
    }
    uses.take(key, now)?;
    Ok((key.block()?.diversify(&base.factors), !class.is_master()))
}

/// The key may be loaded into this target, at this depth.
fn check_slot(key: &Key, target: Target, slot: &Derived) -> Result<(), HsmError> {
    let attributes = &key.info.attributes;
    let fits = matches!(
        (target, attributes.usage),
        (_, Usage::Derive)
            | (Target::Card, Usage::SessionBase(BaseClass::CardMaster))
            | (Target::Sam, Usage::SessionBase(BaseClass::SamMaster))
    );
    let minimum = match target {
        Target::Card => attributes.leaves.card,
        Target::Sam => attributes.leaves.sam,
    };
    let (true, Some(minimum)) = (fits, minimum) else {
        return Err(HsmError::about(ErrorCode::NotPermitted, &slot.key));
    };
    // A card's key is always its own: the card factor is in it, whatever the attributes say.
    let own = target == Target::Sam || !slot.factors.is_empty();
    let deep = usize::from(attributes.depth) + slot.factors.len() >= usize::from(minimum);
    if !(own && deep) && enforced(Control::Depth) {
        return Err(HsmError::about(ErrorCode::DepthTooSmall, &slot.key));
    }
    Ok(())
}
