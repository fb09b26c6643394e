//! The officers' connection, and the auditor's.

use super::{ClientError, connect, exchange};
use crate::frame::{self, MAX_FRAME};
use crate::info::{AuditRecord, HsmInfo};
use crate::officer::{OfficerAnswer, OfficerRequest, OfficerResult, OrderDone};
use crate::operator::{OperatorAnswer, OperatorRequest};
use crate::order::Order;
use crate::secret::OperatorSecret;
use std::os::unix::net::UnixStream;
use std::path::Path;
use zeroize::Zeroize;

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

/// The auditor's connection, on the operator's socket: reads the audit, and nothing else.
pub struct AuditorClient {
    stream: UnixStream,
}

impl AuditorClient {
    /// Connects and proves knowledge of the auditor's secret.
    ///
    /// # Errors
    /// No HSM there, or it refused the secret.
    pub fn connect(path: impl AsRef<Path>, secret: &OperatorSecret) -> Result<Self, ClientError> {
        let mut stream = connect(path.as_ref())?;
        let mut hello = OperatorRequest::HelloAuditor {
            secret: *secret.expose(),
        };
        let answer = exchange(&mut stream, &hello);
        if let OperatorRequest::HelloAuditor { secret } = &mut hello {
            secret.zeroize();
        }
        match answer? {
            OperatorAnswer::Hello => Ok(Self { stream }),
            _ => Err(ClientError::Unexpected),
        }
    }

    /// One request, one answer; all but `Info` and `Audit` are refused.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn call(&mut self, request: &OperatorRequest) -> Result<OperatorAnswer, ClientError> {
        exchange(&mut self.stream, request)
    }

    /// The HSM itself.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn info(&mut self) -> Result<HsmInfo, ClientError> {
        match self.call(&OperatorRequest::Info)? {
            OperatorAnswer::Info(info) => Ok(*info),
            _ => Err(ClientError::Unexpected),
        }
    }

    /// Audit records from a number on, at most 1000.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn audit(&mut self, from: u64) -> Result<Vec<AuditRecord>, ClientError> {
        match self.call(&OperatorRequest::Audit { from })? {
            OperatorAnswer::Audit(records) => Ok(records),
            _ => Err(ClientError::Unexpected),
        }
    }
}
