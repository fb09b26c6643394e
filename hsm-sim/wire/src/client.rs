//! Blocking clients of the two sockets. One connection serves one request at a time; pool them for more.

use crate::attributes::KeyInfo;
use crate::fill::{FillAnswer, FillRequest};
use crate::frame::{self, FrameError, MAX_FRAME};
use crate::info::{AuditRecord, HsmInfo};
use crate::officer::{OfficerAnswer, OfficerRequest, OfficerResult, OrderDone, PeerInfo};
use crate::operator::{OperatorAnswer, OperatorRequest, OperatorResult, SignInput};
use crate::order::Order;
use crate::secret::OperatorSecret;
use crate::ticket::TicketStatus;
use crate::{Hex, HsmError};
use std::io;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;
use zeroize::Zeroize;

/// How long a client waits for one answer unless told otherwise.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);

/// A call that brought no result. Only `Refused` is an answer of the HSM; after any other error the connection is of
/// no use any more, and whether the HSM did the work is not known: repeat a fill with the same request id.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    #[error(
        "HSM at {path}: {source}; is rhc-hsm serving there, and may this user open the socket?"
    )]
    Connect { path: String, source: io::Error },
    #[error(transparent)]
    Frame(#[from] FrameError),
    #[error("the HSM closed the connection without an answer")]
    Closed,
    #[error("the HSM answered something else than was asked")]
    Unexpected,
    #[error(transparent)]
    Refused(#[from] HsmError),
}

fn connect(path: &Path) -> Result<UnixStream, ClientError> {
    let open = || {
        let stream = UnixStream::connect(path)?;
        stream.set_read_timeout(Some(DEFAULT_TIMEOUT))?;
        stream.set_write_timeout(Some(DEFAULT_TIMEOUT))?;
        Ok(stream)
    };
    open().map_err(|source| ClientError::Connect {
        path: path.display().to_string(),
        source,
    })
}

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
        frame::send(&mut self.stream, request)?;
        let answer: OperatorResult =
            frame::receive(&mut self.stream, MAX_FRAME)?.ok_or(ClientError::Closed)?;
        Ok(answer?)
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

    /// Audit records from a number on, at most 1000.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn audit(&mut self, from: u64) -> Result<Vec<AuditRecord>, ClientError> {
        ask!(self, OperatorRequest::Audit { from }, Audit)
    }
}

/// The officers' connection.
pub struct OfficerClient {
    stream: UnixStream,
}

impl OfficerClient {
    /// Connects; orders carry their own proof.
    ///
    /// # Errors
    /// No HSM there.
    pub fn connect(path: impl AsRef<Path>) -> Result<Self, ClientError> {
        Ok(Self {
            stream: connect(path.as_ref())?,
        })
    }

    fn call(&mut self, request: &OfficerRequest) -> Result<OfficerAnswer, ClientError> {
        frame::send(&mut self.stream, request)?;
        let answer: OfficerResult =
            frame::receive(&mut self.stream, MAX_FRAME)?.ok_or(ClientError::Closed)?;
        Ok(answer?)
    }

    /// The HSM itself: fingerprint, mark, next order number.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn info(&mut self) -> Result<HsmInfo, ClientError> {
        match self.call(&OfficerRequest::Info)? {
            OfficerAnswer::Info(info) => Ok(*info),
            OfficerAnswer::Executed(_) => Err(ClientError::Unexpected),
        }
    }

    /// Executes a signed order.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn execute(&mut self, order: &Order) -> Result<OrderDone, ClientError> {
        match self.call(&OfficerRequest::Execute(order.clone()))? {
            OfficerAnswer::Executed(done) => Ok(done),
            OfficerAnswer::Info(_) => Err(ClientError::Unexpected),
        }
    }
}
