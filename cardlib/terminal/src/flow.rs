//! What a hospital or a station does with a card and a SAM (user card 3.3): select, authenticate, read, update.

use cardlib_card::content::CardContent;
use cardlib_card::element;
use cardlib_card::profile::{Access, File, FileKind, Key, KeyClass, Profile, SecureMessaging};
use cardlib_card::tlv;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::card::{UserCard, update_record_header};
use crate::error::{FlowError, Part, malformed};
use crate::facts::{CardFacts, SamFacts, Validity};
use crate::reading;
pub use crate::reading::identify;
use crate::sam::{Factors, SamClient};
use crate::secure::{self, Protection};
use crate::snapshot::Snapshot;

/// The 8 bytes that a terminal adds to an authentication: the example of the application specification. Freshness comes
/// from the random number, not from these.
pub const INFO: [u8; 8] = [0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88];

pub(crate) const ENVIRONMENT: &str = "DDF1";
const VALID_UNTIL: u8 = 7;

/// A card and a SAM, both inside transactions; the rights gained end with the card's.
pub struct Flow<'a> {
    pub(crate) profile: &'a Profile,
    pub(crate) card: UserCard<'a>,
    pub(crate) sam: SamClient<'a>,
    pub(crate) facts: CardFacts,
    factors: Factors,
    pub(crate) current: Option<String>,
    /// Keys whose right is held in the current directory; gaining one takes away another of its class (D14).
    pub(crate) rights: Vec<Key>,
}

impl<'a> Flow<'a> {
    /// Identifies the card and derives its factors.
    ///
    /// # Errors
    /// As [`identify`].
    pub fn open(mut card: UserCard<'a>, sam: SamClient<'a>) -> Result<Self, FlowError> {
        let facts = identify(&mut card)?;
        Self::with_facts(card, sam, facts)
    }

    /// Goes on with a card that [`identify`] has just read: DDF1 is current.
    ///
    /// # Errors
    /// [`FlowError::Malformed`] when 应用城市代码 gives no factor.
    pub fn with_facts(
        card: UserCard<'a>,
        sam: SamClient<'a>,
        facts: CardFacts,
    ) -> Result<Self, FlowError> {
        let profile = card.profile();
        let factors = Factors::of(profile, card.atr().factor, &facts.area).ok_or_else(|| {
            malformed(
                Part::Card,
                "element 57 (application area code)",
                "is no area code",
            )
        })?;
        Ok(Self {
            profile,
            card,
            sam,
            facts,
            factors,
            current: Some(ENVIRONMENT.into()),
            rights: Vec::new(),
        })
    }

    #[must_use]
    pub fn card_facts(&self) -> &CardFacts {
        &self.facts
    }

    #[must_use]
    pub fn sam_facts(&self) -> &SamFacts {
        self.sam.facts()
    }

    /// Is it one of our cards? Compares the card's proof with the SAM's, in constant time.
    ///
    /// # Errors
    /// [`FlowError::NotGenuine`] when the proofs differ.
    pub fn internal_authentication(&mut self) -> Result<(), FlowError> {
        self.enter(ENVIRONMENT)?;
        self.card.catch_up()?;
        let key = self.key_of(ENVIRONMENT, KeyClass::Internal)?;
        let version = self.profile.flow_version(key);
        let random = self.sam.challenge()?;
        self.sam.deliver_ahead(key, version, &self.factors, random);
        let expected = self.sam.proof(INFO)?;
        let proof = self.card.internal_authenticate(random, INFO, version)?;
        if bool::from(proof.ct_eq(&expected)) {
            Ok(())
        } else {
            Err(FlowError::NotGenuine)
        }
    }

    /// Gains the right of a key in its directory; does nothing when it is held already.
    ///
    /// # Errors
    /// [`FlowError::NotPermitted`], [`FlowError::OtherProvince`], [`FlowError::KeyRefused`], [`FlowError::KeyBlocked`].
    pub fn external_authentication(&mut self, name: &str) -> Result<(), FlowError> {
        self.authenticate_ahead(name)?;
        self.card.catch_up()
    }

    /// As [`Flow::external_authentication`]; the card's word on the proof comes with the next command whose answer is needed.
    fn authenticate_ahead(&mut self, name: &str) -> Result<(), FlowError> {
        let key = self
            .profile
            .key(name)
            .ok_or_else(|| FlowError::Unknown(format!("key {name}")))?;
        self.enter(&key.df)?;
        if self.rights.iter().any(|held| held.name == name) {
            return Ok(());
        }
        self.sam.check_province(key, &self.facts.area)?;
        let version = self.profile.flow_version(key);
        let random = self.card.challenge()?;
        self.sam.deliver_ahead(key, version, &self.factors, random);
        let proof = self.sam.proof(INFO)?;
        self.card
            .external_authenticate_ahead(key, proof, INFO, version);
        self.rights.retain(|held| held.class != key.class);
        self.rights.push(key.clone());
        Ok(())
    }

    /// Reads these files, gaining the right that each needs.
    ///
    /// # Errors
    /// [`FlowError`] of the first file that cannot be read.
    pub fn read(&mut self, paths: &[&str]) -> Result<Snapshot<'a>, FlowError> {
        let mut files = Vec::with_capacity(paths.len());
        for (at, path) in paths.iter().enumerate() {
            let file = self.file(path)?;
            self.open_file(file, &file.read)?;
            let next = paths.get(at + 1).and_then(|path| self.profile.file(path));
            let follows = next.is_some_and(|next| self.is_to_be_gained(file.df(), next));
            files.push(match file.kind {
                FileKind::Binary => reading::photo(&mut self.card, file)?,
                _ => reading::records(&mut self.card, file, follows)?,
            });
        }
        Ok(Snapshot::new(self.profile, CardContent { files }))
    }

    /// Whether reading this file of the directory begins with an authentication.
    fn is_to_be_gained(&self, df: &str, file: &File) -> bool {
        let held = |name: &String| self.rights.iter().any(|key| key.name == *name);
        matches!(&file.read, Access::Key(name) if file.df() == df && !held(name))
    }

    /// Reads everything of the given directories (visit files of DF03 excepted).
    ///
    /// # Errors
    /// As [`Flow::read`].
    pub fn read_all(&mut self, directories: &[&str]) -> Result<Snapshot<'a>, FlowError> {
        let profile = self.profile;
        let files = directories
            .iter()
            .flat_map(|df| profile.files_of(df))
            .filter(|file| file.layout.is_none());
        let paths: Vec<&str> = files.map(|file| file.path.as_str()).collect();
        self.read(&paths)
    }

    /// 卡有效期 against a day as YYYYMMDD (R30); left out with a SAM that has no key for it.
    ///
    /// # Errors
    /// [`FlowError`] when the card cannot be read.
    pub fn validity(&mut self, today: &str) -> Result<Validity, FlowError> {
        let profile = self.profile;
        let (file, _, _) = profile
            .element(VALID_UNTIL)
            .ok_or_else(|| FlowError::Unknown(format!("element {VALID_UNTIL}")))?;
        match self.read(&[&file.path]) {
            Ok(snapshot) => match snapshot.text(VALID_UNTIL) {
                Some(until) => Ok(Validity::of(&until, today)),
                None => Err(malformed(
                    Part::Card,
                    format!("element {VALID_UNTIL}"),
                    "is no date",
                )),
            },
            Err(FlowError::NotPermitted { .. }) => Ok(Validity::NotChecked),
            Err(error) => Err(error),
        }
    }

    /// Writes one element, given as text, with cipher and MAC.
    ///
    /// # Errors
    /// [`FlowError`]; the value is checked before anything is sent.
    pub fn update_element(&mut self, tag: u8, text: &str) -> Result<(), FlowError> {
        let profile = self.profile;
        let (file, number, element) = profile
            .element(tag)
            .ok_or_else(|| FlowError::Unknown(format!("element {tag}")))?;
        let value = element::encode(element.kind, element.len, text).map_err(|cause| {
            FlowError::Value(cardlib_card::content::ContentError::Value { tag, cause })
        })?;
        let value = Zeroizing::new(value);
        let record = tlv::encode(tag, &value)
            .map_err(|cause| malformed(Part::Card, format!("element {tag}"), cause.to_string()))?;
        self.update_record(&file.path, number, &Zeroizing::new(record))
    }

    /// UPDATE RECORD with secure messaging: record `number` of a tagged file, or a new record of a cyclic one.
    ///
    /// # Errors
    /// [`FlowError`]; after [`FlowError::Reader`] it is unknown whether the card holds the old or the new record.
    pub fn update_record(
        &mut self,
        path: &str,
        number: u8,
        record: &[u8],
    ) -> Result<(), FlowError> {
        let file = self.file(path)?;
        if file.secure_messaging != SecureMessaging::CipherMac {
            return Err(FlowError::Unknown(format!(
                "update of {path} with cipher and MAC"
            )));
        }
        self.open_file(file, &file.update)?;
        let key = self.maintenance_key(file)?;
        let with = self.protection(key)?;
        let command = secure::cipher_and_mac(
            &mut self.sam,
            &with,
            update_record_header(file, number),
            record,
        )?;
        self.card.send("UPDATE RECORD", &command).map(drop)
    }

    /// Everything that a protected command of this key needs, a fresh challenge of the card included.
    pub(crate) fn protection<'k>(&mut self, key: &'k Key) -> Result<Protection<'k>, FlowError> {
        self.sam.check_province(key, &self.facts.area)?;
        let challenge = self.card.challenge()?;
        Ok(Protection {
            key,
            version: self.profile.flow_version(key),
            factors: self.factors,
            challenge,
        })
    }

    /// The SAM, for what this flow does not offer.
    pub fn sam(&mut self) -> &mut SamClient<'a> {
        &mut self.sam
    }

    /// The card, for what this flow does not offer; the flow forgets the rights that it held.
    pub fn card(&mut self) -> &mut UserCard<'a> {
        self.current = None;
        self.rights.clear();
        &mut self.card
    }

    /// Makes a directory current, ahead of the next command; another one than before takes all rights away (R35).
    pub(crate) fn enter(&mut self, df: &str) -> Result<(), FlowError> {
        if self.card.was_astray() {
            self.current = None;
            self.rights.clear();
        }
        if self.current.as_deref() == Some(df) {
            return Ok(());
        }
        self.current = None;
        self.rights.clear();
        self.card.select_df_ahead(df)?;
        self.current = Some(df.to_owned());
        Ok(())
    }

    /// Makes a file current, with its directory and right, ahead of the next command.
    pub(crate) fn open_file(&mut self, file: &File, access: &Access) -> Result<(), FlowError> {
        self.enter(file.df())?;
        match access {
            Access::Free => {}
            Access::Key(name) => self.authenticate_ahead(name)?,
            Access::Never => return Err(FlowError::Unknown(format!("way to write {}", file.path))),
        }
        self.card.select_file_ahead(file);
        Ok(())
    }

    pub(crate) fn file(&self, path: &str) -> Result<&'a File, FlowError> {
        self.profile
            .file(path)
            .ok_or_else(|| FlowError::Unknown(format!("file {path}")))
    }

    pub(crate) fn key_of(&self, df: &str, class: KeyClass) -> Result<&'a Key, FlowError> {
        let mut keys = self.profile.keys_of(df).filter(|key| key.class == class);
        keys.next()
            .ok_or_else(|| FlowError::Unknown(format!("{class:?} key of {df}")))
    }

    pub(crate) fn maintenance_key(&self, file: &File) -> Result<&'a Key, FlowError> {
        let name = file.maintenance.as_deref().unwrap_or_default();
        self.profile
            .key(name)
            .ok_or_else(|| FlowError::Unknown(format!("maintenance key of {}", file.path)))
    }
}
