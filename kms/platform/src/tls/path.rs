//! Verifying the other side: X.509 path by webpki, then the names along that very path.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls13_signature};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError, SignatureScheme,
};
use rustls_pki_types::{CertificateDer, ServerName, TrustAnchor, UnixTime};
use webpki::{EndEntityCert, ExtendedKeyUsageValidator, KeyUsage, VerifiedPath};

use super::TlsError;
use crate::identity::{Identity, peer_of};
use crate::name::{Area, Peer, Role};

/// Digits of a province's area.
const PROVINCE_DIGITS: usize = 2;

/// A name along the path that its issuer may not give, or that is not there.
#[derive(Debug, thiserror::Error)]
enum NameRefused {
    #[error("{subject} is named by an authority of area {issuer}")]
    OutsideArea { subject: Peer, issuer: Area },
    #[error("certificate without a usable rhc:// name")]
    Nameless,
    #[error("{0} signs certificates but is no authority")]
    NotAuthority(Peer),
    #[error("an authority does not speak for itself")]
    IsAuthority,
    #[error("the server is {0}, wanted a {1}")]
    Role(Peer, Role),
    #[error("the server is {0}, neither above nor below our area {1}")]
    Elsewhere(Peer, Area),
}

impl From<NameRefused> for Error {
    fn from(refused: NameRefused) -> Self {
        Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(refused))))
    }
}

/// Verifies clients for a server and the server for a client.
pub(super) struct Verifier {
    anchors: Vec<TrustAnchor<'static>>,
    areas: Vec<Area>,
    own: Area,
    server: Option<Role>,
    provider: Arc<CryptoProvider>,
}

impl Verifier {
    pub(super) fn new(identity: &Identity, server: Option<Role>) -> Result<Self, TlsError> {
        let mut anchors = Vec::new();
        let mut areas = Vec::new();
        for der in identity.anchors_der()? {
            areas.push(peer_of(&der)?.area);
            anchors.push(
                webpki::anchor_from_trusted_cert(&der)
                    .map_err(TlsError::Anchor)?
                    .to_owned(),
            );
        }
        Ok(Self {
            anchors,
            areas,
            own: identity.peer().area.clone(),
            server,
            provider: super::provider(),
        })
    }

    fn verify(
        &self,
        leaf: &EndEntityCert<'_>,
        der: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
        usage: impl ExtendedKeyUsageValidator,
    ) -> Result<Peer, Error> {
        let path = leaf
            .verify_for_usage(
                self.provider.signature_verification_algorithms.all,
                &self.anchors,
                intermediates,
                now,
                usage,
                None,
                None,
            )
            .map_err(certificate_error)?;
        self.check_names(der, &path).map_err(Error::from)
    }

    /// Walks from the leaf to the anchor: each name within the area of its issuer, each issuer an authority.
    fn check_names(
        &self,
        leaf: &CertificateDer<'_>,
        path: &VerifiedPath<'_>,
    ) -> Result<Peer, NameRefused> {
        let peer = peer_of(leaf).map_err(|_| NameRefused::Nameless)?;
        if peer.role == Role::Ca {
            return Err(NameRefused::IsAuthority);
        }
        let mut below = peer.clone();
        for certificate in path.intermediate_certificates() {
            let issuer = peer_of(&certificate.der()).map_err(|_| NameRefused::Nameless)?;
            if issuer.role != Role::Ca {
                return Err(NameRefused::NotAuthority(issuer));
            }
            within(&below, &issuer.area)?;
            below = issuer;
        }
        let anchor = path.anchor();
        let area = self
            .anchors
            .iter()
            .position(|known| known == anchor)
            .and_then(|index| self.areas.get(index));
        within(&below, area.ok_or(NameRefused::Nameless)?)?;
        Ok(peer)
    }
}

impl Verifier {
    /// A host name proves little here: every authority of the house may write any. So the server must be of the wanted
    /// role and of an area above or below one's own: a stolen authority of another prefecture poses as nobody's registry.
    /// Patients travel, so hospitals also ask the registries of other provinces.
    fn check_server(&self, server: Peer) -> Result<(), NameRefused> {
        let related = server.area.contains(&self.own) || self.own.contains(&server.area);
        let of_a_province = server.area.as_str().len() == PROVINCE_DIGITS;
        match self.server {
            Some(wanted) if wanted != server.role => Err(NameRefused::Role(server, wanted)),
            _ if related || (server.role == Role::Registry && of_a_province) => Ok(()),
            _ => Err(NameRefused::Elsewhere(server, self.own.clone())),
        }
    }
}

fn within(subject: &Peer, issuer: &Area) -> Result<(), NameRefused> {
    if issuer.contains(&subject.area) {
        return Ok(());
    }
    Err(NameRefused::OutsideArea {
        subject: subject.clone(),
        issuer: issuer.clone(),
    })
}

/// The few causes that the other side can do something about keep their own alert.
fn certificate_error(error: webpki::Error) -> Error {
    let cause = match error {
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
}
