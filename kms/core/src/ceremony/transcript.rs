//! The transcript: what happened, as exact text; two officers sign its digest, the HSM signs that it is the next of its
//! ceremonies. Whoever has the file, and knows the HSM's fingerprint, checks it without any service.

use cardlib_card::cert::Mark;
use cardlib_card::gm::sm2::VerifyingKey;
use serde::{Deserialize, Serialize};

use super::{Ceremony, CeremonyError, digest, transcript_statement};
use crate::approval::{self, Officer, OfficerSignature};
use crate::port::{HsmIdentity, Seal};
use crate::tier::Tier;

/// Format of a transcript's body.
pub const FORMAT: &str = "rhc-ceremony-transcript-1";
const SEAL_FORMAT: &str = "rhc-hsm-seal-1";

/// The HSM of a ceremony.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Machine {
    /// SM3 over both keys.
    #[serde(with = "hex")]
    pub fingerprint: [u8; 32],
    /// X‖Y.
    #[serde(with = "hex")]
    pub signing_key: [u8; 64],
    /// X‖Y.
    #[serde(with = "hex")]
    pub encryption_key: [u8; 64],
    /// Software.
    pub simulator: bool,
}

impl Machine {
    /// From what an HSM says of itself.
    #[must_use]
    pub fn of(hsm: &HsmIdentity) -> Self {
        Self {
            fingerprint: hsm.fingerprint,
            signing_key: hsm.signing_key,
            encryption_key: hsm.encryption_key,
            simulator: hsm.simulator,
        }
    }
}

/// A key that a step made, took in or destroyed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyResult {
    /// Id.
    pub id: String,
    /// Hexadecimal.
    pub check_value: String,
    /// X‖Y of a key pair.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_key: Option<String>,
}

/// A file that a step made: a share or a back-up, by its digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileResult {
    /// Its name.
    pub name: String,
    /// For whom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub custodian: Option<String>,
    /// SM3.
    pub digest: String,
}

/// A step that was done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Done {
    /// Number of the step.
    pub number: usize,
    /// What it did.
    pub deed: String,
    /// About what.
    pub object: String,
    /// When.
    pub at: String,
    /// The officers whose signatures the HSM took.
    pub officers: String,
    /// Keys.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<KeyResult>,
    /// Files.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<FileResult>,
}

/// Everything that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Body {
    /// [`FORMAT`].
    pub format: String,
    /// Of this HSM's ceremonies, from 1.
    pub number: u64,
    /// Digest of the transcript before; zeros before the first.
    #[serde(with = "hex")]
    pub previous: [u8; 32],
    /// SM3 of `file`.
    #[serde(with = "hex")]
    pub ceremony: [u8; 32],
    /// The reviewed file, whole.
    pub file: String,
    /// Who reviewed it.
    pub reviews: Vec<OfficerSignature>,
    /// Card profile.
    pub profile: String,
    /// The HSM.
    pub hsm: Machine,
    /// The service's officers with their keys.
    pub officers: Vec<Officer>,
    /// When the first step began.
    pub began: String,
    /// When the last was done.
    pub ended: String,
    /// `complete` or `abandoned`.
    pub outcome: String,
    /// What was done.
    pub steps: Vec<Done>,
}

impl Body {
    /// The text that is signed.
    ///
    /// # Errors
    /// Never for these types.
    pub fn to_text(&self) -> Result<String, CeremonyError> {
        serde_json::to_string(self).map_err(|e| CeremonyError::TranscriptForm(e.to_string()))
    }
}

/// A transcript as a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Transcript {
    /// A [`Body`] as JSON, exactly as signed.
    pub body: String,
    /// The officers' signatures over [`transcript_statement`].
    pub signatures: Vec<OfficerSignature>,
    /// The HSM's.
    pub seal: Seal,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SealBody {
    format: String,
    hsm: String,
    mark: Mark,
    number: u64,
    previous: String,
    ceremony: String,
    transcript: String,
    #[allow(dead_code)] // the HSM's clock, for people; the form is checked
    time: u64,
}

/// A transcript whose every signature fits.
#[derive(Debug)]
pub struct Verified {
    /// What happened.
    pub body: Body,
    /// The reviewed file.
    pub ceremony: Ceremony,
    /// What the next transcript must name.
    pub digest: [u8; 32],
}

impl Transcript {
    /// One line of JSON.
    ///
    /// # Errors
    /// Never for these types.
    pub fn to_text(&self) -> Result<String, CeremonyError> {
        let text = serde_json::to_string(self);
        text.map(|text| text + "\n")
            .map_err(|e| CeremonyError::TranscriptForm(e.to_string()))
    }

    /// Reads and checks a transcript by itself: that its officers and its HSM are who one thinks is for the reader to
    /// compare (fingerprint, words), or for [`Verified::follows`].
    ///
    /// # Errors
    /// What does not fit, by name.
    pub fn verify(text: &[u8]) -> Result<Verified, CeremonyError> {
        let form = |what: &str| CeremonyError::TranscriptForm(what.to_owned());
        let transcript: Self =
            serde_json::from_slice(text).map_err(|_| form("not a transcript's text"))?;
        // One text for one transcript: case and white space outside the signed text are no free choice either.
        if transcript.to_text()?.as_bytes() != text {
            return Err(form("not as rhc-kms writes it"));
        }
        let body: Body =
            serde_json::from_str(&transcript.body).map_err(|_| form("the body cannot be read"))?;
        if body.format != FORMAT {
            return Err(form("of another version"));
        }
        let whole = digest(transcript.body.as_bytes());
        let ceremony = body.check_file()?;
        // The HSM's word first: it covers every byte of the body.
        body.check_seal(&ceremony, &whole, &transcript.seal)?;
        body.check_officers(&ceremony, &whole, &transcript.signatures)?;
        Ok(Verified {
            body,
            ceremony,
            digest: whole,
        })
    }
}

impl Body {
    fn check_file(&self) -> Result<Ceremony, CeremonyError> {
        if digest(self.file.as_bytes()) != self.ceremony {
            return Err(CeremonyError::Altered("the reviewed file".into()));
        }
        Ceremony::parse(self.file.as_bytes())
    }

    /// Two officers reviewed, and two of those named signed; the author did neither.
    fn check_officers(
        &self,
        ceremony: &Ceremony,
        whole: &[u8; 32],
        signatures: &[OfficerSignature],
    ) -> Result<(), CeremonyError> {
        ceremony
            .check_reviews(&self.ceremony, &self.reviews, &self.officers)
            .map_err(|e| CeremonyError::Altered(format!("review: {e}")))?;
        let present: Vec<Officer> = self
            .officers
            .iter()
            .filter(|officer| ceremony.officers.contains(&officer.name))
            .cloned()
            .collect();
        let statement = transcript_statement(whole);
        approval::approve(
            statement.as_bytes(),
            &[&ceremony.author],
            signatures,
            &present,
        )
        .map(drop)
        .map_err(|e| CeremonyError::Altered(format!("officers: {e}")))
    }

    fn check_seal(
        &self,
        ceremony: &Ceremony,
        whole: &[u8; 32],
        seal: &Seal,
    ) -> Result<(), CeremonyError> {
        let altered = |what: &str| CeremonyError::Altered(what.to_owned());
        let mut keys = [0; 128];
        keys[..64].copy_from_slice(&self.hsm.signing_key);
        keys[64..].copy_from_slice(&self.hsm.encryption_key);
        if digest(&keys) != self.hsm.fingerprint {
            return Err(altered("the HSM's fingerprint is not that of its keys"));
        }
        let said: SealBody =
            serde_json::from_str(&seal.text).map_err(|_| altered("the HSM's words"))?;
        let same = |text: &str, bytes: &[u8; 32]| text == hex::encode_upper(bytes);
        let fits = said.format == SEAL_FORMAT
            && same(&said.hsm, &self.hsm.fingerprint)
            && said.mark == ceremony.mark
            && said.number == self.number
            && same(&said.previous, &self.previous)
            && same(&said.ceremony, &self.ceremony)
            && same(&said.transcript, whole)
            && ceremony.hsm.eq_ignore_ascii_case(&said.hsm);
        if !fits {
            return Err(altered("the HSM sealed something else"));
        }
        VerifyingKey::from_bytes(&self.hsm.signing_key)
            .and_then(|key| key.verify_message(seal.text.as_bytes(), &seal.signature))
            .map_err(|_| altered("the HSM's signature"))
    }

    /// The tier, as the reviewed file says.
    ///
    /// # Errors
    /// No such tier.
    pub fn tier(&self) -> Result<Tier, CeremonyError> {
        Ceremony::parse(self.file.as_bytes())?.tier()
    }
}

impl Verified {
    /// Whether it is the next after another one of the same HSM.
    ///
    /// # Errors
    /// It is not.
    pub fn follows(&self, before: &Self) -> Result<(), CeremonyError> {
        let wrong = |what: &str| Err(CeremonyError::Chain(what.to_owned()));
        if self.body.hsm != before.body.hsm {
            return wrong("another HSM's");
        }
        if self.body.previous != before.digest || self.body.number != before.body.number + 1 {
            return wrong("not the next after the one given");
        }
        Ok(())
    }
}
