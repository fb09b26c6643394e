//! `rhc-registry serve`

use std::net::SocketAddr;
use std::path::PathBuf;

use kms_platform::exit::{Exit, Failure};
use kms_platform::mark::Mark;
use kms_platform::name::Role;
use kms_platform::notary::Witness;
use kms_platform::revocation::Revocations;
use kms_platform::store::Place;
use kms_platform::{clock, say, serve};

use super::{db_place, open_failure, read_identity};
use crate::registry::Registry;
use crate::routes::router;
use crate::trust::Trust;

#[derive(clap::Args)]
pub(super) struct Args {
    /// The store, sqlite:PATH or postgres://ROLE@HOST/DATABASE (never with a password: passfile=FILE); made when it does not exist.
    #[arg(long, value_name = "ADDRESS")]
    db: String,
    /// The same database as the role that owns the tables: needed to make them, then no more.
    #[arg(long, value_name = "ADDRESS")]
    db_owner: Option<String>,
    /// Address and port; port 0 takes a free one and prints it.
    #[arg(long, value_name = "ADDR:PORT")]
    listen: SocketAddr,
    /// The registry's identity file (role registry) [default: registry.json beside the store].
    #[arg(long, value_name = "FILE")]
    identity: Option<PathBuf>,
    /// Mark of a new store (default test); an existing one must have it.
    #[arg(long, value_name = "test|demo|production")]
    mark: Option<Mark>,
    /// An issuer certificate whose SAMs are registered here, as `rhc-kms issuer-certificate` wrote it; may be given more than once.
    #[arg(long = "issuer-certificate", value_name = "FILE")]
    issuers: Vec<PathBuf>,
    /// The ministry's public key, 128 hex digits, by which issuer certificates are checked (a TEST registry knows the TEST root).
    #[arg(long, value_name = "FILE")]
    root: Option<PathBuf>,
    /// Revocation list of an authority, PEM, as `rhc-kms identity revoke` wrote it; may be given more than once.
    #[arg(long = "crl", value_name = "FILE")]
    lists: Vec<PathBuf>,
}

pub(super) async fn run(args: Args) -> Result<Exit, Failure> {
    let mut place = db_place(&args.db)?;
    let beside = match &place {
        Place::File(path) => path.with_file_name("registry.json"),
        Place::Server(_) => PathBuf::from("registry.json"),
    };
    if let Some(owner) = &args.db_owner {
        let owned = place.owned_by(db_place(owner)?);
        place = owned.map_err(|error| Failure::usage(error.to_string()))?;
    }
    let identity = read_identity(&args.identity.unwrap_or(beside))?;
    let peer = identity.peer();
    if peer.role != Role::Registry {
        let peer = peer.to_string();
        return Err(Failure::usage(say!(
            "{peer} is no registry: this identity may not serve one",
            "{peer} 不是登记系统身份，不能用于提供此服务"
        )));
    }
    let registry = Registry::open_or_create(place, &peer.area, args.mark, clock::system())
        .await
        .map_err(|error| open_failure(&error))?;
    let mark = registry.store().mark();
    let environment = |e: &dyn std::fmt::Display| Failure::environment(e.to_string());
    let revocations = Revocations::of(&args.lists, None).map_err(|e| environment(&e))?;
    let witness = Witness::new(&identity, revocations.clone()).map_err(|e| environment(&e))?;
    let mut trust = Trust::by(witness);
    for issuer in &args.issuers {
        let added = trust.add_issuer(issuer, args.root.as_deref(), mark);
        added.map_err(|e| Failure::wrong(e.to_string()))?;
    }
    if args.issuers.is_empty() {
        tracing::warn!("no --issuer-certificate: no SAM can be registered");
    }
    let registry = registry.trusting(trust);
    tracing::info!(area = %peer.area, mark = %mark, "registry opens");
    serve::run(
        router(registry.clone()),
        args.listen,
        &identity,
        revocations,
    )
    .await
    .map_err(|error| Failure::environment(error.to_string()))?;
    registry.store().clone().close().await;
    Ok(Exit::Done)
}
