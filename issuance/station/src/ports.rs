//! The two services as a station sees them. The engine knows these traits; `rhc-station` gives it the clients over mutual
//! TLS, tests give it stand-ins in the same process.

use kms_api::{
    PersonalisationRequest, SamNationalRequest, SamProvincialFilesRequest,
    SamProvincialKeysRequest, Script,
};
use kms_platform::client::ClientError;
use kms_platform::exit::Exit;
use kms_platform::notary::Signed;

/// Which service did not do what it was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// The key service.
    Kms,
    /// The registry.
    Registry,
}

/// Why a service did not do what it was asked.
#[derive(Clone, Debug)]
pub struct ServiceFault {
    /// Which service.
    pub service: Service,
    /// The refusal's name (`factor-not-on-list`); none when the service could not be asked.
    pub slug: Option<String>,
    /// In the user's language.
    pub message: String,
    /// What to do next, in the user's language.
    pub next: Option<String>,
    /// 3 refused, 4 not reachable.
    pub exit: Exit,
}

impl ServiceFault {
    /// What the shared client says.
    #[must_use]
    pub fn of(service: Service, error: &ClientError) -> Self {
        let slug = error.problem().map(|problem| problem.slug().to_owned());
        Self {
            service,
            slug,
            message: error.to_string(),
            next: error.next_step(),
            exit: error.exit(),
        }
    }

    /// Whether this very card is what the service refuses, so that another one may do.
    #[must_use]
    pub fn refuses_the_card(&self) -> bool {
        let slug = self.slug.as_deref().unwrap_or_default();
        slug.starts_with("factor-") || matches!(slug, "card-state" | "vendor-unknown")
    }

    /// Whether the service could not answer at all, so that asking again for the next card is no use.
    #[must_use]
    pub fn is_down(&self) -> bool {
        self.exit == Exit::Environment
    }
}

/// What the engine asks of the key service.
pub trait Keys {
    /// The whole script of one user card.
    ///
    /// # Errors
    /// Refused or not reachable.
    fn card(&self, request: &PersonalisationRequest) -> Result<Script, ServiceFault>;
    /// National stage of a SAM.
    ///
    /// # Errors
    /// Refused or not reachable.
    fn sam_national(&self, request: &SamNationalRequest) -> Result<Script, ServiceFault>;
    /// Provincial stage a.
    ///
    /// # Errors
    /// Refused or not reachable.
    fn sam_keys(&self, request: &SamProvincialKeysRequest) -> Result<Script, ServiceFault>;
    /// Provincial stage b.
    ///
    /// # Errors
    /// Refused or not reachable.
    fn sam_files(&self, request: &SamProvincialFilesRequest) -> Result<Script, ServiceFault>;
}

/// Whom a serial is wanted for. No `Debug`: a person.
pub struct Reservation<'a> {
    /// Health card number.
    pub card_number: &'a str,
    /// 应用城市代码, six digits.
    pub area: &'a str,
    /// Card factor, hexadecimal.
    pub factor: &'a str,
}

/// A card that was read back, and what proves it.
#[derive(Clone, Debug)]
pub struct Registration {
    /// 发卡序列号.
    pub serial: String,
    /// Card factor, hexadecimal.
    pub factor: String,
    /// SM3 of the content as prepared, hexadecimal.
    pub data_hash: String,
    /// SM3 of the content as read back, hexadecimal.
    pub read_back_digest: String,
    /// Serial of the SAM that read it.
    pub sam_serial: String,
    /// Whether 安全码 was the one that the key service made.
    pub security_code: bool,
    /// The key service's receipt for its script, where it is known.
    pub receipt: Option<Signed>,
}

/// What the engine asks of the registry.
pub trait Registry {
    /// A serial for this person and this card; the same again for the same two.
    ///
    /// # Errors
    /// Refused or not reachable.
    fn reserve(&self, reservation: &Reservation<'_>) -> Result<String, ServiceFault>;
    /// Tells that the card was read back and is right. Repeating it changes nothing.
    ///
    /// # Errors
    /// Refused or not reachable.
    fn register(&self, registration: &Registration) -> Result<(), ServiceFault>;
    /// Gives a serial up.
    ///
    /// # Errors
    /// Refused or not reachable.
    fn void(&self, serial: &str, reason: &str) -> Result<(), ServiceFault>;
    /// A serial (D19) for this chip; the same again for the same chip.
    ///
    /// # Errors
    /// Refused or not reachable.
    fn sam_serial(
        &self,
        chip_serial: &str,
        sam_type: u8,
        area: &str,
    ) -> Result<String, ServiceFault>;
    /// Tells that a SAM is active.
    ///
    /// # Errors
    /// Refused or not reachable.
    fn register_sam(
        &self,
        serial: &str,
        chip_serial: &str,
        certificate: &str,
    ) -> Result<(), ServiceFault>;
}
