//! The blocking client of a key service.

use kms_platform::client::HttpClient;
use kms_platform::identity::Identity;
use kms_platform::name::Role;

use crate::tiers::{Acknowledged, Lease, Nothing, Receipt};
use crate::{
    KeyTable, PersonalisationRequest, SamNationalRequest, SamProvincialFilesRequest,
    SamProvincialKeysRequest, Script, ServiceStatus, paths,
};

/// Why a call brought nothing; `problem()` gives the service's own words, whose slugs stand in [`crate::problem`].
pub use kms_platform::client::ClientError;

/// One key service, asked with one identity.
#[derive(Clone)]
pub struct Client(HttpClient);

impl Client {
    /// `base` is like `https://127.0.0.1:8443`.
    ///
    /// # Errors
    /// The address or the identity cannot be used.
    pub fn new(base: &str, identity: &Identity) -> Result<Self, ClientError> {
        HttpClient::new(base, identity, Role::Kms).map(Self)
    }

    /// One user card's script, in one round trip.
    ///
    /// # Errors
    /// Refused, or no answer; repeat the same request with the same id after the latter.
    pub fn personalise(&self, request: &PersonalisationRequest) -> Result<Script, ClientError> {
        self.0.post(paths::PERSONALISATIONS, request)
    }

    /// National stage of a SAM, at the ministry's service.
    ///
    /// # Errors
    /// As [`Client::personalise`].
    pub fn sam_national(&self, request: &SamNationalRequest) -> Result<Script, ClientError> {
        self.0.post(paths::SAM_NATIONAL, request)
    }

    /// Provincial stage a, at the province's service.
    ///
    /// # Errors
    /// As [`Client::personalise`].
    pub fn sam_provincial_keys(
        &self,
        request: &SamProvincialKeysRequest,
    ) -> Result<Script, ClientError> {
        self.0.post(paths::SAM_PROVINCIAL_KEYS, request)
    }

    /// Provincial stage b, at the province's service.
    ///
    /// # Errors
    /// As [`Client::personalise`].
    pub fn sam_provincial_files(
        &self,
        request: &SamProvincialFilesRequest,
    ) -> Result<Script, ClientError> {
        self.0.post(paths::SAM_PROVINCIAL_FILES, request)
    }

    /// A lease for this tier's HSM, at the upper tier's service.
    ///
    /// # Errors
    /// Refused, or no answer.
    pub fn lease(&self) -> Result<Lease, ClientError> {
        self.0.post(paths::LEASES, &Nothing {})
    }

    /// Sends the receipt of a package to the upper tier's service.
    ///
    /// # Errors
    /// Refused, or no answer.
    pub fn acknowledge(&self, receipt: &str) -> Result<Acknowledged, ClientError> {
        let receipt = receipt.to_owned();
        self.0.post(paths::RECEIPTS, &Receipt { receipt })
    }

    /// Tier, mark, HSM, audit.
    ///
    /// # Errors
    /// Refused, or no answer.
    pub fn status(&self) -> Result<ServiceStatus, ClientError> {
        self.0.get(paths::STATUS, &[])
    }

    /// The key table, for officers and clerks.
    ///
    /// # Errors
    /// Refused, or no answer.
    pub fn keys(&self) -> Result<KeyTable, ClientError> {
        self.0.get(paths::KEYS, &[])
    }
}
