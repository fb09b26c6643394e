//! Mutual TLS 1.3 with the house's own certificates; ring is the only provider, TLS 1.2 is never offered.
//!
//! Both sides verify a chain up to their anchors and, over and above X.509, that every name in it lies within the
//! area of the authority that signed it ([`names`]), and that nobody on the path is on a revocation list
//! (servers only, [`crate::revocation`]). The client also says which role it wants to talk to, so that a
//! registry cannot pose as a key service, and believes only servers of an area above or below its own, and the
//! registries of other provinces. Sessions are not resumed: each connection proves its key afresh, and keep-alive
//! makes that cheap.

mod connector;
mod names;
mod path;

use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::CryptoProvider;
use rustls::server::NoServerSessionStorage;
use rustls::{ClientConfig, ServerConfig};
use rustls_pki_types::CertificateDer;

use crate::identity::{Identity, IdentityError};
use crate::name::{Area, Role};
use crate::revocation::Revocations;
pub(crate) use path::Verifier;

/// Connecting is quick on any network that a card can be issued over.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A whole request, answer included.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);
/// Below the server's idle limit, so that no request goes out on a closing connection.
const CLIENT_IDLE: Duration = Duration::from_secs(20);

/// Why TLS cannot be set up with an identity.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error(transparent)]
    Identity(#[from] IdentityError),
    #[error("{0}")]
    Rustls(#[from] rustls::Error),
    #[error("the trust anchors cannot be used: {0}")]
    Anchor(webpki::Error),
}

/// ring, with the TLS 1.3 suites only.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    let mut provider = rustls::crypto::ring::default_provider();
    provider
        .cipher_suites
        .retain(|suite| suite.tls13().is_some());
    Arc::new(provider)
}

/// The serving side: a client certificate is required.
pub fn server_config(identity: &Identity) -> Result<Arc<ServerConfig>, TlsError> {
    let verifier = Verifier::new(identity, None, Revocations::none())?;
    server_config_with(identity, Arc::new(verifier))
}

pub(crate) fn server_config_with(
    identity: &Identity,
    verifier: Arc<Verifier>,
) -> Result<Arc<ServerConfig>, TlsError> {
    let config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_client_cert_verifier(verifier)
        .with_single_cert(identity.chain_der()?, identity.key_der()?)?;
    Ok(Arc::new(without_sessions(config)))
}

/// The serving side for whoever has no certificate yet.
pub(crate) fn anonymous_server_config(identity: &Identity) -> Result<Arc<ServerConfig>, TlsError> {
    let config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_no_client_auth()
        .with_single_cert(identity.chain_der()?, identity.key_der()?)?;
    Ok(Arc::new(without_sessions(config)))
}

fn without_sessions(mut config: ServerConfig) -> ServerConfig {
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config
}

/// The asking side of somebody who has no certificate yet, only the roots and their future area.
pub(crate) fn anonymous_client_config(
    anchors: &[CertificateDer<'static>],
    area: &Area,
    server: Role,
) -> Result<Arc<ClientConfig>, TlsError> {
    let verifier = Verifier::of(anchors, area, Some(server), Revocations::none())?;
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .dangerous() // our verifier does all that the standard one does, and checks areas and role besides
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    config.resumption = rustls::client::Resumption::disabled();
    Ok(Arc::new(config))
}

/// A blocking HTTPS client without a certificate.
pub(crate) fn anonymous_agent(
    anchors: &[CertificateDer<'static>],
    area: &Area,
    server: Role,
) -> Result<ureq::Agent, TlsError> {
    let config = anonymous_client_config(anchors, area, server)?;
    Ok(connector::agent(
        connector::TlsConnector::new(config),
        CONNECT_TIMEOUT,
        REQUEST_TIMEOUT,
        CLIENT_IDLE,
    ))
}

/// The asking side; the server's certificate must be of this role.
pub fn client_config(identity: &Identity, server: Role) -> Result<Arc<ClientConfig>, TlsError> {
    let verifier = Arc::new(Verifier::new(identity, Some(server), Revocations::none())?);
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .dangerous() // our verifier does all that the standard one does, and checks areas and role besides
        .with_custom_certificate_verifier(verifier)
        .with_client_auth_cert(identity.chain_der()?, identity.key_der()?)?;
    config.resumption = rustls::client::Resumption::disabled();
    Ok(Arc::new(config))
}

/// A blocking HTTPS client that proves who it is and talks only to a server of the given role.
///
/// Statuses of 400 and above come back as answers, not as errors; no proxy, no redirect; TCP_NODELAY is on.
pub fn client_agent(identity: &Identity, server: Role) -> Result<ureq::Agent, TlsError> {
    let connector = connector::TlsConnector::new(client_config(identity, server)?);
    Ok(connector::agent(
        connector,
        CONNECT_TIMEOUT,
        REQUEST_TIMEOUT,
        CLIENT_IDLE,
    ))
}
