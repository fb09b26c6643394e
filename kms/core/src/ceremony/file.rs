//! The reviewed file, TOML. Its SM3 is the ceremony's name: custodians' entries, reviews and the transcript bear it.

use cardlib_card::cert::Mark;
use serde::{Deserialize, Serialize};

use super::{CeremonyError, review_statement};
use crate::approval::{self, Officer, OfficerSignature};
use crate::tier::Tier;

/// Format of a ceremony file.
pub const FORMAT: &str = "rhc-ceremony-1";
/// Stands for every key that is meant.
pub const ALL: &str = "*";

/// Where keys come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// Drawn in the HSM.
    Hsm,
    /// Combined from custodians' components.
    Components,
    /// The public test keys D31–D36; rehearsals only.
    TestFormula,
}

/// Keys of one source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// Ids, or `*` for all roots of the tier that no other group names.
    pub ids: Vec<String>,
    /// Where they come from.
    pub source: Source,
    /// Who enters components.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub custodians: Vec<String>,
}

/// A maker and one of its products: transport key, and the key that signs its delivery lists.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Maker {
    /// Four hexadecimal digits.
    pub vendor: String,
    /// Name of the product.
    pub product: String,
    /// SM3 of the maker's package; without one the public test key (D34, D41), in a rehearsal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub package: Option<String>,
    /// X‖Y of the key that signs delivery lists; without one the public test key (D42), in a rehearsal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub list_key: Option<String>,
}

/// A new back-up and its custodians.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Backup {
    /// Ids, or `*` for every root of this ceremony.
    pub keys: Vec<String>,
    /// How many shares give it back.
    pub threshold: u8,
    /// Who keeps a share.
    pub custodians: Vec<String>,
    /// Memory of a passphrase's check in KiB; rehearsals may take less than the standard.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_kib: Option<u32>,
}

/// A back-up that is opened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Opened {
    /// SM3 of the back-up file.
    pub backup: String,
    /// Whose shares open it.
    pub custodians: Vec<String>,
}

/// A key to be destroyed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Doomed {
    /// Id.
    pub id: String,
    /// Its check value, so that it is this one.
    pub check_value: String,
    /// Why.
    pub reason: String,
}

/// A ceremony as it was reviewed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Ceremony {
    /// [`FORMAT`].
    pub format: String,
    /// In words.
    pub title: String,
    /// ministry, province, prefecture.
    pub tier: String,
    /// Area digits.
    #[serde(default)]
    pub area: String,
    /// Mark of store and HSM.
    pub mark: Mark,
    /// On public test keys, for practice.
    pub rehearsal: bool,
    /// Fingerprint of the HSM.
    pub hsm: String,
    /// Who wrote this file: neither reviews nor approves it.
    pub author: String,
    /// The officers who sign every step.
    pub officers: Vec<String>,
    /// Who is in the room besides.
    #[serde(default)]
    pub witnesses: Vec<String>,
    /// Keys that are made.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<Group>,
    /// Makers whose keys come in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub makers: Vec<Maker>,
    /// A back-up that is restored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restore: Option<Opened>,
    /// A back-up that goes to other custodians; `backup` says to whom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reshare: Option<Opened>,
    /// A back-up that is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backup: Option<Backup>,
    /// Keys that are destroyed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub destroy: Vec<Doomed>,
}

impl Ceremony {
    /// Reads a file and checks that it makes sense by itself.
    ///
    /// # Errors
    /// The first thing that is wrong, by name.
    pub fn parse(text: &[u8]) -> Result<Self, CeremonyError> {
        let text = std::str::from_utf8(text)
            .map_err(|_| CeremonyError::Form("the file is not UTF-8 text".into()))?;
        let ceremony: Self =
            toml::from_str(text).map_err(|e| CeremonyError::Form(e.message().to_owned()))?;
        ceremony.check()?;
        Ok(ceremony)
    }

    /// As a file.
    ///
    /// # Errors
    /// Never for a ceremony that makes sense.
    pub fn to_toml(&self) -> Result<String, CeremonyError> {
        toml::to_string(self).map_err(|e| CeremonyError::Form(e.to_string()))
    }

    /// Where it takes place.
    ///
    /// # Errors
    /// No such tier.
    pub fn tier(&self) -> Result<Tier, CeremonyError> {
        Tier::new(&self.tier, &self.area).map_err(|e| CeremonyError::Sense(e.to_string()))
    }

    /// In a word: what kind of ceremony it is.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self {
                restore: Some(_), ..
            } => "restore",
            Self {
                reshare: Some(_), ..
            } => "re-share",
            _ if !self.destroy.is_empty() => "destroy",
            _ if !self.keys.is_empty() => "keys",
            _ if !self.makers.is_empty() => "makers",
            _ => "back-up",
        }
    }

    /// Everybody who enters something, each once: for components, passphrases or shares.
    #[must_use]
    pub fn custodians(&self) -> Vec<&str> {
        let groups = self.keys.iter().flat_map(|group| &group.custodians);
        let opened = self.restore.iter().chain(&self.reshare);
        let opened = opened.flat_map(|opened| &opened.custodians);
        let kept = self.backup.iter().flat_map(|backup| &backup.custodians);
        let mut names: Vec<&str> = groups
            .chain(opened)
            .chain(kept)
            .map(String::as_str)
            .collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Two officers who did not write it reviewed the file of this digest.
    ///
    /// # Errors
    /// Which rule of two people is broken.
    pub fn check_reviews(
        &self,
        name: &[u8; 32],
        reviews: &[OfficerSignature],
        officers: &[Officer],
    ) -> Result<(), CeremonyError> {
        let statement = review_statement(name);
        approval::approve(statement.as_bytes(), &[&self.author], reviews, officers)
            .map(drop)
            .map_err(CeremonyError::Review)
    }

    fn check(&self) -> Result<(), CeremonyError> {
        let wrong = |what: &str| Err(CeremonyError::Sense(what.to_owned()));
        if self.format != FORMAT {
            return wrong("format is another than rhc-ceremony-1");
        }
        self.tier()?;
        if self.rehearsal != (self.mark == Mark::Test) {
            return Err(CeremonyError::Rehearsal);
        }
        if self.title.trim().is_empty() || self.author.trim().is_empty() {
            return wrong("title and author are needed");
        }
        hex32(&self.hsm, "hsm")?;
        if self.officers.len() < 2 || repeats(&self.officers) {
            return wrong("two different officers at least");
        }
        let author = folded(&self.author);
        if self.officers.iter().any(|name| folded(name) == author) {
            return wrong("the author is one of the officers");
        }
        self.check_kind()?;
        self.check_keys()?;
        self.check_custody()
    }

    /// A ceremony does one thing: makes (and backs up), restores, shares anew, or destroys.
    fn check_kind(&self) -> Result<(), CeremonyError> {
        let wrong = |what: &str| Err(CeremonyError::Sense(what.to_owned()));
        let makes = !self.keys.is_empty() || !self.makers.is_empty();
        let kinds = [
            makes || (self.backup.is_some() && self.reshare.is_none()),
            self.restore.is_some(),
            self.reshare.is_some(),
            !self.destroy.is_empty(),
        ];
        match kinds.into_iter().filter(|kind| *kind).count() {
            0 => return wrong("it does nothing"),
            1 => {}
            _ => return wrong("make, restore, re-share and destroy are ceremonies of their own"),
        }
        if self.reshare.is_some() && self.backup.is_none() {
            return wrong("[reshare] needs [backup]: the new custodians");
        }
        for doomed in &self.destroy {
            if !is_hex(&doomed.check_value, 6) || doomed.reason.trim().is_empty() {
                return wrong("a key to be destroyed has its check value (6 digits) and a reason");
            }
        }
        Ok(())
    }

    fn check_keys(&self) -> Result<(), CeremonyError> {
        let wrong = |what: &str| Err(CeremonyError::Sense(what.to_owned()));
        let ids: Vec<String> = self.keys.iter().flat_map(|g| g.ids.clone()).collect();
        if repeats(&ids) || self.keys.iter().any(|group| group.ids.is_empty()) {
            return wrong("each key stands in one group, and no group is empty");
        }
        for group in &self.keys {
            let people = group.custodians.len();
            match group.source {
                Source::Components if people < 2 || repeats(&group.custodians) => {
                    return wrong("components come from two different custodians at least");
                }
                Source::Hsm | Source::TestFormula if people > 0 => {
                    return wrong(
                        "custodians enter components only where the source is components",
                    );
                }
                Source::TestFormula if !self.rehearsal => return Err(CeremonyError::TestKeys),
                _ => {}
            }
        }
        for maker in &self.makers {
            if !is_hex(&maker.vendor, 4) || maker.product.trim().is_empty() {
                return wrong("a maker has a vendor code (4 hexadecimal digits) and a product");
            }
            if let Some(package) = &maker.package {
                hex32(package, "package")?;
            }
            if maker.list_key.as_ref().is_some_and(|key| !is_hex(key, 128)) {
                return wrong("list-key has 128 hexadecimal digits");
            }
            let public = maker.package.is_none() || maker.list_key.is_none();
            if public && !self.rehearsal {
                return Err(CeremonyError::TestKeys);
            }
        }
        Ok(())
    }

    fn check_custody(&self) -> Result<(), CeremonyError> {
        let wrong = |what: &str| Err(CeremonyError::Sense(what.to_owned()));
        for opened in self.restore.iter().chain(&self.reshare) {
            hex32(&opened.backup, "backup")?;
            if opened.custodians.len() < 2 || repeats(&opened.custodians) {
                return wrong("a back-up is opened by two different custodians at least");
            }
        }
        let Some(backup) = &self.backup else {
            return Ok(());
        };
        let people = backup.custodians.len();
        if !(2..=16).contains(&people) || repeats(&backup.custodians) {
            return wrong("a back-up has 2 to 16 different custodians");
        }
        if backup.threshold < 2 || usize::from(backup.threshold) > people {
            return wrong("the threshold is at least 2, and no more than there are custodians");
        }
        if backup.memory_kib.is_some() && !self.rehearsal {
            return wrong("memory-kib is for rehearsals");
        }
        if self.reshare.is_none() && (backup.keys.is_empty() || repeats(&backup.keys)) {
            return wrong("backup.keys names keys, each once, or *");
        }
        Ok(())
    }
}

/// Names that differ in case or space alone are one person's.
fn folded(name: &str) -> String {
    name.trim().to_lowercase()
}

fn repeats(names: &[String]) -> bool {
    let mut folded: Vec<String> = names.iter().map(|name| folded(name)).collect();
    folded.sort_unstable();
    folded.windows(2).any(|pair| pair[0] == pair[1]) || folded.first().is_some_and(String::is_empty)
}

fn is_hex(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|b| b.is_ascii_hexdigit())
}

/// 64 hexadecimal digits.
pub(super) fn hex32(text: &str, what: &str) -> Result<[u8; 32], CeremonyError> {
    let mut bytes = [0; 32];
    hex::decode_to_slice(text, &mut bytes)
        .map_err(|_| CeremonyError::Sense(format!("{what} has 64 hexadecimal digits")))?;
    Ok(bytes)
}
