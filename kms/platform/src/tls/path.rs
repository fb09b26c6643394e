//! Verifying the other side: X.509 path and revocation by webpki, then the names along that very path ([`super::names`]).

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls13_signature};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError, SignatureScheme,
};
use rustls_pki_types::{CertificateDer, ServerName, TrustAnchor, UnixTime};
use webpki::{
    CertRevocationList, EndEntityCert, ExpirationPolicy, ExtendedKeyUsageValidator, KeyUsage,
    RevocationCheckDepth, RevocationOptionsBuilder, UnknownStatusPolicy,
};

use super::TlsError;
use crate::identity::{Identity, peer_of};
use crate::name::{Area, Peer, Role};
use crate::revocation::Revocations;

/// Verifies clients for a server and the server for a client.
pub(crate) struct Verifier {
    pub(super) anchors: Vec<TrustAnchor<'static>>,
    pub(super) areas: Vec<Area>,
    pub(super) own: Area,
    pub(super) server: Option<Role>,
    provider: Arc<CryptoProvider>,
    revocations: Arc<Revocations>,
}

impl Verifier {
    pub(crate) fn new(
        identity: &Identity,
        server: Option<Role>,
        revocations: Arc<Revocations>,
    ) -> Result<Self, TlsError> {
        Self::of(
            &identity.anchors_der()?,
            &identity.peer().area,
            server,
            revocations,
        )
    }

    /// By these roots, for somebody of this area.
    pub(crate) fn of(
        roots: &[CertificateDer<'static>],
        own: &Area,
        server: Option<Role>,
        revocations: Arc<Revocations>,
    ) -> Result<Self, TlsError> {
        let mut anchors = Vec::new();
        let mut areas = Vec::new();
        for der in roots {
            areas.push(peer_of(der)?.area);
            anchors.push(
                webpki::anchor_from_trusted_cert(der)
                    .map_err(TlsError::Anchor)?
                    .to_owned(),
            );
        }
        Ok(Self {
            anchors,
            areas,
            own: own.clone(),
            server,
            provider: super::provider(),
            revocations,
        })
    }

    /// A list that is over its date still revokes; who is on no list is not revoked.
    fn verify(
        &self,
        leaf: &EndEntityCert<'_>,
        der: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
        usage: impl ExtendedKeyUsageValidator,
    ) -> Result<Peer, Error> {
        let lists = self.revocations.lists();
        let lists: Vec<&CertRevocationList<'_>> = lists.iter().collect();
        let revocation = RevocationOptionsBuilder::new(&lists).ok().map(|options| {
            options
                .with_depth(RevocationCheckDepth::Chain)
                .with_status_policy(UnknownStatusPolicy::Allow)
                .with_expiration_policy(ExpirationPolicy::Ignore)
                .build()
        });
        let path = leaf
            .verify_for_usage(
                self.provider.signature_verification_algorithms.all,
                &self.anchors,
                intermediates,
                now,
                usage,
                revocation,
                None,
            )
            .map_err(certificate_error)?;
        self.check_names(der, &path).map_err(Error::from)
    }

    /// Whether a chain that was good at the handshake is still good.
    pub(crate) fn still_admits(&self, chain: &[CertificateDer<'_>]) -> bool {
        let Some((own, above)) = chain.split_first() else {
            return false;
        };
        let checked = parse(own).and_then(|leaf| {
            self.verify(&leaf, own, above, UnixTime::now(), KeyUsage::client_auth())
        });
        checked.is_ok()
    }

    /// Who signed a message with a serving identity's key, if the chain is good now.
    pub(crate) fn signer(
        &self,
        chain: &[CertificateDer<'_>],
        now: UnixTime,
        message: &[u8],
        signature: &[u8],
    ) -> Result<Peer, Error> {
        let (own, above) = chain.split_first().ok_or(Error::NoCertificatesPresented)?;
        let leaf = parse(own)?;
        let peer = self.verify(&leaf, own, above, now, KeyUsage::server_auth())?;
        leaf.verify_signature(webpki::ring::ECDSA_P256_SHA256, message, signature)
            .map_err(certificate_error)?;
        Ok(peer)
    }
}

/// The few causes that the other side can do something about keep their own alert.
fn certificate_error(error: webpki::Error) -> Error {
    let cause = match error {
        webpki::Error::CertRevoked => CertificateError::Revoked,
        webpki::Error::UnknownIssuer => CertificateError::UnknownIssuer,
        webpki::Error::CertExpired { .. } => CertificateError::Expired,
        webpki::Error::CertNotValidYet { .. } => CertificateError::NotValidYet,
        webpki::Error::CertNotValidForName(_) => CertificateError::NotValidForName,
        webpki::Error::InvalidSignatureForPublicKey => CertificateError::BadSignature,
        other => CertificateError::Other(OtherError(Arc::new(other))),
    };
    Error::InvalidCertificate(cause)
}

fn parse<'a>(der: &'a CertificateDer<'a>) -> Result<EndEntityCert<'a>, Error> {
    EndEntityCert::try_from(der)
        .map_err(|_| Error::InvalidCertificate(CertificateError::BadEncoding))
}

/// TLS 1.2 is never negotiated, so its signatures never come.
fn no_tls12() -> Error {
    Error::General("TLS 1.2 is not spoken here".into())
}

/// What the handshake signs is checked alike on both sides.
macro_rules! signatures {
    () => {
        fn verify_tls12_signature(
            &self,
            _message: &[u8],
            _cert: &CertificateDer<'_>,
            _dss: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            Err(no_tls12())
        }

        fn verify_tls13_signature(
            &self,
            message: &[u8],
            cert: &CertificateDer<'_>,
            dss: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            verify_tls13_signature(
                message,
                cert,
                dss,
                &self.provider.signature_verification_algorithms,
            )
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            self.provider
                .signature_verification_algorithms
                .supported_schemes()
        }
    };
}

impl std::fmt::Debug for Verifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Verifier")
            .field("anchors", &self.anchors.len())
            .field("server", &self.server)
            .finish()
    }
}

impl ClientCertVerifier for Verifier {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.verify(
            &parse(end_entity)?,
            end_entity,
            intermediates,
            now,
            KeyUsage::client_auth(),
        )?;
        Ok(ClientCertVerified::assertion())
    }

    signatures!();
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let leaf = parse(end_entity)?;
        let peer = self.verify(
            &leaf,
            end_entity,
            intermediates,
            now,
            KeyUsage::server_auth(),
        )?;
        leaf.verify_is_valid_for_subject_name(server_name)
            .map_err(certificate_error)?;
        self.check_server(peer)?;
        Ok(ServerCertVerified::assertion())
    }

    signatures!();
}
