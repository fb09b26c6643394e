//! One conversation with the HSM: a connection to the daemon, or the engine in this process. Session keys are on the
//! other side in both cases; here are numbers.

use crate::codes::SDR_COMMFAIL;
use crate::device::SharedEngine;
use crate::failure::Failure;
use hsm_engine::device::DeviceSession;
use hsm_wire::Hex;
use hsm_wire::client::{ClientError, OperatorClient};
use hsm_wire::device::{DeviceAnswer, DeviceRequest, Handle, MAX_DATA, Mode, Secret};
use hsm_wire::operator::{OperatorAnswer, OperatorRequest};

/// See the module.
pub struct Link(Kind);

enum Kind {
    Daemon(Box<OperatorClient>),
    Embedded(SharedEngine, DeviceSession),
    /// An answer did not come, or not whole: nothing that belonged to the connection is left.
    Lost,
}

fn lost() -> Failure {
    Failure::new(
        SDR_COMMFAIL,
        "the connection to the HSM is lost, and its session keys and rights with it; close the session and open another",
    )
}

impl Link {
    #[must_use]
    pub fn daemon(client: OperatorClient) -> Self {
        Self(Kind::Daemon(Box::new(client)))
    }

    #[must_use]
    pub fn embedded(engine: SharedEngine) -> Self {
        Self(Kind::Embedded(engine, DeviceSession::new()))
    }

    /// One request, one answer.
    ///
    /// # Errors
    /// The refusal; `SDR_COMMFAIL` from then on when the connection failed.
    pub fn call(&mut self, request: OperatorRequest) -> Result<OperatorAnswer, Failure> {
        match &mut self.0 {
            Kind::Lost => Err(lost()),
            Kind::Embedded(engine, session) => {
                let mut engine = engine.lock().map_err(|_| lost())?;
                Ok(engine.operator_on(session, request)?)
            }
            Kind::Daemon(client) => match client.call(&request) {
                Ok(answer) => Ok(answer),
                Err(ClientError::Refused(refusal)) => Err(refusal.into()),
                Err(other) => {
                    self.0 = Kind::Lost;
                    Err(other.into())
                }
            },
        }
    }

    /// One request to the connection's own part of the HSM.
    ///
    /// # Errors
    /// See [`Link::call`].
    pub fn device(&mut self, request: DeviceRequest) -> Result<DeviceAnswer, Failure> {
        match self.call(OperatorRequest::Device(Box::new(request)))? {
            OperatorAnswer::Device(answer) => Ok(*answer),
            _ => Err(Failure::unexpected()),
        }
    }

    /// Encrypts or decrypts whole blocks in place; a long text goes in pieces, chained by the IV.
    ///
    /// # Errors
    /// See [`Link::call`].
    pub fn cipher(
        &mut self,
        key: Handle,
        mode: Mode,
        decrypt: bool,
        iv: &mut [u8; 16],
        data: &mut [u8],
    ) -> Result<(), Failure> {
        if let Kind::Embedded(engine, session) = &self.0 {
            engine.lock().map_err(|_| lost())?.check_works()?;
            return Ok(session.cipher(key, mode, decrypt, iv, data)?);
        }
        for piece in data.chunks_mut(MAX_DATA) {
            let request = DeviceRequest::Cipher {
                key,
                mode,
                decrypt,
                iv: Hex(*iv),
                data: Secret(piece.to_vec()),
            };
            match self.device(request)? {
                DeviceAnswer::Block(next, done) if done.0.len() == piece.len() => {
                    piece.copy_from_slice(&done.0);
                    *iv = next.0;
                }
                _ => return Err(Failure::unexpected()),
            }
        }
        Ok(())
    }

    /// CBC-MAC over whole blocks; afterwards the IV is the MAC.
    ///
    /// # Errors
    /// See [`Link::call`].
    pub fn mac(&mut self, key: Handle, iv: &mut [u8; 16], data: &[u8]) -> Result<(), Failure> {
        if let Kind::Embedded(engine, session) = &self.0 {
            engine.lock().map_err(|_| lost())?.check_works()?;
            return Ok(session.mac(key, iv, data)?);
        }
        for piece in data.chunks(MAX_DATA) {
            let request = DeviceRequest::Mac {
                key,
                iv: Hex(*iv),
                data: Secret(piece.to_vec()),
            };
            match self.device(request)? {
                DeviceAnswer::Block(next, _) => *iv = next.0,
                _ => return Err(Failure::unexpected()),
            }
        }
        Ok(())
    }
}
