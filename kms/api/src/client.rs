//! The blocking client of a key service.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use kms_platform::ca::Request;
use kms_platform::client::HttpClient;
use kms_platform::clock::SharedClock;
use kms_platform::identity::Identity;
use kms_platform::name::Role;

use crate::tiers::{
    Acknowledged, Checkpoints, Countersignature, HandDownOpened, HandDownRequest, Lease, Nothing,
    Package, Receipt,
};
use crate::{
    ApprovalRequest, ApprovalStanding, BatchAnswer, BatchOutcome, IdentityAnswer, KeyTable,
    PersonalisationBatch, PersonalisationRequest, RenewalRequest, SamNationalRequest,
    SamProvincialFilesRequest, SamProvincialKeysRequest, Script, ServiceStatus, SignedApproval,
    paths,
};

/// Why a call brought nothing; `problem()` gives the service's own words, whose slugs stand in [`crate::problem`].
pub use kms_platform::client::ClientError;

/// One key service, asked with one identity, which is renewed in time where its file is known.
#[derive(Clone)]
pub struct Client {
    http: Arc<Mutex<HttpClient>>,
    kept: Option<Arc<Kept>>,
}

/// An identity file that is kept fresh.
struct Kept {
    base: String,
    path: PathBuf,
    clock: SharedClock,
    due: Mutex<Due>,
}

/// When to look at the certificate again.
struct Due(jiff::Timestamp);

/// A renewal that failed is tried again after this long.
const AGAIN: jiff::SignedDuration = jiff::SignedDuration::from_hours(1);

impl Client {
    /// `base` is like `https://127.0.0.1:8443`.
    ///
    /// # Errors
    /// The address or the identity cannot be used.
    pub fn new(base: &str, identity: &Identity) -> Result<Self, ClientError> {
        Ok(Self {
            http: Arc::new(Mutex::new(HttpClient::new(base, identity, Role::Kms)?)),
            kept: None,
        })
    }

    /// As [`Client::new`] with the identity in this file, which is renewed at the key service when less than a third of its
    /// life is left, before a call, and exchanged without a restart. A renewal that fails is logged and tried again later:
    /// the old certificate is still good.
    ///
    /// # Errors
    /// The address or the identity cannot be used.
    pub fn keeping(
        base: &str,
        path: impl Into<PathBuf>,
        clock: SharedClock,
    ) -> Result<Self, ClientError> {
        let path = path.into();
        let identity = Identity::read(&path).map_err(setup)?;
        let mut client = Self::new(base, &identity)?;
        client.kept = Some(Arc::new(Kept {
            base: base.to_owned(),
            path,
            due: Mutex::new(Due(clock.now())),
            clock,
        }));
        Ok(client)
    }

    /// The connection to ask with, after a renewal where one is due.
    fn http(&self) -> HttpClient {
        if let Some(kept) = &self.kept {
            let mut due = kept.due.lock().unwrap_or_else(PoisonError::into_inner);
            let now = kept.clock.now();
            if now >= due.0 {
                *due = Due(now.saturating_add(AGAIN).unwrap_or(now));
                match self.renew_if_due(kept, now) {
                    Ok(true) => tracing::info!("the certificate was renewed"),
                    Ok(false) => {}
                    Err(error) => tracing::warn!(%error, "the certificate could not be renewed"),
                }
            }
        }
        self.connection().clone()
    }

    fn connection(&self) -> std::sync::MutexGuard<'_, HttpClient> {
        self.http.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn renew_if_due(&self, kept: &Kept, now: jiff::Timestamp) -> Result<bool, ClientError> {
        let identity = Identity::read(&kept.path).map_err(setup)?;
        if !identity.validity().map_err(setup)?.is_due(now) {
            return Ok(false);
        }
        let asking = self.connection().clone();
        let fresh = renewed(&asking, &identity)?;
        fresh.replace(&kept.path).map_err(setup)?;
        *self.connection() = HttpClient::new(&kept.base, &fresh, Role::Kms)?;
        Ok(true)
    }

    /// A new key and certificate for the name of this identity; the old one stays good until its own end.
    ///
    /// # Errors
    /// Refused, or no answer.
    pub fn renew(&self, identity: &Identity) -> Result<Identity, ClientError> {
        renewed(&self.connection().clone(), identity)
    }

    /// One user card's script, in one round trip.
    ///
    /// # Errors
    /// Refused, or no answer; repeat the same request with the same id after the latter.
    pub fn personalise(&self, request: &PersonalisationRequest) -> Result<Script, ClientError> {
        self.http().post(paths::PERSONALISATIONS, request)
    }

    /// National stage of a SAM, at the ministry's service.
    ///
    /// # Errors
    /// As [`Client::personalise`].
    pub fn sam_national(&self, request: &SamNationalRequest) -> Result<Script, ClientError> {
        self.http().post(paths::SAM_NATIONAL, request)
    }

    /// Provincial stage a, at the province's service.
    ///
    /// # Errors
    /// As [`Client::personalise`].
    pub fn sam_provincial_keys(
        &self,
        request: &SamProvincialKeysRequest,
    ) -> Result<Script, ClientError> {
        self.http().post(paths::SAM_PROVINCIAL_KEYS, request)
    }

    /// Provincial stage b, at the province's service.
    ///
    /// # Errors
    /// As [`Client::personalise`].
    pub fn sam_provincial_files(
        &self,
        request: &SamProvincialFilesRequest,
    ) -> Result<Script, ClientError> {
        self.http().post(paths::SAM_PROVINCIAL_FILES, request)
    }

    /// A lease for this tier's HSM, at the upper tier's service.
    ///
    /// # Errors
    /// Refused, or no answer.
    pub fn lease(&self) -> Result<Lease, ClientError> {
        self.http().post(paths::LEASES, &Nothing {})
    }

    /// Sends the receipt of a package to the upper tier's service.
    ///
    /// # Errors
    /// Refused, or no answer.
    pub fn acknowledge(&self, receipt: &str) -> Result<Acknowledged, ClientError> {
        let receipt = receipt.to_owned();
        self.http().post(paths::RECEIPTS, &Receipt { receipt })
    }

    /// Sends this tier's request for keys to the upper tier's service.
    ///
    /// # Errors
    /// Refused, or no answer.
    pub fn ask_for_keys(&self, request: &str) -> Result<HandDownOpened, ClientError> {
        let request = request.to_owned();
        self.http()
            .post(paths::HAND_DOWN_REQUESTS, &HandDownRequest { request })
    }

    /// Fetches the package that answers a request from the upper tier's service.
    ///
    /// # Errors
    /// Refused, not approved yet, or no answer.
    pub fn package(&self, id: &str) -> Result<Package, ClientError> {
        self.http().get(&at(paths::HAND_DOWN_PACKAGE, id), &[])
    }

    /// Has this service's checkpoints countersigned by the upper tier's.
    ///
    /// # Errors
    /// Refused, or no answer.
    pub fn countersign(&self, checkpoints: &str) -> Result<Countersignature, ClientError> {
        let checkpoints = checkpoints.to_owned();
        self.http()
            .post(paths::COUNTERSIGNATURES, &Checkpoints { checkpoints })
    }

    /// A request that waits for signatures, as it is signed.
    ///
    /// # Errors
    /// Refused, or no answer.
    pub fn approval(&self, id: &str) -> Result<ApprovalRequest, ClientError> {
        self.http().get(&at(paths::APPROVAL, id), &[])
    }

    /// Gives the own signature for a request.
    ///
    /// # Errors
    /// Refused, or no answer.
    pub fn approve(&self, signed: &SignedApproval) -> Result<ApprovalStanding, ClientError> {
        let path = at(paths::APPROVAL_SIGNATURES, &signed.request);
        self.http().post(&path, signed)
    }

    /// Tier, mark, HSM, audit.
    ///
    /// # Errors
    /// Refused, or no answer.
    pub fn status(&self) -> Result<ServiceStatus, ClientError> {
        self.http().get(paths::STATUS, &[])
    }

    /// Up to [`crate::MAX_BATCH`] cards' scripts in one round trip, each with its own outcome.
    ///
    /// # Errors
    /// As [`Client::personalise`], for the batch as a whole.
    pub fn personalise_many(
        &self,
        batch: &PersonalisationBatch,
    ) -> Result<Vec<BatchOutcome>, ClientError> {
        let answer: BatchAnswer = self.http().post(paths::PERSONALISATION_BATCH, batch)?;
        Ok(answer.outcomes)
    }

    /// The key table, for officers and clerks, page by page.
    ///
    /// # Errors
    /// Refused, or no answer.
    pub fn keys(&self) -> Result<KeyTable, ClientError> {
        let http = self.http();
        let mut table: KeyTable = http.get(paths::KEYS, &[])?;
        while let Some(cursor) = table.next.take() {
            let page: KeyTable = http.get(paths::KEYS, &[("cursor", &cursor)])?;
            table.keys.extend(page.keys);
            table.next = page.next;
        }
        Ok(table)
    }
}

/// A path with its id; what an id cannot hold is left out.
fn at(path: &str, id: &str) -> String {
    let plain = |c: &char| c.is_ascii_alphanumeric() || "-_.".contains(*c);
    path.replace("{id}", &id.chars().filter(plain).collect::<String>())
}

fn setup(error: impl std::fmt::Display) -> ClientError {
    ClientError::Setup {
        why: error.to_string(),
    }
}

fn renewed(asking: &HttpClient, identity: &Identity) -> Result<Identity, ClientError> {
    let request = Request::new(identity.peer()).map_err(setup)?;
    let body = RenewalRequest {
        csr: request.csr_pem().to_owned(),
    };
    let answer: IdentityAnswer = asking.post(paths::RENEWALS, &body)?;
    // The roots stay those that were trusted before: a service does not exchange them by itself.
    let anchors = identity.anchors_pem().to_owned();
    request.complete(answer.chain, anchors).map_err(setup)
}
