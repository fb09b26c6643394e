//! Parsers: whatever comes, they answer; what they take, they give back the same.

use std::sync::LazyLock;

use cardlib_card::apdu::{Command, Response};
use cardlib_card::cert::{CertificateBody, IssuerCertificate, Mark, SamCertificate};
use cardlib_card::element::{self, ElementError, ElementType};
use cardlib_card::gm::sm2::SigningKey;
use cardlib_card::profile::Profile;
use cardlib_card::visit::{SignedVisit, Visit, VisitError, VisitKind};
use cardlib_card::{suite, tlv};
use cardlib_sim::apdu::Incoming;

use crate::chance::Chance;
use crate::{Verdict, hold};

/// APDUs, as a terminal and as a card reads them.
pub fn apdu(chance: &mut Chance) -> Verdict {
    let len = *chance.pick(&[0, 1, 4, 5, 6, 13, 21, 60, 260]);
    let mut bytes = chance.bytes(len);
    if bytes.len() > 5 && !chance.one_in(3) {
        bytes[4] = (bytes.len() - 5).to_le_bytes()[0];
    }
    chance.near(&mut bytes);
    let shown = || hex::encode(&bytes);
    if let Ok(command) = Command::parse(&bytes) {
        let again = command.encode().map_err(|e| e.to_string())?;
        hold(again == bytes, || {
            format!("{} comes back as {}", shown(), hex::encode(&again))
        })?;
    }
    if let Ok(answer) = Response::parse(&bytes) {
        hold(answer.encode() == bytes, || {
            format!("answer {} comes back otherwise", shown())
        })?;
    }
    match Incoming::parse(&bytes) {
        None => hold(bytes.len() < 4, || format!("{} has a header", shown())),
        Some(seen) => hold(
            seen.lc_is(|_| true).is_err() || bytes.len() >= 4 + seen.data.len(),
            || format!("{}: more data than bytes", shown()),
        ),
    }
}

/// `tag ‖ len ‖ value`.
pub fn tlv(chance: &mut Chance) -> Verdict {
    let len = chance.below(40);
    let value = chance.bytes(len);
    let mut bytes = tlv::encode(chance.byte(), &value).unwrap_or_default();
    chance.near(&mut bytes);
    if let Ok(record) = tlv::parse(&bytes) {
        let again = tlv::encode(record.tag, record.value).map_err(|e| e.to_string())?;
        hold(again == bytes, || {
            format!("{} comes back otherwise", hex::encode(&bytes))
        })?;
    }
    let mut rest = bytes.as_slice();
    while let Ok((_, left)) = tlv::split(rest) {
        hold(left.len() < rest.len(), || "split takes nothing".into())?;
        rest = left;
    }
    Ok(())
}

/// Texts near the four profiles: refused with a line inside the text, or whole in every number.
pub fn profile(chance: &mut Chance) -> Verdict {
    const TEXTS: [&str; 4] = [
        include_str!("../../../cardlib/card/profiles/rhc-2012.toml"),
        include_str!("../../../cardlib/card/profiles/rhc-2012-bank.toml"),
        include_str!("../../../cardlib/card/profiles/rhc-three-level.toml"),
        include_str!("../../../cardlib/card/profiles/rhc-aes.toml"),
    ];
    let mut lines: Vec<String> = chance.pick(&TEXTS).lines().map(str::to_owned).collect();
    for _ in 0..=chance.below(2) {
        let at = chance.below(lines.len());
        match chance.below(4) {
            0 => {
                lines.remove(at);
            }
            1 => lines.insert(at, lines[at].clone()),
            2 => lines[at] = near_line(chance, &lines[at]),
            _ => {
                let other = chance.below(lines.len());
                lines.swap(at, other);
            }
        }
    }
    let text = lines.join("\n");
    match Profile::load(&text) {
        Ok(profile) => {
            let instances: usize = profile.keys.iter().map(|k| usize::from(k.groups)).sum();
            hold(instances == profile.totals.key_instances, || {
                "instances".into()
            })?;
            for layout in &profile.layouts {
                let sum: usize = layout.places().iter().map(|(_, f)| f.len).sum();
                hold(sum == layout.data, || format!("{} has a gap", layout.name))?;
            }
            Ok(())
        }
        Err(error) => {
            let inside = error.in_base || error.line.is_none_or(|n| n <= lines.len().max(1));
            hold(inside, || format!("{error}: no such line"))
        }
    }
}

/// A number, a letter or a word of the line becomes another.
fn near_line(chance: &mut Chance, line: &str) -> String {
    let mut chars: Vec<char> = line.chars().collect();
    if chars.is_empty() {
        return "x".into();
    }
    let at = chance.below(chars.len());
    chars[at] = *chance.pick(&['0', '9', 'F', '"', '=', ']', '[', 'x', '-', '名', '\u{0}']);
    chars.into_iter().collect()
}

/// Visit files and single elements.
pub fn record(chance: &mut Chance) -> Verdict {
    let profile = Profile::rhc_2012();
    let kind = *chance.pick(&VisitKind::ALL);
    let layout = kind.layout(profile).map_err(|e| e.to_string())?;
    let mut bytes = Vec::with_capacity(layout.size());
    for (_, field) in layout.places() {
        let good = match (field.kind, chance.below(4)) {
            (_, 0) => String::new(),
            (ElementType::Ans, _) => "医".repeat(chance.below(field.len / 2 + 1)),
            (ElementType::Cn, _) => "20261122091500"[..(2 * field.len).min(14)].to_owned(),
            (ElementType::B, _) => chance.byte().to_string(),
        };
        bytes.extend(element::encode(field.kind, field.len, &good).map_err(|e| e.to_string())?);
    }
    bytes.extend(chance.bytes(64 + 190));
    if chance.one_in(2) {
        chance.near(&mut bytes);
    }
    let Ok(file) = SignedVisit::split(profile, kind, &bytes) else {
        return hold(bytes.len() != layout.size(), || {
            "a whole file is refused".into()
        });
    };
    let joined = file.join(profile, kind).map_err(|e| e.to_string())?;
    hold(joined == bytes, || "a file comes together otherwise".into())?;
    let Ok(visit) = Visit::decode(profile, kind, &file.data) else {
        return Ok(());
    };
    // Reading is lenient with control characters that writing refuses (R26).
    let character = |cause: &ElementError| matches!(cause, ElementError::Character { .. });
    let encoded = match visit.encode(profile) {
        Err(VisitError::Value { cause, .. }) if character(&cause) => return Ok(()),
        encoded => encoded.map_err(|e| format!("read but not written: {e}"))?,
    };
    let again = Visit::decode(profile, kind, &encoded).map_err(|e| e.to_string())?;
    hold(again == visit, || "a visit comes back otherwise".into())
}

struct Certificates {
    issuer_key: SigningKey,
    root_key: SigningKey,
    issuer: Vec<u8>,
    sam: Vec<u8>,
}

static CERTIFICATES: LazyLock<Certificates> = LazyLock::new(|| {
    let root_key = SigningKey::from_label(b"RHC-TEST-SM2-ROOT").unwrap();
    let issuer_key = SigningKey::from_label(b"RHC-TEST-SM2-ISSUER-41").unwrap();
    let body = CertificateBody {
        issuer_code: [0x41; 11],
        serial: 7,
        valid_from: [0x20, 0x26, 1, 1],
        valid_to: [0x20, 0x36, 1, 1],
        mark: Mark::Test,
    };
    let issuer = IssuerCertificate {
        body: body.clone(),
        public_key: issuer_key.verifying_key().clone(),
    };
    let signature = root_key.sign_message(&issuer.to_be_signed()).unwrap();
    let sam = SamCertificate {
        body,
        sam_serial: [0x41; 10],
        public_key: issuer_key.verifying_key().clone(),
    };
    let sam_signature = issuer_key.sign_message(&sam.to_be_signed()).unwrap();
    Certificates {
        issuer: issuer.with_signature(&signature).to_vec(),
        sam: sam.with_signature(&sam_signature).to_vec(),
        issuer_key,
        root_key,
    }
});

/// Certificates: only the one that was signed is taken, whichever byte another differs in.
pub fn certificate(chance: &mut Chance) -> Verdict {
    let all = &*CERTIFICATES;
    let good = if chance.one_in(2) {
        &all.issuer
    } else {
        &all.sam
    };
    let mut bytes = good.clone();
    chance.near(&mut bytes);
    let changed = bytes != *good;
    let (root, issuer) = (all.root_key.verifying_key(), all.issuer_key.verifying_key());
    let taken = IssuerCertificate::verify(&bytes, root, Mark::Test).is_ok()
        || SamCertificate::verify(&bytes, issuer, Mark::Test).is_ok();
    hold(taken != changed, || {
        format!("taken {taken}, changed {changed}: {}", hex::encode(&bytes))
    })?;
    // Whichever algorithm the bytes name.
    if let Ok(read) = IssuerCertificate::<suite::VerifyingKey>::parse_any(&bytes) {
        let again = read.to_be_signed();
        let mark_text = 36..52;
        let same = |range: std::ops::Range<usize>| again[range.clone()] == bytes[range];
        hold(same(0..mark_text.start) && same(mark_text.end..116), || {
            "fields come back otherwise".into()
        })?;
    }
    Ok(())
}
