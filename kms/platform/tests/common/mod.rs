//! A ministry, province 41 and prefecture 4101 with their authorities, made afresh for each test.
#![allow(dead_code)] // each test binary uses its part

use jiff::Timestamp;
use kms_platform::ca::{Authority, Request};
use kms_platform::identity::Identity;
use kms_platform::name::Peer;

pub struct House {
    pub ministry: Authority,
    pub province: Authority,
    pub prefecture: Authority,
}

pub fn peer(uri: &str) -> Peer {
    uri.parse().unwrap()
}

impl House {
    pub fn new() -> Self {
        let now = Timestamp::now();
        let ministry = Authority::root("root", now).unwrap();
        let province = below(&ministry, "rhc://41/ca/province", now);
        let prefecture = below(&province, "rhc://4101/ca/prefecture", now);
        Self {
            ministry,
            province,
            prefecture,
        }
    }

    /// An identity from the authority nearest to the name.
    pub fn identity(&self, uri: &str) -> Identity {
        let peer = peer(uri);
        let authority = match peer.area.as_str() {
            "0" => &self.ministry,
            "41" => &self.province,
            _ => &self.prefecture,
        };
        authority.issue(&peer, &[], Timestamp::now()).unwrap()
    }
}

pub fn below(upper: &Authority, uri: &str, now: Timestamp) -> Authority {
    let request = Request::new(&peer(uri)).unwrap();
    let chain = upper.sign_intermediate(request.csr_pem(), now).unwrap();
    let anchors = upper.identity().anchors_pem().to_owned();
    Authority::open(request.complete(chain, anchors).unwrap()).unwrap()
}

/// A leaf that an authority would never sign: made with its key, past its checks, as a thief would.
pub fn stolen(authority: &Authority, uri: &str, server: bool) -> Identity {
    let (key, chain) = stolen_pem(authority, uri, server);
    Identity::from_parts(
        key.into(),
        chain,
        authority.identity().anchors_pem().to_owned(),
    )
    .unwrap()
}

/// The same as key and chain, so that it may carry a name which no identity file would.
pub fn stolen_pem(authority: &Authority, uri: &str, server: bool) -> (String, String) {
    use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, Issuer, KeyPair, SanType};
    use rustls_pki_types::CertificateDer;
    use rustls_pki_types::pem::PemObject;

    let own = CertificateDer::from_pem_slice(authority.identity().chain_pem().as_bytes()).unwrap();
    let issuer = Issuer::from_ca_cert_der(
        &own,
        KeyPair::from_pem(authority.identity().key_pem()).unwrap(),
    )
    .unwrap();
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.subject_alt_names = vec![SanType::URI(uri.try_into().unwrap())];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    if server {
        params
            .extended_key_usages
            .push(ExtendedKeyUsagePurpose::ServerAuth);
        params
            .subject_alt_names
            .push(SanType::IpAddress("127.0.0.1".parse().unwrap()));
    }
    let leaf = params.signed_by(&key, &issuer).unwrap().pem();
    (key.serialize_pem(), leaf + authority.identity().chain_pem())
}
