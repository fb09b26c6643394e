//! The registry as one thing: a store and a method per request. Who may call which stands in [`crate::routes`].

use std::sync::Arc;

use issuance_registry_api::{
    CardNumber, CardSerial, Cards, EventRequest, Factor, Registered, RegistrationRequest,
    Reservation, ReservationRequest, SamRegistrationRequest, SamSerial, SamSerialNumber,
    SamSerialRequest, SamView, Verification,
};
use kms_platform::clock::SharedClock;
use kms_platform::mark::Mark;
use kms_platform::name::Area;
use kms_platform::problem::{AREA_REFUSED, INVALID, Problem};
use kms_platform::store::{Birth, Place, Store, StoreError};

use crate::cards::{self, Key, Register, Reserve, SetState};
use crate::deed::{Actor, perform};
use crate::sams::{self, RegisterSam, ReserveSam};
use crate::schema::MIGRATIONS;
use crate::trust::Trust;

/// The name in the store's birth certificate.
pub const SERVICE: &str = "registry";
/// Longest reason for a change of state, in characters.
const MAX_REASON: usize = 200;

/// Why the registry's store cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the store names no area")]
    Area,
}

/// An open registry. Cloning shares the store.
#[derive(Clone)]
pub struct Registry {
    store: Store,
    area: Area,
    trust: Arc<Trust>,
}

impl Registry {
    /// Opens the store or makes it; an existing one must be of this area, and of this mark when one is asked for.
    pub async fn open_or_create(
        place: impl Into<Place>,
        area: &Area,
        mark: Option<Mark>,
        clock: SharedClock,
    ) -> Result<Self, OpenError> {
        let place = place.into();
        let mark = match mark {
            Some(mark) => mark,
            None => match Store::open(&place, SERVICE, MIGRATIONS, clock.clone()).await {
                Ok(store) => store.mark(),
                Err(StoreError::Missing { .. } | StoreError::NotOurs) => Mark::Test,
                Err(error) => return Err(error.into()),
            },
        };
        let birth = Birth {
            service: SERVICE.into(),
            tier: area.to_string(),
            mark,
        };
        let store = Store::open_or_create(place, birth, MIGRATIONS, clock).await?;
        Ok(Self {
            store,
            area: area.clone(),
            trust: Arc::default(),
        })
    }

    /// With issuers and a witness: without them no SAM and no card is registered.
    #[must_use]
    pub fn trusting(self, trust: Trust) -> Self {
        Self {
            trust: Arc::new(trust),
            ..self
        }
    }

    /// Opens an existing store, whatever its area.
    pub async fn open(place: impl Into<Place>, clock: SharedClock) -> Result<Self, OpenError> {
        let store = Store::open(place, SERVICE, MIGRATIONS, clock).await?;
        let area = store.birth().tier.parse().map_err(|_| OpenError::Area)?;
        let trust = Arc::default();
        Ok(Self { store, area, trust })
    }

    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }

    #[must_use]
    pub fn area(&self) -> &Area {
        &self.area
    }

    pub async fn reserve(
        &self,
        actor: &Actor,
        request: ReservationRequest,
    ) -> Result<Reservation, Problem> {
        check_code(&request.area, &[4, 6])?;
        self.admit(actor, &request.area)?;
        perform(&self.store, &self.trust, actor, Reserve(request)).await
    }

    pub async fn register(
        &self,
        actor: &Actor,
        request: RegistrationRequest,
    ) -> Result<Registered, Problem> {
        self.admit_card(actor, &request.serial).await?;
        perform(&self.store, &self.trust, actor, Register(request)).await
    }

    pub async fn set_state(
        &self,
        actor: &Actor,
        serial: CardSerial,
        request: EventRequest,
    ) -> Result<Registered, Problem> {
        check_reason(&request.reason)?;
        self.admit_card(actor, &serial).await?;
        perform(
            &self.store,
            &self.trust,
            actor,
            SetState { serial, request },
        )
        .await
    }

    /// Cards under a number or a serial that the actor may see.
    pub async fn cards(&self, actor: &Actor, key: &str) -> Result<Cards, Problem> {
        let area = match actor {
            Actor::Peer(peer) => &peer.area,
            Actor::Local(_) => &self.area,
        };
        let mut conn = self.store.pool().acquire().await?;
        cards::find(&mut conn, &key.parse::<Key>()?, area, self.store.mark()).await
    }

    pub async fn verify(
        &self,
        number: &CardNumber,
        serial: &CardSerial,
        chip: Option<&Factor>,
    ) -> Result<Verification, Problem> {
        let mut conn = self.store.pool().acquire().await?;
        cards::verification(&mut conn, number, serial, chip, self.store.mark()).await
    }

    pub async fn sam_serial(
        &self,
        actor: &Actor,
        request: SamSerialRequest,
    ) -> Result<SamSerial, Problem> {
        check_code(&request.area, &[2, 4, 6])?;
        self.admit(actor, &request.area)?;
        perform(&self.store, &self.trust, actor, ReserveSam(request)).await
    }

    pub async fn register_sam(
        &self,
        actor: &Actor,
        request: SamRegistrationRequest,
    ) -> Result<SamView, Problem> {
        if let Ok(sam) = self.sam(&request.serial).await {
            self.admit(actor, &sam.area)?;
        }
        perform(&self.store, &self.trust, actor, RegisterSam(request)).await
    }

    pub async fn sam(&self, serial: &SamSerialNumber) -> Result<SamView, Problem> {
        let mut conn = self.store.pool().acquire().await?;
        sams::find(&mut conn, serial, self.store.mark()).await
    }

    /// Both the registry's area and the actor's must contain the place.
    fn admit(&self, actor: &Actor, code: &str) -> Result<(), Problem> {
        let actors = match actor {
            Actor::Peer(peer) => peer.area.contains_code(code),
            Actor::Local(_) => true,
        };
        if actors && self.area.contains_code(code) {
            return Ok(());
        }
        tracing::warn!(%actor, code, "outside the area");
        Err(Problem::new(&AREA_REFUSED).detail(format!("area {code}"), format!("地区 {code}")))
    }

    /// An unknown card passes: the deed itself refuses it, by name and on the record.
    async fn admit_card(&self, actor: &Actor, serial: &CardSerial) -> Result<(), Problem> {
        let area: Option<String> =
            kms_platform::sqlx::query_scalar("SELECT area FROM cards WHERE serial = $1")
                .bind(serial.as_str())
                .fetch_optional(self.store.pool())
                .await?;
        area.map_or(Ok(()), |area| self.admit(actor, &area))
    }
}

fn check_code(code: &str, lengths: &[usize]) -> Result<(), Problem> {
    let digits = code.bytes().all(|b| b.is_ascii_digit()) && !code.starts_with('0');
    if digits && lengths.contains(&code.len()) {
        return Ok(());
    }
    Err(Problem::new(&INVALID).detail(
        "area is no GB/T 2260 code of a fitting length",
        "地区代码不是长度合适的 GB/T 2260 代码",
    ))
}

fn check_reason(reason: &str) -> Result<(), Problem> {
    let fits = (1..=MAX_REASON).contains(&reason.trim().chars().count());
    if fits && !reason.chars().any(char::is_control) {
        return Ok(());
    }
    Err(Problem::new(&INVALID).detail(
        "a reason has 1 to 200 characters on one line",
        "原因须为一行 1 至 200 个字符",
    ))
}
