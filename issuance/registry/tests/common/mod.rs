//! A registry for province 41 behind real mutual TLS, and the people who ask it.
#![allow(dead_code)] // each test binary uses its part

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use issuance_registry::{Registry, routes};
use issuance_registry_api::{
    CardNumber, Checks, Factor, RegistrationRequest, RegistryClient, Reservation,
    ReservationRequest, SamRegistrationRequest, SamSerialNumber, SamSerialRequest,
};
use jiff::Timestamp;
use kms_platform::ca::{Authority, Request};
use kms_platform::client::ClientError;
use kms_platform::clock;
use kms_platform::identity::Identity;
use kms_platform::mark::Mark;
use kms_platform::name::Peer;
use kms_platform::problem::Problem;
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
                        .unwrap();
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
        let certificate = certificate(&serial, 0xFF);
        let done = SamRegistrationRequest {
            serial,
            chip_serial: request.chip_serial,
            certificate,
        };
        station.register_sam(&done).unwrap().serial
    }

    /// An active card.
    pub fn card(&self, number: &str, chip: &str) -> Reservation {
        let reserved = self.station().reserve(&reservation(number, chip)).unwrap();
        self.station()
            .register(&evidence(&reserved, chip, &self.sam()))
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

pub fn evidence(reserved: &Reservation, chip: &str, sam: &SamSerialNumber) -> RegistrationRequest {
    RegistrationRequest {
        serial: reserved.serial.clone(),
        factor: factor(chip),
        data_hash: "AB".repeat(32).parse().unwrap(),
        read_back_digest: "AB".repeat(32).parse().unwrap(),
        sam_serial: sam.clone(),
        checks: Checks {
            authenticated: true,
            security_code: true,
        },
        script_digest: None,
    }
}

/// A SAM certificate's fields by D20 and D21: what is not looked at here is 5A.
pub fn certificate(serial: &SamSerialNumber, root_key_index: u8) -> String {
    let mut hex: Vec<String> = vec!["5A".into(); 190];
    hex[0] = "01".into();
    hex[1] = "02".into();
    hex[31] = format!("{root_key_index:02X}");
    for (place, pair) in hex[52..62]
        .iter_mut()
        .zip(serial.as_str().as_bytes().chunks(2))
    {
        *place = String::from_utf8_lossy(pair).into_owned();
    }
    hex.concat()
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
