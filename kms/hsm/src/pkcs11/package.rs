//! Keys for another token (D27): a P-256 envelope in the place of SM2's.
//!
//! `{"body": "<JSON text>", "signature": "<r‖s>"}`, ECDSA by the sender's token over the text's exact bytes. The keys are wrapped
//! (RFC 3394) under AES-256 of a Diffie-Hellman secret of a fresh pair and the receiver's encryption key; derivation,
//! agreement and wrapping all happen in the tokens. Each package names the one before it, so none can be left out or come twice.

use cardlib_card::suite::VerifyingKey;
use kms_core::port::{
    BaseClass, Export, HeldKey, HsmError, KeySpec, KeyUse, Mark, Outcome, PackageLabel, PeerKind,
    Ways,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::book::{Peer, Rows};
use super::fill::diversified;
use super::order::{free, lasting};
use super::prepare::{ENCRYPTION, SIGNING};
use super::token::Token;
use super::{ALGORITHM, refused, unavailable};

const FORMAT: &str = "rhc-d27-p256-1";

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    body: String,
    #[serde(with = "hex")]
    signature: [u8; 64],
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    format: String,
    mark: Mark,
    #[serde(with = "hex")]
    sender: [u8; 32],
    #[serde(with = "hex")]
    receiver: [u8; 32],
    purpose: String,
    sequence: u64,
    #[serde(with = "hex")]
    previous: [u8; 32],
    /// X‖Y of the fresh pair.
    #[serde(with = "hex")]
    ephemeral: [u8; 64],
    entries: Vec<Entry>,
    #[serde(with = "hex")]
    payload: Vec<u8>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    key: KeySpec,
    #[serde(with = "hex")]
    check_value: [u8; 3],
    #[serde(with = "hex")]
    wrapped: Vec<u8>,
}

/// What officers ordered to be sent.
pub(super) struct Order {
    pub receiver: String,
    pub purpose: String,
    pub entries: Vec<Export>,
    pub payload: Vec<u8>,
}

fn read(text: &str) -> Result<(File, Body), HsmError> {
    let bad = |_| refused("BadPackage", "the text is no package; copy the file again");
    let file: File = serde_json::from_str(text).map_err(bad)?;
    let body: Body = serde_json::from_str(&file.body).map_err(bad)?;
    if body.format != FORMAT {
        return Err(refused("BadPackage", "a package of another format"));
    }
    Ok((file, body))
}

pub(super) fn label(text: &str) -> Result<PackageLabel, HsmError> {
    let (_, body) = read(text)?;
    Ok(PackageLabel {
        mark: body.mark,
        sender: body.sender,
        receiver: body.receiver,
        sequence: body.sequence,
        ids: body.entries.into_iter().map(|entry| entry.key.id).collect(),
        payload: body.payload,
    })
}

pub(super) fn is_signed_by(text: &str, key: &[u8; 64]) -> bool {
    let key = VerifyingKey::from_bytes(ALGORITHM, key);
    let (Ok(key), Ok((file, _))) = (key, read(text)) else {
        return false;
    };
    key.verify_message(file.body.as_bytes(), &file.signature)
        .is_ok()
}

/// Binds the envelope to sender, receiver and number.
fn context(body: &Body) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(FORMAT);
    hash.update(body.sender);
    hash.update(body.receiver);
    hash.update(body.sequence.to_be_bytes());
    hash.update(body.ephemeral);
    hash.finalize().into()
}

pub(super) fn export(token: &Token, rows: &Rows<'_>, order: Order) -> Result<String, HsmError> {
    let peer = rows.peer(&order.receiver)?;
    if peer.kind != PeerKind::Lower {
        return Err(refused("WrongPeerKind", order.receiver));
    }
    let specs = order.entries.iter().map(|entry| {
        let held = rows.usable(&entry.id)?;
        let depth = may_leave(&held, entry)?;
        Ok(KeySpec {
            ways: entry.ways,
            depth,
            ..held.spec
        })
    });
    let specs = specs.collect::<Result<Vec<_>, HsmError>>()?;
    let (mark, sender) = (rows.mark()?, rows.identity()?.fingerprint);
    let text = token.with(|work| {
        let (private, ephemeral) = work.passing_pair()?;
        let mut body = Body {
            format: FORMAT.to_owned(),
            mark,
            sender,
            receiver: peer.fingerprint,
            purpose: order.purpose.clone(),
            sequence: peer.sent + 1,
            previous: peer.sent_hash,
            ephemeral,
            entries: Vec::new(),
            payload: order.payload.clone(),
        };
        let envelope = work.envelope(&private, &peer.encryption_key, &context(&body))?;
        for (entry, spec) in order.entries.iter().zip(&specs) {
            let key = diversified(work, &entry.id, &entry.factors)?;
            body.entries.push(Entry {
                check_value: work.check_value_of(&key, lasting(spec))?,
                wrapped: work.pack(&envelope, &key)?,
                key: spec.clone(),
            });
        }
        let body = serde_json::to_string(&body).map_err(|e| unavailable(e.to_string()))?;
        let signature = work.sign(SIGNING, body.as_bytes())?;
        Ok(File { body, signature })
    })?;
    let hash = Sha256::digest(&text.body).into();
    let text = serde_json::to_string(&text).map_err(|e| unavailable(e.to_string()))?;
    rows.sent(&order.receiver, &hash, &text)?;
    Ok(text)
}

/// The key may go to another HSM at this depth with these ways out; how deep it is then.
fn may_leave(held: &HeldKey, entry: &Export) -> Result<u8, HsmError> {
    let spec = &held.spec;
    let depth = u8::try_from(entry.factors.len())
        .ok()
        .and_then(|added| spec.depth.checked_add(added));
    let depth = depth.ok_or_else(|| refused("TooLarge", "factors"))?;
    let Some(least) = spec.ways.hsm.filter(|_| !spec.is_key_pair) else {
        return Err(refused("NotPermitted", &*entry.id));
    };
    if depth < least {
        return Err(refused("DepthTooSmall", &*entry.id));
    }
    if !within(entry.ways, spec.ways) {
        return Err(refused(
            "NotPermitted",
            format!("{}: wider ways out", entry.id),
        ));
    }
    Ok(depth)
}

/// Whether every way of `inner` is one of `outer`, at the same depth or deeper.
fn within(inner: Ways, outer: Ways) -> bool {
    let narrower = |mine: Option<u8>, theirs: Option<u8>| match (mine, theirs) {
        (None, _) => true,
        (Some(mine), Some(theirs)) => mine >= theirs,
        (Some(_), None) => false,
    };
    narrower(inner.hsm, outer.hsm)
        && narrower(inner.sam, outer.sam)
        && narrower(inner.card, outer.card)
}

pub(super) fn import(token: &Token, rows: &Rows<'_>, text: &str) -> Result<Outcome, HsmError> {
    let (file, body) = read(text)?;
    let hash: [u8; 32] = Sha256::digest(&file.body).into();
    let (peer, last) = admit(rows, text, &body, &hash)?;
    let mut held = Vec::new();
    let mut new = Vec::new();
    for entry in &body.entries {
        if last {
            held.extend(rows.key(&entry.key.id).ok());
        } else if let Some(key) = known(rows, entry)? {
            held.push(key);
        } else {
            new.push(entry);
        }
    }
    let taken = |keys| Outcome::Imported {
        sender: peer.name.clone(),
        sequence: body.sequence,
        keys,
        payload: body.payload.clone(),
        receipt: None,
    };
    if last {
        return Ok(taken(held));
    }
    token.with(|work| {
        let private = work.private(ENCRYPTION)?;
        let envelope = work.envelope(&private, &body.ephemeral, &context(&body))?;
        for entry in &new {
            let (id, lasts) = (&entry.key.id, lasting(&entry.key));
            work.remove(id)?;
            let key = work.unpack(&envelope, &entry.wrapped, id, lasts)?;
            if work.check_value_of(&key, lasts)? != entry.check_value {
                return Err(refused("CheckValueMismatch", &**id).into());
            }
        }
        Ok(())
    })?;
    for entry in new {
        let key = HeldKey {
            spec: entry.key.clone(),
            check_value: entry.check_value,
            public_key: None,
        };
        rows.add_key(&key)?;
        held.push(key);
    }
    rows.received(&peer.name, &hash)?;
    Ok(taken(held))
}

/// A key of an entry's id that is held already, if it is the same key by use and check value; another is never replaced.
fn known(rows: &Rows<'_>, entry: &Entry) -> Result<Option<HeldKey>, HsmError> {
    let id = &entry.key.id;
    match rows.key(id) {
        Ok(held)
            if held.check_value == entry.check_value
                && held.spec.usage == entry.key.usage
                && held.spec.depth == entry.key.depth =>
        {
            Ok(Some(held))
        }
        _ => free(rows, id).map(|()| None),
    }
}

/// By an enrolled HSM that may send, for us, of our mark, the next of its packages, and nothing but what its kind may send.
/// Or the very one that was taken last: then true, and it is answered again.
fn admit(
    rows: &Rows<'_>,
    text: &str,
    body: &Body,
    hash: &[u8; 32],
) -> Result<(Peer, bool), HsmError> {
    let peer = rows.peer_of(&body.sender)?;
    if !is_signed_by(text, &peer.signing_key) {
        return Err(refused("PackageAltered", "the sender's signature"));
    }
    if body.receiver != rows.identity()?.fingerprint {
        return Err(refused("PackageNotForUs", "it names another receiver"));
    }
    if body.mark != rows.mark()? {
        return Err(refused(
            "MarkMismatch",
            "TEST, DEMO and PRODUCTION never mix",
        ));
    }
    let next = body.sequence == peer.received + 1 && body.previous == peer.received_hash;
    let last = body.sequence == peer.received && *hash == peer.received_hash;
    if !next && !last {
        return Err(refused(
            "PackageOutOfSequence",
            "it is not this sender's next",
        ));
    }
    let transport = |key: &KeySpec| {
        let classes = [BaseClass::CardTransport, BaseClass::SamTransport];
        classes
            .iter()
            .any(|class| key.usage == KeyUse::SessionBase(*class))
    };
    let fits = match peer.kind {
        PeerKind::Lower => false,
        PeerKind::Upper => true,
        PeerKind::Maker => body.entries.iter().all(|entry| transport(&entry.key)),
    };
    if !fits || body.entries.iter().any(|entry| entry.key.is_key_pair) {
        return Err(refused("WrongPeerKind", peer.name));
    }
    Ok((peer, last))
}
