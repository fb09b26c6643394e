//! Serving a router over mutual TLS: who asks is known before the first byte of HTTP.
//!
//! Handlers take [`Peer`] as an argument. Bodies are limited to 2 MiB, requests to 30 s, handshakes to 10 s; a
//! panicking handler answers a problem and the service stays up; SIGTERM or SIGINT lets requests under way finish.

mod connection;
mod listen;
mod plain;

use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use hyper::body::Body;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tower_http::catch_panic::CatchPanicLayer;

use self::connection::{Gate, Revoked, connection};
use crate::identity::Identity;
use crate::limit::{BURST, RefusalLimit, limit_refusals};
use crate::metrics::{self, Metrics};
use crate::name::{Peer, Role};
use crate::problem::{
    INTERNAL, NO_SUCH_METHOD, NO_SUCH_PATH, Problem, REVOKED, ROLE_REFUSED, TIMED_OUT, TOO_LARGE,
};
use crate::revocation::Revocations;
use crate::tls::{TlsError, Verifier, anonymous_server_config, server_config_with};
pub use listen::{Options, run_with};
pub use plain::Plain;

const MAX_BODY: usize = 2 * 1024 * 1024;
/// A refused body up to this length is read to its end, so that the refusal is heard.
const MAX_HEARD_OUT: u64 = 16 * 1024 * 1024;
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// Requests under way at the stop get this long.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);
/// Connections at once; further ones wait in the kernel's queue.
const MAX_CONNECTIONS: usize = 512;

/// Why a service does not run.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error("cannot listen on {addr}: {source}")]
    Listen {
        addr: SocketAddr,
        source: std::io::Error,
    },
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error("{0} may not serve: its certificate carries no host name")]
    Role(Peer),
    #[error("{0} is no loopback address: numbers and health are told to this machine only")]
    NotLoopback(SocketAddr),
    #[error("cannot catch signals: {0}")]
    Signal(std::io::Error),
}

/// Serves until SIGTERM or SIGINT; prints `listening on https://ADDR:PORT` when ready (port 0 takes a free one).
pub async fn run(
    router: Router,
    addr: SocketAddr,
    identity: &Identity,
    revocations: Arc<Revocations>,
) -> Result<(), ServeError> {
    run_with(router, addr, identity, revocations, Options::default()).await
}

/// Requests carry personal data: a crash leaves no core image, a panic prints its place without its message.
fn guard_data() {
    let none = rustix::process::Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    if let Err(error) = rustix::process::setrlimit(rustix::process::Resource::Core, none) {
        tracing::warn!(%error, "core images could not be switched off");
    }
    std::panic::set_hook(Box::new(|panic| {
        let place = panic
            .location()
            .map_or_else(String::new, ToString::to_string);
        tracing::error!(place, "panic");
    }));
}

/// A bound, not yet serving service: for tests, and for whoever wants the address first.
pub struct Server {
    listener: TcpListener,
    addr: SocketAddr,
    acceptor: Shown,
    router: Router,
    gate: Option<Gate>,
}

/// The identity that a server shows, which may be exchanged while it serves: connections that stand keep the old one.
#[derive(Clone)]
pub struct Shown {
    acceptor: Arc<RwLock<TlsAcceptor>>,
    verifier: Option<Arc<Verifier>>,
}

impl Shown {
    fn new(identity: &Identity, verifier: Option<Arc<Verifier>>) -> Result<Self, TlsError> {
        let acceptor = Self::acceptor_of(identity, verifier.as_ref())?;
        Ok(Self {
            acceptor: Arc::new(RwLock::new(acceptor)),
            verifier,
        })
    }

    fn acceptor_of(
        identity: &Identity,
        verifier: Option<&Arc<Verifier>>,
    ) -> Result<TlsAcceptor, TlsError> {
        let config = match verifier {
            Some(verifier) => server_config_with(identity, verifier.clone())?,
            None => anonymous_server_config(identity)?,
        };
        Ok(TlsAcceptor::from(config))
    }

    /// Shows this identity from the next handshake on.
    ///
    /// # Errors
    /// It cannot be used; the old one stays.
    pub fn exchange(&self, identity: &Identity) -> Result<(), TlsError> {
        let fresh = Self::acceptor_of(identity, self.verifier.as_ref())?;
        *self
            .acceptor
            .write()
            .unwrap_or_else(PoisonError::into_inner) = fresh;
        Ok(())
    }

    fn acceptor(&self) -> TlsAcceptor {
        self.acceptor
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Server {
    /// With nobody revoked.
    pub async fn bind(
        router: Router,
        addr: SocketAddr,
        identity: &Identity,
    ) -> Result<Self, ServeError> {
        Self::bind_with(router, addr, identity, Revocations::none()).await
    }

    pub async fn bind_with(
        router: Router,
        addr: SocketAddr,
        identity: &Identity,
        revocations: Arc<Revocations>,
    ) -> Result<Self, ServeError> {
        let limits = (RefusalLimit::new(BURST), Metrics::new());
        Self::bind_as(router, addr, identity, Some(revocations), limits).await
    }

    /// With limits of its own; without revocation lists everybody may ask, and nobody has a name.
    async fn bind_as(
        router: Router,
        addr: SocketAddr,
        identity: &Identity,
        revocations: Option<Arc<Revocations>>,
        (limit, metrics): (RefusalLimit, Arc<Metrics>),
    ) -> Result<Self, ServeError> {
        if !identity.peer().role.serves() {
            return Err(ServeError::Role(identity.peer().clone()));
        }
        let gate = match revocations {
            None => None,
            Some(revocations) => Some(Gate {
                verifier: Arc::new(Verifier::new(identity, None, revocations.clone())?),
                revocations,
            }),
        };
        let acceptor = Shown::new(identity, gate.as_ref().map(|gate| gate.verifier.clone()))?;
        let listen = |source| ServeError::Listen { addr, source };
        let listener = TcpListener::bind(addr).await.map_err(listen)?;
        let addr = listener.local_addr().map_err(listen)?;
        Ok(Self {
            listener,
            addr,
            acceptor,
            router: finish(router, limit, metrics),
            gate,
        })
    }

    /// For exchanging the identity while it serves.
    #[must_use]
    pub fn shown(&self) -> Shown {
        self.acceptor.clone()
    }

    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Accepts until `stop` is ready, then lets what is under way finish.
    pub async fn serve(self, stop: impl Future<Output = ()>) {
        let (stopping, stopped) = watch::channel(false);
        let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        let mut connections = JoinSet::new();
        tokio::pin!(stop);
        loop {
            while connections.try_join_next().is_some() {}
            let accepted = async {
                let slot = slots.clone().acquire_owned().await;
                (slot, self.listener.accept().await)
            };
            tokio::select! {
                () = &mut stop => break,
                (slot, accepted) = accepted => match accepted {
                    Ok((tcp, _)) => {
                        let (acceptor, router) = (self.acceptor.acceptor(), self.router.clone());
                        let connection = connection(tcp, acceptor, router, self.gate.clone(), stopped.clone());
                        connections.spawn(async move { connection.await; drop(slot) });
                    }
                    // Out of descriptors or the like: it passes, but not by spinning.
                    Err(error) => {
                        tracing::warn!(%error, "accept failed");
                        tokio::time::sleep(Duration::from_millis(100)).await;
                    }
                },
            }
        }
        let _ = stopping.send(true);
        let all = async { while connections.join_next().await.is_some() {} };
        if tokio::time::timeout(STOP_TIMEOUT, all).await.is_err() {
            tracing::warn!("requests under way were cut off at the stop");
        }
    }
}

/// The outermost layers: limits, panics, unknown paths.
fn finish(router: Router, limit: RefusalLimit, metrics: Arc<Metrics>) -> Router {
    router
        .fallback(|| async { Problem::new(&NO_SUCH_PATH) })
        .method_not_allowed_fallback(|| async { Problem::new(&NO_SUCH_METHOD) })
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(from_fn(heard_out))
        .layer(from_fn(in_time))
        .layer(from_fn_with_state(limit, limit_refusals))
        .layer(CatchPanicLayer::custom(
            |_cause: Box<dyn std::any::Any + Send>| {
                // The message may quote data; the hook has logged the place.
                Problem::new(&INTERNAL).into_response()
            },
        ))
        .layer(from_fn_with_state(metrics, metrics::count))
}

/// Refuses a body announced as too large, after reading it away: an answer with the body still under way would be
/// followed by a reset of the connection, which may reach the client before the answer does.
async fn heard_out(request: Request, next: Next) -> Response {
    let announced = request.body().size_hint().lower();
    if announced <= MAX_BODY as u64 {
        return next.run(request).await;
    }
    if announced <= MAX_HEARD_OUT {
        let mut body = request.into_body();
        while let Some(Ok(_)) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {}
    }
    Problem::new(&TOO_LARGE).into_response()
}

async fn in_time(request: Request, next: Next) -> Response {
    if request.extensions().get::<Revoked>().is_some() {
        return Problem::new(&REVOKED).into_response();
    }
    match tokio::time::timeout(REQUEST_TIMEOUT, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Problem::new(&TIMED_OUT).into_response(),
    }
}

/// SIGTERM and SIGINT, caught from this call on.
fn signals() -> Result<impl Future<Output = ()>, ServeError> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate()).map_err(ServeError::Signal)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(ServeError::Signal)?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping");
    })
}

impl<S: Send + Sync> FromRequestParts<S> for Peer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let peer = parts.extensions.get::<Peer>().cloned();
        peer.ok_or_else(|| Problem::internal("request without a peer"))
    }
}

impl Peer {
    /// Refuses a peer whose role is not among those that may.
    pub fn require(&self, roles: &[Role]) -> Result<(), Problem> {
        if roles.contains(&self.role) {
            return Ok(());
        }
        let (role, wanted) = (
            self.role,
            roles
                .iter()
                .map(|role| role.as_str())
                .collect::<Vec<_>>()
                .join(", "),
        );
        Err(Problem::new(&ROLE_REFUSED).detail(
            format!("you are a {role}, this needs: {wanted}"),
            format!("您的角色为 {role}，此操作需要：{wanted}"),
        ))
    }
}
