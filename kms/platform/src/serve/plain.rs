//! A second, plain listener on the loopback address only: numbers and health for the agent of a monitoring system on the
//! same machine, which needs no certificate there. Nothing on it changes anything or names anybody.

use std::future::Future;
use std::net::SocketAddr;

use axum::Router;
use tokio::net::TcpListener;

use super::ServeError;

/// A bound plain listener.
pub struct Plain {
    listener: TcpListener,
    addr: SocketAddr,
    router: Router,
}

impl Plain {
    /// Binds; refuses every address that other machines could reach.
    ///
    /// # Errors
    /// The address is not a loopback address, or is taken.
    pub async fn bind(addr: SocketAddr, router: Router) -> Result<Self, ServeError> {
        if !addr.ip().is_loopback() {
            return Err(ServeError::NotLoopback(addr));
        }
        let listen = |source| ServeError::Listen { addr, source };
        let listener = TcpListener::bind(addr).await.map_err(listen)?;
        let addr = listener.local_addr().map_err(listen)?;
        Ok(Self {
            listener,
            addr,
            router,
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Answers until `stop` is ready.
    pub async fn serve(self, stop: impl Future<Output = ()> + Send + 'static) {
        let served = axum::serve(self.listener, self.router).with_graceful_shutdown(stop);
        if let Err(error) = served.await {
            tracing::warn!(%error, "the plain listener ended");
        }
    }
}
