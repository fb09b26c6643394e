//! Names along a verified path: each within the area of its issuer, and which servers a client believes (P16).

use std::sync::Arc;

use rustls::{CertificateError, Error, OtherError};
use rustls_pki_types::CertificateDer;
use webpki::VerifiedPath;

use super::path::Verifier;
use crate::identity::peer_of;
use crate::name::{Area, Peer, Role};

/// Digits of a province's area.
const PROVINCE_DIGITS: usize = 2;

/// A name along the path that its issuer may not give, or that is not there.
#[derive(Debug, thiserror::Error)]
pub(super) enum NameRefused {
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

impl Verifier {
    /// Walks from the leaf to the anchor: each name within the area of its issuer, each issuer an authority.
    pub(super) fn check_names(
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

    /// A host name proves little here: every authority of the house may write any. So the server must be of the wanted
    /// role and of an area above or below one's own: a stolen authority of another prefecture poses as nobody's registry.
    /// Patients travel, so hospitals also ask the registries of other provinces.
    pub(super) fn check_server(&self, server: Peer) -> Result<(), NameRefused> {
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
