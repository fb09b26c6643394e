//! What virtual products are made of: profile, public test keys, a synthetic person, certificates of the TEST world.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use cardlib_card::cert::{
    CertificateBody, IssuerCertificate, IssuerLevel, Mark, SamCertificate, issuer_code, sam_serial,
};
use cardlib_card::content::{CardContent, FileContent, FileData};
use cardlib_card::element::{self, ElementType};
use cardlib_card::profile::{KeyInstance, Profile, Scope};
use cardlib_card::suite::SigningKey;
use cardlib_sim::sam::MintedSam;
use cardlib_sim::{Chip, Random, SamCard, UserCard};

use crate::formulas::{Block, pad};
use crate::hierarchy::{Home, Preset, key_named};

/// The synthetic person's card number; its check character is right (GB 11643).
pub const NUMBER: &str = "410101198507120015";
const SERIAL: &str = "41ABCDEFGH";
/// Card factor and area of all virtual products.
pub const FACTOR: [u8; 8] = [0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88];
const PROVINCE: &str = "41";

/// What a virtual product is made of.
#[derive(Clone, Copy)]
pub struct Recipe {
    pub preset: Preset,
    /// The profile of the chip: that of the preset, or a mutant's.
    pub profile: &'static Profile,
    /// Seed of the chip's random numbers.
    pub seed: u64,
    /// 1–5.
    pub sam_type: u8,
}

impl Recipe {
    /// A sound product of a preset.
    ///
    /// # Errors
    /// No profile of this name.
    pub fn sound(preset: Preset, seed: u64) -> Result<Self, String> {
        let profile =
            Profile::named(preset.name).ok_or_else(|| format!("no profile {}", preset.name))?;
        Ok(Self {
            preset,
            profile,
            seed,
            sam_type: 5,
        })
    }

    /// Home of the card.
    #[must_use]
    pub fn home(&self) -> Home {
        Home {
            factor: FACTOR,
            area: [0x41, 0x01],
        }
    }

    fn signer(&self, label: &str) -> Result<SigningKey, String> {
        SigningKey::from_label(self.profile.crypto.signature, label.as_bytes()).map_err(told)
    }

    fn body(&self) -> Result<CertificateBody, String> {
        Ok(CertificateBody {
            issuer_code: issuer_code(&format!("{PROVINCE}0000"), IssuerLevel::Province, 1)
                .map_err(told)?,
            serial: 7,
            valid_from: [0x20, 0x26, 0x01, 0x01],
            valid_to: [0x20, 0x36, 0x12, 0x31],
            mark: Mark::Test,
        })
    }

    /// The issuer's certificate: what EF05 and 001B hold.
    ///
    /// # Errors
    /// The profile does not take it.
    pub fn issuer(&self) -> Result<Vec<u8>, String> {
        signed_once(format!("{} issuer", self.preset.name), || {
            self.issuer_signed()
        })
    }

    fn issuer_signed(&self) -> Result<Vec<u8>, String> {
        let key = self.signer(&format!("RHC-TEST-SM2-ISSUER-{PROVINCE}"))?;
        let certificate = IssuerCertificate {
            body: self.body()?,
            public_key: key.verifying_key(),
        };
        let root = self.signer("RHC-TEST-SM2-ROOT")?;
        let signature = root
            .sign_message(&certificate.to_be_signed())
            .map_err(told)?;
        Ok(certificate.with_signature(&signature).to_vec())
    }

    /// What the card holds: the synthetic person.
    ///
    /// # Errors
    /// A value that does not fit the (mutant's) profile.
    pub fn content(&self) -> Result<CardContent, String> {
        let mut content = CardContent::default();
        content
            .set(self.profile, 5, &self.issuer()?)
            .map_err(told)?;
        let code = element::decode(ElementType::Cn, &self.body()?.issuer_code).map_err(told)?;
        let cvk = self.preset.test_root("CVK", 0, Some(PROVINCE));
        let message = pad(&[NUMBER.as_bytes(), SERIAL.as_bytes()].concat());
        let mac = self.preset.cipher.cbc_mac(&cvk, [0; 16], &message);
        let security = &hex::encode_upper(mac)[..3];
        let values = [
            (1, "1"),
            (2, "V1.1"),
            (3, "河南省卫生健康委员会"),
            (4, code.as_str()),
            (6, "20261122"),
            (8, NUMBER),
            (9, security),
            (10, SERIAL),
            (57, "410100"),
            (11, "张三"),
            (12, "1"),
            (13, "01"),
            (14, "19850712"),
            (15, NUMBER),
            (7, "20361231"),
            (16, "13800000000"),
            (18, "1"),
            (21, "1"),
            (22, "河南省郑州市中原区"),
            (25, "李四"),
            (26, "1"),
            (27, "13700000000"),
            (34, "2"),
            (35, "20"),
            (41, "3"),
            (42, "1"),
        ];
        for (tag, text) in values {
            content.set_text(self.profile, tag, text).map_err(told)?;
        }
        let photo = FileData::Binary(vec![0x00, 0x04, 0xFF, 0xD8, 0xFF, 0xD9]);
        content.files.push(FileContent {
            path: "DDF1/EF07".into(),
            data: photo,
        });
        Ok(content)
    }

    /// The chip's key of a place in its profile: by the harness's own formulas.
    fn card_key(&self, instance: KeyInstance<'_>) -> Block {
        let row = key_named(&instance.key.name);
        row.map_or([0; 16], |row| {
            self.preset.card_key(row, instance.version, &self.home())
        })
    }

    /// A card.
    ///
    /// # Errors
    /// The profile does not take the content.
    pub fn card(&self) -> Result<UserCard, String> {
        self.card_with(&self.content()?)
    }

    /// A card with other content.
    ///
    /// # Errors
    /// The profile does not take the content.
    pub fn card_with(&self, content: &CardContent) -> Result<UserCard, String> {
        let chip = Chip::test(self.profile, FACTOR);
        let random = Random::from_seed(Some(self.seed));
        UserCard::minted(self.profile, chip, content, |i| self.card_key(i), random).map_err(told)
    }

    fn sam_signed(&self, serial: [u8; 10]) -> Result<Vec<u8>, String> {
        let key = self.signer(&format!("RHC-TEST-SM2-SAM-{}", hex::encode(serial)))?;
        let certificate = SamCertificate {
            body: self.body()?,
            sam_serial: serial,
            public_key: key.verifying_key(),
        };
        let issuer = self.signer(&format!("RHC-TEST-SM2-ISSUER-{PROVINCE}"))?;
        let signature = issuer
            .sign_message(&certificate.to_be_signed())
            .map_err(told)?;
        Ok(certificate.with_signature(&signature).to_vec())
    }

    fn sam_serial(&self) -> Result<[u8; 10], String> {
        sam_serial(&format!("{PROVINCE}01"), self.sam_type, 2026, 17).map_err(told)
    }

    /// The SAM's signature key and its certificate.
    ///
    /// # Errors
    /// The profile does not take them.
    pub fn sam_signer(&self) -> Result<(SigningKey, Vec<u8>), String> {
        let serial = self.sam_serial()?;
        let key = self.signer(&format!("RHC-TEST-SM2-SAM-{}", hex::encode(serial)))?;
        let own = signed_once(
            format!("{} {}", self.preset.name, hex::encode(serial)),
            || self.sam_signed(serial),
        )?;
        Ok((key, own))
    }

    /// A SAM of the recipe's type.
    ///
    /// # Errors
    /// The profile does not take it.
    pub fn sam(&self) -> Result<SamCard, String> {
        let serial = self.sam_serial()?;
        let (key, own) = self.sam_signer()?;
        let factor = *b"41000000";
        let dates = [[0x20, 0x26, 0x01, 0x01], [0x20, 0x36, 0x12, 0x31]].concat();
        let minted = MintedSam {
            sam_type: self.sam_type,
            pin: [0x12, 0x34, 0x56],
            private_key: *key.to_bytes(),
            files: &[
                (
                    "MF/0015",
                    [&serial[..], &[0x01, self.sam_type, 0, 0]].concat(),
                ),
                ("MF/0016", vec![0x41, 0x01, 0x01, 0x00, 0x00, 0x17]),
                (
                    "DF01/001A",
                    [&[0x01][..], &factor, &factor, &dates].concat(),
                ),
                ("DF01/001B", self.issuer()?),
                ("DF01/001C", own),
            ],
        };
        let root = |i: KeyInstance<'_>| {
            let owner = (i.key.scope == Scope::Provincial).then_some(PROVINCE);
            self.preset.test_root(&i.key.name, i.version, owner)
        };
        let chip = Chip::test(self.profile, [0x22; 8]);
        SamCard::minted(
            self.profile,
            chip,
            &minted,
            root,
            Random::from_seed(Some(self.seed ^ 2)),
        )
        .map_err(told)
    }
}

/// Certificates are the same for every sample, and signing one takes longer than making all the rest of a chip.
fn signed_once(
    name: String,
    sign: impl FnOnce() -> Result<Vec<u8>, String>,
) -> Result<Vec<u8>, String> {
    static MADE: Mutex<BTreeMap<String, Vec<u8>>> = Mutex::new(BTreeMap::new());
    let made = || MADE.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(there) = made().get(&name) {
        return Ok(there.clone());
    }
    let fresh = sign()?;
    made().insert(name, fresh.clone());
    Ok(fresh)
}

fn told(cause: impl std::fmt::Display) -> String {
    cause.to_string()
}
