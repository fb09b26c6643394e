//! `rhc-kms serve`: the service with its listeners, and the keeping of its own certificate.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use kms_core::port::Mark;
use kms_platform::exit::{Exit, Failure};
use kms_platform::identity::Identity;
use kms_platform::limit::BURST;
use kms_platform::metrics::Metrics;
use kms_platform::notary::Notary;
use kms_platform::revocation::Revocations;
use kms_platform::serve::{self, Options, Shown};

use super::{Ran, open};
use crate::authority;
use crate::http::{self, numbers::Numbers};
use crate::refusal::{self, Refusal};
use crate::refuse;
use crate::service::Service;

/// How often the service looks at its own certificate.
const LOOK: Duration = Duration::from_secs(3600);

#[derive(Args)]
#[command(after_help = "\
Examples:
  rhc-kms serve --store kms-41 --listen 0.0.0.0:8441 --host kms.example.cn
  rhc-kms serve --store kms-41 --listen 0.0.0.0:8441 --enrol 0.0.0.0:8442 --metrics 127.0.0.1:9441
  curl -s http://127.0.0.1:9441/metrics | grep ticket_left")]
pub(crate) struct ServeArgs {
    /// Directory of the service's store
    #[arg(long)]
    pub store: PathBuf,
    /// Address and port; port 0 takes a free one
    #[arg(long)]
    pub listen: SocketAddr,
    /// Further host names or addresses, for the service's certificate when it is first made
    #[arg(long = "host")]
    pub hosts: Vec<String>,
    /// The upper tier's service, from which leases are fetched and which countersigns the checkpoints while this one serves
    #[arg(long, value_name = "URL")]
    pub upper: Option<String>,
    /// Revocation list of another tier's authority, PEM; may be given more than once. The own one is always looked at
    #[arg(long = "crl", value_name = "FILE")]
    pub lists: Vec<PathBuf>,
    /// A second listener, for whoever has a one-time token and no certificate yet
    #[arg(long, value_name = "ADDR:PORT")]
    pub enrol: Option<SocketAddr>,
    /// A plain listener for monitoring on this machine: /metrics, /healthz, /readyz; loopback addresses only
    #[arg(long, value_name = "ADDR:PORT")]
    pub metrics: Option<SocketAddr>,
    /// Refusals in a row before a peer is turned away unread; more than the usual 200 only in TEST and DEMO stores
    #[arg(long, value_name = "N", default_value_t = BURST)]
    pub refusals: u32,
}

pub(super) async fn run(args: ServeArgs) -> Ran {
    let mut service = open(&args.store).await?;
    if args.refusals > BURST && service.mark == Mark::Production {
        return Err(refuse!(
            &refusal::MARK,
            "a PRODUCTION service turns a peer away after {BURST} refusals at the latest",
            "生产服务最多容许连续 {BURST} 次拒绝"
        )
        .into());
    }
    match service.hsm.identity() {
        Ok(hsm) => kms_core::handdown::admit(service.mark, hsm.mark).map_err(Refusal::from)?,
        // Requests are refused by name until it comes.
        Err(error) => tracing::warn!(%error, "the HSM does not answer yet"),
    }
    let now = service.store.clock().now();
    let identity = authority::service_identity(&service.dir, &service.tier, &args.hosts, now)?;
    let environment = |e: &dyn std::fmt::Display| Failure::environment(e.to_string());
    service.notary = Some(Notary::new(&identity).map_err(|e| environment(&e))?);
    let validity = identity.validity().map_err(|e| environment(&e))?;
    service.counts.set_certificate_until(validity.until);
    let own = authority::revoked(&service.dir);
    let revocations = Revocations::of(&args.lists, Some(own)).map_err(|e| environment(&e))?;
    let service = Arc::new(service);
    tokio::spawn(crate::checkpoint::keep_up(Arc::clone(&service)));
    if let Some(upper) = &args.upper {
        let client = crate::tiers::renew::client(upper, &identity)?;
        crate::tiers::renew::keep(Arc::clone(&service), client.clone());
        crate::tiers::witness::keep(Arc::clone(&service), client);
    }
    let metrics = Metrics::new();
    let numbers = Numbers::new(metrics.clone(), &service);
    let keeper = service.clone();
    let options = Options {
        refusals: args.refusals,
        metrics,
        plain: args
            .metrics
            .map(|addr| (addr, http::plain_router(service.clone(), numbers))),
        anonymous: args
            .enrol
            .map(|addr| (addr, http::enrolment_router(service.clone()))),
        shown: Some(Box::new(move |shown| {
            tokio::spawn(keep_certificate(keeper, shown));
        })),
    };
    let router = http::router(service);
    serve::run_with(router, args.listen, &identity, revocations, options)
        .await
        .map_err(|e| environment(&e))?;
    Ok(Exit::Done)
}

/// Renews the service's own certificate in time and shows the new one without a restart.
async fn keep_certificate(service: Arc<Service>, shown: Vec<Shown>) {
    let mut look = tokio::time::interval(LOOK);
    loop {
        look.tick().await;
        match service.renew_own().await {
            Ok(None) => {}
            Ok(Some(identity)) => exchange(&service, &shown, &identity),
            Err(refusal) => tracing::warn!(%refusal, "the own certificate could not be renewed"),
        }
    }
}

fn exchange(service: &Service, shown: &[Shown], identity: &Identity) {
    let notary = service.notary.as_ref().map(|one| one.exchange(identity));
    let listeners = shown.iter().map(|one| one.exchange(identity));
    for failed in notary.into_iter().chain(listeners).filter_map(Result::err) {
        tracing::error!(error = %failed, "the new certificate cannot be shown");
    }
    tracing::info!("the own certificate was renewed");
}
