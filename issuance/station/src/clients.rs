//! The two services over mutual TLS, as the engine's ports want them.

use issuance_registry_api::{
    CardEvent, CardState, Checks, EventRequest, Invalid, RegistrationRequest, RegistryClient,
    ReservationRequest, SamRegistrationRequest, SamSerialRequest, SamView,
};
use kms_api::{
    Client, ClientError, PersonalisationRequest, SamNationalRequest, SamProvincialFilesRequest,
    SamProvincialKeysRequest, Script, ServiceStatus,
};
use kms_platform::exit::Exit;
use kms_platform::lang::pick;

use crate::ports::{Keys, Registration, Registry, Reservation, Service, ServiceFault};

/// A key service over mutual TLS.
pub struct KeyClient(pub Client);

impl KeyClient {
    /// What the service says about itself.
    ///
    /// # Errors
    /// Refused or not reachable.
    pub fn status(&self) -> Result<ServiceStatus, ServiceFault> {
        self.0.status().map_err(kms)
    }
}

fn kms(error: ClientError) -> ServiceFault {
    ServiceFault::of(Service::Kms, &error)
}

impl Keys for KeyClient {
    fn card(&self, request: &PersonalisationRequest) -> Result<Script, ServiceFault> {
        self.0.personalise(request).map_err(kms)
    }

    fn sam_national(&self, request: &SamNationalRequest) -> Result<Script, ServiceFault> {
        self.0.sam_national(request).map_err(kms)
    }

    fn sam_keys(&self, request: &SamProvincialKeysRequest) -> Result<Script, ServiceFault> {
        self.0.sam_provincial_keys(request).map_err(kms)
    }

    fn sam_files(&self, request: &SamProvincialFilesRequest) -> Result<Script, ServiceFault> {
        self.0.sam_provincial_files(request).map_err(kms)
    }
}

/// The registry over mutual TLS.
pub struct RegistryPort(pub RegistryClient);

impl RegistryPort {
    /// What the registry knows of a SAM; asked before the first card, so that a SAM nobody registered, or a registry that is
    /// down, is told before anything is written.
    ///
    /// # Errors
    /// Refused or not reachable.
    pub fn sam(&self, serial: &str) -> Result<SamView, ServiceFault> {
        self.0
            .sam(&serial.parse().map_err(invalid)?)
            .map_err(registry)
    }

    /// Whether the registry has this serial as voided.
    #[must_use]
    pub fn is_void(&self, serial: &str) -> bool {
        self.0.cards(serial).is_ok_and(|found| {
            found
                .cards
                .iter()
                .all(|card| card.state == CardState::Voided)
        })
    }
}

fn registry(error: ClientError) -> ServiceFault {
    ServiceFault::of(Service::Registry, &error)
}

/// A value of ours that the registry's types refuse: it is told as the registry would.
fn invalid(error: Invalid) -> ServiceFault {
    ServiceFault {
        service: Service::Registry,
        slug: Some("invalid-value".into()),
        message: error.to_string(),
        next: None,
        exit: Exit::Wrong,
    }
}

/// A card that looks blank but was registered: somebody cloned its reset answer, or wiped a card in use.
fn registered_already() -> ServiceFault {
    ServiceFault {
        service: Service::Registry,
        slug: Some("card-already-registered".into()),
        message: pick(
            "the registry has this very card as finished already",
            "登记系统中该卡已是成品",
        )
        .into(),
        next: Some(
            pick(
                "set the card aside and tell the registry's operator",
                "请将卡收存并告知登记系统运维人员",
            )
            .into(),
        ),
        exit: Exit::Wrong,
    }
}

impl Registry for RegistryPort {
    fn reserve(&self, reservation: &Reservation<'_>) -> Result<String, ServiceFault> {
        let request = ReservationRequest {
            card_number: reservation.card_number.parse().map_err(invalid)?,
            area: reservation.area.to_owned(),
            factor: reservation.factor.parse().map_err(invalid)?,
        };
        let reserved = self.0.reserve(&request).map_err(registry)?;
        match reserved.state {
            CardState::Reserved => Ok(reserved.serial.as_str().to_owned()),
            _ => Err(registered_already()),
        }
    }

    fn register(&self, card: &Registration) -> Result<(), ServiceFault> {
        let digest = |text: &str| text.to_ascii_uppercase().parse().map_err(invalid);
        let request = RegistrationRequest {
            serial: card.serial.parse().map_err(invalid)?,
            factor: card.factor.parse().map_err(invalid)?,
            data_hash: digest(&card.data_hash)?,
            read_back_digest: digest(&card.read_back_digest)?,
            sam_serial: card.sam_serial.parse().map_err(invalid)?,
            checks: Checks {
                authenticated: true,
                security_code: card.security_code,
            },
            receipt: card.receipt.clone(),
        };
        self.0.register(&request).map(drop).map_err(registry)
    }

    fn void(&self, serial: &str, reason: &str) -> Result<(), ServiceFault> {
        let request = EventRequest {
            event: CardEvent::Voided,
            reason: reason.to_owned(),
        };
        self.0
            .event(&serial.parse().map_err(invalid)?, &request)
            .map(drop)
            .map_err(registry)
    }

    fn sam_serial(
        &self,
        chip_serial: &str,
        sam_type: u8,
        area: &str,
    ) -> Result<String, ServiceFault> {
        let chip_serial = chip_serial.parse().map_err(invalid)?;
        let request = SamSerialRequest {
            chip_serial,
            sam_type,
            area: area.to_owned(),
        };
        let answer = self.0.sam_serial(&request).map_err(registry)?;
        Ok(answer.serial.as_str().to_owned())
    }

    fn register_sam(
        &self,
        serial: &str,
        chip_serial: &str,
        certificate: &str,
    ) -> Result<(), ServiceFault> {
        let request = SamRegistrationRequest {
            serial: serial.parse().map_err(invalid)?,
            chip_serial: chip_serial.parse().map_err(invalid)?,
            certificate: certificate.to_owned(),
        };
        self.0.register_sam(&request).map(drop).map_err(registry)
    }
}
