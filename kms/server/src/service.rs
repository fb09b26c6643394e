//! A key service: its store, its HSM, its place among the tiers.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use cardlib_card::dialect::{Dialect, user::Frame};
use cardlib_card::profile::Profile;
use kms_core::binding::HashKey;
use kms_core::handdown::admit;
use kms_core::port::{Hsm, HsmIdentity, Mark, OrderDesk};
use kms_core::tier::Tier;
use kms_hsm::{Address, AddressError};
use kms_platform::audit::{self, AuditId, Outcome};
use kms_platform::clock::{SharedClock, stamp};
use kms_platform::identity::secret_file;
use kms_platform::notary::Notary;
use kms_platform::store::{Birth, Place, Store, Tx};
use zeroize::Zeroizing;

use crate::checkpoint::seal::Sealing;
use crate::counts::Counts;
use crate::issue::group::Desk;
use crate::records::settings;
use crate::refusal::{self, Refusal, Result};
use crate::refuse;
use crate::schema::{MIGRATIONS, SERVICE};

/// File of the database in the store's directory.
const DATABASE: &str = "kms.sqlite";
/// Or the address of a PostgreSQL database, without a password.
const ADDRESS: &str = "database";
/// File of the key under which persons are hashed, mode 0600.
const HASH_KEY: &str = "hash.key";

/// What a new store is told and keeps.
pub struct Beginning {
    /// Where the service stands.
    pub tier: Tier,
    /// Its mark.
    pub mark: Mark,
    /// Where its HSM is.
    pub hsm: Address,
    /// The card profile.
    pub profile: &'static Profile,
    /// A PostgreSQL database with its owner; a file in the directory when there is none.
    pub database: Option<Place>,
}

/// An open key service.
pub struct Service {
    /// Directory of the store.
    pub dir: PathBuf,
    /// The database.
    pub store: Store,
    /// Where it stands.
    pub tier: Tier,
    /// Its mark.
    pub mark: Mark,
    /// The card profile.
    pub profile: &'static Profile,
    /// The personalisation dialect.
    pub dialect: Dialect,
    /// What all its user cards have in common.
    pub(crate) frame: Frame<'static>,
    /// Using keys.
    pub hsm: Arc<dyn Hsm>,
    /// Officers' orders.
    pub desk: Arc<dyn OrderDesk>,
    /// Hashes of persons and data.
    pub hash_key: HashKey,
    /// Signs receipts; there while the service serves.
    pub notary: Option<Notary>,
    /// The key of the record's seals.
    pub(crate) sealing: Sealing,
    /// Where requests for cards go (see [`crate::issue`]).
    pub(crate) cards: OnceLock<Desk>,
    /// What operators are told.
    pub counts: Counts,
}

impl Service {
    /// Makes a new store for a service whose HSM is reachable and carries the mark.
    ///
    /// # Errors
    /// The HSM does not answer or is of another mark, or the directory is in use.
    pub async fn create(dir: &Path, beginning: Beginning, clock: SharedClock) -> Result<Self> {
        let (tier, mark) = (&beginning.tier, beginning.mark);
        admit(mark, identity(&beginning.hsm)?.mark)?;
        std::fs::create_dir_all(dir)
            .map_err(|e| Refusal::about(&refusal::STORE, format!("{}: {e}", dir.display())))?;
        let birth = Birth {
            service: SERVICE.to_owned(),
            tier: tier.to_string(),
            mark: platform_mark(mark),
        };
        let place = Self::place_for(dir, beginning.database.as_ref())?;
        let store = Store::create(&place, birth, MIGRATIONS, clock).await?;
        let mut tx = store.begin().await?;
        settings::put(&mut tx, "tier", tier).await?;
        settings::put(&mut tx, "hsm", &beginning.hsm).await?;
        settings::put(&mut tx, "profile", &beginning.profile.name).await?;
        tx.commit().await?;
        let mut key = Zeroizing::new([0u8; 32]);
        getrandom::fill(key.as_mut_slice())
            .map_err(|_| refuse!(&refusal::STORE, "no random numbers", "无法取得随机数"))?;
        secret_file::create(&dir.join(HASH_KEY), key.as_slice())
            .map_err(kms_platform::identity::IdentityError::from)?;
        Self::assemble(dir, store, beginning)
    }

    /// Opens a store.
    ///
    /// # Errors
    /// There is none, or it cannot be read. The HSM is asked later, when it is needed.
    pub async fn open(dir: &Path, clock: SharedClock) -> Result<Self> {
        let store = Store::open(place(dir)?, SERVICE, MIGRATIONS, clock).await?;
        let mut conn = store.pool().acquire().await?;
        let tier: Tier = settings::get(&mut conn, "tier").await?;
        let hsm: Address = settings::get(&mut conn, "hsm").await?;
        let name: String = settings::get(&mut conn, "profile").await?;
        drop(conn);
        let beginning = Beginning {
            tier,
            mark: core_mark(store.mark()),
            hsm,
            profile: profile(&name)?,
            database: None,
        };
        Self::assemble(dir, store, beginning)
    }

    /// As the owner of its database: the present schema.
    ///
    /// # Errors
    /// The service has no database, or this is not its owner.
    pub async fn upgrade(dir: &Path, owner: Place, clock: &SharedClock) -> Result<()> {
        let place = place(dir)?.owned_by(owner)?;
        Ok(Store::upgrade(&place, SERVICE, MIGRATIONS, clock).await?)
    }

    /// Where a new store of a directory lies; an address is noted there.
    pub(crate) fn place_for(dir: &Path, database: Option<&Place>) -> Result<Place> {
        let Some(place) = database else {
            return Ok(Place::from(dir.join(DATABASE)));
        };
        secret_file::create(&dir.join(ADDRESS), place.to_string().as_bytes())
            .map_err(kms_platform::identity::IdentityError::from)?;
        Ok(place.clone())
    }

    /// Whether a service was begun in this directory.
    #[must_use]
    pub fn exists(dir: &Path) -> bool {
        dir.join(DATABASE).exists() || dir.join(ADDRESS).exists()
    }

    fn assemble(dir: &Path, store: Store, beginning: Beginning) -> Result<Self> {
        let key = secret_file::read(&dir.join(HASH_KEY))
            .map_err(kms_platform::identity::IdentityError::from)?;
        let mut hash_key = Zeroizing::new([0u8; 32]);
        if key.len() != hash_key.len() {
            return Err(refuse!(
                &refusal::STORE,
                "hash.key is not 32 bytes",
                "hash.key 不是 32 字节"
            ));
        }
        hash_key.copy_from_slice(&key);
        let opened = beginning.hsm.open().map_err(down)?;
        let dialect = Dialect::rhc_cos_1()?;
        Ok(Self {
            dir: dir.to_owned(),
            store,
            tier: beginning.tier,
            mark: beginning.mark,
            profile: beginning.profile,
            frame: Frame::new(&dialect, beginning.profile)?,
            dialect,
            hsm: opened.hsm,
            desk: opened.desk,
            hash_key: HashKey::new(hash_key),
            notary: None,
            sealing: Sealing::default(),
            cards: OnceLock::new(),
            counts: Counts::default(),
        })
    }

    /// A write transaction.
    ///
    /// # Errors
    /// The store is locked or read only: then nothing can be recorded either.
    pub async fn begin(&self) -> Result<Tx> {
        self.store.begin().await.map_err(no_record)
    }

    /// Commits what was recorded.
    ///
    /// # Errors
    /// It could not be made durable: nothing may be done.
    pub async fn commit(&self, mut tx: Tx) -> Result<()> {
        self.seal(&mut tx).await?;
        tx.commit().await.map_err(no_record)
    }

    /// Records an intent inside `tx`.
    ///
    /// # Errors
    /// It could not be recorded.
    pub async fn before(
        &self,
        tx: &mut Tx,
        actor: &str,
        act: &str,
        object: &str,
        detail: &serde_json::Value,
    ) -> Result<AuditId> {
        Ok(audit::before(tx, self.store.clock().now(), actor, act, object, detail).await?)
    }

    /// Records an end inside `tx`.
    ///
    /// # Errors
    /// It could not be recorded.
    pub async fn after(&self, tx: &mut Tx, begun: AuditId, outcome: &Outcome<'_>) -> Result<()> {
        audit::after(tx, self.store.clock().now(), begun, outcome).await?;
        Ok(())
    }

    /// Records in one transaction that something was refused, and gives the refusal back. If even that cannot be
    /// recorded, the refusal is that.
    pub async fn refused(&self, actor: &str, act: &str, object: &str, refusal: Refusal) -> Refusal {
        let record = async {
            let mut tx = self.begin().await?;
            let begun = self
                .before(&mut tx, actor, act, object, &serde_json::json!({}))
                .await?;
            self.after(&mut tx, begun, &Outcome::Refused(refusal.slug()))
                .await?;
            let (slug, now) = (refusal.slug(), self.now());
            crate::life::alarms::look(&mut tx, actor, act, object, slug, &now).await?;
            self.commit(tx).await
        };
        match record.await {
            Ok(()) => refusal,
            Err(unrecorded) => unrecorded,
        }
    }

    /// Closes a recorded act in a transaction of its own, whatever became of it.
    ///
    /// # Errors
    /// The result itself, or that its end could not be recorded.
    pub async fn close<T>(&self, begun: AuditId, result: Result<T>) -> Result<T> {
        let mut tx = self.begin().await?;
        let outcome = match &result {
            Ok(_) => Outcome::Done,
            Err(refusal) => Outcome::Refused(refusal.slug()),
        };
        self.after(&mut tx, begun, &outcome).await?;
        self.commit(tx).await?;
        result
    }

    /// Now, as it is stored.
    #[must_use]
    pub fn now(&self) -> String {
        stamp(self.store.clock().now())
    }

    /// Today, in UTC.
    #[must_use]
    pub fn today(&self) -> jiff::civil::Date {
        self.store
            .clock()
            .now()
            .to_zoned(jiff::tz::TimeZone::UTC)
            .date()
    }
}

/// Whether a file of the directory is its database, or says where that is.
pub(crate) fn is_database(path: &Path) -> bool {
    let name = path.to_string_lossy();
    name == ADDRESS || name.starts_with(DATABASE)
}

/// Where the database of a directory lies.
fn place(dir: &Path) -> Result<Place> {
    let file = dir.join(ADDRESS);
    if !file.exists() {
        return Ok(Place::from(dir.join(DATABASE)));
    }
    let address = secret_file::read(&file).map_err(kms_platform::identity::IdentityError::from)?;
    Ok(String::from_utf8_lossy(&address).trim().parse::<Place>()?)
}

/// What an HSM says of itself before a service knows it.
///
/// # Errors
/// It does not answer.
pub fn identity(address: &Address) -> Result<HsmIdentity> {
    address.identity().map_err(down)
}

/// An embedded profile by its name.
///
/// # Errors
/// There is none of this name.
pub fn profile(name: &str) -> Result<&'static Profile> {
    Profile::named(name).ok_or_else(|| {
        let names: Vec<_> = Profile::names().collect();
        let names = names.join(", ");
        refuse!(
            &refusal::INVALID,
            "there is no profile `{name}`: {names}",
            "没有应用规范 `{name}`：{names}"
        )
    })
}

/// A refusal by the HSM keeps its name; everything else says that it is not there.
pub(crate) fn down(error: AddressError) -> Refusal {
    match error {
        AddressError::Hsm(error) => error.into(),
        other => Refusal::about(&refusal::HSM_DOWN, other.to_string()),
    }
}

/// A write that fails leaves no record: nothing may be done.
fn no_record(error: sqlx::Error) -> Refusal {
    tracing::error!(%error, "the store cannot be written");
    Refusal::new(&refusal::AUDIT)
}

/// The platform's word for a mark.
#[must_use]
pub fn platform_mark(mark: Mark) -> kms_platform::mark::Mark {
    match mark {
        Mark::Test => kms_platform::mark::Mark::Test,
        Mark::Demo => kms_platform::mark::Mark::Demo,
        Mark::Production => kms_platform::mark::Mark::Production,
    }
}

fn core_mark(mark: kms_platform::mark::Mark) -> Mark {
    match mark {
        kms_platform::mark::Mark::Test => Mark::Test,
        kms_platform::mark::Mark::Demo => Mark::Demo,
        kms_platform::mark::Mark::Production => Mark::Production,
    }
}
