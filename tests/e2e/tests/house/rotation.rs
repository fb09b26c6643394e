//! Rotation 1 → 2 over the real daemon (D12): packages carried to SAMs, receipts back, a straggler, the old version retired, a
//! new SAM without it, and the straggler recalled.

use tests_stand::{Reader, Tool};

use super::*;

const ID: &str = "rotation-1-2";

fn verdict(house: &House, sam: &Reader, pin: &std::path::Path, version: u8) -> String {
    let tool = house.verify_tool(house.card_reader(0), sam, pin);
    let tool = tool
        .expect("tool")
        .arg("--key-version")
        .arg(version.to_string());
    let told = tool.run().expect("verify");
    let json = told.json().unwrap_or_default();
    format!(
        "{} ({})",
        json["verdict"].as_str().unwrap_or("none"),
        told.code
    )
}

/// Runs a package of this SAM and brings the receipt back.
fn carry(house: &House, sam_type: u8, action: &str) -> (i32, i32) {
    let name = format!("{}-{action}.json", house::chip_serial(sam_type));
    let package = house.folder().join("packages").join(name);
    let receipt = package.with_extension("receipt");
    let tool = house.tool("rhc-station").expect("tool").words("sam rekey");
    let tool = tool
        .arg(&package)
        .arg("--reader")
        .arg(&house.sam_reader(sam_type).name);
    let tool = tool.arg("--identity").arg(house.identity("station-41"));
    let ran = tool.arg("--receipt").arg(&receipt).run().expect("rekey");
    let taken = house.kms(Tier::Ministry, "rotation receipts --by wang");
    let taken = taken.expect("tool").arg(&receipt).run().expect("receipts");
    (ran.code, taken.code)
}

fn packages(house: &House, more: &str) {
    let folder = house.folder().join("packages");
    let words = format!("rotation packages {ID} --by wang{more}");
    let tool = house.kms(Tier::Ministry, &words).expect("tool");
    tool.arg("--out").arg(folder).ok().expect("packages");
}

fn ministry(house: &House, words: &str) -> serde_json::Value {
    let ran = house.kms(Tier::Ministry, words).and_then(Tool::run);
    ran.expect("rhc-kms").json().expect("json")
}

fn ordered(house: &House, words: &str) {
    let ran = house.kms_order(Tier::Ministry, words).and_then(Tool::ok);
    ran.expect("two officers");
}

#[test]
fn sams_are_rekeyed_over_pcsc_and_a_straggler_opens_cards_until_recalled() {
    let (mut house, _) = with_first_card(Stack::Vpcd);
    let (check, issuer) = (house.sam_reader(1).clone(), house.sam_reader(5).clone());
    let (pin, issuers_pin) = (house.sam_pin(1), house.sam_pin(5));
    assert_eq!(verdict(&house, &check, &pin, 1), "genuine (0)");

    let planned = ministry(&house, "rotation plan --from 1 --to 2 --by wang --json");
    assert_eq!(
        planned["sams"].as_array().map(Vec::len),
        Some(3),
        "types 1, 4, 5"
    );
    ordered(&house, &format!("rotation open {ID}"));
    packages(&house, "");

    // One SAM is carried to its package: version 1 is gone, version 2 works.
    assert_eq!(carry(&house, 1, "rekey"), (0, 0));
    assert_eq!(
        verdict(&house, &check, &pin, 1),
        "not-permitted-with-this-sam (3)",
        "6A88"
    );
    assert_eq!(verdict(&house, &check, &pin, 2), "genuine (0)");
    // A package runs once, and on no other SAM.
    let (again, _) = carry(&house, 1, "rekey");
    assert_eq!(again, 3);

    // The others are late: listed, and they open cards.
    let status = ministry(&house, "rotation status --json");
    let late: Vec<_> = status["sams"]
        .as_array()
        .expect("sams")
        .iter()
        .filter(|sam| sam["opens_old"] == true)
        .map(|sam| sam["sam_type"].as_u64().expect("type"))
        .collect();
    assert_eq!(late, [4, 5], "{status}");
    let told = house
        .kms(Tier::Ministry, "rotation status")
        .and_then(Tool::run)
        .expect("status");
    assert_eq!(told.code, 3);
    assert!(
        told.out
            .contains("opens cards with version 1 until recalled"),
        "{}",
        told.out
    );
    assert_eq!(verdict(&house, &issuer, &issuers_pin, 1), "genuine (0)");

    ministry(&house, &format!("rotation switch {ID} --by wang --json"));
    ordered(&house, &format!("rotation retire {ID} --leave-stragglers"));
    let life = ministry(&house, "keys life --key RK1_DDF1 --json");
    let states: Vec<_> = life
        .as_array()
        .expect("lives")
        .iter()
        .map(|key| key["state"].clone())
        .collect();
    assert_eq!(states, ["active", "retired", "active", "active"]);

    // A SAM made now has never had version 1.
    let free = house.card_reader(1).clone();
    house.make_sam_in(2, &free).expect("a new SAM");
    let pin = house.sam_pin(2);
    assert_eq!(
        verdict(&house, &free, &pin, 1),
        "not-permitted-with-this-sam (3)",
        "6A88"
    );
    assert_eq!(verdict(&house, &free, &pin, 2), "genuine (0)");

    // The straggler is recalled: locked by a package, it opens nothing any more.
    packages(
        &house,
        &format!(" --action lock --chip {}", house::chip_serial(5)),
    );
    assert_eq!(carry(&house, 5, "lock"), (0, 0));
    assert!(!verdict(&house, &issuer, &issuers_pin, 1).starts_with("genuine"));
    let status = ministry(&house, "rotation status --json");
    let locked = status["sams"]
        .as_array()
        .expect("sams")
        .iter()
        .find(|sam| sam["sam_type"] == 5);
    assert_eq!(locked.expect("type 5")["standing"], "locked");
}
