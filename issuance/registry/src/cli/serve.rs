//! `rhc-registry serve`

use std::net::SocketAddr;
use std::path::PathBuf;

use kms_platform::exit::{Exit, Failure};
use kms_platform::mark::Mark;
use kms_platform::name::Role;
use kms_platform::{clock, say, serve};

use super::{db_path, open_failure, read_identity};
use crate::registry::Registry;
use crate::routes::router;

#[derive(clap::Args)]
pub(super) struct Args {
    /// The store, sqlite:PATH; made when it does not exist.
    #[arg(long, value_name = "sqlite:PATH")]
    db: String,
    /// Address and port; port 0 takes a free one and prints it.
    #[arg(long, value_name = "ADDR:PORT")]
    listen: SocketAddr,
    /// The registry's identity file (role registry) [default: registry.json beside the store].
    #[arg(long, value_name = "FILE")]
    identity: Option<PathBuf>,
    /// Mark of a new store (default test); an existing one must have it.
    #[arg(long, value_name = "test|demo|production")]
    mark: Option<Mark>,
}

pub(super) async fn run(args: Args) -> Result<Exit, Failure> {
    let path = db_path(&args.db)?;
    let beside = || path.with_file_name("registry.json");
    let identity = read_identity(&args.identity.unwrap_or_else(beside))?;
    let peer = identity.peer();
    if peer.role != Role::Registry {
        let peer = peer.to_string();
        return Err(Failure::usage(say!(
            "{peer} is no registry: this identity may not serve one",
            "{peer} 不是登记系统身份，不能用于提供此服务"
        )));
    }
    let registry = Registry::open_or_create(&path, &peer.area, args.mark, clock::system())
        .await
        .map_err(|error| open_failure(&error))?;
    tracing::info!(area = %peer.area, mark = %registry.store().mark(), "registry opens");
    serve::run(router(registry.clone()), args.listen, &identity)
        .await
        .map_err(|error| Failure::environment(error.to_string()))?;
    registry.store().clone().close().await;
    Ok(Exit::Done)
}
