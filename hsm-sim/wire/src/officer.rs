//! What two officers may order, and what the officers' socket answers.

use crate::attributes::{Hold, KeyAttributes, KeyInfo};
use crate::custody::{BackedUp, CombinedKey, Custody, Entry, GivenShare, Seal};
use crate::info::HsmInfo;
use crate::order::Order;
use crate::policy::Policy;
use crate::ticket::{TicketSpec, TicketStatus};
use crate::{Hex, HsmError, Leaves};
use serde::{Deserialize, Serialize};

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

/// An enrolled HSM.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerInfo {
    pub name: String,
    pub kind: PeerKind,
    pub fingerprint: Hex<32>,
    pub signing_key: Hex<64>,
    pub encryption_key: Hex<64>,
    /// Packages made for it and taken from it.
    pub sent: u64,
    pub received: u64,
}

/// Where the bytes of a new key come from.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeySource {
    /// Drawn in the HSM.
    Random,
    /// Public test key of this label, which begins with `RHC-TEST-` (D31–D42). SM4: first 16 bytes of SM3(label);
    /// SM2: SM3(label) mod (n−1) + 1; AES-128 and P-256 likewise with SHA-256 (D46). TEST stores only; the bytes never pass the host.
    TestFormula(String),
}

/// One key of a package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExportEntry {
    /// Key here.
    pub key: String,
    /// Diversified by these first, from the top down.
    #[serde(default)]
    pub factors: Vec<Hex<8>>,
    /// Id at the receiver.
    pub new_id: String,
    /// Narrower ways out at the receiver; `None`: the same.
    #[serde(default)]
    pub leaves: Option<Leaves>,
}

/// An operation that needs two officers. In JSON: `{"generate-key": {…}}`.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum OrderOp {
    GenerateKey {
        id: String,
        attributes: KeyAttributes,
        source: KeySource,
    },
    /// TEST stores only: bytes in hexadecimal.
    ImportRaw {
        id: String,
        attributes: KeyAttributes,
        bytes: String,
    },
    DestroyKey {
        id: String,
    },
    EnrolOfficer {
        name: String,
        public_key: Hex<64>,
    },
    RemoveOfficer {
        name: String,
    },
    /// The officers have compared the fingerprint on two ways.
    EnrolPeer {
        name: String,
        kind: PeerKind,
        signing_key: Hex<64>,
        encryption_key: Hex<64>,
        fingerprint: Hex<32>,
    },
    RemovePeer {
        name: String,
    },
    LoadPolicy {
        policy: Policy,
    },
    RemovePolicy,
    CreateTicket {
        ticket: TicketSpec,
    },
    CloseTicket {
        id: String,
    },
    /// `payload` (hexadecimal) is carried and signed, and has no meaning here: certificates and the like.
    ExportPackage {
        receiver: String,
        purpose: String,
        entries: Vec<ExportEntry>,
        payload: String,
    },
    /// `package`: the text as received.
    ImportPackage {
        package: String,
    },
    /// Signature with a key of usage `sign-by-order` (or `sign`) over the message (hexadecimal), with ZA.
    Sign {
        key: String,
        message: String,
    },
    /// New operator's secret: SM3 of the secret.
    SetOperator {
        secret_hash: Hex<32>,
    },
    /// The password that opens the private keys of an index (`device`): salt(16) ‖ argon2id(32) of it, from
    /// `rhc-hsm index-password`. Wrong tries are forgotten.
    SetIndexPassword {
        index: u32,
        verifier: Hex<48>,
    },
    /// New auditor's secret: SM3 of the secret. Without one nobody is the auditor.
    SetAuditor {
        secret_hash: Hex<32>,
    },
    /// Keys as the XOR of custodians' components: all, or none.
    CombineKeys {
        ceremony: Hex<32>,
        keys: Vec<CombinedKey>,
        components: Vec<Entry>,
    },
    /// Keys under a fresh key that M of N custodians give back.
    BackUpKeys {
        ceremony: Hex<32>,
        keys: Vec<String>,
        custody: Custody,
    },
    /// Keys of a back-up, with the shares of enough custodians: all, or none. Keys that are here already, the same, stay.
    RestoreKeys {
        ceremony: Hex<32>,
        backup: String,
        shares: Vec<GivenShare>,
    },
    /// The content of a back-up for other custodians, under another key: shares of before do not open it.
    ReshareKeys {
        ceremony: Hex<32>,
        backup: String,
        shares: Vec<GivenShare>,
        custody: Custody,
    },
    /// Signs a ceremony's transcript and makes it the head of the chain.
    /// What a lower HSM may do from its next lease on.
    SetTerms {
        peer: String,
        terms: crate::lease::Terms,
    },
    SealTranscript {
        ceremony: Hex<32>,
        previous: Hex<32>,
        transcript: Hex<32>,
    },
    /// Takes a key out of use, or back; a barred one never comes back.
    HoldKey {
        id: String,
        hold: Hold,
    },
}

impl OrderOp {
    /// Name for audit and messages, as in JSON.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::GenerateKey { .. } => "generate-key",
            Self::ImportRaw { .. } => "import-raw",
            Self::DestroyKey { .. } => "destroy-key",
            Self::EnrolOfficer { .. } => "enrol-officer",
            Self::RemoveOfficer { .. } => "remove-officer",
            Self::EnrolPeer { .. } => "enrol-peer",
            Self::RemovePeer { .. } => "remove-peer",
            Self::LoadPolicy { .. } => "load-policy",
            Self::RemovePolicy => "remove-policy",
            Self::CreateTicket { .. } => "create-ticket",
            Self::CloseTicket { .. } => "close-ticket",
            Self::ExportPackage { .. } => "export-package",
            Self::ImportPackage { .. } => "import-package",
            Self::Sign { .. } => "sign",
            Self::SetOperator { .. } => "set-operator",
            Self::SetIndexPassword { .. } => "set-index-password",
            Self::SetAuditor { .. } => "set-auditor",
            Self::CombineKeys { .. } => "combine-keys",
            Self::BackUpKeys { .. } => "back-up-keys",
            Self::RestoreKeys { .. } => "restore-keys",
            Self::ReshareKeys { .. } => "reshare-keys",
            Self::SetTerms { .. } => "set-terms",
            Self::SealTranscript { .. } => "seal-transcript",
            Self::HoldKey { .. } => "hold-key",
        }
    }
}

/// What an executed order answers.
#[derive(Clone, Serialize, Deserialize)]
pub enum OrderDone {
    /// Nothing more to say.
    Done,
    Key(Box<KeyInfo>),
    Ticket(Box<TicketStatus>),
    Peer(Box<PeerInfo>),
    /// Hash of the loaded policy.
    Policy(Hex<32>),
    /// Text of the package.
    Package(String),
    Imported(Box<ImportReport>),
    /// r ‖ s.
    Signature(Hex<64>),
    /// Keys combined or restored.
    Keys(Vec<KeyInfo>),
    BackedUp(Box<BackedUp>),
    Sealed(Box<Seal>),
}

/// What a package brought.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportReport {
    /// Name of the sending peer here.
    pub sender: String,
    pub sequence: u64,
    pub purpose: String,
    pub keys: Vec<KeyInfo>,
    pub payload: Vec<u8>,
    /// Signed by this HSM, for the sender.
    pub receipt: String,
}

/// A request on the officers' socket. `Info` needs nobody; orders carry their own proof.
#[derive(Serialize, Deserialize)]
pub enum OfficerRequest {
    Info,
    Execute(Order),
}

/// The answer.
#[derive(Serialize, Deserialize)]
pub enum OfficerAnswer {
    Info(Box<HsmInfo>),
    Executed(OrderDone),
}

/// What travels back.
pub type OfficerResult = Result<OfficerAnswer, HsmError>;
