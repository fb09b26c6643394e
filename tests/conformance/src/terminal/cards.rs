//! The cards and SAMs that a terminal meets: sound ones, and each kind that it must tell from a sound one.

use cardlib_card::content::{CardContent, FileContent, FileData};
use cardlib_card::profile::KeyInstance;
use cardlib_card::suite;
use cardlib_card::visit::Visit;
use cardlib_sim::{Chip, Random, UserCard};
use serde::Deserialize;

use crate::bench::virtual_product::{FACTOR, Recipe};
use crate::hierarchy::{Home, key_named};

/// Which card lies in the reader.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CardKind {
    #[default]
    Sound,
    /// 卡有效期 is past.
    Expired,
    /// Right data, wrong keys.
    Forged,
    /// Issued by another province (34) than the SAM's (41).
    OtherProvince,
    /// The photo's length is more than the file.
    BadPhoto,
    /// Two allergies and one vaccination are there.
    Entries,
    /// A signed stay in EE01 and a signed visit in ED01, both flagged.
    Visits,
    /// As [`CardKind::Visits`], of another province.
    OtherProvinceVisits,
    /// As [`CardKind::Visits`], one byte of the data changed after the signature.
    ChangedVisits,
    /// As [`CardKind::Visits`], signed by a key whose certificate no issuer signed.
    StrangersVisits,
    /// Every place for stays is taken.
    Full,
}

impl CardKind {
    const fn is_foreign(self) -> bool {
        matches!(self, Self::OtherProvince | Self::OtherProvinceVisits)
    }

    const fn has_visits(self) -> bool {
        matches!(
            self,
            Self::Visits | Self::OtherProvinceVisits | Self::ChangedVisits | Self::StrangersVisits
        )
    }
}

/// A card of a kind.
///
/// # Errors
/// The profile does not take it.
pub fn card(recipe: &Recipe, kind: CardKind) -> Result<UserCard, String> {
    let content = content(recipe, kind)?;
    let area = if kind.is_foreign() {
        [0x34, 0x01]
    } else {
        [0x41, 0x01]
    };
    let home = Home {
        factor: FACTOR,
        area,
    };
    let keys = |instance: KeyInstance<'_>| match key_named(&instance.key.name) {
        Some(row) if kind != CardKind::Forged => {
            recipe.preset.card_key(row, instance.version, &home)
        }
        _ => [0x5A; 16],
    };
    let chip = Chip::test(recipe.profile, FACTOR);
    let random = Random::from_seed(Some(recipe.seed));
    UserCard::minted(recipe.profile, chip, &content, keys, random).map_err(|e| e.to_string())
}

fn content(recipe: &Recipe, kind: CardKind) -> Result<CardContent, String> {
    let mut content = recipe.content()?;
    let mut text = |tag, text: &str| {
        content
            .set_text(recipe.profile, tag, text)
            .map_err(|e| e.to_string())
    };
    if kind == CardKind::Expired {
        text(7, "20200101")?;
    }
    if kind.is_foreign() {
        text(57, "340100")?;
    }
    let mut put = |path: &str, data| {
        content.files.retain(|file| file.path != path);
        content.files.push(FileContent {
            path: path.to_owned(),
            data,
        });
    };
    if kind == CardKind::BadPhoto {
        put("DDF1/EF07", FileData::Binary(vec![0xFF, 0xFF, 0xFF, 0xD8]));
    }
    if kind == CardKind::Entries {
        let allergy = |what: &str| {
            let mut record = encoding_rs::GB18030.encode(what).0.into_owned();
            record.resize(120, 0);
            record
        };
        put(
            "DF02/EF07",
            FileData::Records(vec![allergy("青霉素"), allergy("花生")]),
        );
        let vaccination = [&b"BCG"[..], &[0; 17], &[0x19, 0x85, 0x07, 0x20]].concat();
        put("DF02/EF08", FileData::Records(vec![vaccination]));
    }
    if kind == CardKind::Full {
        put("DF03/EF05", FileData::Records(vec![vec![0x00]; 3]));
    }
    if kind.has_visits() {
        put(
            "DF03/EE01",
            FileData::Binary(signed(recipe, kind, stay(recipe)?)?),
        );
        put(
            "DF03/ED01",
            FileData::Binary(signed(recipe, kind, visit(recipe)?)?),
        );
        put(
            "DF03/EF05",
            FileData::Records(vec![vec![0x00], vec![0xFF], vec![0xFF]]),
        );
        put(
            "DF03/EF06",
            FileData::Records([0x00, 0xFF, 0xFF, 0xFF, 0xFF].map(|f| vec![f]).to_vec()),
        );
    }
    Ok(content)
}

/// The hospital of the stay and of the visit.
const HOSPITAL: &str = "郑州大学第一附属医院";

/// A stay: hospital at 0, days at 80 and 1009 (user card 2.2); what is not filled is of its type's padding.
fn stay(recipe: &Recipe) -> Result<Vec<u8>, String> {
    let blank = Visit::Inpatient(Box::default());
    filled(
        recipe,
        &blank,
        &[
            (80, &[0x20, 0x26, 0x11, 0x01]),
            (1009, &[0x20, 0x26, 0x11, 0x08]),
        ],
    )
}

/// A visit: hospital at 0, moment at 80.
fn visit(recipe: &Recipe) -> Result<Vec<u8>, String> {
    let blank = Visit::Outpatient(Box::default());
    filled(
        recipe,
        &blank,
        &[(80, &[0x20, 0x26, 0x11, 0x10, 0x09, 0x30, 0x00])],
    )
}

fn filled(recipe: &Recipe, blank: &Visit, pieces: &[(usize, &[u8])]) -> Result<Vec<u8>, String> {
    let mut data = blank
        .encode(recipe.profile)
        .map_err(|e| e.to_string())?
        .to_vec();
    let name = encoding_rs::GB18030.encode(HOSPITAL).0;
    for (at, bytes) in pieces.iter().copied().chain([(0, &name[..])]) {
        if let Some(there) = data.get_mut(at..at + bytes.len()) {
            there.copy_from_slice(bytes);
        }
    }
    Ok(data)
}

/// data ‖ signature over it ‖ certificate (R76).
fn signed(recipe: &Recipe, kind: CardKind, mut data: Vec<u8>) -> Result<Vec<u8>, String> {
    let (key, mut certificate) = recipe.sam_signer()?;
    if kind == CardKind::StrangersVisits {
        // The last byte of the issuer's signature.
        if let Some(last) = certificate.last_mut() {
            *last ^= 0x01;
        }
    }
    let digest = suite::digest(recipe.profile.crypto.hash, &data);
    let signature = key.sign_digest(&digest).map_err(|e| e.to_string())?;
    if kind == CardKind::ChangedVisits {
        data[10] ^= 0x01;
    }
    Ok([&data[..], &signature, &certificate].concat())
}
