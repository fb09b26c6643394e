//! One connection: handshake, then requests with the peer attached, for as long as the peer is admitted.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tower::util::MapRequest;

use crate::identity::peer_of;
use crate::revocation::Revocations;
use crate::tls::Verifier;

const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// Also how long a kept-alive connection may idle; the client gives up earlier.
const HEADER_TIMEOUT: Duration = Duration::from_secs(60);

/// Who is let in, asked at the handshake and again whenever a revocation list changed.
#[derive(Clone)]
pub(super) struct Gate {
    pub(super) verifier: Arc<Verifier>,
    pub(super) revocations: Arc<Revocations>,
}

/// Marks a request on a connection whose peer was revoked since the handshake.
#[derive(Clone)]
pub(super) struct Revoked;

/// One connection: handshake, then requests with the peer attached.
pub(super) async fn connection(
    tcp: TcpStream,
    acceptor: TlsAcceptor,
    router: Router,
    gate: Option<Gate>,
    mut stopped: watch::Receiver<bool>,
) {
    // Small answers must not wait for the peer's delayed acknowledgement (40 ms each).
    if let Err(error) = tcp.set_nodelay(true) {
        tracing::debug!(%error, "no TCP_NODELAY");
    }
    let mut generation = gate
        .as_ref()
        .map_or(0, |gate| gate.revocations.generation());
    let handshake = tokio::time::timeout(HANDSHAKE_TIMEOUT, acceptor.accept(tcp));
    let tls = tokio::select! {
        tls = handshake => tls,
        () = stopping(&mut stopped) => return,
    };
    let tls = match tls {
        Ok(Ok(tls)) => tls,
        Ok(Err(error)) => return tracing::info!(%error, "handshake refused"),
        Err(_) => return tracing::info!("handshake timed out"),
    };
    let chain: Vec<_> = tls
        .get_ref()
        .1
        .peer_certificates()
        .unwrap_or_default()
        .iter()
        .map(|certificate| certificate.clone().into_owned())
        .collect();
    let peer = chain.first().and_then(|own| peer_of(own).ok());
    if peer.is_none() && gate.is_some() {
        return tracing::warn!("verified certificate without a name");
    }
    let mut admitted = true;
    let service = MapRequest::new(
        router,
        move |request: axum::http::Request<hyper::body::Incoming>| {
            let mut request = request.map(Body::new);
            // Without a gate everybody may ask, and nobody has a name.
            let (Some(gate), Some(peer)) = (&gate, &peer) else {
                return request;
            };
            let now = gate.revocations.generation();
            if admitted && now != generation {
                (admitted, generation) = (gate.verifier.still_admits(&chain), now);
            }
            if admitted {
                request.extensions_mut().insert(peer.clone());
            } else {
                request.extensions_mut().insert(Revoked);
            }
            request
        },
    );
    let mut builder = auto::Builder::new(TokioExecutor::new()).http1_only();
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(64 * 1024);
    let served = builder.serve_connection(TokioIo::new(tls), TowerToHyperService::new(service));
    tokio::pin!(served);
    let result = tokio::select! {
        result = &mut served => result,
        () = stopping(&mut stopped) => {
            served.as_mut().graceful_shutdown();
            served.await
        }
    };
    if let Err(error) = result {
        tracing::debug!(%error, "connection ended");
    }
}

/// Ready when the service stops.
async fn stopping(stopped: &mut watch::Receiver<bool>) {
    // An error means that the sender is gone, which is a stop too.
    let _ = stopped.wait_for(|stop| *stop).await;
}
