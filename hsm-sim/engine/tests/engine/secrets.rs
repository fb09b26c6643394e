//! Key bytes and personal data show nowhere: not in the store's files, logs at their most talkative, answers, packages,
//! refusals or the audit. The same search finds a planted one.
#![allow(clippy::unwrap_used)]

use crate::common::card::{diversify, encrypt, test_root};
use crate::common::*;
use base64::Engine as _;
use hsm_wire::fill::Segment;
use hsm_wire::officer::{ExportEntry, OrderDone, OrderOp, PeerKind};
use hsm_wire::operator::{OperatorAnswer, OperatorRequest};
use hsm_wire::ticket::Target;
use hsm_wire::{Hex, Mark};
use std::io::Write;
use std::sync::{Arc, Mutex};

const PERSON: &[u8] = b"\xD5\xC5\xC8\xFD 410101199001011234 anybody's telephone 13800000000";

/// Every way in which a careless line would show these bytes.
fn shapes(secret: &[u8]) -> Vec<Vec<u8>> {
    let numbers = |separator: &str| {
        secret
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(separator)
    };
    vec![
        secret.to_vec(),
        hex::encode(secret).into_bytes(),
        hex::encode_upper(secret).into_bytes(),
        base64::engine::general_purpose::STANDARD_NO_PAD
            .encode(secret)
            .into_bytes(),
        base64::engine::general_purpose::URL_SAFE_NO_PAD
            .encode(secret)
            .into_bytes(),
        numbers(", ").into_bytes(),
        numbers(",").into_bytes(),
    ]
}

fn shows(haystack: &[u8], secret: &[u8]) -> bool {
    shapes(secret).iter().any(|needle| {
        haystack
            .windows(needle.len())
            .any(|window| window == &needle[..])
    })
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn secrets() -> Vec<(&'static str, Vec<u8>)> {
    let labels = [
        "RHC-TEST-TRANSPORT",
        "RHC-TEST-41-CMK-v0",
        "RHC-TEST-SMK_N-v0",
        "RHC-TEST-RK1_DDF1-v1",
        "RHC-TEST-41-UK1_DDF1-v1",
        "RHC-TEST-41-CVK-v0",
    ];
    let mut secrets: Vec<(&str, Vec<u8>)> =
        labels.iter().map(|l| (*l, test_root(l).to_vec())).collect();
    let national = diversify(&test_root("RHC-TEST-RK1_DDF1-v1"), &PROVINCE);
    let transport = diversify(&test_root("RHC-TEST-TRANSPORT"), &CARD);
    secrets.extend([
        ("province's key", national.to_vec()),
        ("card's key", diversify(&national, &CARD).to_vec()),
        ("card's transport key", transport.to_vec()),
        (
            "card's master key",
            diversify(&test_root("RHC-TEST-41-CMK-v0"), &CARD).to_vec(),
        ),
        ("K_DEK", encrypt(&transport, b"SCP-SM4-V1-DEK\0\0").to_vec()),
        ("K_MAC", encrypt(&transport, b"SCP-SM4-V1-MAC\0\0").to_vec()),
        (
            "private key",
            hex::decode("F8CBAD6D60CE9E8C6B5607C311893D7EC78B1D0E69B178CB471B3019EF4DDB36")
                .unwrap(),
        ),
        ("a person", PERSON.to_vec()),
    ]);
    secrets
}

#[test]
fn nothing_shows_and_a_planted_secret_does() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    let seen = tracing::subscriber::with_default(subscriber, whole_life);
    let mut haystacks = seen;
    haystacks.push(("log".into(), log.0.lock().unwrap().clone()));
    for (what, secret) in secrets() {
        for (place, bytes) in &haystacks {
            assert!(!shows(bytes, &secret), "{what} in {place}");
        }
        for needle in shapes(&secret) {
            let planted = [&b"before "[..], &needle, b" after"].concat();
            assert!(shows(&planted, &secret), "the search must find {what}");
        }
    }
    assert!(
        haystacks
            .iter()
            .any(|(place, bytes)| place.starts_with("store") && bytes.len() > 5_000),
        "the search has something to search"
    );
}

/// Everything an HSM does once; everything that comes out of it or lies in its store.
fn whole_life() -> Vec<(String, Vec<u8>)> {
    let mut hsm = Hsm::province(Mark::Test, None);
    let lower = Hsm::new(Mark::Test);
    hsm.enrol("lower", PeerKind::Lower, &lower.info());
    let mut seen = Vec::new();
    let mut request = hsm.card_request();
    request.steps[7] = command(STORE, vec![Segment::Literal(PERSON.to_vec())]);
    let mut refused = hsm.card_request();
    refused.steps[4] = command(
        LOAD,
        vec![Segment::Literal(
            test_root("RHC-TEST-41-UK1_DDF1-v1").to_vec(),
        )],
    );
    refused.steps[7] = command(STORE, vec![Segment::Literal(PERSON.to_vec())]);
    let answer = hsm.fill(Target::Card, request).unwrap();
    seen.push(("answer".into(), postcard::to_stdvec(&answer).unwrap()));
    let refusal = hsm.fill(Target::Card, refused).map(|_| ()).unwrap_err();
    seen.push((
        "refusal".into(),
        format!("{refusal} {refusal:?}").into_bytes(),
    ));
    let mut sam = hsm.sam_request();
    let label = "RHC-TEST-SM2-SAM-41010520260000000019".to_owned();
    sam.steps.push(command(
        [0x84, 0xD8, 0, 0],
        vec![Segment::TestScalar(label)],
    ));
    seen.push((
        "sam".into(),
        postcard::to_stdvec(&hsm.fill(Target::Sam, sam).unwrap()).unwrap(),
    ));
    let entry = ExportEntry {
        key: "national".into(),
        factors: vec![Hex(PROVINCE)],
        new_id: "n".into(),
        leaves: None,
    };
    let op = OrderOp::ExportPackage {
        receiver: "lower".into(),
        purpose: "t".into(),
        entries: vec![entry],
        payload: String::new(),
    };
    let OrderDone::Package(package) = hsm.order(op).unwrap() else {
        panic!("no package")
    };
    seen.push(("package".into(), package.into_bytes()));
    let OperatorAnswer::Keys(keys) = hsm.engine.operator(OperatorRequest::ListKeys).unwrap() else {
        panic!("no keys")
    };
    seen.push((
        "keys".into(),
        format!("{keys:?} {}", serde_json::to_string(&keys).unwrap()).into_bytes(),
    ));
    let OperatorAnswer::Audit(audit) = hsm
        .engine
        .operator(OperatorRequest::Audit { from: 0 })
        .unwrap()
    else {
        panic!("no audit")
    };
    seen.push(("audit".into(), format!("{audit:?}").into_bytes()));
    files(&hsm, &mut seen);
    hsm.engine.compact();
    let hsm = hsm.reopen();
    files(&hsm, &mut seen);
    seen
}

fn files(hsm: &Hsm, seen: &mut Vec<(String, Vec<u8>)>) {
    for entry in std::fs::read_dir(hsm.store()).unwrap() {
        let path = entry.unwrap().path();
        seen.push((
            format!("store {}", path.display()),
            std::fs::read(&path).unwrap(),
        ));
    }
}
