//! A GM/T 0018 library behind the port, with the extension that a health card's key service needs inside the machine.
//!
//! The standard knows no ticket, no diversification into a handle and no script, and no officers' orders; what is
//! beyond it goes through the extension (`hsm_sim_ext.h`), whose texts are those of `rhc-hsm`'s own protocol as JSON. A
//! library without the extension is refused: with it alone, keys would be derived in host memory.

mod library;

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use hsm_wire::device::FillOutcome;
use hsm_wire::order::Order;
use kms_core::approval::OfficerSignature;
use kms_core::port::{
    FillRequest, Filled, HeldKey, Hsm, HsmError, HsmIdentity, Nature, Operation, OrderDesk,
    Outcome, PackageLabel, Receipt, Target,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use crate::retry::again;
use crate::sim::{convert, desk, script};
use library::{Device, Library, Session};

/// Idle sessions kept.
const POOL: usize = 4;

/// One machine over its library: both sides of the port.
pub struct SdfHsm {
    device: Arc<Device>,
    idle: Mutex<Vec<Session>>,
}

impl SdfHsm {
    /// Loads the library and opens the device that `config` describes.
    ///
    /// # Errors
    /// The library cannot be loaded, lacks the extension, or the device does not open.
    pub fn open(library: &Path, config: &Path) -> Result<Self, HsmError> {
        Ok(Self {
            device: Device::open(Library::load(library)?, config)?,
            idle: Mutex::new(Vec::new()),
        })
    }

    /// Runs a call on a pooled session or a new one, and again when its failure passes. A session that broke is not
    /// used again.
    fn call<T>(&self, ask: impl Fn(&mut Session) -> Result<T, HsmError>) -> Result<T, HsmError> {
        again(|| {
            let pooled = self.idle().pop();
            let mut session = pooled.map_or_else(|| self.device.session(), Ok)?;
            let answered = ask(&mut session);
            if !matches!(answered, Err(HsmError::Unavailable(_))) {
                let mut idle = self.idle();
                if idle.len() < POOL {
                    idle.push(session);
                }
            }
            answered
        })
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Session>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn read<T: DeserializeOwned>(text: &[u8]) -> Result<T, HsmError> {
    serde_json::from_slice(text)
        .map_err(|e| HsmError::Unavailable(format!("the library's answer: {e}")))
}

fn write(value: &impl Serialize) -> Result<Zeroizing<Vec<u8>>, HsmError> {
    serde_json::to_vec(value)
        .map(Zeroizing::new)
        .map_err(|e| HsmError::Unavailable(format!("a request cannot be written: {e}")))
}

impl Hsm for SdfHsm {
    fn identity(&self) -> Result<HsmIdentity, HsmError> {
        self.call(|session| read(&session.info()?))
            .map(convert::identity)
    }

    fn nature(&self) -> Nature {
        Nature::whole("sdf")
    }

    fn keys(&self) -> Result<Vec<HeldKey>, HsmError> {
        let keys: Vec<hsm_wire::attributes::KeyInfo> =
            self.call(|session| read(&session.list_keys()?))?;
        Ok(keys.into_iter().filter_map(convert::held).collect())
    }

    fn fill(&self, request: &FillRequest) -> Result<Filled, HsmError> {
        let target = match request.target {
            Target::Card => 0,
            Target::Sam => 1,
        };
        let text = write(&[script::fill(request)?])?;
        self.call(|session| {
            let outcomes: Vec<FillOutcome> = read(&session.fill(target, &text)?)?;
            match outcomes.into_iter().next() {
                Some(FillOutcome::Filled(answer)) => script::checked(*answer),
                Some(FillOutcome::Refused(refusal)) => Err(convert::refusal(refusal)),
                None => Err(HsmError::Unavailable("no outcome".into())),
            }
        })
    }

    fn sign(&self, key: &str, message: &[u8]) -> Result<[u8; 64], HsmError> {
        let made = self.call(|session| session.sign(key, message))?;
        let mut signature = [0; 64];
        signature[..32].copy_from_slice(&made.r[32..]);
        signature[32..].copy_from_slice(&made.s[32..]);
        Ok(signature)
    }

    fn mac(&self, key: &str, message: &[u8]) -> Result<[u8; 8], HsmError> {
        self.call(|session| session.mac(key, message))
    }

    fn last_package(&self, peer: &str) -> Result<String, HsmError> {
        let text = self.call(|session| session.last_package(peer))?;
        String::from_utf8(text)
            .map_err(|_| HsmError::Unavailable("a package that is no text".into()))
    }
}

impl OrderDesk for SdfHsm {
    fn identity(&self) -> Result<HsmIdentity, HsmError> {
        read(&self.device.officer_info()?).map(convert::identity)
    }

    fn draft(&self, operations: &[Operation], expires: u64) -> Result<Vec<String>, HsmError> {
        let info = read(&self.device.officer_info()?)?;
        desk::drafted(&info, operations, expires)
    }

    fn inspect(&self, text: &str) -> Result<PackageLabel, HsmError> {
        desk::inspected(text)
    }

    fn is_signed_by(&self, text: &str, signing_key: &[u8; 64]) -> bool {
        desk::signed_by(text, signing_key)
    }

    fn receipt(&self, text: &str, signing_key: &[u8; 64]) -> Option<Receipt> {
        convert::receipt(text, signing_key)
    }

    fn execute(&self, text: &str, signatures: &[OfficerSignature]) -> Result<Outcome, HsmError> {
        let order: Order = desk::order(text, signatures);
        let order = write(&order)?;
        crate::retry::when_busy(|| {
            let done: hsm_wire::officer::OrderDone = read(&self.device.execute_order(&order)?)?;
            Ok(convert::outcome(done))
        })
    }
}
