//! A registry for province 41 behind real mutual TLS, and the people who ask it.
#![allow(dead_code)] // each test binary uses its part

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use cardlib_card::cert::{
    CertificateBody, IssuerCertificate, IssuerLevel, Mark as CardMark, SamCertificate, issuer_code,
};
use cardlib_card::gm::sm2::SigningKey;
use issuance_registry::{Registry, Trust, routes};
use issuance_registry_api::{
    CardNumber, Checks, Factor, RegistrationRequest, RegistryClient, Reservation,
    ReservationRequest, SamRegistrationRequest, SamSerialNumber, SamSerialRequest,
};
use jiff::Timestamp;
use kms_api::receipt::{CardReceipt, PURPOSE};
use kms_platform::ca::{Authority, Request};
use kms_platform::client::ClientError;
use kms_platform::clock;
use kms_platform::identity::Identity;
use kms_platform::mark::Mark;
use kms_platform::name::Peer;
use kms_platform::notary::Witness;
use kms_platform::notary::{Notary, Signed};
use kms_platform::problem::Problem;
use kms_platform::revocation::Revocations;
use kms_platform::serve::Server;

pub const ANNA: &str = "41010119900101001X";
pub const BOB: &str = "410101199001010028";

/// The certificate authorities.
pub struct House {
    pub ministry: Authority,
    pub province: Authority,
}

impl House {
    pub fn new() -> Self {
        let now = Timestamp::now();
        let ministry = Authority::root("root", now).unwrap();
        let request = Request::new(&peer("rhc://41/ca/province")).unwrap();
        let chain = ministry.sign_intermediate(request.csr_pem(), now).unwrap();
        let identity = request
            .complete(chain, ministry.identity().anchors_pem().to_owned())
            .unwrap();
        Self {
            ministry,
            province: Authority::open(identity).unwrap(),
        }
    }

    pub fn identity(&self, uri: &str) -> Identity {
        let peer = peer(uri);
        let authority = if peer.area.as_str().starts_with("41") {
            &self.province
        } else {
            &self.ministry
        };
        authority.issue(&peer, &[], Timestamp::now()).unwrap()
    }
}

pub fn peer(uri: &str) -> Peer {
    uri.parse().unwrap()
}

/// A running registry; it stops when dropped.
pub struct Stand {
    pub house: House,
    pub addr: SocketAddr,
    pub db: PathBuf,
    dir: tempfile::TempDir,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
    chips: AtomicU64,
}

impl Stand {
    pub fn new() -> Self {
        let house = House::new();
        let dir = tempfile::tempdir().unwrap();
        let db = dir.path().join("registry.db");
        let identity = house.identity("rhc://41/registry/r1");
        let witness = Witness::new(&identity, Revocations::none()).unwrap();
        let mut trust = Trust::by(witness);
        let issuer = dir.path().join("issuer");
        std::fs::write(&issuer, issuer_certificate()).unwrap();
        trust.add_issuer(&issuer, None, Mark::Test).unwrap();
        let (ready, addr) = std::sync::mpsc::channel();
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let path = db.clone();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(2)
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let area = &identity.peer().area;
                let registry =
                    Registry::open_or_create(&path, area, Some(Mark::Test), clock::system())
                        .await
                        .unwrap()
                        .trusting(trust);
                let router = routes::router(registry.clone());
                let server = Server::bind(router, "127.0.0.1:0".parse().unwrap(), &identity)
                    .await
                    .unwrap();
                ready.send(server.addr()).unwrap();
                server.serve(async { drop(stopped.await) }).await;
                registry.store().clone().close().await;
            });
        });
        let addr = addr.recv().unwrap();
        Self {
            house,
            addr,
            db,
            dir,
            stop: Some(stop),
            thread: Some(thread),
            chips: AtomicU64::new(1),
        }
    }

    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    pub fn url(&self) -> String {
        format!("https://{}", self.addr)
    }

    pub fn client(&self, uri: &str) -> RegistryClient {
        RegistryClient::new(&self.url(), &self.house.identity(uri)).unwrap()
    }

    pub fn station(&self) -> RegistryClient {
        self.client("rhc://4101/station/st1")
    }

    pub fn clerk(&self) -> RegistryClient {
        self.client("rhc://41/clerk/li")
    }

    pub fn hospital(&self) -> RegistryClient {
        self.client("rhc://4101/hospital/h1")
    }

    /// A SAM that is registered as active.
    pub fn sam(&self) -> SamSerialNumber {
        let station = self.station();
        let chip = format!("{:016X}", self.chips.fetch_add(1, Ordering::Relaxed))
            .parse()
            .unwrap();
        let request = SamSerialRequest {
            chip_serial: chip,
            sam_type: 1,
            area: "4101".into(),
        };
        let serial = station.sam_serial(&request).unwrap().serial;
        let certificate = certificate(&serial, CardMark::Test);
        let done = SamRegistrationRequest {
            serial,
            chip_serial: request.chip_serial,
            certificate,
        };
        station.register_sam(&done).unwrap().serial
    }

    /// What the station tells of a card that it read back, with the prefecture's receipt.
    pub fn evidence(
        &self,
        reserved: &Reservation,
        chip: &str,
        sam: &SamSerialNumber,
    ) -> RegistrationRequest {
        let data = "AB".repeat(32);
        let receipt = receipt(reserved, chip, &data);
        RegistrationRequest {
            serial: reserved.serial.clone(),
            factor: factor(chip),
            data_hash: data.parse().unwrap(),
            read_back_digest: data.parse().unwrap(),
            sam_serial: sam.clone(),
            checks: Checks {
                authenticated: true,
                security_code: true,
            },
            receipt: Some(self.signed("rhc://4101/kms/k1", &receipt)),
        }
    }

    /// A receipt in this one's name.
    pub fn signed(&self, uri: &str, receipt: &CardReceipt) -> Signed {
        let notary = Notary::new(&self.house.identity(uri)).unwrap();
        let text = serde_json::to_string(receipt).unwrap();
        notary.sign(PURPOSE, text).unwrap()
    }

    /// An active card.
    pub fn card(&self, number: &str, chip: &str) -> Reservation {
        let reserved = self.station().reserve(&reservation(number, chip)).unwrap();
        self.station()
            .register(&self.evidence(&reserved, chip, &self.sam()))
            .unwrap();
        reserved
    }

    pub fn stop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

impl Drop for Stand {
    fn drop(&mut self) {
        drop(self.stop.take());
        self.thread.take().map(std::thread::JoinHandle::join);
    }
}

pub fn number(text: &str) -> CardNumber {
    text.parse().unwrap()
}

pub fn factor(text: &str) -> Factor {
    text.parse().unwrap()
}

pub fn reservation(card_number: &str, chip: &str) -> ReservationRequest {
    ReservationRequest {
        card_number: number(card_number),
        area: "410101".into(),
        factor: factor(chip),
    }
}

/// What a key service would write for this card.
pub fn receipt(reserved: &Reservation, chip: &str, data: &str) -> CardReceipt {
    CardReceipt {
        mark: "TEST".into(),
        factor: chip.into(),
        serial: reserved.serial.as_str().into(),
        data_hash: data.into(),
        script_digest: "CD".repeat(32),
        request_id: uuid::Uuid::nil(),
        at: "2026-11-22T00:00:00Z".into(),
    }
}

/// Keys of the public test hierarchy (D36).
pub fn key(label: &str) -> SigningKey {
    SigningKey::from_label(label.as_bytes()).unwrap()
}

fn body(serial: u64, mark: CardMark) -> CertificateBody {
    CertificateBody {
        issuer_code: issuer_code("410000", IssuerLevel::Province, 1).unwrap(),
        serial,
        valid_from: [0x20, 0x20, 0x01, 0x01],
        valid_to: [0x20, 0x99, 0x12, 0x31],
        mark,
    }
}

/// The certificate of province 41's test issuer, in hexadecimal.
pub fn issuer_certificate() -> String {
    let certificate = IssuerCertificate {
        body: body(1, CardMark::Test),
        public_key: key("RHC-TEST-SM2-ISSUER-41").verifying_key().clone(),
    };
    let signature = key("RHC-TEST-SM2-ROOT").sign_message(&certificate.to_be_signed());
    hex::encode_upper(certificate.with_signature(&signature.unwrap()))
}

/// A SAM certificate signed by that issuer.
pub fn certificate(serial: &SamSerialNumber, mark: CardMark) -> String {
    certificate_by("RHC-TEST-SM2-ISSUER-41", serial, body(7, mark))
}

/// A SAM certificate with this body, signed by the key of this label.
pub fn certificate_by(signer: &str, serial: &SamSerialNumber, body: CertificateBody) -> String {
    let mut sam_serial = [0; 10];
    hex::decode_to_slice(serial.as_str(), &mut sam_serial).unwrap();
    let certificate = SamCertificate {
        body,
        sam_serial,
        public_key: key("a SAM").verifying_key().clone(),
    };
    let signature = key(signer).sign_message(&certificate.to_be_signed());
    hex::encode_upper(certificate.with_signature(&signature.unwrap()))
}

pub fn sam_body(mark: CardMark) -> CertificateBody {
    body(7, mark)
}

/// The problem of a refused request.
#[track_caller]
pub fn problem<T>(result: Result<T, ClientError>) -> Problem {
    match result {
        Ok(_) => panic!("it was not refused"),
        Err(error) => error
            .problem()
            .cloned()
            .unwrap_or_else(|| panic!("{error}")),
    }
}
