//! A device handle: the HSM that a configuration names.

use crate::codes::{SDR_NOTSUPPORT, SDR_OPENDEVICE, SDR_OPENSESSION};
use crate::config::Config;
use crate::failure::Failure;
use crate::link::Link;
use crate::session::Session;
use crate::table::{Token, table};
use hsm_engine::{Engine, UnsealSecret, World};
use hsm_wire::Mark;
use hsm_wire::client::{OfficerClient, OperatorClient};
use hsm_wire::info::HsmInfo;
use hsm_wire::officer::{OfficerAnswer, OfficerRequest, OrderDone};
use hsm_wire::order::Order;
use hsm_wire::secret::{OperatorSecret, read_secret_file};
use std::collections::HashMap;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// An engine that sessions share.
pub type SharedEngine = Arc<Mutex<Engine>>;

/// The engines of this process: a store is opened once, however many devices name it.
#[derive(Default)]
pub struct Engines(Mutex<HashMap<PathBuf, Weak<Mutex<Engine>>>>);

impl Engines {
    fn open(&self, store: &Path, unseal: &Path) -> Result<SharedEngine, Failure> {
        let failed =
            |what: String| Failure::new(SDR_OPENDEVICE, &format!("{}: {what}", store.display()));
        let path = store.canonicalize().map_err(|e| failed(e.to_string()))?;
        let text = read_secret_file(unseal).map_err(|e| failed(e.to_string()))?;
        let secret = UnsealSecret::from_hex(&text)
            .ok_or_else(|| failed("the unsealing secret is not 64 hexadecimal digits".into()))?;
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(engine) = open.get(&path).and_then(Weak::upgrade) {
            return Ok(engine);
        }
        let engine = Engine::open(&path, &secret, World::system())
            .map_err(|error| failed(error.to_string()))?;
        if engine.info().mark == Mark::Production {
            return Err(failed(
                "a PRODUCTION store is not opened inside a program".into(),
            ));
        }
        let engine = Arc::new(Mutex::new(engine));
        open.insert(path, Arc::downgrade(&engine));
        Ok(engine)
    }
}

/// An open device.
pub struct Device {
    place: Place,
}

enum Place {
    Daemon(Config),
    Embedded(SharedEngine),
}

impl Device {
    /// Opens what a configuration names; a daemon must answer at its socket.
    ///
    /// # Errors
    /// `SDR_OPENDEVICE`.
    pub fn open(config: Config) -> Result<Self, Failure> {
        let place = match config {
            Config::Embedded { store, unseal } => {
                Place::Embedded(table().engines.open(&store, &unseal)?)
            }
            Config::Daemon {
                ref operator,
                ref officer,
                ..
            } => {
                let sockets = operator.iter().map(|(socket, _)| socket).chain(officer);
                for socket in sockets {
                    UnixStream::connect(socket).map_err(|error| {
                        let place = socket.display();
                        Failure::new(
                            SDR_OPENDEVICE,
                            &format!("{place}: {error}; is rhc-hsm serving there?"),
                        )
                    })?;
                }
                Place::Daemon(config)
            }
        };
        Ok(Self { place })
    }

    /// Opens a session on the device of this handle.
    ///
    /// # Errors
    /// `SDR_OPENSESSION`: nobody there, the wrong credential, or a device for officers only.
    pub fn session(&self, own: Token) -> Result<Session, Failure> {
        let link = match &self.place {
            Place::Embedded(engine) => Link::embedded(Arc::clone(engine)),
            Place::Daemon(Config::Daemon {
                operator: Some((socket, credential)),
                timeout,
                ..
            }) => {
                let secret = OperatorSecret::load(credential)
                    .map_err(|e| Failure::new(SDR_OPENSESSION, &e.to_string()))?;
                let mut client = OperatorClient::connect(socket, &secret)
                    .map_err(|e| Failure::from(e).with_code(SDR_OPENSESSION))?;
                client
                    .set_timeout(*timeout)
                    .map_err(|e| Failure::from(e).with_code(SDR_OPENSESSION))?;
                Link::daemon(client)
            }
            Place::Daemon(_) => {
                return Err(Failure::new(
                    SDR_OPENSESSION,
                    "the configuration names no operator's socket: this device serves officers",
                ));
            }
        };
        Ok(Session::new(own, link))
    }

    fn officer(&self, request: OfficerRequest) -> Result<OfficerAnswer, Failure> {
        match &self.place {
            Place::Embedded(engine) => {
                let mut engine = engine.lock().map_err(|_| Failure::unexpected())?;
                Ok(engine.officer(request)?)
            }
            Place::Daemon(Config::Daemon {
                officer: Some(socket),
                ..
            }) => {
                let mut client = OfficerClient::connect(socket)?;
                Ok(match request {
                    OfficerRequest::Info => OfficerAnswer::Info(Box::new(client.info()?)),
                    OfficerRequest::Execute(order) => {
                        OfficerAnswer::Executed(client.execute(&order)?)
                    }
                })
            }
            Place::Daemon(_) => Err(Failure::new(
                SDR_NOTSUPPORT,
                "the configuration names no officers' socket",
            )),
        }
    }

    /// The HSM, as anybody may know it.
    ///
    /// # Errors
    /// No answer.
    pub fn officer_info(&self) -> Result<HsmInfo, Failure> {
        match self.officer(OfficerRequest::Info)? {
            OfficerAnswer::Info(info) => Ok(*info),
            OfficerAnswer::Executed(_) => Err(Failure::unexpected()),
        }
    }

    /// Executes an order of two officers.
    ///
    /// # Errors
    /// No answer, or the refusal.
    pub fn execute(&self, order: Order) -> Result<OrderDone, Failure> {
        match self.officer(OfficerRequest::Execute(order))? {
            OfficerAnswer::Executed(done) => Ok(done),
            OfficerAnswer::Info(_) => Err(Failure::unexpected()),
        }
    }
}
