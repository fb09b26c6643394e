//! What two officers may order.

use serde::{Deserialize, Serialize};

use super::{BackedUp, Custody, Entry, GivenShare, HeldKey, KeySpec, Mark, Seal, Target, Ways};
use crate::tier::Factor;

/// How another HSM stands to this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PeerKind {
    /// Hands keys down to this one.
    Upper,
    /// Receives keys from this one.
    Lower,
    /// A card maker's: sends transport keys only.
    Maker,
}

/// One key of a package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Export {
    /// Key here.
    pub id: String,
    /// Diversified by these first.
    pub factors: Vec<Factor>,
    /// Ways out at the receiver, never more than here.
    pub ways: Ways,
}

/// What the data of an allowed command may consist of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RuleShape {
    /// A literal header of this length, one application key and its check value.
    ApplicationKey(u8),
    /// The same with a master key.
    MasterKey(u8),
    /// Literals and MAC texts, at most so many bytes.
    Data(u8),
    /// One public test private key; TEST only.
    TestScalar,
}

/// One command that the skeleton policy allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyRule {
    /// On which chip.
    pub target: Target,
    /// CLA INS P1 P2; P2 is always 00 in this dialect.
    pub header: [u8; 4],
    /// What it may carry.
    pub shape: RuleShape,
}

/// A ticket for the HSM to count.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TicketOrder {
    /// Id.
    pub id: String,
    /// Cards or SAMs.
    pub target: Target,
    /// Distinct chips.
    pub count: u64,
    /// Scripts per chip, the first included.
    pub scripts_per_chip: u32,
    /// Seconds since 1970.
    pub not_after: u64,
    /// Base keys with which scripts may start.
    pub base_keys: Vec<String>,
}

/// Whether an HSM lets a key be used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Hold {
    /// In use.
    #[default]
    Free,
    /// Out of use until two officers free it.
    Suspended,
    /// Out of use for ever.
    Barred,
}

/// An operation that needs two officers.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Operation {
    /// A random key, or key pair, born in the HSM.
    Generate(KeySpec),
    /// The public test key of this label (D31–D42); TEST only; the HSM computes it.
    TestKey(KeySpec, String),
    /// Key bytes in hexadecimal; TEST only.
    ImportRaw(
        KeySpec,
        #[serde(with = "in_the_clear")] zeroize::Zeroizing<String>,
    ),
    /// Names a further officer.
    EnrolOfficer {
        /// Name.
        name: String,
        /// X‖Y.
        #[serde(with = "hex")]
        public_key: [u8; 64],
    },
    /// An officer signs no more.
    RemoveOfficer {
        /// Name.
        name: String,
    },
    /// What a lower HSM may do from its next lease on.
    SetTerms {
        /// Its name here.
        peer: String,
        /// What.
        terms: super::Terms,
    },
    /// Takes another HSM for genuine.
    EnrolPeer {
        /// Name here.
        name: String,
        /// Above, below, maker.
        kind: PeerKind,
        /// X‖Y.
        #[serde(with = "hex")]
        signing_key: [u8; 64],
        /// X‖Y.
        #[serde(with = "hex")]
        encryption_key: [u8; 64],
        /// What the officers compared.
        #[serde(with = "hex")]
        fingerprint: [u8; 32],
    },
    /// The skeleton policy.
    LoadPolicy {
        /// Name.
        name: String,
        /// Mechanism.
        mechanism: String,
        /// Allowed commands.
        rules: Vec<PolicyRule>,
    },
    /// A counted permission.
    CreateTicket(TicketOrder),
    /// A ticket makes nothing more; what was not used goes back.
    CloseTicket {
        /// Its id.
        id: String,
    },
    /// Keys for another HSM (D27).
    ExportPackage {
        /// Peer name.
        receiver: String,
        /// In words.
        purpose: String,
        /// Which keys.
        entries: Vec<Export>,
        /// Carried and signed: certificates.
        #[serde(with = "hex")]
        payload: Vec<u8>,
    },
    /// Keys from another HSM.
    ImportPackage(String),
    /// Takes a key out of use, or back.
    HoldKey {
        /// Key id.
        id: String,
        /// What it becomes.
        hold: Hold,
    },
    /// A signature with the root key.
    Sign {
        /// Key id.
        key: String,
        /// Message, signed with ZA where the algorithm has it.
        #[serde(with = "hex")]
        message: Vec<u8>,
    },
    /// Wipes a key for good.
    DestroyKey(String),
    /// Keys from custodians' components: all, or none.
    Combine {
        /// SM3 of the ceremony's file.
        #[serde(with = "hex")]
        ceremony: [u8; 32],
        /// Which keys.
        keys: Vec<KeySpec>,
        /// The custodians' entries.
        components: Vec<Entry>,
    },
    /// Keys into custody of M of N.
    BackUp {
        /// SM3 of the ceremony's file.
        #[serde(with = "hex")]
        ceremony: [u8; 32],
        /// Ids.
        keys: Vec<String>,
        /// Who keeps it.
        custody: Custody,
    },
    /// Keys out of custody: all, or none.
    Restore {
        /// SM3 of the ceremony's file.
        #[serde(with = "hex")]
        ceremony: [u8; 32],
        /// The back-up file's text.
        backup: String,
        /// Shares of enough custodians.
        shares: Vec<GivenShare>,
    },
    /// A back-up into the custody of others.
    Reshare {
        /// SM3 of the ceremony's file.
        #[serde(with = "hex")]
        ceremony: [u8; 32],
        /// The back-up file's text.
        backup: String,
        /// Shares of enough custodians.
        shares: Vec<GivenShare>,
        /// Who keeps the new one.
        custody: Custody,
    },
    /// A transcript as the HSM's next.
    Seal {
        /// SM3 of the ceremony's file.
        #[serde(with = "hex")]
        ceremony: [u8; 32],
        /// The transcript before; zeros before the first.
        #[serde(with = "hex")]
        previous: [u8; 32],
        /// SM3 of the transcript.
        #[serde(with = "hex")]
        transcript: [u8; 32],
    },
}

/// The text of raw key bytes in an order's text: TEST only, and wiped wherever it is held.
mod in_the_clear {
    use serde::{Deserialize, Deserializer, Serializer};
    use zeroize::Zeroizing;

    pub fn serialize<S: Serializer>(text: &Zeroizing<String>, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(text)
    }

    pub fn deserialize<'d, D: Deserializer<'d>>(from: D) -> Result<Zeroizing<String>, D::Error> {
        String::deserialize(from).map(Zeroizing::new)
    }
}

impl Operation {
    /// What the operation is about, for the audit: ids only.
    #[must_use]
    pub fn object(&self) -> String {
        match self {
            Self::Generate(spec) | Self::TestKey(spec, _) | Self::ImportRaw(spec, _) => {
                spec.id.clone()
            }
            Self::EnrolOfficer { name, .. }
            | Self::RemoveOfficer { name }
            | Self::SetTerms { peer: name, .. }
            | Self::CloseTicket { id: name }
            | Self::EnrolPeer { name, .. }
            | Self::LoadPolicy { name, .. } => name.clone(),
            Self::CreateTicket(ticket) => ticket.id.clone(),
            Self::ExportPackage {
                receiver, entries, ..
            } => format!("{receiver} ({} keys)", entries.len()),
            Self::ImportPackage(_) => "package".to_owned(),
            Self::HoldKey { id, .. } | Self::DestroyKey(id) => id.clone(),
            Self::Sign { key, .. } => key.clone(),
            Self::Combine { keys, .. } => format!("{} keys", keys.len()),
            Self::BackUp { keys, .. } => format!("{} keys", keys.len()),
            Self::Restore { ceremony, .. }
            | Self::Reshare { ceremony, .. }
            | Self::Seal { ceremony, .. } => hex::encode_upper(ceremony),
        }
    }

    /// Name for the audit.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Generate(_) => "key.generate",
            Self::TestKey(..) => "key.test",
            Self::ImportRaw(..) => "key.import-raw",
            Self::EnrolOfficer { .. } => "officer.enrol",
            Self::RemoveOfficer { .. } => "officer.dismiss",
            Self::SetTerms { .. } => "terms.set",
            Self::CloseTicket { .. } => "ticket.close",
            Self::EnrolPeer { .. } => "hsm.enrol",
            Self::LoadPolicy { .. } => "policy.load",
            Self::CreateTicket(_) => "ticket.create",
            Self::ExportPackage { .. } => "package.export",
            Self::ImportPackage(_) => "package.import",
            Self::HoldKey { .. } => "key.hold",
            Self::Sign { .. } => "root.sign",
            Self::DestroyKey(_) => "key.destroy",
            Self::Combine { .. } => "key.combine",
            Self::BackUp { .. } => "key.back-up",
            Self::Restore { .. } => "key.restore",
            Self::Reshare { .. } => "key.reshare",
            Self::Seal { .. } => "transcript.seal",
        }
    }
}

/// A package's outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackageLabel {
    /// Mark it was made under.
    pub mark: Mark,
    /// Fingerprint of the HSM that claims to have made it.
    pub sender: [u8; 32],
    /// Fingerprint of the HSM it is for.
    pub receiver: [u8; 32],
    /// Its place among the sender's packages for this receiver.
    pub sequence: u64,
    /// Ids of the keys in it.
    pub ids: Vec<String>,
    /// Certificates it carries.
    pub payload: Vec<u8>,
}

/// What an executed order answered.
pub enum Outcome {
    /// Nothing more to say.
    Done,
    /// A key was made.
    Key(Box<HeldKey>),
    /// A package was made.
    Package(String),
    /// A package was taken in.
    Imported {
        /// Name of the sending HSM here.
        sender: String,
        /// Its number.
        sequence: u64,
        /// Keys it brought.
        keys: Vec<HeldKey>,
        /// Certificates it carried.
        payload: Vec<u8>,
        /// Signed by this HSM for the sender; none where the machine makes none.
        receipt: Option<String>,
    },
    /// r‖s.
    Signature([u8; 64]),
    /// Keys were combined or restored.
    Keys(Vec<HeldKey>),
    /// A back-up was made.
    BackedUp(Box<BackedUp>),
    /// A transcript was sealed.
    Sealed(Box<Seal>),
}
