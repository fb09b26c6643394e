//! The house's own certificate authority for TLS (P-256): root at the ministry, intermediates at province and
//! prefecture, leaves for services, stations, hospitals and people.
//!
//! An authority names only parties of its own area (4101 within 41 within 0), and the verifying side checks the
//! same again (see [`crate::tls`]), so that a stolen prefecture authority speaks for nobody else. Of a certificate
//! request only the public key and the name are taken; everything else is the authority's decision.

mod request;
mod revoke;

use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, SanType, SerialNumber,
};
use zeroize::Zeroizing;

use crate::identity::{Identity, IdentityError};
use crate::name::{Area, Peer, Role};
pub use request::{Applicant, Request};
pub use revoke::TakenBack;

const DAY: Duration = Duration::from_secs(86_400);
/// Root and intermediates live long, they are changed by ceremony.
pub const AUTHORITY_VALIDITY: Duration = Duration::from_secs(86_400 * 3650);
/// Leaves are renewed every year.
pub const LEAF_VALIDITY: Duration = Duration::from_secs(86_400 * 397);
/// A certificate is valid this long before its making, for clocks that are behind.
const BACKDATE: Duration = Duration::from_secs(300);

/// Why no certificate was made.
#[derive(Debug, thiserror::Error)]
pub enum CaError {
    #[error("{issuer} may not name {subject}: not within its area")]
    OutsideArea { issuer: Peer, subject: Peer },
    #[error("{0} is not an authority")]
    NotAuthority(Peer),
    #[error("{0} is an authority: it needs an intermediate certificate, not a leaf")]
    IsAuthority(Peer),
    #[error("the certificate request cannot be read or its signature is wrong")]
    Request,
    #[error("only P-256 keys are certified")]
    Algorithm,
    #[error("`{0}` is no host name")]
    Host(String),
    #[error("`{0}` is no serial number of a certificate")]
    Serial(String),
    #[error(transparent)]
    Identity(#[from] IdentityError),
    #[error("certificate could not be made: {0}")]
    Making(#[from] rcgen::Error),
}

/// An identity that may sign certificates.
pub struct Authority {
    identity: Identity,
    validity: Duration,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// Makes a new self-signed root for the whole country.
    pub fn root(name: &str, now: Timestamp) -> Result<Self, CaError> {
        let peer = Peer::new(Area::country(), Role::Ca, name).map_err(IdentityError::from)?;
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let pem = authority_params(&peer, now)?.self_signed(&key)?.pem();
        let identity = Identity::from_parts(Zeroizing::new(key.serialize_pem()), pem.clone(), pem)?;
        Self::open(identity)
    }

    /// Takes an authority's identity into use.
    pub fn open(identity: Identity) -> Result<Self, CaError> {
        if identity.peer().role != Role::Ca {
            return Err(CaError::NotAuthority(identity.peer().clone()));
        }
        let key = KeyPair::from_pem(identity.key_pem())?;
        let own = identity.chain_der()?;
        let own = own.first().ok_or(IdentityError::Pem {
            what: "certificate chain",
        })?;
        let issuer = Issuer::from_ca_cert_der(own, key)?;
        Ok(Self {
            identity,
            validity: LEAF_VALIDITY,
            issuer,
        })
    }

    /// Leaves are good for this many days, at most as long as usual.
    #[must_use]
    pub fn with_days(mut self, days: u16) -> Self {
        self.validity = (DAY * u32::from(days)).clamp(DAY, LEAF_VALIDITY);
        self
    }

    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Signs the request of a lower authority; the answer is its certificate chain, PEM, without the root.
    pub fn sign_intermediate(&self, csr_pem: &str, now: Timestamp) -> Result<String, CaError> {
        let applicant = Applicant::from_pem(csr_pem)?;
        if applicant.peer.role != Role::Ca {
            return Err(CaError::NotAuthority(applicant.peer));
        }
        if applicant.peer.area == self.identity.peer().area {
            return Err(self.outside(&applicant.peer));
        }
        self.check_area(&applicant.peer)?;
        let certificate = authority_params(&applicant.peer, now)?
            .signed_by(&applicant.public_key, &self.issuer)?;
        Ok(certificate.pem() + &self.chain_below_root()?)
    }

    /// Signs a leaf's request; `hosts` are further names or addresses of a serving role.
    pub fn sign_leaf(
        &self,
        csr_pem: &str,
        hosts: &[String],
        now: Timestamp,
    ) -> Result<String, CaError> {
        let applicant = Applicant::from_pem(csr_pem)?;
        self.leaf(&applicant.peer, &applicant.public_key, hosts, now)
    }

    /// Makes key and certificate of a leaf at once: for parties whose keys the authority may make.
    pub fn issue(
        &self,
        peer: &Peer,
        hosts: &[String],
        now: Timestamp,
    ) -> Result<Identity, CaError> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let chain = self.leaf(peer, &key, hosts, now)?;
        let anchors = self.identity.anchors_pem().to_owned();
        Ok(Identity::from_parts(
            Zeroizing::new(key.serialize_pem()),
            chain,
            anchors,
        )?)
    }

    fn leaf(
        &self,
        peer: &Peer,
        key: &impl rcgen::PublicKeyData,
        hosts: &[String],
        now: Timestamp,
    ) -> Result<String, CaError> {
        if peer.role == Role::Ca {
            return Err(CaError::IsAuthority(peer.clone()));
        }
        self.check_area(peer)?;
        let mut params = base_params(peer, now, self.validity)?;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        if peer.role.serves() {
            params
                .extended_key_usages
                .push(ExtendedKeyUsagePurpose::ServerAuth);
            params.subject_alt_names.extend(host_names(hosts)?);
        }
        Ok(params.signed_by(key, &self.issuer)?.pem() + &self.chain_below_root()?)
    }

    fn check_area(&self, subject: &Peer) -> Result<(), CaError> {
        if self.identity.peer().area.contains(&subject.area) {
            Ok(())
        } else {
            Err(self.outside(subject))
        }
    }

    fn outside(&self, subject: &Peer) -> CaError {
        CaError::OutsideArea {
            issuer: self.identity.peer().clone(),
            subject: subject.clone(),
        }
    }

    /// What a subject appends to its own certificate: nothing under the root, else this authority's chain.
    fn chain_below_root(&self) -> Result<String, CaError> {
        let chain = self.identity.chain_der()?;
        let anchors = self.identity.anchors_der()?;
        let is_root = chain.first().is_some_and(|own| anchors.contains(own));
        Ok(if is_root {
            String::new()
        } else {
            self.identity.chain_pem().to_owned()
        })
    }
}

/// localhost, both loopback addresses, and what was asked for.
fn host_names(hosts: &[String]) -> Result<Vec<SanType>, CaError> {
    let standard = [
        "localhost".to_owned(),
        "127.0.0.1".to_owned(),
        "::1".to_owned(),
    ];
    standard.iter().chain(hosts).map(|host| san(host)).collect()
}

fn san(host: &str) -> Result<SanType, CaError> {
    match host.parse::<IpAddr>() {
        Ok(address) => Ok(SanType::IpAddress(address)),
        Err(_) => match rustls_pki_types::DnsName::try_from(host) {
            Ok(_) => Ok(SanType::DnsName(host.try_into()?)),
            Err(_) => Err(CaError::Host(host.to_owned())),
        },
    }
}

fn authority_params(peer: &Peer, now: Timestamp) -> Result<CertificateParams, CaError> {
    let mut params = base_params(peer, now, AUTHORITY_VALIDITY)?;
    // How many further authorities may follow: country 2, province 1, prefecture 0.
    let below = match peer.area.as_str().len() {
        1 => 2,
        2 => 1,
        _ => 0,
    };
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(below));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(params)
}

fn base_params(
    peer: &Peer,
    now: Timestamp,
    validity: Duration,
) -> Result<CertificateParams, CaError> {
    let mut params = CertificateParams::default();
    let start = rcgen::date_time_ymd(1970, 1, 1) + since_1970(now);
    params.not_before = start - BACKDATE;
    params.not_after = start + validity.max(DAY);
    params.serial_number = Some(random_serial()?);
    params.use_authority_key_identifier_extension = true;
    // The full name in the subject keeps issuer names unique, so that paths are found at once.
    params.distinguished_name = rcgen::DistinguishedName::new();
    params
        .distinguished_name
        .push(DnType::OrganizationName, format!("RHC {}", peer.area));
    params
        .distinguished_name
        .push(DnType::OrganizationalUnitName, peer.role.as_str());
    params
        .distinguished_name
        .push(DnType::CommonName, peer.name.as_str());
    params.subject_alt_names = vec![SanType::URI(peer.to_string().try_into()?)];
    Ok(params)
}

fn since_1970(at: Timestamp) -> Duration {
    Duration::from_secs(u64::try_from(at.as_second()).unwrap_or(0))
}

/// 127 random bits: positive, never zero (RFC 5280 §4.1.2.2).
fn random_serial() -> Result<SerialNumber, CaError> {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes).map_err(|_| rcgen::Error::RingUnspecified)?;
    bytes[0] = bytes[0] & 0x7F | 0x40;
    Ok(SerialNumber::from_slice(&bytes))
}
