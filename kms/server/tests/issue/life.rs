//! States where keys are used, and a rotation on simulated SAMs: packages, receipts, stragglers, retirement.

use cardlib_sim::SamCard;
use house::shop::transmit;
use kms_api::sam_package::{RECEIPT, SamPackage};
use kms_api::{AnswerKind, Client};

use super::*;

const SECOND: [u8; 8] = [0x6B; 8];
const THIRD: [u8; 8] = [0x7C; 8];

/// Both stages of a SAM over HTTP.
pub fn make_sam(
    (national, provincial): (&Client, &Client),
    chip: [u8; 8],
    sam_type: u8,
    number: u32,
) -> SamCard {
    let mut sam = blank_sam(chip);
    let vendor = [0x54, 0x54];
    let request = SamNationalRequest {
        request_id: Uuid::new_v4(),
        ticket: "t-n".into(),
        chip_serial: chip,
        vendor,
        cos_version: 1,
        sam_type,
        province: "41".into(),
        sam: probe(&mut sam),
    };
    play_all(&mut sam, &national.sam_national(&request).unwrap());
    let serial = hex::encode(sam_serial("4101", sam_type, 2026, number).unwrap());
    let keys = SamProvincialKeysRequest {
        request_id: Uuid::new_v4(),
        ticket: "t-p".into(),
        chip_serial: chip,
        vendor,
        cos_version: 1,
        sam_type,
        serial: serial.clone(),
        sam: probe(&mut sam),
    };
    let answers = play_all(&mut sam, &provincial.sam_provincial_keys(&keys).unwrap());
    let files = SamProvincialFilesRequest {
        request_id: Uuid::new_v4(),
        ticket: "t-p".into(),
        chip_serial: chip,
        vendor,
        cos_version: 1,
        sam_type,
        serial,
        public_key: answers[0].clone().try_into().unwrap(),
        key_proof: answers[1].clone().try_into().unwrap(),
        pin: Secret::new("123456".into()),
        terminal: TerminalInfo {
            city: "01".into(),
            number,
        },
        sam: probe(&mut sam),
    };
    play_all(&mut sam, &provincial.sam_provincial_files(&files).unwrap());
    assert_eq!(sam.stage(), Stage::Active);
    sam
}

/// What DELIVERY of RK1_DDF1 answers for a version, with the PIN given.
fn delivery(sam: &mut SamCard, version: u8) -> String {
    sam.reset();
    let p2 = format!("{:02X}", version << 5 | 0x11);
    let mut answer = Vec::new();
    for apdu in [
        "00A40000023F00".to_owned(),
        "0020000003123456".to_owned(),
        "00A4000002DF01".to_owned(),
        format!("80DE47{p2}18112233445566778834313030303030300102030405060708"),
    ] {
        answer = transmit(sam, &hex::decode(apdu).unwrap());
    }
    hex::encode_upper(&answer[answer.len() - 2..])
}

pub fn package(house: &House, file: &str) -> SamPackage {
    let signed = std::fs::read_to_string(house.path(file)).unwrap();
    let signed = house::json(&signed);
    serde_json::from_str(signed["text"].as_str().unwrap()).unwrap()
}

/// Runs a package as a station does, and writes the receipt.
pub fn run(house: &House, sam: &mut SamCard, package: &SamPackage, receipt: &str) {
    sam.reset();
    let kinds: Vec<_> = package
        .script
        .steps()
        .filter_map(|step| step.answer)
        .collect();
    assert_eq!(kinds, [AnswerKind::Opening]);
    let opening = play_all(sam, &package.script).pop().unwrap();
    let value = serde_json::json!({
        "format": RECEIPT, "rotation": package.rotation, "action": package.action,
        "chip_serial": package.chip_serial, "counter": package.counter, "opening": hex::encode_upper(opening),
    });
    std::fs::write(house.path(receipt), value.to_string()).unwrap();
}

fn standing(house: &House) -> (i32, Vec<(String, bool)>) {
    let ran = house.line("rotation status --store kms-0 --json");
    let status = house::json(&ran.out);
    let sams = status["sams"].as_array().unwrap().iter().map(|sam| {
        let opens = sam["opens_old"].as_bool().unwrap();
        (sam["standing"].as_str().unwrap().to_owned(), opens)
    });
    (ran.code, sams.collect())
}

#[test]
pub fn a_rotation_goes_from_sam_to_sam_and_lists_who_is_late() {
    let house = House::handed_down();
    for at in ["0", "41"] {
        house.deliver(at, Kind::Sam, 1, &[SAM, SECOND, THIRD]);
    }
    house.ticket("0", "sam-national", 3, "t-n");
    house.ticket("41", "sam-provincial", 3, "t-p");
    let (ministry, province) = (house.serve("0"), house.serve("41"));
    let clients = (
        &house.client(&ministry, "station"),
        &house.client(&province, "station"),
    );
    let mut sam = make_sam(clients, SAM, 1, 1);
    let mut late = make_sam(clients, SECOND, 5, 2);
    assert_eq!(delivery(&mut sam, 1), "9000");

    house
        .line("rotation plan --store kms-4101 --from 1 --to 2 --by wang")
        .refused("wrong-tier");
    house
        .line("rotation plan --store kms-0 --from 1 --to 7 --by wang")
        .refused("invalid-value");
    house
        .line("rotation plan --store kms-0 --from 1 --to 2 --by wang")
        .ok();
    let packages = "rotation packages rotation-1-2 --store kms-0 --out pk --by wang";
    house.line(packages).refused("rotation-phase");
    let open = "rotation open rotation-1-2 --store kms-0";
    house
        .line(&format!("{open} --as zhang.key"))
        .refused("two-officers-needed");
    house.signed_line(open).ok();
    house.line(packages).ok();
    let (first, second) = (hex::encode_upper(SAM), hex::encode_upper(SECOND));
    let mine = package(&house, &format!("pk/{first}-rekey.json"));
    assert!(
        !serde_json::to_string(&mine)
            .unwrap()
            .contains("expect_tail\":\"0000")
    );
    assert_eq!(
        standing(&house),
        (3, vec![("packed".into(), true), ("packed".into(), true)])
    );

    // Another SAM does not open for it; its own does, once.
    late.reset();
    let before = probe(&mut late).counter;
    let foreign = mine.script.steps().nth(1).unwrap();
    assert_ne!(
        hex::encode(transmit(&mut late, &hex::decode(&foreign.apdu).unwrap())),
        "9000"
    );
    assert_eq!(probe(&mut late).counter, before);
    run(&house, &mut sam, &mine, "r1.json");
    assert_eq!(
        (delivery(&mut sam, 1), delivery(&mut sam, 2)),
        ("6A88".into(), "9000".into())
    );
    sam.reset();
    let again: Vec<_> = mine
        .script
        .steps()
        .take(2)
        .map(|step| hex::decode(&step.apdu).unwrap())
        .collect();
    transmit(&mut sam, &again[0]);
    assert_eq!(
        hex::encode(transmit(&mut sam, &again[1])),
        "6300",
        "one use"
    );

    // A receipt that somebody wrote himself, and one of another SAM, say nothing.
    let text = std::fs::read_to_string(house.path("r1.json")).unwrap();
    let opening = house::json(&text)["opening"].as_str().unwrap().to_owned();
    let flipped = opening[..56].to_owned() + "00";
    std::fs::write(house.path("forged.json"), text.replace(&opening, &flipped)).unwrap();
    let forged = house.line("rotation receipts forged.json --store kms-0 --by wang");
    assert_eq!(forged.code, 3, "{}", forged.out);
    std::fs::write(house.path("other.json"), text.replace(&first, &second)).unwrap();
    assert_eq!(
        house
            .line("rotation receipts other.json --store kms-0 --by wang")
            .code,
        3
    );
    house
        .line("rotation receipts r1.json --store kms-0 --by wang")
        .ok();
    assert_eq!(
        standing(&house),
        (3, vec![("re-keyed".into(), false), ("packed".into(), true)])
    );

    // The straggler still opens cards; the old version is not retired behind its back.
    assert_eq!(delivery(&mut late, 1), "9000");
    let retire = "rotation retire rotation-1-2 --store kms-0";
    house.signed_line(retire).refused("rotation-phase");
    house
        .line("rotation switch rotation-1-2 --store kms-0 --by wang")
        .ok();
    house.signed_line(retire).refused("rotation-phase");
    house
        .signed_line(&format!("{retire} --leave-stragglers"))
        .ok();

    // No new SAM gets the old version any more; the HSM would refuse it too.
    let mut newest = make_sam(clients, THIRD, 1, 3);
    assert_eq!(
        (delivery(&mut newest, 1), delivery(&mut newest, 2)),
        ("6A88".into(), "9000".into())
    );
    let (code, sams) = standing(&house);
    assert_eq!(
        (code, &sams[1]),
        (3, &("packed".to_owned(), true)),
        "{sams:?}"
    );

    // Recalled: locked where it stands.
    let recall = format!(
        "rotation packages rotation-1-2 --store kms-0 --out pk --by wang --action lock --chip {second}"
    );
    house.line(&recall).ok();
    let lock = package(&house, &format!("pk/{second}-lock.json"));
    run(&house, &mut late, &lock, "r2.json");
    house
        .line("rotation receipts r2.json --store kms-0 --by wang")
        .ok();
    assert_eq!(delivery(&mut late, 1), "6A81");
    let (_, sams) = standing(&house);
    assert_eq!(sams[1], ("locked".to_owned(), false));
    house.line("audit verify --store kms-0").ok();
}

#[test]
pub fn a_state_is_kept_by_the_service_and_by_the_hsm_alike() {
    let house = House::handed_down();
    house.deliver("4101", Kind::Card, 1, &[FACTOR, OTHER]);
    house.ticket("4101", "card", 2, "t-card");
    let served = house.serve("4101");
    let station = house.client(&served, "station");
    let certificate = house.issuer_certificate("4101");
    let request = |factor: [u8; 8], number: &str, serial: &str| {
        let content = content(number, serial, "张三", &certificate);
        let state = probe(&mut blank_card(factor));
        station.personalise(&ask(factor, state, number, content, "t-card"))
    };
    let state =
        |words: &str| format!("keys state {words} --reason drill --by wang --store kms-4101");

    house
        .line(&format!("{} --as zhang.key", state("CVK/0 --to suspended")))
        .refused("two-officers-needed");
    house
        .signed_line(&state("CVK/0 --to destroyed"))
        .refused("key-state");
    house.signed_line(&state("CVK/0 --to suspended")).ok();
    refused(request(FACTOR, NUMBER, SERIAL), "key-state");
    // Whoever bends the service's table gets no further: the HSM was told too.
    house.tamper(
        "4101",
        "UPDATE held_key SET state = 'active' WHERE id = 'CVK/0'",
    );
    refused(request(FACTOR, NUMBER, SERIAL), "key-state");
    house.tamper(
        "4101",
        "UPDATE held_key SET state = 'suspended' WHERE id = 'CVK/0'",
    );
    house.signed_line(&state("CVK/0 --to active")).ok();
    request(FACTOR, NUMBER, SERIAL).unwrap();

    // A version out of use for good has the next one's key in its place on new cards.
    house.signed_line(&state("RK1_DDF1/1 --to retired")).ok();
    let script = request(OTHER, "410102199002020029", "4100000002").unwrap();
    let value = |version| {
        let found = script.check_values.iter();
        let mut found = found.filter(|v| v.key == "RK1_DDF1" && v.version == version);
        found.next().unwrap().kcv.clone()
    };
    let card_key =
        |label: &str| check_value(&diversify(&diversify(&root(label), b"41000000"), &OTHER));
    assert_eq!(value(1), card_key("RHC-TEST-RK1_DDF1-v3"), "by OpenSSL");
    assert_eq!(value(2), card_key("RHC-TEST-RK1_DDF1-v2"));
    for last in [0, 2] {
        house
            .signed_line(&state(&format!("RK1_DDF1/{last} --to retired")))
            .ok();
    }
    house
        .signed_line(&state("RK1_DDF1/3 --to retired"))
        .refused("key-state");
    house
        .signed_line(&state("RK1_DDF1/1 --to active"))
        .refused("key-state");
    house
        .signed_line(&state("RK1_DDF1/1 --to compromised"))
        .ok();
    house.signed_line(&state("RK1_DDF1/1 --to destroyed")).ok();

    let lives = house
        .line("keys life --store kms-4101 --key RK1_DDF1/1 --json")
        .ok();
    let life = &house::json(&lives.out)[0];
    let steps: Vec<_> = life["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| step["to"].as_str().unwrap())
        .collect();
    assert_eq!(
        (life["state"].as_str(), steps),
        (
            Some("destroyed"),
            vec!["retired", "compromised", "destroyed"]
        )
    );
    let drawn = house.line("keys life --store kms-4101 --timeline").ok().out;
    assert!(
        drawn.contains("RK1_DDF1/1") && drawn.contains("x destroyed"),
        "{drawn}"
    );
    let sql = "UPDATE key_event SET reason = 'other'";
    let changed =
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| house.tamper("4101", sql)));
    assert!(changed.is_err(), "the life of a key never changes");
    house.line("audit verify --store kms-4101").ok();
}
