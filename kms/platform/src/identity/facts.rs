//! What a certificate says besides the name: for how long it is good, and for which hosts.

use std::net::IpAddr;

use jiff::Timestamp;
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use super::{Identity, IdentityError};

/// From when to when a certificate is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    pub from: Timestamp,
    pub until: Timestamp,
}

impl Validity {
    /// Whether less than a third of its life is left: time to renew, and time enough to try again.
    #[must_use]
    pub fn is_due(&self, now: Timestamp) -> bool {
        let (life, left) = (
            self.until.as_second() - self.from.as_second(),
            self.until.as_second() - now.as_second(),
        );
        left < life / 3
    }
}

/// What a certificate says, without its key.
#[derive(Clone, Debug)]
pub struct Certificate {
    /// Serial number, hexadecimal, upper case.
    pub serial: String,
    pub validity: Validity,
}

impl Certificate {
    /// The first certificate of a chain, PEM.
    pub fn first_of(chain_pem: &str) -> Result<Self, IdentityError> {
        let chain = super::certificates(chain_pem).map_err(|()| unreadable())?;
        let own = chain.first().ok_or_else(unreadable)?;
        let (_, certificate) = X509Certificate::from_der(own).map_err(|_| unreadable())?;
        Ok(Self {
            serial: hex::encode_upper(certificate.raw_serial()),
            validity: validity(&certificate).ok_or_else(unreadable)?,
        })
    }
}

fn unreadable() -> IdentityError {
    IdentityError::Pem {
        what: "certificate",
    }
}

fn validity(certificate: &X509Certificate<'_>) -> Option<Validity> {
    let (from, until) = (
        certificate.validity().not_before.timestamp(),
        certificate.validity().not_after.timestamp(),
    );
    Some(Validity {
        from: Timestamp::from_second(from).ok()?,
        until: Timestamp::from_second(until).ok()?,
    })
}

impl Identity {
    /// From when to when the own certificate is good.
    pub fn validity(&self) -> Result<Validity, IdentityError> {
        self.facts(validity)
    }

    /// Host names and addresses that the own certificate is good for.
    pub fn hosts(&self) -> Result<Vec<String>, IdentityError> {
        self.facts(|certificate| {
            let names = certificate.subject_alternative_name().ok()?;
            let names = names.map(|names| names.value.general_names.as_slice());
            Some(names.unwrap_or_default().iter().filter_map(host).collect())
        })
    }

    fn facts<T>(
        &self,
        look: impl FnOnce(&X509Certificate<'_>) -> Option<T>,
    ) -> Result<T, IdentityError> {
        let chain = self.chain_der()?;
        let own = chain.first().ok_or_else(unreadable)?;
        let (_, certificate) = X509Certificate::from_der(own).map_err(|_| unreadable())?;
        look(&certificate).ok_or_else(unreadable)
    }
}

fn host(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => match *bytes {
            [a, b, c, d] => Some(IpAddr::from([*a, *b, *c, *d]).to_string()),
            _ => <[u8; 16]>::try_from(*bytes)
                .ok()
                .map(|bytes| IpAddr::from(bytes).to_string()),
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ca::Authority;

    #[test]
    fn a_certificate_is_due_in_the_last_third_of_its_life() {
        let now: Timestamp = "2026-01-01T00:00:00Z".parse().expect("a time");
        let root = Authority::root("root", now).expect("a root");
        let peer = "rhc://41/kms/k".parse().expect("a name");
        let hosts = ["kms.example".to_owned(), "10.0.0.7".to_owned()];
        let identity = root.issue(&peer, &hosts, now).expect("a certificate");
        let validity = identity.validity().expect("readable");
        assert!(validity.from < now && validity.until > now);
        let after = |days: i64| now + jiff::SignedDuration::from_hours(24 * days);
        assert!(!validity.is_due(after(260)));
        assert!(validity.is_due(after(270)) && validity.is_due(after(400)));
        let told = identity.hosts().expect("readable");
        for host in ["localhost", "127.0.0.1", "::1", "kms.example", "10.0.0.7"] {
            assert!(told.iter().any(|one| one == host), "{host} in {told:?}");
        }
    }
}
