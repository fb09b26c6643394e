//! A chip's request: checked, counted, made in the token, kept, answered. Quota and answer are one transaction of the
//! book, and nothing is given before it is on disk. What fails before that has changed nothing.

use cardlib_card::dialect::{Level, Segment, Step};
use cardlib_card::suite::SigningKey;
use cryptoki::object::ObjectHandle;
use kms_core::port::{FillRequest, Filled, FilledStep, HeldKey, HsmError, KeyUse, Mark};
use kms_core::tier::Factor;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::book::{Book, Policy, Rows};
use super::script::{Session, pad};
use super::token::{Block, Fault, Key, Passing, Role, Token, Work};
use super::{refused, rules, unavailable};

/// A script as the book keeps it.
#[derive(Serialize, Deserialize)]
struct Kept {
    steps: Vec<KeptStep>,
    check_values: Vec<String>,
    mac_texts: Vec<String>,
    quota_left: u64,
}

#[derive(Serialize, Deserialize)]
struct KeptStep {
    #[serde(with = "hex")]
    apdu: Vec<u8>,
    sw: u16,
    tail: Option<String>,
}

pub(super) fn fill(token: &Token, book: &Book, request: &FillRequest) -> Result<Filled, HsmError> {
    rules::sizes(request)?;
    let content = content(request);
    book.write(|rows| {
        if request.mark != rows.mark()? {
            return Err(refused(
                "MarkMismatch",
                "TEST, DEMO and PRODUCTION never mix",
            ));
        }
        if request.mechanism != rules::MECHANISM {
            return Err(refused("UnknownMechanism", &*request.mechanism));
        }
        if let Some(before) = rows.answered(request.request_id.as_bytes())? {
            if before.content != content {
                return Err(refused("RepeatedScript", "this id came with other content"));
            }
            let script = before.script.ok_or_else(|| {
                refused(
                    "AnswerExpired",
                    "the answer is kept no longer; ask with a new id",
                )
            })?;
            return kept(&script);
        }
        let permit = Permit::check(rows, request)?;
        rows.spend(&request.ticket, &request.factor)?;
        let ticket = rows.ticket(&request.ticket)?;
        let made = token.with(|work| {
            Making {
                work,
                request,
                permit: &permit,
            }
            .run()
        })?;
        let kept = Kept {
            quota_left: ticket.spec.count.saturating_sub(ticket.used),
            ..made
        };
        let text = serde_json::to_string(&kept).map_err(|e| unavailable(e.to_string()))?;
        rows.answer(request.request_id.as_bytes(), &content, &text)?;
        filled(kept)
    })
}

fn kept(text: &str) -> Result<Filled, HsmError> {
    let kept =
        serde_json::from_str(text).map_err(|e| unavailable(format!("the book is damaged: {e}")))?;
    filled(kept)
}

fn filled(kept: Kept) -> Result<Filled, HsmError> {
    let damaged = |_| unavailable("the book is damaged: a script");
    let mut steps = Vec::with_capacity(kept.steps.len());
    for step in kept.steps {
        let tail = step.tail.map(|text| {
            let mut tail = [0; 8];
            hex::decode_to_slice(text, &mut tail).map(|()| tail)
        });
        steps.push(FilledStep {
            apdu: step.apdu,
            sw: step.sw,
            expect_tail: tail.transpose().map_err(damaged)?,
        });
    }
    let mut check_values = Vec::with_capacity(kept.check_values.len());
    for text in kept.check_values {
        let mut value = [0; 3];
        hex::decode_to_slice(text, &mut value).map_err(damaged)?;
        check_values.push(value);
    }
    Ok(Filled {
        digest: digest(&steps),
        steps,
        check_values,
        mac_texts: kept.mac_texts,
        quota_left: kept.quota_left,
    })
}

/// SHA-256 over `length(2) ‖ apdu ‖ sw(2) ‖ tail length(1) ‖ tail` of every step.
fn digest(steps: &[FilledStep]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for step in steps {
        hash.update(
            u16::try_from(step.apdu.len())
                .unwrap_or(u16::MAX)
                .to_be_bytes(),
        );
        hash.update(&step.apdu);
        hash.update(step.sw.to_be_bytes());
        match &step.expect_tail {
            Some(tail) => {
                hash.update([8]);
                hash.update(tail);
            }
            None => hash.update([0]),
        }
    }
    hash.finalize().into()
}

/// SHA-256 over every field of a request, each with its length: the same content gives the same answer.
fn content(request: &FillRequest) -> [u8; 32] {
    let mut hash = Sha256::new();
    let mut add = |bytes: &[u8]| {
        hash.update((bytes.len() as u64).to_be_bytes());
        hash.update(bytes);
    };
    add(&[
        request.target as u8,
        request.mark.root_key_index(),
        level(request.level),
    ]);
    for text in [&request.ticket, &request.mechanism] {
        add(text.as_bytes());
    }
    add(&request.factor);
    for key in request.slots.iter().chain([&request.base]) {
        add(key.id.as_bytes());
        add(&key.factors.concat());
    }
    for text in &request.mac_texts {
        add(text.key.as_bytes());
        add(&text.text);
        add(&[text.digits]);
    }
    for step in &request.steps {
        match &**step {
            Step::Open {
                base,
                key_version,
                counter,
                level: opened,
            } => {
                add(b"open");
                add(&base
                    .slot()
                    .map_or(u64::MAX, |slot| slot as u64)
                    .to_be_bytes());
                add(&[*key_version, level(*opened)]);
                add(&counter.to_be_bytes());
            }
            Step::Command {
                header, segments, ..
            } => {
                add(header);
                for segment in segments {
                    let (kind, number, bytes): (u8, usize, &[u8]) = match segment {
                        Segment::Literal(bytes) => (0, 0, bytes),
                        Segment::Key(slot) => (1, *slot, &[]),
                        Segment::CheckValue(slot) => (2, *slot, &[]),
                        Segment::MacText(text) => (3, *text, &[]),
                        Segment::TestScalar(label) => (4, 0, label.as_bytes()),
                    };
                    add(&[kind]);
                    add(&(number as u64).to_be_bytes());
                    add(bytes);
                }
            }
        }
    }
    hash.finalize().into()
}

fn level(level: Level) -> u8 {
    match level {
        Level::Mac => 1,
        Level::MacEncrypt => 3,
    }
}

/// What the rules found: nothing is made without one.
struct Permit {
    policy: Policy,
    mark: Mark,
    transport: bool,
    /// What each slot's key may be used for.
    usages: Vec<KeyUse>,
}

impl Permit {
    fn check(rows: &Rows<'_>, request: &FillRequest) -> Result<Self, HsmError> {
        let now = super::order::now();
        let ticket = rows.ticket(&request.ticket)?;
        let attempts = rows.attempts(&request.ticket, &request.factor)?;
        rules::ticket(&ticket, attempts, now, request.target)?;
        rules::one_factor(request)?;
        let base = rows.usable(&request.base.id)?;
        let transport = rules::base(&base, &request.base, request.target, &ticket)?;
        let mut usages = Vec::with_capacity(request.slots.len());
        for wanted in &request.slots {
            let held = rows.usable(&wanted.id)?;
            rules::slot(&held, wanted, request.target)?;
            usages.push(held.spec.usage);
        }
        for text in &request.mac_texts {
            let HeldKey { spec, .. } = rows.usable(&text.key)?;
            if spec.usage != KeyUse::Mac {
                return Err(refused("NotPermitted", &*text.key));
            }
        }
        Ok(Self {
            policy: rows.policy()?,
            mark: rows.mark()?,
            transport,
            usages,
        })
    }
}

/// A request being made in one session of the token.
struct Making<'a> {
    work: &'a Work<'a>,
    request: &'a FillRequest,
    permit: &'a Permit,
}

/// A slot's key in the token.
struct Slot<'a> {
    key: ChipKey<'a>,
    check_value: [u8; 3],
}

/// A key as a chip gets it: derived for it, or a root as it is held (a SAM's).
pub(super) enum ChipKey<'a> {
    Derived(Passing<'a>),
    Held(ObjectHandle),
}

impl Key for ChipKey<'_> {
    fn handle(&self) -> ObjectHandle {
        match self {
            Self::Derived(key) => key.handle(),
            Self::Held(handle) => *handle,
        }
    }
}

/// D2: a held key through its factors, from the top down, all of it in the token.
pub(super) fn diversified<'a>(
    work: &Work<'a>,
    id: &str,
    factors: &[Factor],
) -> Result<ChipKey<'a>, Fault> {
    let mut key = ChipKey::Held(work.key(id)?);
    for (at, factor) in factors.iter().enumerate() {
        let block = diversifier(factor);
        key = ChipKey::Derived(if at + 1 == factors.len() {
            work.derive_parcel(&key, &block)?
        } else {
            work.derive(&key, &block, Role::Parent)?
        });
    }
    Ok(key)
}

impl<'a> Making<'a> {
    fn run(&self) -> Result<Kept, Fault> {
        let slots = self.request.slots.iter().map(|slot| {
            let key = diversified(self.work, &slot.id, &slot.factors)?;
            let check_value = self.work.check_value(&key)?;
            Ok(Slot { key, check_value })
        });
        let slots = slots.collect::<Result<Vec<_>, Fault>>()?;
        let mac_texts = self.mac_texts()?;
        let steps = self.steps(&slots, &mac_texts)?;
        let steps = steps.into_iter().map(|step| KeptStep {
            apdu: step.apdu,
            sw: step.sw,
            tail: step.expect_tail.map(hex::encode_upper),
        });
        Ok(Kept {
            steps: steps.collect(),
            check_values: slots
                .iter()
                .map(|slot| hex::encode_upper(slot.check_value))
                .collect(),
            mac_texts,
            quota_left: 0,
        })
    }

    /// D22: characters of the CBC-MAC.
    fn mac_texts(&self) -> Result<Vec<String>, Fault> {
        let texts = self.request.mac_texts.iter().map(|text| {
            let key = self.work.key(&text.key)?;
            let mut padded = Zeroizing::new(Vec::with_capacity(text.text.len() + 16));
            padded.extend_from_slice(&text.text);
            pad(&mut padded);
            let all = self.work.cbc(&key, [0; 16], &padded)?;
            let mut digits = hex::encode_upper(&all[all.len().saturating_sub(16)..]);
            digits.truncate(usize::from(text.digits));
            Ok(digits)
        });
        texts.collect()
    }

    fn steps(&self, slots: &[Slot<'a>], mac_texts: &[String]) -> Result<Vec<FilledStep>, Fault> {
        let mut done = Vec::new();
        let mut current: Option<(Session<'a>, bool)> = None;
        for (number, step) in self.request.steps.iter().enumerate() {
            match &**step {
                Step::Open {
                    base,
                    key_version,
                    counter,
                    level,
                } => {
                    if let Some((session, _)) = current.take() {
                        done.extend(session.finish());
                    }
                    let how = (*key_version, *counter, *level);
                    current = Some(self.open(slots, base.slot(), how)?);
                }
                Step::Command {
                    header, segments, ..
                } => {
                    let (session, transport) = current
                        .as_mut()
                        .ok_or_else(|| refused("NoSession", format!("step {number}")))?;
                    let kind = (session.level(), *transport);
                    let usage = |slot: usize| self.permit.usages.get(slot).copied();
                    let permit = &self.permit;
                    rules::command(
                        &permit.policy,
                        self.request.target,
                        *header,
                        segments,
                        kind,
                        usage,
                    )?;
                    let data = self.data(session, segments, slots, mac_texts)?;
                    session.command(*header, data)?;
                }
            }
        }
        if let Some((session, _)) = current {
            done.extend(session.finish());
        }
        Ok(done)
    }

    /// A session, and whether it is opened by the transport key.
    fn open(
        &self,
        slots: &[Slot<'a>],
        slot: Option<usize>,
        (key_version, counter, level): (u8, u32, Level),
    ) -> Result<(Session<'a>, bool), Fault> {
        let Some(number) = slot else {
            let base = &self.request.base;
            let base = diversified(self.work, &base.id, &base.factors)?;
            let session = Session::open(self.work, &base, key_version, counter, level)?;
            return Ok((session, self.permit.transport));
        };
        let usage = self.permit.usages.get(number).copied();
        match (slots.get(number), usage) {
            (Some(slot), Some(usage)) if rules::is_master(usage) => {
                let session = Session::open(self.work, &slot.key, key_version, counter, level)?;
                Ok((session, false))
            }
            _ => Err(refused("BadBaseKey", "this slot opens no session").into()),
        }
    }

    /// A command's data before protection; keys are wrapped already.
    fn data(
        &self,
        session: &Session<'a>,
        segments: &[Segment],
        slots: &[Slot<'a>],
        mac_texts: &[String],
    ) -> Result<Zeroizing<Vec<u8>>, Fault> {
        let bad = || Fault::from(refused("BadSlot", "no such slot or text"));
        let room = segments
            .iter()
            .map(|s| s.len(&self.request.mac_texts))
            .sum::<usize>();
        let mut data = Zeroizing::new(Vec::with_capacity(room));
        for segment in segments {
            match segment {
                Segment::Literal(bytes) => data.extend_from_slice(bytes),
                Segment::Key(slot) => {
                    let slot = slots.get(*slot).ok_or_else(bad)?;
                    data.extend_from_slice(&session.wrapped(&slot.key)?);
                }
                Segment::CheckValue(slot) => {
                    data.extend_from_slice(&slots.get(*slot).ok_or_else(bad)?.check_value);
                }
                Segment::MacText(text) => {
                    data.extend_from_slice(mac_texts.get(*text).ok_or_else(bad)?.as_bytes());
                }
                Segment::TestScalar(label) => {
                    data.extend_from_slice(&test_scalar(self.permit.mark, label)?[..]);
                }
            }
        }
        Ok(data)
    }
}

/// F ‖ ~F.
pub(super) fn diversifier(factor: &[u8; 8]) -> Block {
    let mut block = [0; 16];
    for (at, byte) in factor.iter().enumerate() {
        block[at] = *byte;
        block[at + 8] = !byte;
    }
    block
}

/// The public test private key of a label (D37, D46): TEST only.
pub(super) fn test_scalar(mark: Mark, label: &str) -> Result<Zeroizing<[u8; 32]>, HsmError> {
    test_label(mark, label)?;
    let key = SigningKey::from_label(super::ALGORITHM, label.as_bytes())
        .map_err(|e| refused("BadAttributes", e.to_string()))?;
    Ok(key.to_bytes())
}

/// Public test keys have labels of their own and live in TEST stores.
pub(super) fn test_label(mark: Mark, label: &str) -> Result<(), HsmError> {
    if mark != Mark::Test {
        return Err(refused("TestOnly", "public test keys"));
    }
    if !label.starts_with("RHC-TEST-") || label.len() > 64 {
        return Err(refused(
            "BadAttributes",
            "label of a test key, which begins with RHC-TEST-",
        ));
    }
    Ok(())
}
