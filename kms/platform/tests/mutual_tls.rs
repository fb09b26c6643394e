//! The two sides on a real socket: who gets in, who does not, and that nothing brings the service down.
#![allow(clippy::unwrap_used)] // a failed unwrap is the failed test

mod common;
#[path = "mutual_tls/revoked.rs"]
mod revoked;

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;

use common::{House, peer, stolen, stolen_pem};
use kms_platform::axum::Router;
use kms_platform::axum::routing::{get, post};
use kms_platform::client::{ClientError, HttpClient};
use kms_platform::identity::Identity;
use kms_platform::name::{Peer, Role};
use kms_platform::problem::{
    INTERNAL, Json, MALFORMED, NO_SUCH_METHOD, NO_SUCH_PATH, Problem, ROLE_REFUSED, TOO_LARGE,
};
use kms_platform::revocation::Revocations;
use kms_platform::serve::{ServeError, Server};

#[derive(serde::Deserialize, serde::Serialize, PartialEq, Debug)]
struct Echo {
    number: u32,
}

async fn broken() -> Problem {
    panic!("a handler's mistake")
}

async fn stations_only(peer: Peer) -> Result<Json<String>, Problem> {
    peer.require(&[Role::Station])?;
    Ok(Json("welcome".into()))
}

fn router() -> Router {
    Router::new()
        .route("/who", get(async |peer: Peer| Json(peer.to_string())))
        .route("/echo", post(async |Json(echo): Json<Echo>| Json(echo)))
        .route("/panic", get(broken))
        .route("/stations", get(stations_only))
}

/// A service in its own thread and runtime; it stops when dropped.
struct Running {
    addr: SocketAddr,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

fn start(identity: Identity) -> Running {
    start_at("127.0.0.1:0".parse().unwrap(), identity)
}

fn start_at(wanted: SocketAddr, identity: Identity) -> Running {
    start_with(wanted, identity, Revocations::none())
}

fn start_with(wanted: SocketAddr, identity: Identity, revocations: Arc<Revocations>) -> Running {
    let (ready, addr) = std::sync::mpsc::channel();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let thread = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let server = Server::bind_with(router(), wanted, &identity, revocations)
                .await
                .unwrap();
            ready.send(server.addr()).unwrap();
            server.serve(async { drop(stopped.await) }).await;
        });
    });
    Running {
        addr: addr.recv().unwrap(),
        stop: Some(stop),
        thread: Some(thread),
    }
}

impl Running {
    fn url(&self) -> String {
        format!("https://{}", self.addr)
    }

    fn client(&self, identity: &Identity) -> HttpClient {
        HttpClient::new(&self.url(), identity, Role::Kms).unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.stop.take());
        self.thread.take().map(std::thread::JoinHandle::join);
    }
}

fn who(client: &HttpClient) -> Result<String, ClientError> {
    client.get("/who", &[])
}

#[track_caller]
fn assert_untrusted(result: Result<String, ClientError>) {
    // A refused client hears the alert or, when its request met a closed socket first, only the broken line.
    match result {
        Err(ClientError::Untrusted { .. } | ClientError::Unreachable { .. }) => {}
        Err(other) => panic!("{other:?}"),
        Ok(name) => panic!("got in as {name}"),
    }
}

#[test]
fn handlers_know_who_asks() {
    let house = House::new();
    let running = start(house.identity("rhc://41/kms/k1"));
    for uri in [
        "rhc://0/officer/li",
        "rhc://41/station/st9",
        "rhc://4101/hospital/h-1",
    ] {
        assert_eq!(who(&running.client(&house.identity(uri))).unwrap(), uri);
    }
}

#[test]
fn strangers_do_not_get_in() {
    let (house, other) = (House::new(), House::new());
    let running = start(house.identity("rhc://41/kms/k1"));
    let anchors = house.ministry.identity().anchors_pem().to_owned();
    // A stranger's certificate, but our root as anchor, so that it is the server that refuses.
    let stranger = other.identity("rhc://41/station/st1");
    let stranger = Identity::from_parts(
        stranger.key_pem().clone(),
        stranger.chain_pem().to_owned(),
        anchors,
    )
    .unwrap();
    assert_untrusted(who(&running.client(&stranger)));
    // And a server of a stranger's house is refused by our client.
    let foreign = start(other.identity("rhc://41/kms/k1"));
    let asked = who(&foreign.client(&house.identity("rhc://41/station/st1")));
    assert!(
        matches!(asked, Err(ClientError::Untrusted { .. })),
        "{asked:?}"
    );
    assert_eq!(
        who(&running.client(&house.identity("rhc://41/station/st1"))).unwrap(),
        "rhc://41/station/st1"
    );
}

#[test]
fn a_stolen_authority_speaks_only_for_its_own_area() {
    let house = House::new();
    let running = start(house.identity("rhc://41/kms/k1"));
    for uri in [
        "rhc://4102/station/x",
        "rhc://41/officer/x",
        "rhc://0/officer/x",
        "rhc://4101/ca/x",
    ] {
        assert_untrusted(who(&running.client(&stolen(&house.prefecture, uri, false))));
    }
    let own = stolen(&house.prefecture, "rhc://4101/station/x", false);
    assert_eq!(who(&running.client(&own)).unwrap(), "rhc://4101/station/x");
}

#[test]
fn a_leaf_signs_nothing() {
    let house = House::new();
    let running = start(house.identity("rhc://41/kms/k1"));
    let station = house.identity("rhc://4101/station/st1");
    // An authority made of a station's key and certificate: the certificate says that it is none.
    let key = rcgen::KeyPair::from_pem(station.key_pem()).unwrap();
    let mut params = rcgen::CertificateParams::default();
    params.subject_alt_names = vec![rcgen::SanType::URI(
        "rhc://4101/officer/x".try_into().unwrap(),
    )];
    use rustls_pki_types::pem::PemObject;
    let own =
        rustls_pki_types::CertificateDer::from_pem_slice(station.chain_pem().as_bytes()).unwrap();
    let issuer = rcgen::Issuer::from_ca_cert_der(&own, key).unwrap();
    let leaf_key = rcgen::KeyPair::generate().unwrap();
    let chain = params.signed_by(&leaf_key, &issuer).unwrap().pem() + station.chain_pem();
    let anchors = station.anchors_pem().to_owned();
    let thief = Identity::from_parts(leaf_key.serialize_pem().into(), chain, anchors).unwrap();
    assert_untrusted(who(&running.client(&thief)));
}

#[test]
fn a_server_of_another_role_or_area_is_not_believed() {
    let house = House::new();
    let client = house.identity("rhc://41/station/st1");
    let registry = start(house.identity("rhc://41/registry/r1"));
    let asked = who(&registry.client(&client));
    assert!(
        matches!(asked, Err(ClientError::Untrusted { .. })),
        "{asked:?}"
    );
    // A prefecture's authority cannot make a province's key service.
    let posing = start(stolen(&house.prefecture, "rhc://41/kms/k1", true));
    let asked = who(&posing.client(&client));
    assert!(
        matches!(asked, Err(ClientError::Untrusted { .. })),
        "{asked:?}"
    );
}

#[test]
fn a_server_of_a_neighbouring_area_is_not_believed() {
    let house = House::new();
    // All that a stolen authority of prefecture 4101 may name: a registry of its own area, under any host name.
    let posing = start(house.identity("rhc://4101/registry/r1"));
    let ask = |uri: &str| {
        let neighbour = house
            .province
            .issue(&peer(uri), &[], jiff::Timestamp::now());
        let client = HttpClient::new(&posing.url(), &neighbour.unwrap(), Role::Registry).unwrap();
        who(&client)
    };
    let asked = ask("rhc://4102/hospital/h1");
    assert!(
        matches!(asked, Err(ClientError::Untrusted { .. })),
        "{asked:?}"
    );
    assert_eq!(
        ask("rhc://4101/hospital/h1").unwrap(),
        "rhc://4101/hospital/h1"
    );
    assert_eq!(ask("rhc://41/clerk/c1").unwrap(), "rhc://41/clerk/c1");
    // Patients travel: a province's registry is asked from other provinces too, its key service is not.
    let hospital = house
        .ministry
        .issue(&peer("rhc://42/hospital/h1"), &[], jiff::Timestamp::now());
    let hospital = hospital.unwrap();
    let registry = start(house.identity("rhc://41/registry/r1"));
    let client = HttpClient::new(&registry.url(), &hospital, Role::Registry).unwrap();
    assert_eq!(who(&client).unwrap(), "rhc://42/hospital/h1");
    let service = start(house.identity("rhc://41/kms/k1"));
    let asked = who(&service.client(&hospital));
    assert!(
        matches!(asked, Err(ClientError::Untrusted { .. })),
        "{asked:?}"
    );
}

#[test]
fn a_station_cannot_serve() {
    let house = House::new();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let station = house.identity("rhc://41/station/st1");
    let bound = runtime.block_on(Server::bind(
        router(),
        "127.0.0.1:0".parse().unwrap(),
        &station,
    ));
    assert!(
        matches!(bound.err(), Some(ServeError::Role(role)) if role == peer("rhc://41/station/st1"))
    );
}

#[test]
fn bad_requests_get_problem_details_and_the_service_stays_up() {
    let house = House::new();
    let running = start(house.identity("rhc://41/kms/k1"));
    let client = running.client(&house.identity("rhc://41/officer/li"));
    let refused =
        |result: Result<Echo, ClientError>| result.err().unwrap().problem().cloned().unwrap();
    assert!(refused(client.get("/nowhere", &[])).is(&NO_SUCH_PATH));
    assert!(refused(client.get("/echo", &[])).is(&NO_SUCH_METHOD));
    assert!(refused(client.post("/echo", &"text")).is(&MALFORMED));
    assert!(refused(client.post("/echo", &serde_json::json!({}))).is(&MALFORMED));
    assert!(refused(client.post("/echo", &"x".repeat(3 * 1024 * 1024))).is(&TOO_LARGE));
    assert!(refused(client.get("/panic", &[])).is(&INTERNAL));
    assert!(refused(client.get("/stations", &[])).is(&ROLE_REFUSED));
    assert_eq!(
        client.post::<Echo>("/echo", &Echo { number: 7 }).unwrap(),
        Echo { number: 7 }
    );
}

#[test]
fn small_requests_on_one_connection_are_quick() {
    // Without TCP_NODELAY on both sides each of these would wait some 40 ms for a delayed acknowledgement.
    let house = House::new();
    let running = start(house.identity("rhc://41/kms/k1"));
    let client = running.client(&house.identity("rhc://41/officer/li"));
    who(&client).unwrap();
    let begun = std::time::Instant::now();
    for number in 0..50 {
        client.post::<Echo>("/echo", &Echo { number }).unwrap();
    }
    assert!(
        begun.elapsed().as_millis() < 50 * 20,
        "{:?} for 50 requests",
        begun.elapsed()
    );
}

#[test]
fn a_service_that_comes_back_is_found_again_by_the_same_client() {
    let house = House::new();
    let running = start(house.identity("rhc://41/kms/k1"));
    let addr = running.addr;
    let client = running.client(&house.identity("rhc://41/officer/li"));
    who(&client).unwrap();
    let begun = std::time::Instant::now();
    drop(running);
    assert!(
        begun.elapsed().as_secs() < 2,
        "an idle kept-alive connection does not hold up the stop"
    );
    assert!(matches!(who(&client), Err(ClientError::Unreachable { .. })));
    let _again = start_at(addr, house.identity("rhc://41/kms/k1"));
    assert_eq!(who(&client).unwrap(), "rhc://41/officer/li");
}

#[test]
fn silent_connections_do_not_hold_up_the_stop_or_others() {
    let house = House::new();
    let running = start(house.identity("rhc://41/kms/k1"));
    let silent: Vec<_> = (0..20)
        .map(|_| std::net::TcpStream::connect(running.addr).unwrap())
        .collect();
    assert!(who(&running.client(&house.identity("rhc://41/officer/li"))).is_ok());
    let begun = std::time::Instant::now();
    drop(running);
    assert!(begun.elapsed().as_secs() < 2, "{:?}", begun.elapsed());
    drop(silent);
}

#[test]
fn nobody_there_is_told_as_such() {
    let house = House::new();
    let addr = start(house.identity("rhc://41/kms/k1")).addr;
    let client = HttpClient::new(
        &format!("https://{addr}"),
        &house.identity("rhc://41/officer/li"),
        Role::Kms,
    )
    .unwrap();
    assert!(matches!(who(&client), Err(ClientError::Unreachable { .. })));
}

/// Files for foreign tools.
fn export(dir: &Path, identity: &Identity) {
    std::fs::write(dir.join("key.pem"), identity.key_pem().as_bytes()).unwrap();
    std::fs::write(dir.join("chain.pem"), identity.chain_pem()).unwrap();
    std::fs::write(dir.join("root.pem"), identity.anchors_pem()).unwrap();
}

fn run(dir: &Path, program: &str, args: &[&str]) -> Output {
    let mut command = Command::new(program);
    command
        .current_dir(dir)
        .args(args)
        .stdin(std::process::Stdio::null());
    command
        .output()
        .unwrap_or_else(|error| panic!("{program} is installed: {error}"))
}

#[test]
fn curl_gets_in_with_a_certificate_and_not_without() {
    let house = House::new();
    let running = start(house.identity("rhc://41/kms/k1"));
    let dir = tempfile::tempdir().unwrap();
    export(dir.path(), &house.identity("rhc://4101/clerk/wang"));
    let url = format!("{}/who", running.url());
    let with = [
        "-sS",
        "--cacert",
        "root.pem",
        "--cert",
        "chain.pem",
        "--key",
        "key.pem",
        &url,
    ];
    let output = run(dir.path(), "curl", &with);
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "\"rhc://4101/clerk/wang\""
    );
    let output = run(dir.path(), "curl", &["-sS", "--cacert", "root.pem", &url]);
    assert!(!output.status.success() && output.stdout.is_empty());
    let output = run(
        dir.path(),
        "curl",
        &[&["--tls-max", "1.2"], &with[..]].concat(),
    );
    assert!(
        !output.status.success() && output.stdout.is_empty(),
        "TLS 1.2 is not spoken"
    );
}

#[test]
fn a_certificate_without_a_name_of_ours_does_not_get_in() {
    let house = House::new();
    let running = start(house.identity("rhc://41/kms/k1"));
    let dir = tempfile::tempdir().unwrap();
    let url = format!("{}/who", running.url());
    std::fs::write(
        dir.path().join("root.pem"),
        house.ministry.identity().anchors_pem(),
    )
    .unwrap();
    for (uri, gets_in) in [
        ("https://example.cn/", false),
        ("rhc://4101/king/x", false),
        ("rhc://4101/clerk/x", true),
    ] {
        let (key, chain) = stolen_pem(&house.prefecture, uri, false);
        std::fs::write(dir.path().join("key.pem"), key).unwrap();
        std::fs::write(dir.path().join("chain.pem"), chain).unwrap();
        let with = [
            "-sS",
            "--cacert",
            "root.pem",
            "--cert",
            "chain.pem",
            "--key",
            "key.pem",
            &url,
        ];
        assert_eq!(
            run(dir.path(), "curl", &with).stdout.is_empty(),
            !gets_in,
            "{uri}"
        );
    }
}

#[test]
fn openssl_sees_tls_13_and_no_12() {
    let house = House::new();
    let running = start(house.identity("rhc://41/kms/k1"));
    let dir = tempfile::tempdir().unwrap();
    export(dir.path(), &house.identity("rhc://4101/clerk/wang"));
    let addr = running.addr.to_string();
    let base = [
        "s_client",
        "-connect",
        &addr,
        "-CAfile",
        "root.pem",
        "-cert",
        "chain.pem",
        "-key",
        "key.pem",
    ];
    let said = |extra: &[&str]| {
        let output = run(dir.path(), "openssl", &[&base[..], extra].concat());
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let new = said(&["-verify_return_error"]);
    assert!(
        new.contains("TLSv1.3") && new.contains("Verify return code: 0 (ok)"),
        "{new}"
    );
    assert!(said(&["-tls1_2"]).contains("Cipher is (NONE)"));
}
