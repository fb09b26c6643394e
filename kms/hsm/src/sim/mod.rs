//! `rhc-hsm` behind the port: connections are pooled, a broken one is replaced, what passes is tried again, refusals
//! keep their names.

pub(crate) mod convert;
pub(crate) mod desk;
pub(crate) mod script;

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use hsm_wire::client::{ClientError, OperatorClient};
use hsm_wire::operator::{OperatorAnswer, OperatorRequest, SignInput};
use hsm_wire::secret::OperatorSecret;
use kms_core::port::{
    FillRequest, Filled, HeldKey, Hsm, HsmError, HsmIdentity, Lease, Nature, Target,
};

use crate::retry::again;

pub use desk::SimDesk;

/// One answer takes milliseconds; a HSM that needs longer than this is stuck.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Idle connections kept.
const POOL: usize = 4;

/// What `rhc-hsm info --json` printed about some HSM; `None` for anything else.
#[must_use]
pub fn read_info(text: &[u8]) -> Option<HsmIdentity> {
    serde_json::from_slice(text).ok().map(convert::identity)
}

/// The operator's side of one `rhc-hsm`.
pub struct SimHsm {
    socket: PathBuf,
    secret: OperatorSecret,
    idle: Mutex<Vec<OperatorClient>>,
}

impl SimHsm {
    /// Nothing is connected yet; the first call connects.
    #[must_use]
    pub fn new(socket: PathBuf, secret: OperatorSecret) -> Self {
        Self {
            socket,
            secret,
            idle: Mutex::new(Vec::new()),
        }
    }

    /// Loads the operator's secret from its file (mode 0600).
    ///
    /// # Errors
    /// The file cannot be used.
    pub fn open(
        socket: PathBuf,
        credential: &std::path::Path,
    ) -> Result<Self, hsm_wire::secret::SecretError> {
        Ok(Self::new(socket, OperatorSecret::load(credential)?))
    }

    /// Runs a call on a pooled connection or a new one, and again when its failure passes. A connection that broke is not
    /// used again.
    fn call<T>(
        &self,
        ask: impl Fn(&mut OperatorClient) -> Result<T, ClientError>,
    ) -> Result<T, HsmError> {
        again(|| {
            let mut client = self.take().map_or_else(|| self.connect(), Ok)?;
            let answered = ask(&mut client);
            if matches!(answered, Ok(_) | Err(ClientError::Refused(_))) {
                let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
                if idle.len() < POOL {
                    idle.push(client);
                }
            }
            answered.map_err(convert::error)
        })
    }

    fn take(&self) -> Option<OperatorClient> {
        self.idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop()
    }

    fn connect(&self) -> Result<OperatorClient, HsmError> {
        let mut client =
            OperatorClient::connect(&self.socket, &self.secret).map_err(convert::error)?;
        client.set_timeout(TIMEOUT).map_err(convert::error)?;
        Ok(client)
    }
}

impl Hsm for SimHsm {
    fn identity(&self) -> Result<HsmIdentity, HsmError> {
        self.call(OperatorClient::info).map(convert::identity)
    }

    fn nature(&self) -> Nature {
        Nature::whole("sim")
    }

    fn keys(&self) -> Result<Vec<HeldKey>, HsmError> {
        Ok(self
            .call(OperatorClient::list_keys)?
            .into_iter()
            .filter_map(convert::held)
            .collect())
    }

    fn fill(&self, request: &FillRequest) -> Result<Filled, HsmError> {
        let wire = script::fill(request)?;
        let asked = match request.target {
            Target::Card => OperatorRequest::FillCard(Box::new(wire)),
            Target::Sam => OperatorRequest::FillSam(Box::new(wire)),
        };
        let answer = self.call(|client| match client.call(&asked)? {
            OperatorAnswer::Filled(answer) => Ok(answer),
            _ => Err(ClientError::Unexpected),
        })?;
        script::checked(*answer)
    }

    fn fill_many(&self, requests: &[FillRequest]) -> Vec<Result<Filled, HsmError>> {
        let cards = requests.iter().all(|one| one.target == Target::Card);
        if requests.len() < 2 || !cards {
            return requests.iter().map(|request| self.fill(request)).collect();
        }
        let wire = requests.iter().map(script::fill);
        let wire = match wire.collect::<Result<Vec<_>, _>>() {
            Ok(wire) => wire,
            // One of them cannot be said on the wire: the others are not refused for that.
            Err(_) => return requests.iter().map(|request| self.fill(request)).collect(),
        };
        let asked = OperatorRequest::FillCards(wire);
        let answered = self.call(|client| match client.call(&asked)? {
            OperatorAnswer::FilledMany(answers) => Ok(answers),
            _ => Err(ClientError::Unexpected),
        });
        match answered {
            Ok(answers) => answers
                .into_iter()
                .map(|answer| answer.map_err(convert::refusal).and_then(script::checked))
                .collect(),
            // Refused whole, such as too large for one frame: nothing was done.
            Err(HsmError::Refused { .. }) => {
                requests.iter().map(|request| self.fill(request)).collect()
            }
            Err(HsmError::Unavailable(why)) => requests
                .iter()
                .map(|_| Err(HsmError::Unavailable(why.clone())))
                .collect(),
        }
    }

    fn sign(&self, key: &str, message: &[u8]) -> Result<[u8; 64], HsmError> {
        let signature =
            self.call(|client| client.sm2_sign(key, SignInput::Message(message.to_vec())))?;
        Ok(signature.0)
    }

    fn mac(&self, key: &str, message: &[u8]) -> Result<[u8; 8], HsmError> {
        let mac = self.call(|client| client.mac(key, message, 8))?;
        mac.try_into()
            .map_err(|_| HsmError::Unavailable("a MAC of another length".into()))
    }

    fn last_package(&self, peer: &str) -> Result<String, HsmError> {
        self.call(|client| client.last_package(peer))
    }

    fn issue_lease(&self, peer: &str) -> Result<String, HsmError> {
        self.call(|client| client.issue_lease(peer))
    }

    fn take_lease(&self, lease: &str) -> Result<(), HsmError> {
        self.call(|client| client.take_lease(lease))
    }

    fn leases(&self) -> Result<Vec<Lease>, HsmError> {
        let all = self.call(OperatorClient::leases)?;
        Ok(all.into_iter().map(convert::leased).collect())
    }

    fn ticket_used(&self, ticket: &str) -> Result<u64, HsmError> {
        Ok(self.call(|client| client.ticket(ticket))?.used)
    }
}
