//! What the operator may ask. New variants go to the end: their place is their number on the wire.

use crate::attributes::KeyInfo;
use crate::device::{DeviceAnswer, DeviceRequest};
use crate::fill::{FillAnswer, FillRequest};
use crate::info::{AuditRecord, HsmInfo};
use crate::officer::PeerInfo;
use crate::ticket::TicketStatus;
use crate::{Hex, HsmError};
use serde::{Deserialize, Serialize};

/// What an SM2 signature is made over.
#[derive(Clone, Serialize, Deserialize)]
pub enum SignInput {
    /// The message; the HSM hashes it with ZA of the default identity.
    Message(Vec<u8>),
    /// The value *e* itself.
    Digest([u8; 32]),
}

/// A request on the operator's socket.
#[derive(Serialize, Deserialize)]
pub enum OperatorRequest {
    /// First on every connection.
    Hello {
        secret: [u8; 32],
    },
    Info,
    ListKeys,
    Key {
        id: String,
    },
    ListPeers,
    ListTickets,
    Ticket {
        id: String,
    },
    /// 1–1024 bytes.
    Random {
        length: u16,
    },
    /// SM4-CBC-MAC over the message padded `80 00…`, IV 0, first 1–8 bytes.
    Mac {
        key: String,
        message: Vec<u8>,
        length: u8,
    },
    Sm2Sign {
        key: String,
        input: SignInput,
    },
    FillCard(Box<FillRequest>),
    FillSam(Box<FillRequest>),
    /// The last package made for this peer.
    LastPackage {
        peer: String,
    },
    /// At most 1000 records from this number on.
    Audit {
        from: u64,
    },
    /// `FillCard` for up to [`MAX_BATCH`] cards: one durable write, an outcome and an audit record for each.
    FillCards(Vec<FillRequest>),
    /// The same for SAMs.
    FillSams(Vec<FillRequest>),
    /// To this connection's own part of the HSM.
    Device(Box<DeviceRequest>),
    /// First on an auditor's connection, which may read `Info` and `Audit` and nothing else.
    HelloAuditor {
        secret: [u8; 32],
    },
    /// `Sm2Sign` for up to [`MAX_SIGNATURES`] inputs: one durable write and one audit record for all, and as many uses.
    Sm2SignMany {
        key: String,
        inputs: Vec<SignInput>,
    },
    /// A lease for a lower HSM, within the terms that its officers set.
    IssueLease {
        peer: String,
    },
    /// A lease of an upper HSM: its text.
    TakeLease {
        lease: String,
    },
    /// Leases given and taken.
    Leases,
}

/// Most signatures of one request.
pub const MAX_SIGNATURES: usize = 1024;

/// Most fills of one request. The whole request and its whole answer must fit a frame too.
pub const MAX_BATCH: usize = 64;

/// The answer; the variant belongs to the request's.
#[derive(Serialize, Deserialize)]
pub enum OperatorAnswer {
    Hello,
    Info(Box<HsmInfo>),
    Keys(Vec<KeyInfo>),
    Key(Box<KeyInfo>),
    Peers(Vec<PeerInfo>),
    Tickets(Vec<TicketStatus>),
    Ticket(Box<TicketStatus>),
    Random(Vec<u8>),
    Mac(Vec<u8>),
    /// r ‖ s.
    Signature(Hex<64>),
    Filled(Box<FillAnswer>),
    /// Text of the package.
    Package(String),
    Audit(Vec<AuditRecord>),
    /// In the requests' order.
    FilledMany(Vec<Result<FillAnswer, HsmError>>),
    Device(Box<DeviceAnswer>),
    /// In the inputs' order.
    Signatures(Vec<Hex<64>>),
    /// Text of the lease.
    Lease(String),
    LeaseTaken,
    Leases(Vec<crate::lease::LeaseStatus>),
}

/// What travels back.
pub type OperatorResult = Result<OperatorAnswer, HsmError>;
