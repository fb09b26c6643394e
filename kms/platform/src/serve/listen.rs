//! A service with all its listeners: the one over mutual TLS, and those that it may have besides.

use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use tokio::sync::watch;

use super::{Plain, ServeError, Server, Shown, guard_data, signals};
use crate::identity::Identity;
use crate::limit::{BURST, RefusalLimit};
use crate::metrics::Metrics;
use crate::revocation::Revocations;

/// What a service may have besides its one listener.
pub struct Options {
    /// Refusals in a row before a peer is turned away unread.
    pub refusals: u32,
    /// Where requests are counted.
    pub metrics: Arc<Metrics>,
    /// Routes for this machine only, without TLS: numbers and health.
    pub plain: Option<(SocketAddr, Router)>,
    /// Routes for whoever has no certificate yet, over TLS that only the server proves.
    pub anonymous: Option<(SocketAddr, Router)>,
    /// Is given what exchanges the identity of each TLS listener while they serve.
    pub shown: Option<Box<dyn FnOnce(Vec<Shown>) + Send>>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            refusals: BURST,
            metrics: Metrics::new(),
            plain: None,
            anonymous: None,
            shown: None,
        }
    }
}

/// As [`super::run`], with more listeners, each told by a line `NAME on URL` on standard output, the first one first.
///
/// # Errors
/// A listener cannot be had.
pub async fn run_with(
    router: Router,
    addr: SocketAddr,
    identity: &Identity,
    revocations: Arc<Revocations>,
    options: Options,
) -> Result<(), ServeError> {
    guard_data();
    let stop = signals()?;
    let limit = || RefusalLimit::new(options.refusals);
    let limits = (limit(), options.metrics.clone());
    let server = Server::bind_as(router, addr, identity, Some(revocations), limits).await?;
    let anonymous = match options.anonymous {
        None => None,
        Some((addr, router)) => {
            let limits = (limit(), options.metrics.clone());
            Some(Server::bind_as(router, addr, identity, None, limits).await?)
        }
    };
    let plain = match options.plain {
        None => None,
        Some((addr, router)) => Some(Plain::bind(addr, router).await?),
    };
    let tell = |text: String| {
        // Whoever started the service may have closed its end: that is no reason not to serve.
        let _ = writeln!(std::io::stdout(), "{text}");
    };
    tell(format!("listening on https://{}", server.addr()));
    let mut shown = vec![server.shown()];
    let (stopping, stopped) = watch::channel(false);
    let gone = move |mut stopped: watch::Receiver<bool>| async move {
        // An error means that the sender is gone, which is a stop too.
        let _ = stopped.wait_for(|stop| *stop).await;
    };
    let mut besides = tokio::task::JoinSet::new();
    if let Some(anonymous) = anonymous {
        tell(format!("enrolment on https://{}", anonymous.addr()));
        shown.push(anonymous.shown());
        besides.spawn(anonymous.serve(gone(stopped.clone())));
    }
    if let Some(plain) = plain {
        tell(format!("metrics on http://{}", plain.addr()));
        besides.spawn(plain.serve(gone(stopped.clone())));
    }
    if let Some(keep) = options.shown {
        keep(shown);
    }
    server.serve(stop).await;
    let _ = stopping.send(true);
    while besides.join_next().await.is_some() {}
    Ok(())
}
