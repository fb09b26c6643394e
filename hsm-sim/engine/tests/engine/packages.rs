//! Packages between HSMs: what may leave, what is taken, and every way to get it wrong.
#![allow(clippy::unwrap_used)]

use crate::common::*;
use hsm_wire::attributes::KeyInfo;
use hsm_wire::officer::{ExportEntry, ImportReport, OrderDone, OrderOp, PeerKind};
use hsm_wire::operator::{OperatorAnswer, OperatorRequest};
use hsm_wire::package::{PackageBody, PackageEntry, read};
use hsm_wire::{BaseClass, ErrorCode, Hex, HsmError, KeyAttributes, Leaves, Mark, Usage, gm};

/// A ministry with one key of each kind, and a province that knows it.
fn house(mark: Mark) -> (Hsm, Hsm) {
    let (mut upper, mut lower) = (Hsm::province(mark, None), Hsm::new(mark));
    upper.enrol("lower", PeerKind::Lower, &lower.info());
    lower.enrol("upper", PeerKind::Upper, &upper.info());
    (upper, lower)
}

fn entry(key: &str, factors: &[[u8; 8]]) -> ExportEntry {
    let factors = factors.iter().map(|f| Hex(*f)).collect();
    ExportEntry {
        key: key.to_owned(),
        factors,
        new_id: format!("{key}@41"),
        leaves: None,
    }
}

fn export(hsm: &mut Hsm, entries: Vec<ExportEntry>) -> Result<String, HsmError> {
    let op = OrderOp::ExportPackage {
        receiver: "lower".into(),
        purpose: "keys of province 41".into(),
        entries,
        payload: "C0FFEE".into(),
    };
    match hsm.order(op)? {
        OrderDone::Package(text) => Ok(text),
        _ => panic!("no package"),
    }
}

fn import(hsm: &mut Hsm, package: &str) -> Result<ImportReport, HsmError> {
    match hsm.order(OrderOp::ImportPackage {
        package: package.to_owned(),
    })? {
        OrderDone::Imported(report) => Ok(*report),
        _ => panic!("no report"),
    }
}

fn keys(hsm: &mut Hsm) -> Vec<KeyInfo> {
    match hsm.engine.operator(OperatorRequest::ListKeys).unwrap() {
        OperatorAnswer::Keys(keys) => keys,
        _ => panic!("no keys"),
    }
}

#[test]
fn keys_travel_with_attributes_and_the_receiver_can_use_them() {
    let (mut upper, mut lower) = house(Mark::Test);
    let entries = vec![
        entry("national", &[PROVINCE]),
        entry("provincial", &[]),
        entry("cvk", &[]),
    ];
    let package = export(&mut upper, entries).unwrap();
    let report = import(&mut lower, &package).unwrap();
    assert_eq!(
        (
            report.sender.as_str(),
            report.sequence,
            report.payload.as_slice()
        ),
        ("upper", 1, &[0xC0, 0xFF, 0xEE][..])
    );
    let mut listed = report.keys.clone();
    listed.sort_by(|a, b| a.id.cmp(&b.id));
    assert_eq!(keys(&mut lower), listed);
    let national = &report.keys[0];
    assert_eq!(national.attributes.depth, 1);
    // The province's key by independent code.
    let root = crate::common::card::test_root("RHC-TEST-RK1_DDF1-v1");
    let province = crate::common::card::diversify(&root, &PROVINCE);
    assert_eq!(
        national.check_value.0[..],
        crate::common::card::encrypt(&province, &[0; 16])[..3]
    );
    // The next package follows on it, also after a crash of both.
    let (mut upper, mut lower) = (upper.reopen(), lower.reopen());
    let next = export(&mut upper, vec![entry("CMK", &[])]).unwrap();
    assert_eq!(import(&mut lower, &next).unwrap().sequence, 2);
    let OperatorAnswer::Package(last) = upper
        .engine
        .operator(OperatorRequest::LastPackage {
            peer: "lower".into(),
        })
        .unwrap()
    else {
        panic!("no package")
    };
    assert_eq!(last, next, "a lost answer can be fetched again");
}

#[test]
fn what_may_not_leave_does_not() {
    let (mut upper, mut lower) = house(Mark::Test);
    let wider = Leaves {
        hsm: Some(0),
        sam: Some(0),
        card: Some(1),
    };
    for (what, entry, expected) in [
        (
            "a national root as it is",
            entry("national", &[]),
            ErrorCode::DepthTooSmall,
        ),
        (
            "a key that goes to SAMs only",
            entry("SMK_N", &[CARD]),
            ErrorCode::NotPermitted,
        ),
        (
            "a wider way out",
            ExportEntry {
                leaves: Some(wider),
                ..entry("national", &[PROVINCE])
            },
            ErrorCode::NotPermitted,
        ),
        (
            "a diversified MAC key",
            entry("cvk", &[PROVINCE]),
            ErrorCode::BadAttributes,
        ),
        (
            "an id that is none",
            ExportEntry {
                new_id: "a b".into(),
                ..entry("national", &[PROVINCE])
            },
            ErrorCode::BadName,
        ),
        (
            "a key that is not there",
            entry("none", &[]),
            ErrorCode::NoSuchKey,
        ),
    ] {
        assert_eq!(code(export(&mut upper, vec![entry])), expected, "{what}");
    }
    assert_eq!(code(export(&mut upper, vec![])), ErrorCode::TooLarge);
    let narrower = Leaves {
        hsm: None,
        sam: None,
        card: Some(3),
    };
    let package = export(
        &mut upper,
        vec![ExportEntry {
            leaves: Some(narrower),
            ..entry("national", &[PROVINCE])
        }],
    )
    .unwrap();
    let report = import(&mut lower, &package).unwrap();
    assert_eq!(report.keys[0].attributes.leaves, narrower);
}

#[test]
fn an_upper_or_unknown_hsm_receives_nothing() {
    let (mut upper, mut lower) = house(Mark::Test);
    assert!(
        lower
            .random_key("mine", sm4("k", Usage::Derive, 0, (Some(0), None, None)))
            .is_ok()
    );
    let op = |receiver: &str| OrderOp::ExportPackage {
        receiver: receiver.into(),
        purpose: String::new(),
        entries: vec![entry("mine", &[])],
        payload: String::new(),
    };
    assert_eq!(code(lower.order(op("upper"))), ErrorCode::WrongPeerKind);
    assert_eq!(code(lower.order(op("stranger"))), ErrorCode::UnknownPeer);
    upper
        .order(OrderOp::RemovePeer {
            name: "lower".into(),
        })
        .unwrap();
    assert_eq!(
        code(export(&mut upper, vec![entry("cvk", &[])])),
        ErrorCode::UnknownPeer
    );
}

#[test]
fn a_package_is_for_one_receiver_once_in_order() {
    let (mut upper, mut lower) = house(Mark::Test);
    let mut other = Hsm::new(Mark::Test);
    other.enrol("upper", PeerKind::Upper, &upper.info());
    let first = export(&mut upper, vec![entry("cvk", &[])]).unwrap();
    let second = export(&mut upper, vec![entry("CMK", &[])]).unwrap();
    assert_eq!(code(import(&mut other, &first)), ErrorCode::PackageNotForUs);
    assert_eq!(
        code(import(&mut lower, &second)),
        ErrorCode::PackageOutOfSequence,
        "one left out"
    );
    let taken = import(&mut lower, &first).unwrap();
    // The last one again: the answer may have been lost. Nothing changes, and the receipt is for the same package.
    let held = keys(&mut lower);
    let again = import(&mut lower, &first).unwrap();
    assert_eq!((again.sequence, &again.keys), (1, &taken.keys));
    let about = |receipt: &str| -> (String, u64) {
        let file: serde_json::Value = serde_json::from_str(receipt).unwrap();
        let body = file["body"].as_str().unwrap();
        let body: serde_json::Value = serde_json::from_str(body).unwrap();
        let package = body["package"].as_str().unwrap().to_owned();
        (package, body["sequence"].as_u64().unwrap())
    };
    assert_eq!(about(&again.receipt), about(&taken.receipt));
    assert_eq!(keys(&mut lower), held);
    // What was destroyed since does not come back that way.
    lower
        .order(OrderOp::DestroyKey {
            id: "cvk@41".into(),
        })
        .unwrap();
    import(&mut lower, &first).unwrap();
    assert!(keys(&mut lower).is_empty());
    import(&mut lower, &second).unwrap();
    assert_eq!(
        code(import(&mut lower, &first)),
        ErrorCode::PackageOutOfSequence,
        "replayed after a later one"
    );
    // A third with a key that is held: the same key stays as it is held, what is not held comes.
    let third = export(&mut upper, vec![entry("cvk", &[]), entry("CMK", &[])]).unwrap();
    assert_eq!(import(&mut lower, &third).unwrap().sequence, 3);
    assert_eq!(keys(&mut lower).len(), 2);
    // Unknown sender, and one that is below.
    let (mut stranger, _) = house(Mark::Test);
    let receiver = lower.info();
    stranger.enrol("me", PeerKind::Lower, &receiver);
    let op = OrderOp::ExportPackage {
        receiver: "me".into(),
        purpose: String::new(),
        entries: vec![entry("cvk", &[])],
        payload: String::new(),
    };
    let OrderDone::Package(package) = stranger.order(op).unwrap() else {
        panic!("no package")
    };
    assert_eq!(code(import(&mut lower, &package)), ErrorCode::UnknownPeer);
    lower.enrol("stranger", PeerKind::Lower, &stranger.info());
    assert_eq!(code(import(&mut lower, &package)), ErrorCode::WrongPeerKind);
}

/// One byte changed, anywhere in the file.
#[test]
fn an_altered_package_is_refused_at_every_byte() {
    let (mut upper, mut lower) = house(Mark::Test);
    let package = export(&mut upper, vec![entry("cvk", &[])]).unwrap();
    let body_at = |needle: &str| package.find(needle).unwrap();
    let names = [body_at("sender"), body_at("receiver")];
    let mut tried = 0;
    for (at, flip) in (0..package.len())
        .flat_map(|at| [(at, 0x01), (at, 0x20)])
        .filter(|(at, flip)| *flip == 1 || at % 5 == 0)
    {
        let mut bytes = package.clone().into_bytes();
        bytes[at] ^= flip;
        let Ok(changed) = String::from_utf8(bytes) else {
            continue;
        };
        let refusal = code(import(&mut lower, &changed));
        let about_names = names.iter().any(|start| (*start..start + 90).contains(&at));
        let expected = refusal == ErrorCode::PackageAltered
            || (about_names
                && matches!(refusal, ErrorCode::PackageNotForUs | ErrorCode::UnknownPeer));
        assert!(expected, "byte {at} of {}: {refusal}", package.len());
        tried += 1;
    }
    println!("packages: {tried} changed bytes, all refused by name");
    import(&mut lower, &format!("{package}\n")).unwrap();
}

/// What a sender's signature cannot vouch for: built by hand with the sender's role played by the test.
#[test]
fn marks_do_not_mix_even_when_signed() {
    let (mut demo, _) = house(Mark::Demo);
    let mut test = Hsm::new(Mark::Test);
    test.enrol("demo", PeerKind::Upper, &demo.info());
    let receiver = test.info();
    demo.enrol("test", PeerKind::Lower, &receiver);
    let op = OrderOp::ExportPackage {
        receiver: "test".into(),
        purpose: String::new(),
        entries: vec![entry("cvk", &[])],
        payload: String::new(),
    };
    let OrderDone::Package(package) = demo.order(op).unwrap() else {
        panic!("no package")
    };
    assert_eq!(code(import(&mut test, &package)), ErrorCode::MarkMismatch);
}

/// A card maker, played by the test with keys of its own: packages made by code that is not the engine's.
struct Maker {
    signing: gm::PrivateKey,
    encryption: gm::PrivateKey,
}

impl Maker {
    fn new() -> Self {
        Self {
            signing: gm::PrivateKey::generate().unwrap(),
            encryption: gm::PrivateKey::generate().unwrap(),
        }
    }

    fn enrol(&self, hsm: &mut Hsm) {
        let (signing_key, encryption_key) = self.public();
        let fingerprint = hsm_wire::info::fingerprint(&signing_key, &encryption_key);
        let op = OrderOp::EnrolPeer {
            name: "maker".into(),
            kind: PeerKind::Maker,
            signing_key,
            encryption_key,
            fingerprint,
        };
        hsm.order(op).unwrap();
    }

    fn public(&self) -> (Hex<64>, Hex<64>) {
        (
            self.signing.public_key().unwrap(),
            self.encryption.public_key().unwrap(),
        )
    }

    fn package(&self, hsm: &Hsm, attributes: KeyAttributes, check_value: &str) -> String {
        self.sign(&self.body(hsm, attributes, check_value))
    }

    fn sign(&self, body: &PackageBody) -> String {
        let body = serde_json::to_string(body).unwrap();
        let signature = self.signing.sign(body.as_bytes()).unwrap();
        serde_json::json!({"body": body, "signature": signature}).to_string()
    }

    fn body(&self, hsm: &Hsm, attributes: KeyAttributes, check_value: &str) -> PackageBody {
        let info = hsm.info();
        let key = crate::common::card::test_root("RHC-TEST-TRANSPORT");
        let envelope_key = [0x2A; 16];
        let envelope = openssl_envelope(&info.encryption_key, &envelope_key);
        let header = serde_json::json!({"id": "transport", "attributes": attributes, "check_value": check_value}).to_string();
        let (public, _) = self.public();
        PackageBody {
            format: hsm_wire::package::FORMAT.into(),
            mark: info.mark,
            sender: hsm_wire::info::fingerprint(&public, &self.public().1),
            receiver: info.id,
            purpose: "transport keys".into(),
            sequence: 1,
            previous: Hex([0; 32]),
            created: NOW,
            envelope: hex::encode_upper(envelope),
            entries: vec![PackageEntry {
                wrapped: hex::encode_upper(gcm(&envelope_key, header.as_bytes(), &key)),
                header,
            }],
            payload: String::new(),
            lease: None,
        }
    }
}

/// 04 ‖ C1 ‖ C3 ‖ C2 as OpenSSL encrypts: another implementation's envelope must open here.
fn openssl_envelope(receiver: &Hex<64>, plain: &[u8]) -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    let spki = hex::decode("3059301306072A8648CE3D020106082A811CCF5501822D03420004").unwrap();
    std::fs::write(
        dir.path().join("key.der"),
        [&spki[..], &receiver.0].concat(),
    )
    .unwrap();
    std::fs::write(dir.path().join("plain"), plain).unwrap();
    let output = std::process::Command::new("openssl")
        .args([
            "pkeyutl", "-encrypt", "-pubin", "-keyform", "DER", "-inkey", "key.der", "-in", "plain",
        ])
        .current_dir(dir.path())
        .output()
        .expect("openssl is installed (apt-get install openssl)");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    // SEQUENCE { x INTEGER, y INTEGER, C3 OCTET STRING, C2 OCTET STRING }, all short forms.
    let der = &output.stdout[2..];
    let mut fields = Vec::new();
    let mut rest = der;
    while let [_, length, more @ ..] = rest {
        let (field, after) = more.split_at(usize::from(*length));
        fields.push(field);
        rest = after;
    }
    let coordinate = |number: &[u8]| {
        let number = number.strip_prefix(&[0]).unwrap_or(number);
        [&vec![0; 32 - number.len()][..], number].concat()
    };
    [
        &[4][..],
        &coordinate(fields[0]),
        &coordinate(fields[1]),
        fields[2],
        fields[3],
    ]
    .concat()
}

/// SM4-GCM with a nonce of zeros by the library itself.
fn gcm(key: &[u8; 16], aad: &[u8], plain: &[u8]) -> Vec<u8> {
    use aes_gcm::aead::{Aead, KeyInit, Payload};
    let gcm = aes_gcm::AesGcm::<sm4::Sm4, cipher::consts::U12>::from(sm4::Sm4::new(
        &cipher::Array::from(*key),
    ));
    let sealed = gcm
        .encrypt(&aes_gcm::Nonce::from([0; 12]), Payload { msg: plain, aad })
        .unwrap();
    [&[0; 12][..], &sealed].concat()
}

#[test]
fn a_makers_package_brings_transport_keys_and_nothing_else() {
    let mut hsm = Hsm::new(Mark::Test);
    let maker = Maker::new();
    maker.enrol(&mut hsm);
    let transport = sm4(
        "transport",
        Usage::SessionBase(BaseClass::CardTransport),
        0,
        (Some(0), None, None),
    );
    let check = hex::encode_upper(
        &crate::common::card::encrypt(
            &crate::common::card::test_root("RHC-TEST-TRANSPORT"),
            &[0; 16],
        )[..3],
    );
    let derive = maker.package(&hsm, sm4("k", Usage::Derive, 0, (None, None, None)), &check);
    assert_eq!(code(import(&mut hsm, &derive)), ErrorCode::NotPermitted);
    let wrong_check = maker.package(&hsm, transport.clone(), "000000");
    assert_eq!(
        code(import(&mut hsm, &wrong_check)),
        ErrorCode::CheckValueMismatch
    );
    let contradicting = sm4(
        "transport",
        Usage::SessionBase(BaseClass::CardTransport),
        0,
        (Some(0), None, Some(1)),
    );
    let contradicting = maker.package(&hsm, contradicting, &check);
    assert_eq!(
        code(import(&mut hsm, &contradicting)),
        ErrorCode::BadAttributes
    );
    let good = maker.package(&hsm, transport, &check);
    let report = import(&mut hsm, &good).unwrap();
    assert_eq!(report.keys[0].check_value.to_string(), check);
    assert!(read(&good).is_ok());
}

#[test]
fn a_key_that_exists_is_not_replaced() {
    let (mut upper, mut lower) = house(Mark::Test);
    assert!(
        lower
            .random_key("cvk@41", sm4("k", Usage::Derive, 0, (None, None, None)))
            .is_ok()
    );
    let package = export(&mut upper, vec![entry("CMK", &[]), entry("cvk", &[])]).unwrap();
    assert_eq!(code(import(&mut lower, &package)), ErrorCode::KeyExists);
    assert_eq!(keys(&mut lower).len(), 1, "all of a package or nothing");
    let twice = export(&mut upper, vec![entry("CMK", &[]), entry("CMK", &[])]);
    lower
        .order(OrderOp::DestroyKey {
            id: "cvk@41".into(),
        })
        .unwrap();
    import(&mut lower, &package).unwrap();
    assert_eq!(
        code(import(&mut lower, &twice.unwrap())),
        ErrorCode::KeyExists
    );
}

#[test]
fn a_peer_is_enrolled_by_the_fingerprint_of_its_keys() {
    let mut hsm = Hsm::new(Mark::Test);
    let peer = Hsm::new(Mark::Test).info();
    let enrol = |fingerprint, signing_key| OrderOp::EnrolPeer {
        name: "p".into(),
        kind: PeerKind::Lower,
        signing_key,
        encryption_key: peer.encryption_key,
        fingerprint,
    };
    assert_eq!(
        code(hsm.order(enrol(Hex([1; 32]), peer.signing_key))),
        ErrorCode::BadAttributes
    );
    assert_eq!(
        code(hsm.order(enrol(peer.id, Hex([2; 64])))),
        ErrorCode::BadAttributes
    );
    hsm.order(enrol(peer.id, peer.signing_key)).unwrap();
    assert_eq!(
        code(hsm.order(enrol(peer.id, peer.signing_key))),
        ErrorCode::PeerExists
    );
    let own = hsm.info();
    let op = OrderOp::EnrolPeer {
        name: "self".into(),
        kind: PeerKind::Lower,
        signing_key: own.signing_key,
        encryption_key: own.encryption_key,
        fingerprint: own.id,
    };
    assert_eq!(code(hsm.order(op)), ErrorCode::BadAttributes);
}

/// A sender's signature makes nothing of this true: garbage inside is refused, and nothing breaks.
#[test]
fn garbage_under_a_good_signature_is_refused() {
    let mut hsm = Hsm::new(Mark::Test);
    let maker = Maker::new();
    maker.enrol(&mut hsm);
    let transport = sm4(
        "transport",
        Usage::SessionBase(BaseClass::CardTransport),
        0,
        (Some(0), None, None),
    );
    let good = maker.body(&hsm, transport, "000000");
    let with = |change: &dyn Fn(&mut PackageBody)| {
        let mut body = good.clone();
        change(&mut body);
        maker.sign(&body)
    };
    let envelope = hex::decode(&good.envelope).unwrap();
    let wrapped = hex::decode(&good.entries[0].wrapped).unwrap();
    let mut packages = vec![
        with(&|b| b.envelope = "zz".into()),
        with(&|b| b.payload = "0".into()),
        with(&|b| b.entries[0].header = "{}".into()),
        with(&|b| b.entries[0].wrapped = "zz".into()),
    ];
    packages.extend(
        (0..envelope.len()).map(|n| with(&|b| b.envelope = hex::encode_upper(&envelope[..n]))),
    );
    packages.extend(
        (0..wrapped.len())
            .map(|n| with(&|b| b.entries[0].wrapped = hex::encode_upper(&wrapped[..n]))),
    );
    packages.extend((0..envelope.len()).map(|at| {
        let mut changed = envelope.clone();
        changed[at] ^= 0x40;
        with(&|b| b.envelope = hex::encode_upper(&changed))
    }));
    for package in packages {
        assert!(matches!(
            code(import(&mut hsm, &package)),
            ErrorCode::PackageAltered | ErrorCode::CheckValueMismatch
        ));
    }
    let mut other_format = good.clone();
    other_format.format = "rhc-d27-2".into();
    assert_eq!(
        code(import(&mut hsm, &maker.sign(&other_format))),
        ErrorCode::BadRequest
    );
    assert!(keys(&mut hsm).is_empty());
}
