//! The port's rules, which a token does not know: which key may go where and how deep, which command carries what.
//!
//! They are those of the HSM's own engine (`hsm-sim/engine`), written a second time because an adapter and an HSM share no
//! code; `tests/token/refusals.rs` breaks each of them.

use cardlib_card::dialect::{Level, Segment, Step};
use kms_core::port::{
    BaseClass, FillRequest, HeldKey, HsmError, KeyRef, KeyUse, Mark, PolicyRule, RuleShape, Target,
};

use super::book::{Policy, Ticket};
use super::refused;

/// Name of the one mechanism.
pub(super) const MECHANISM: &str = "scp-sm4-v1";
const MAX_STEPS: usize = 1024;
const MAX_SLOTS: usize = 512;
const MAX_TEXTS: usize = 16;
const MAX_TEXT: usize = 256;
const MAX_FACTORS: usize = 4;
const MAX_SEGMENTS: usize = 8;
const MAX_LITERAL: usize = 255;

/// Sizes of every field.
pub(super) fn sizes(request: &FillRequest) -> Result<(), HsmError> {
    let too_large = |what: &str| Err(refused("TooLarge", what));
    if request.steps.is_empty() || request.steps.len() > MAX_STEPS {
        return too_large("1 to 1024 steps");
    }
    if request.slots.len() > MAX_SLOTS || request.mac_texts.len() > MAX_TEXTS {
        return too_large("slots or texts");
    }
    let mut keys = request.slots.iter().chain([&request.base]);
    if keys.any(|key| key.factors.len() > MAX_FACTORS) {
        return too_large("factors");
    }
    let texts = &mut request.mac_texts.iter();
    if texts.any(|text| text.text.len() > MAX_TEXT || !(1..=8).contains(&text.digits)) {
        return too_large("MAC text");
    }
    for (number, step) in request.steps.iter().enumerate() {
        if let Step::Command { segments, .. } = &**step
            && (segments.len() > MAX_SEGMENTS || segments.iter().any(is_long))
        {
            return too_large(&format!("command at step {number}"));
        }
    }
    Ok(())
}

fn is_long(segment: &Segment) -> bool {
    matches!(segment, Segment::Literal(bytes) if bytes.len() > MAX_LITERAL)
}

/// The ticket has a count left, is of this kind and time, and the chip has a script left.
pub(super) fn ticket(
    ticket: &Ticket,
    attempts: u32,
    now: u64,
    target: Target,
) -> Result<(), HsmError> {
    let spec = &ticket.spec;
    if now > spec.not_after {
        return Err(refused("TicketExpired", &*spec.id));
    }
    if spec.target != target {
        return Err(refused("TicketKind", &*spec.id));
    }
    if attempts >= spec.scripts_per_chip {
        return Err(refused("TooManyAttempts", &*spec.id));
    }
    if attempts == 0 && ticket.used >= spec.count {
        return Err(refused("TicketEmpty", &*spec.id));
    }
    Ok(())
}

/// One factor: every list of factors is a tail of the longest, and ends in the request's factor.
pub(super) fn one_factor(request: &FillRequest) -> Result<(), HsmError> {
    let lists = || {
        let all = request.slots.iter().chain([&request.base]);
        all.map(|key| key.factors.as_slice())
    };
    let longest = lists().max_by_key(|list| list.len()).unwrap_or_default();
    for list in lists() {
        let ends_right = list.last().is_none_or(|last| *last == request.factor);
        if !ends_right || !longest.ends_with(list) {
            return Err(refused(
                "TwoFactors",
                "base key and every slot end in the one factor",
            ));
        }
    }
    Ok(())
}

/// The base key opens sessions of this target, is named by the ticket and diversified for this chip. Whether it is a transport key, which
/// the maker knows too.
pub(super) fn base(
    held: &HeldKey,
    wanted: &KeyRef,
    target: Target,
    ticket: &Ticket,
) -> Result<bool, HsmError> {
    use BaseClass::{CardMaster, CardTransport, SamMaster, SamTransport};
    let class = match (target, held.spec.usage) {
        (Target::Card, KeyUse::SessionBase(class @ (CardTransport | CardMaster)))
        | (Target::Sam, KeyUse::SessionBase(class @ (SamTransport | SamMaster))) => class,
        _ => return Err(refused("BadBaseKey", &*wanted.id)),
    };
    if !ticket.spec.base_keys.contains(&wanted.id) {
        return Err(refused("BadBaseKey", &*wanted.id));
    }
    if wanted.factors.is_empty() {
        return Err(refused("DepthTooSmall", &*wanted.id));
    }
    Ok(matches!(class, CardTransport | SamTransport))
}

/// The key may be loaded into this target, at this depth.
pub(super) fn slot(held: &HeldKey, wanted: &KeyRef, target: Target) -> Result<(), HsmError> {
    let fits = matches!(
        (target, held.spec.usage),
        (_, KeyUse::Derive)
            | (Target::Card, KeyUse::SessionBase(BaseClass::CardMaster))
            | (Target::Sam, KeyUse::SessionBase(BaseClass::SamMaster))
    );
    let least = match target {
        Target::Card => held.spec.ways.card,
        Target::Sam => held.spec.ways.sam,
    };
    let (true, Some(least)) = (fits, least) else {
        return Err(refused("NotPermitted", &*wanted.id));
    };
    // A card's key is always its own: the card factor is in it, whatever the attributes say.
    let own = target == Target::Sam || !wanted.factors.is_empty();
    if !own || usize::from(held.spec.depth) + wanted.factors.len() < usize::from(least) {
        return Err(refused("DepthTooSmall", &*wanted.id));
    }
    Ok(())
}

/// What a command may carry: the rule that lists it, its shape, and no application key under a transport key.
pub(super) fn command(
    policy: &Policy,
    target: Target,
    header: [u8; 4],
    segments: &[Segment],
    (level, transport): (Level, bool),
    usage: impl Fn(usize) -> Option<KeyUse>,
) -> Result<(), HsmError> {
    let listed = policy
        .rules
        .iter()
        .find(|rule: &&PolicyRule| rule.target == target && rule.header[..3] == header[..3]);
    let Some(rule) = listed else {
        return Err(refused(
            "CommandNotAllowed",
            "the skeleton policy does not list it",
        ));
    };
    match rule.shape {
        RuleShape::ApplicationKey(length) | RuleShape::MasterKey(length) => {
            let slot = key_load(segments, usize::from(length))?;
            if level != Level::MacEncrypt {
                return Err(refused("SlotInClear", "a key slot goes out encrypted only"));
            }
            let used = usage(slot).ok_or_else(|| refused("BadSlot", "no such slot"))?;
            let fits = match rule.shape {
                RuleShape::ApplicationKey(_) => used == KeyUse::Derive,
                _ => is_master(used),
            };
            if !fits || transport && used == KeyUse::Derive {
                return Err(refused(
                    "KeySlotMisplaced",
                    "another key than this command's",
                ));
            }
            Ok(())
        }
        RuleShape::Data(most) => data(segments, usize::from(most)),
        RuleShape::TestScalar => match segments {
            [Segment::TestScalar(_)] => Ok(()),
            _ => Err(refused(
                "LiteralInKeySlot",
                "a test private key by its label alone",
            )),
        },
    }
}

/// Master keys open sessions once they are written.
pub(super) fn is_master(usage: KeyUse) -> bool {
    matches!(
        usage,
        KeyUse::SessionBase(BaseClass::CardMaster | BaseClass::SamMaster)
    )
}

/// The slot of `literal ‖ key slot ‖ check value of the same slot`.
fn key_load(segments: &[Segment], length: usize) -> Result<usize, HsmError> {
    match segments {
        [
            Segment::Literal(header),
            Segment::Key(slot),
            Segment::CheckValue(check),
        ] if header.len() == length && slot == check => Ok(*slot),
        _ if segments.iter().any(|s| matches!(s, Segment::Key(_))) => {
            Err(refused("KeySlotNotWhole", "a key slot stands alone"))
        }
        _ => Err(refused(
            "LiteralInKeySlot",
            "no literal bytes where a key belongs",
        )),
    }
}

fn data(segments: &[Segment], most: usize) -> Result<(), HsmError> {
    let mut length = 0;
    for segment in segments {
        match segment {
            Segment::Literal(bytes) => length += bytes.len(),
            Segment::MacText(_) => {}
            Segment::Key(_) | Segment::CheckValue(_) => {
                return Err(refused("KeySlotMisplaced", "no key slot in this command"));
            }
            Segment::TestScalar(_) => {
                return Err(refused("CommandNotAllowed", "a test private key here"));
            }
        }
    }
    if length > most {
        return Err(refused(
            "CommandNotAllowed",
            "data longer than the rule's maximum",
        ));
    }
    Ok(())
}

/// A policy that can be loaded at all.
pub(super) fn policy(policy: &Policy, mark: Mark) -> Result<(), HsmError> {
    if policy.mechanism != MECHANISM {
        return Err(refused("UnknownMechanism", &*policy.mechanism));
    }
    for rule in &policy.rules {
        let [cla, ins, ..] = rule.header;
        if cla & 0x04 == 0 || (cla, ins) == (0x84, 0x82) {
            return Err(refused(
                "BadAttributes",
                "sessions open by the mechanism alone, and a rule's CLA has the bit 04",
            ));
        }
        if rule.shape == RuleShape::TestScalar && mark != Mark::Test {
            return Err(refused("TestOnly", "public test private keys"));
        }
    }
    Ok(())
}
