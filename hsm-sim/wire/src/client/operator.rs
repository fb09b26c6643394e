//! The operator's connection.

use super::{ClientError, connect, exchange};
use crate::attributes::KeyInfo;
use crate::fill::{FillAnswer, FillRequest};
use crate::frame::FrameError;
use crate::info::{AuditRecord, HsmInfo};
use crate::lease::LeaseStatus;
use crate::officer::PeerInfo;
use crate::operator::{OperatorAnswer, OperatorRequest, SignInput};
use crate::secret::OperatorSecret;
use crate::ticket::TicketStatus;
use crate::{Hex, HsmError};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;
use zeroize::Zeroize;

/// The operator's connection.
pub struct OperatorClient {
    stream: UnixStream,
}

macro_rules! ask {
    ($self:ident, $request:expr, $answer:ident) => {
        match $self.call(&$request)? {
            OperatorAnswer::$answer(value) => Ok(value),
            _ => Err(ClientError::Unexpected),
        }
    };
}

impl OperatorClient {
    /// Connects and proves knowledge of the operator's secret.
    ///
    /// # Errors
    /// No HSM there, or it refused the secret.
    pub fn connect(path: impl AsRef<Path>, secret: &OperatorSecret) -> Result<Self, ClientError> {
        let mut client = Self {
            stream: connect(path.as_ref())?,
        };
        let mut hello = OperatorRequest::Hello {
            secret: *secret.expose(),
        };
        let answer = client.call(&hello);
        if let OperatorRequest::Hello { secret } = &mut hello {
            secret.zeroize();
        }
        match answer? {
            OperatorAnswer::Hello => Ok(client),
            _ => Err(ClientError::Unexpected),
        }
    }

    /// Another time limit per answer.
    ///
    /// # Errors
    /// The socket took none.
    pub fn set_timeout(&mut self, limit: Duration) -> Result<(), ClientError> {
        self.stream
            .set_read_timeout(Some(limit))
            .map_err(FrameError::from)?;
        Ok(())
    }

    /// One request, one answer.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn call(&mut self, request: &OperatorRequest) -> Result<OperatorAnswer, ClientError> {
        exchange(&mut self.stream, request)
    }

    /// The HSM itself.
    ///
    /// # Errors
    /// See [`ClientError`]; so for all that follow.
    pub fn info(&mut self) -> Result<HsmInfo, ClientError> {
        ask!(self, OperatorRequest::Info, Info).map(|boxed| *boxed)
    }

    /// Every key's attributes.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn list_keys(&mut self) -> Result<Vec<KeyInfo>, ClientError> {
        ask!(self, OperatorRequest::ListKeys, Keys)
    }

    /// One key's attributes.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn key(&mut self, id: &str) -> Result<KeyInfo, ClientError> {
        ask!(self, OperatorRequest::Key { id: id.to_owned() }, Key).map(|boxed| *boxed)
    }

    /// Enrolled HSMs.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn list_peers(&mut self) -> Result<Vec<PeerInfo>, ClientError> {
        ask!(self, OperatorRequest::ListPeers, Peers)
    }

    /// Every ticket.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn list_tickets(&mut self) -> Result<Vec<TicketStatus>, ClientError> {
        ask!(self, OperatorRequest::ListTickets, Tickets)
    }

    /// One ticket.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn ticket(&mut self, id: &str) -> Result<TicketStatus, ClientError> {
        ask!(self, OperatorRequest::Ticket { id: id.to_owned() }, Ticket).map(|boxed| *boxed)
    }

    /// Random bytes of the HSM.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn random(&mut self, length: u16) -> Result<Vec<u8>, ClientError> {
        ask!(self, OperatorRequest::Random { length }, Random)
    }

    /// First `length` bytes of the CBC-MAC of `message`.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn mac(&mut self, key: &str, message: &[u8], length: u8) -> Result<Vec<u8>, ClientError> {
        let request = OperatorRequest::Mac {
            key: key.to_owned(),
            message: message.to_vec(),
            length,
        };
        ask!(self, request, Mac)
    }

    /// r ‖ s.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn sm2_sign(&mut self, key: &str, input: SignInput) -> Result<Hex<64>, ClientError> {
        ask!(
            self,
            OperatorRequest::Sm2Sign {
                key: key.to_owned(),
                input
            },
            Signature
        )
    }

    /// Many signatures with one key; see [`MAX_SIGNATURES`](crate::operator::MAX_SIGNATURES).
    ///
    /// # Errors
    /// See [`ClientError`]; either all are made or none.
    pub fn sm2_sign_many(
        &mut self,
        key: &str,
        inputs: Vec<SignInput>,
    ) -> Result<Vec<Hex<64>>, ClientError> {
        let request = OperatorRequest::Sm2SignMany {
            key: key.to_owned(),
            inputs,
        };
        ask!(self, request, Signatures)
    }

    /// A user card's script.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn fill_card(&mut self, request: FillRequest) -> Result<FillAnswer, ClientError> {
        ask!(self, OperatorRequest::FillCard(Box::new(request)), Filled).map(|boxed| *boxed)
    }

    /// A SAM's script.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn fill_sam(&mut self, request: FillRequest) -> Result<FillAnswer, ClientError> {
        ask!(self, OperatorRequest::FillSam(Box::new(request)), Filled).map(|boxed| *boxed)
    }

    /// The scripts of up to [`MAX_BATCH`](crate::operator::MAX_BATCH) cards, each with its own outcome. After a lost
    /// answer, ask again with the same request ids.
    ///
    /// # Errors
    /// See [`ClientError`]; `Refused` means that nothing was done for any of them.
    pub fn fill_cards(
        &mut self,
        requests: Vec<FillRequest>,
    ) -> Result<Vec<Result<FillAnswer, HsmError>>, ClientError> {
        ask!(self, OperatorRequest::FillCards(requests), FilledMany)
    }

    /// The same for SAMs.
    ///
    /// # Errors
    /// See [`OperatorClient::fill_cards`].
    pub fn fill_sams(
        &mut self,
        requests: Vec<FillRequest>,
    ) -> Result<Vec<Result<FillAnswer, HsmError>>, ClientError> {
        ask!(self, OperatorRequest::FillSams(requests), FilledMany)
    }

    /// The last package made for a peer, when the answer to its order was lost.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn last_package(&mut self, peer: &str) -> Result<String, ClientError> {
        ask!(
            self,
            OperatorRequest::LastPackage {
                peer: peer.to_owned()
            },
            Package
        )
    }

    /// A lease for a lower HSM.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn issue_lease(&mut self, peer: &str) -> Result<String, ClientError> {
        let peer = peer.to_owned();
        ask!(self, OperatorRequest::IssueLease { peer }, Lease)
    }

    /// Takes a lease of an upper HSM.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn take_lease(&mut self, lease: &str) -> Result<(), ClientError> {
        let lease = lease.to_owned();
        match self.call(&OperatorRequest::TakeLease { lease })? {
            OperatorAnswer::LeaseTaken => Ok(()),
            _ => Err(ClientError::Unexpected),
        }
    }

    /// Leases given and taken.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn leases(&mut self) -> Result<Vec<LeaseStatus>, ClientError> {
        ask!(self, OperatorRequest::Leases, Leases)
    }

    /// Audit records from a number on, at most 1000.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn audit(&mut self, from: u64) -> Result<Vec<AuditRecord>, ClientError> {
        ask!(self, OperatorRequest::Audit { from }, Audit)
    }
}
