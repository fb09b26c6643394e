//! A house marked DEMO: random keys everywhere, a maker whose transport keys nobody can compute, a SAM that makes its own key
//! pair. And DEMO and TEST do not meet: neither packages, nor lists, nor keys, nor chips.

use std::process::Command;

use cardlib_card::delivery::{self, DeliveryList};
use cardlib_card::profile::Profile;
use cardlib_card::suite::VerifyingKey;
use cardlib_sim::{Chip, Random, SamCard, TransportMaster, UserCard};
use house::shop::{read_file, transmit};
use hsm_wire::Hex;
use hsm_wire::attributes::{Algorithm, BaseClass, KeyAttributes, Leaves, Usage};
use hsm_wire::officer::{ExportEntry, KeySource, OrderDone, OrderOp, PeerKind};

use super::*;

/// Vendor code of chips with a transport key of their own.
const VENDOR: [u8; 2] = [0x44, 0x45];
const CARD_KEY: &str = "TRANSPORT_4445/0";
const SAM_KEY: &str = "SAM_TRANSPORT_4445/0";

/// Runs OpenSSL in the house's folder.
fn openssl(house: &House, words: &str) -> Vec<u8> {
    let out = Command::new("openssl")
        .current_dir(house.path("."))
        .args(words.split(' '))
        .output()
        .expect("openssl runs");
    assert!(
        out.status.success(),
        "{words}: {}",
        String::from_utf8_lossy(&out.stderr)
    );
    out.stdout
}

/// A maker's HSM of a mark, with two random transport keys.
fn maker(house: &mut House, name: &str, mark: &str) {
    house.start_hsm(name, mark);
    for (id, class) in [
        (CARD_KEY, BaseClass::CardTransport),
        (SAM_KEY, BaseClass::SamTransport),
    ] {
        let attributes = KeyAttributes {
            algorithm: Algorithm::Sm4,
            name: id.trim_end_matches("/0").to_owned(),
            version: 0,
            usage: Usage::SessionBase(class),
            leaves: Leaves {
                hsm: Some(0),
                ..Leaves::default()
            },
            depth: 0,
            quota: None,
            not_after: None,
        };
        let (id, source) = (id.to_owned(), KeySource::Random);
        house.order(
            name,
            OrderOp::GenerateKey {
                id,
                attributes,
                source,
            },
        );
    }
}

/// Makes a receiver known to the maker's HSM.
fn receiver(house: &House, maker: &str, name: &str, signing_key: Hex<64>, encryption_key: Hex<64>) {
    let fingerprint = hsm_wire::info::fingerprint(&signing_key, &encryption_key);
    let op = OrderOp::EnrolPeer {
        name: name.to_owned(),
        kind: PeerKind::Lower,
        signing_key,
        encryption_key,
        fingerprint,
    };
    house.order(maker, op);
}

/// One key of the maker for a receiver.
fn package(house: &House, maker: &str, receiver: &str, id: &str) -> String {
    let entry = ExportEntry {
        key: id.into(),
        factors: vec![],
        new_id: id.into(),
        leaves: Some(Leaves::default()),
    };
    let op = OrderOp::ExportPackage {
        receiver: receiver.to_owned(),
        purpose: "transport".to_owned(),
        entries: vec![entry],
        payload: String::new(),
    };
    match house.order(maker, op) {
        OrderDone::Package(text) => text,
        _ => panic!("a package"),
    }
}

/// The maker's production line: it has a key pair as an HSM has one, gets the transport key in a package, and opens it, here
/// with OpenSSL, to burn it into its chips. SM4-GCM without its tag is SM4-CTR from 2.
fn line_opens(house: &House, package: &str) -> String {
    let file = house::json(package);
    let body = house::json(file["body"].as_str().unwrap());
    let field = |value: &serde_json::Value| hex::decode(value.as_str().unwrap()).unwrap();
    let envelope = field(&body["envelope"]);
    let (point, rest) = envelope[1..].split_at(64);
    let (c3, c2) = rest.split_at(32);
    let integer = |bytes: &[u8]| {
        let mut out = vec![0x02, 33, 0x00];
        out.extend_from_slice(bytes);
        // DER: no leading zero byte but before a set top bit.
        while out[2] == 0 && out[3] < 0x80 {
            out.remove(2);
            out[1] -= 1;
        }
        out
    };
    let octets = |bytes: &[u8]| [&[0x04, bytes.len() as u8][..], bytes].concat();
    let inner = [
        integer(&point[..32]),
        integer(&point[32..]),
        octets(c3),
        octets(c2),
    ]
    .concat();
    let header: &[u8] = if inner.len() < 0x80 {
        &[0x30]
    } else {
        &[0x30, 0x81]
    };
    let der = [header, &[inner.len() as u8], &inner].concat();
    std::fs::write(house.path("envelope.der"), der).unwrap();
    let key = openssl(house, "pkeyutl -decrypt -inkey line.pem -in envelope.der");
    let wrapped = field(&body["entries"][0]["wrapped"]);
    std::fs::write(house.path("wrapped"), &wrapped[12..28]).unwrap();
    let (key, nonce) = (hex::encode(key), hex::encode(&wrapped[..12]));
    let opened = format!("enc -sm4-ctr -d -K {key} -iv {nonce}00000002 -in wrapped");
    hex::encode(openssl(house, &opened))
}

/// Takes the maker's key in at a tier: the maker's HSM enrolled and confirmed there, its package imported.
fn import(house: &House, store: &str, package: &str) -> house::Ran {
    std::fs::write(house.path("transport.json"), package).unwrap();
    house.signed_line(&format!(
        "transport import --store {store} --vendor 4445 --package transport.json"
    ))
}

/// A list of the DEMO maker or, with another mark, of the same maker in another world.
fn list(house: &House, store: &str, kind: Kind, mark: Mark, items: &[[u8; 8]]) -> house::Ran {
    let maker = SigningKey::from_label(b"the maker of this test").unwrap();
    let list = DeliveryList::new("4445", "RHC-SIM", mark, 1, kind, items);
    let list = list.unwrap().to_json().unwrap();
    std::fs::write(house.path("list.json"), &list).unwrap();
    let signature = delivery::sign(&list, &maker).unwrap();
    std::fs::write(house.path("list.json.sig"), signature).unwrap();
    let key = hex::encode(maker.verifying_key().to_bytes());
    house.signed_line(&format!(
        "delivery import list.json --store {store} --maker-key {key}"
    ))
}

fn chip(factor: [u8; 8]) -> Chip {
    Chip {
        vendor: VENDOR,
        ..Chip::test(Profile::rhc_2012(), factor)
    }
}

/// Three tiers with random keys handed down.
fn demo_house() -> House {
    let mut house = House::new();
    for (tier, area, name) in [
        ("ministry", "", "0"),
        ("province", "41", "41"),
        ("prefecture", "4101", "4101"),
    ] {
        house.start_hsm(name, "demo");
        house.init(tier, area, name, "demo", false).ok();
    }
    house.enrol("41", "0", "province-41");
    house.enrol("0", "41", "ministry");
    house.enrol("4101", "41", "prefecture-4101");
    house.enrol("41", "4101", "province-41");
    house.hand_down("0", "41");
    house.hand_down("41", "4101");
    house
}

/// The maker's keys at the tiers that open its chips, and in the chips.
fn deliver_chips(house: &mut House) -> (TransportMaster, TransportMaster) {
    maker(house, "maker", "demo");
    openssl(
        house,
        "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:SM2 -out line.pem",
    );
    let spki = openssl(house, "pkey -in line.pem -pubout -outform DER");
    let own = Hex(<[u8; 64]>::try_from(&spki[spki.len() - 64..]).unwrap());
    receiver(house, "maker", "line", own, own);
    let info = serde_json::to_vec(&house.info("maker")).unwrap();
    std::fs::write(house.path("info.json"), info).unwrap();
    for (at, id) in [("0", SAM_KEY), ("4101", CARD_KEY)] {
        let ours = house.info(at);
        receiver(house, "maker", at, ours.signing_key, ours.encryption_key);
        let store = format!("kms-{at}");
        house
            .line(&format!(
                "hsm enrol --store {store} --maker 4445 --peer-info info.json --by wang"
            ))
            .ok();
        house
            .signed_line(&format!("hsm confirm --store {store} --peer maker-4445"))
            .ok();
        import(house, &store, &package(house, "maker", at, id)).ok();
    }
    let in_chips = |id| {
        let text = line_opens(house, &package(house, "maker", "line", id));
        TransportMaster::from_hex(&text).unwrap()
    };
    (in_chips(CARD_KEY), in_chips(SAM_KEY))
}

#[test]
fn a_demo_house_makes_its_own_and_takes_nothing_of_test() {
    let mut house = demo_house();
    let (card_key, sam_key) = deliver_chips(&mut house);
    list(&house, "kms-4101", Kind::Card, Mark::Demo, &[FACTOR]).ok();
    for store in ["kms-0", "kms-41"] {
        list(&house, store, Kind::Sam, Mark::Demo, &[SAM]).ok();
    }
    house.ticket("0", "sam-national", 1, "t-n");
    house.ticket("41", "sam-provincial", 1, "t-p");
    house.ticket("4101", "card", 1, "t-c");
    make_a_sam(&house, &sam_key);
    let blank = || {
        let (chip, key) = (chip(FACTOR), card_key.key_of(&FACTOR));
        UserCard::blank(Profile::rhc_2012(), chip, key, Random::from_seed(Some(3)))
    };
    make_a_card(&house, blank());
    nothing_of_test_gets_in(&mut house);
    nothing_of_demo_gets_into_test(&mut house, blank());
}

/// Both stages; the key pair is born in the SAM and certified under the DEMO root.
fn make_a_sam(house: &House, key: &TransportMaster) {
    let (ministry, province) = (house.serve("0"), house.serve("41"));
    let (national, provincial) = (
        house.client(&ministry, "station"),
        house.client(&province, "station"),
    );
    let (chip, key) = (chip(SAM), key.key_of(&SAM));
    let mut sam = SamCard::blank(Profile::rhc_2012(), chip, key, Random::from_seed(Some(4)));
    let script = national.sam_national(&SamNationalRequest {
        request_id: Uuid::new_v4(),
        ticket: String::new(),
        chip_serial: SAM,
        vendor: VENDOR,
        cos_version: 1,
        sam_type: 5,
        province: "41".into(),
        sam: probe(&mut sam),
    });
    play_all(&mut sam, &script.unwrap());
    let serial = hex::encode(sam_serial("4101", 5, 2026, 9).unwrap());
    let keys = SamProvincialKeysRequest {
        request_id: Uuid::new_v4(),
        ticket: String::new(),
        chip_serial: SAM,
        vendor: VENDOR,
        cos_version: 1,
        sam_type: 5,
        serial: serial.clone(),
        sam: probe(&mut sam),
    };
    let script = provincial.sam_provincial_keys(&keys).unwrap();
    let answers = play_all(&mut sam, &script);
    let public = SigningKey::from_label(format!("RHC-TEST-SM2-SAM-{serial}").as_bytes()).unwrap();
    assert_ne!(answers[0], public.verifying_key().to_bytes(), "its own key");
    let files = SamProvincialFilesRequest {
        request_id: Uuid::new_v4(),
        ticket: String::new(),
        chip_serial: SAM,
        vendor: VENDOR,
        cos_version: 1,
        sam_type: 5,
        serial,
        public_key: answers[0].clone().try_into().unwrap(),
        key_proof: answers[1].clone().try_into().unwrap(),
        pin: Secret::new("123456".into()),
        terminal: TerminalInfo {
            city: "01".into(),
            number: 1,
        },
        sam: probe(&mut sam),
    };
    let script = provincial.sam_provincial_files(&files).unwrap();
    play_all(&mut sam, &script);
    assert_eq!(sam.stage(), Stage::Active);

    let root = house.query("41", "SELECT value FROM setting WHERE key = 'root-key'");
    let root = hex::decode(root.trim_matches('"')).unwrap();
    let algorithm = Profile::rhc_2012().crypto.signature;
    let root = VerifyingKey::from_bytes(algorithm, &root).unwrap();
    let issuer = house.issuer_certificate("41");
    assert!(IssuerCertificate::verify(&issuer, &root, Mark::Test).is_err());
    let issuer = IssuerCertificate::verify(&issuer, &root, Mark::Demo).unwrap();
    let certificate = read_file(&mut sam, 0x001C);
    assert!(SamCertificate::verify(&certificate, &issuer.public_key, Mark::Test).is_err());
    let read = SamCertificate::verify(&certificate, &issuer.public_key, Mark::Demo).unwrap();
    assert_eq!(read.public_key.to_bytes().as_slice(), answers[0]);
}

fn make_a_card(house: &House, mut card: UserCard) {
    let served = house.serve("4101");
    let station = house.client(&served, "station");
    let certificate = house.issuer_certificate("4101");
    let content = content(NUMBER, SERIAL, "张三", &certificate);
    let mut request = ask(FACTOR, probe(&mut card), NUMBER, content, "");
    request.vendor = VENDOR;
    let script = station.personalise(&request).unwrap();
    let receipt = script.receipt.clone().expect("a receipt");
    assert!(
        receipt.text.contains("\"mark\":\"DEMO\""),
        "{}",
        receipt.text
    );
    let cmk = check_value(&diversify(&root("RHC-TEST-41-CMK-v0"), &FACTOR));
    assert_ne!(script.check_values[0].kcv, cmk, "no public test key");
    play_all(&mut card, &script);
    assert_eq!(card.stage(), Stage::Active);
}

/// TEST lists, packages and keys in the DEMO house.
fn nothing_of_test_gets_in(house: &mut House) {
    list(house, "kms-4101", Kind::Card, Mark::Test, &[OTHER]).refused("mark-mismatch");
    house
        .signed_line("transport import --store kms-4101 --vendor 5454 --test-key")
        .refused("mark-mismatch");
    maker(house, "tmaker", "test");
    let ours = house.info("4101");
    let known = (ours.signing_key, ours.encryption_key);
    receiver(house, "tmaker", "4101", known.0, known.1);
    let of_test = package(house, "tmaker", "4101", CARD_KEY);
    import(house, "kms-4101", &of_test).refused("mark-mismatch");
}

/// DEMO lists, packages and chips in a TEST house.
fn nothing_of_demo_gets_into_test(demo: &mut House, mut card: UserCard) {
    let test = House::handed_down();
    list(&test, "kms-4101", Kind::Card, Mark::Demo, &[FACTOR]).refused("mark-mismatch");
    let ours = test.info("4101");
    let known = (ours.signing_key, ours.encryption_key);
    receiver(demo, "maker", "test-4101", known.0, known.1);
    let of_demo = package(demo, "maker", "test-4101", CARD_KEY);
    import(&test, "kms-4101", &of_demo).refused("mark-mismatch");

    test.deliver("4101", Kind::Card, 1, &[FACTOR]);
    test.ticket("4101", "card", 1, "t-card");
    let served = test.serve("4101");
    let station = test.client(&served, "station");
    let certificate = test.issuer_certificate("4101");
    let content = content(NUMBER, SERIAL, "张三", &certificate);
    let mut request = ask(FACTOR, probe(&mut card), NUMBER, content, "t-card");
    request.vendor = VENDOR;
    refused(station.personalise(&request), "factor-of-another-kind");
    // A station that lies about the vendor gets a script, and the chip does not open for it.
    request.vendor = [0x54, 0x54];
    let script = station.personalise(&request).unwrap();
    let [first, second] = [0, 1].map(|at| hex::decode(&script.phases[0].steps[at].apdu).unwrap());
    let tail = script.phases[0].steps[0].expect_tail.clone().unwrap();
    let answer = hex::encode_upper(transmit(&mut card, &first));
    assert!(!answer.contains(&tail), "another cryptogram");
    assert_eq!(transmit(&mut card, &second), [0x63, 0x00]);
    assert_eq!(card.stage(), Stage::Blank);
}
