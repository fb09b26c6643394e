//! The blocking client of the registry.

use kms_platform::client::{ClientError, HttpClient, segment};
use kms_platform::identity::Identity;
use kms_platform::name::Role;

use crate::card::{
    CardNumber, Cards, EventRequest, Registered, RegistrationRequest, Reservation,
    ReservationRequest, Verification,
};
use crate::sam::{SamRegistrationRequest, SamSerial, SamSerialRequest, SamView};
use crate::serial::{CardSerial, Factor, SamSerialNumber};

/// One registry, asked with one identity. Cloning shares the connections.
#[derive(Clone)]
pub struct RegistryClient(HttpClient);

impl RegistryClient {
    /// `url` is like `https://127.0.0.1:8600`.
    pub fn new(url: &str, identity: &Identity) -> Result<Self, ClientError> {
        Ok(Self(HttpClient::new(url, identity, Role::Registry)?))
    }

    pub fn reserve(&self, request: &ReservationRequest) -> Result<Reservation, ClientError> {
        self.0.post("/v1/reservations", request)
    }

    pub fn register(&self, request: &RegistrationRequest) -> Result<Registered, ClientError> {
        self.0.post("/v1/cards", request)
    }

    /// By number (all cards of a person) or by serial.
    pub fn cards(&self, number_or_serial: &str) -> Result<Cards, ClientError> {
        self.0
            .get(&format!("/v1/cards/{}", segment(number_or_serial)), &[])
    }

    pub fn event(
        &self,
        serial: &CardSerial,
        request: &EventRequest,
    ) -> Result<Registered, ClientError> {
        self.0.post(&format!("/v1/cards/{serial}/events"), request)
    }

    /// `chip` is the factor with which a card has proved its key, where there is a card.
    pub fn verify(
        &self,
        number: &CardNumber,
        serial: &CardSerial,
        chip: Option<&Factor>,
    ) -> Result<Verification, ClientError> {
        let mut query = vec![("number", number.as_str()), ("serial", serial.as_str())];
        query.extend(chip.map(|factor| ("factor", factor.as_str())));
        self.0.get("/v1/verifications", &query)
    }

    pub fn sam_serial(&self, request: &SamSerialRequest) -> Result<SamSerial, ClientError> {
        self.0.post("/v1/sams/serials", request)
    }

    pub fn register_sam(&self, request: &SamRegistrationRequest) -> Result<SamView, ClientError> {
        self.0.post("/v1/sams", request)
    }

    pub fn sam(&self, serial: &SamSerialNumber) -> Result<SamView, ClientError> {
        self.0.get(&format!("/v1/sams/{serial}"), &[])
    }
}
