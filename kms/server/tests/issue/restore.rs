//! An old backup put back, by the commands of the page on backups, word for word: it spends nothing twice and hides nothing.

use cardlib_card::delivery::Kind;
use uuid::Uuid;

use super::house::shop::{blank_sam, probe};
use super::house::{House, json};
use kms_api::SamNationalRequest;

/// The drill's blocks, in the page's order.
fn drill() -> Vec<String> {
    let page = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../docs/operations/backup-restore.md"
    );
    let text = std::fs::read_to_string(page).unwrap();
    let blocks = text.split("```sh\n").skip(1);
    let blocks = blocks.map(|block| block.split("```").next().unwrap().to_owned());
    blocks.collect()
}

fn request(serial: [u8; 8], ticket: &str) -> SamNationalRequest {
    SamNationalRequest {
        request_id: Uuid::new_v4(),
        ticket: ticket.into(),
        chip_serial: serial,
        vendor: [0x54, 0x54],
        cos_version: 1,
        sam_type: 4,
        province: "41".into(),
        sam: probe(&mut blank_sam(serial)),
    }
}

#[test]
pub fn a_restored_old_backup_spends_nothing_twice_and_hides_nothing() {
    let mut house = House::new();
    // The ministry is the one that is lost; its witness is province 41.
    for (tier, area, name) in [("province", "41", "41"), ("ministry", "", "0")] {
        house.start_hsm(name, "test");
        house.init(tier, area, name, "test", true).ok();
        house
            .signed_line(&format!("audit keys --store kms-{name}"))
            .ok();
    }
    let chips: Vec<[u8; 8]> = (0..6u8).map(|n| [0x60 + n; 8]).collect();
    house.deliver("0", Kind::Sam, 1, &chips);
    house.ticket("0", "sam-national", 3, "t-old");
    let [before, lose, back, after]: [String; 4] = drill().try_into().unwrap();
    let addresses = house.addresses("0");
    let into = addresses.map_or_else(String::new, |(service, owner)| {
        format!("--database '{service}' --database-owner '{owner}'")
    });
    let fill = |block: &str| block.replace("$DATABASE", &into);

    // See each other for the first time, then the backup, then the work that the backup does not know.
    see_first(&house);
    house.shell(&fill(&before)).ok();
    let spend = |house: &House, chips: &[[u8; 8]], ticket: &str| -> Vec<Option<String>> {
        let served = house.serve("0");
        let station =
            kms_api::Client::new(&served.url, &house.identity("0", "station", "one")).unwrap();
        let asked = chips
            .iter()
            .map(|chip| station.sam_national(&request(*chip, ticket)));
        asked
            .map(|answer| {
                answer
                    .err()
                    .map(|e| e.problem().map_or(e.to_string(), |p| p.slug().to_owned()))
            })
            .collect()
    };
    assert_eq!(spend(&house, &chips[..3], "t-old"), [None, None, None]);
    let empty = Some("ticket-empty".to_owned());
    assert_eq!(spend(&house, &chips[3..4], "t-old"), [empty]);
    see_again(&house);

    // The loss: HSM and service gone with their stores.
    house.kill_hsm();
    house.forget_database("0");
    house.shell(&fill(&lose)).ok();
    let addresses = house.addresses("0");
    let into = addresses.map_or_else(String::new, |(service, owner)| {
        format!("--database '{service}' --database-owner '{owner}'")
    });
    let fill = |block: &str| block.replace("$DATABASE", &into);
    refused_unless_two_officers_sign(&house, &into);
    house.shell(&fill(&back)).ok();
    house.serve_hsm("0");

    // Three counts were left when the backup was made: all are gone, in the HSM itself.
    let [one] = spend(&house, &chips[4..5], "t-old").try_into().unwrap();
    assert_eq!(one.as_deref(), Some("ticket-unknown"), "the HSM closed it");
    // The rows that the backup does not know are known to the witness.
    house
        .kms(&[
            "audit",
            "witnessed",
            "--store",
            "kms-41",
            "--tier",
            "ministry",
            "--out",
            "word.json",
        ])
        .ok();
    let ran = house.line("audit verify --store kms-0 --word word.json");
    assert_eq!(ran.code, 3, "{}{}", ran.out, ran.err);
    assert!(ran.err.contains("(audit-broken)"), "{}", ran.err);
    // No quota before the new epoch was seen, and the witness takes it only when told.
    house
        .line(
            "ticket request --store kms-0 --kind sam-national --quantity 1 --by wang --id t-early",
        )
        .ok();
    house
        .signed_line("ticket approve t-early --store kms-0")
        .refused("epoch-not-countersigned");
    house
        .line("audit checkpoint --store kms-0 --out cp-0.json")
        .ok();
    house
        .line("audit countersign --store kms-41 cp-0.json --out x.json --by sun")
        .refused("rolled-back");
    house.shell(&fill(&after)).ok();
    // What was lost is said for ever, and work goes on.
    let told = json(&house.line("audit verify --store kms-0 --json").ok().out);
    assert_eq!(told["epoch"], 2, "{told}");
    let lost = told["lost"][0].as_array().unwrap();
    assert!(lost[0].as_i64() < lost[1].as_i64(), "{told}");
    assert_eq!(spend(&house, &chips[5..6], "t-new"), [None]);
}

/// Nothing of a restore stays that the policy table does not let pass.
fn refused_unless_two_officers_sign(house: &House, into: &str) {
    let restore = |by: &str, signers: &str| {
        house.shell(&format!(
            "rhc-kms restore --from backup --store kms-0 --hsm-store hsm-0 --by {by} {signers} {into}"
        ))
    };
    let (zhang, li) = ("--as zhang.key", "--as li.key");
    restore("wang", "").refused("two-officers-needed");
    restore("wang", zhang).refused("two-officers-needed");
    restore("wang", &format!("{zhang} {zhang}")).refused("two-officers-needed");
    restore("li", &format!("{zhang} {li}")).refused("role-refused");
    house.officer_key("chen", "stranger.key");
    restore("wang", &format!("{zhang} --as stranger.key")).refused("unknown-officer");
    for made in ["kms-0", "kms-0.restoring", "hsm-0", "hsm-0.restoring"] {
        assert!(!house.path(made).exists(), "{made}");
    }
}

fn see_first(house: &House) {
    let print = |at: &str| {
        let told = house
            .line(&format!(
                "audit checkpoint --store kms-{at} --out cp-{at}.json --json"
            ))
            .ok();
        json(&told.out)["fingerprint"].as_str().unwrap().to_owned()
    };
    let (ours, theirs) = (print("0"), print("41"));
    house
        .line(&format!("audit countersign --store kms-41 cp-0.json --out seen.json --by sun --fingerprint {ours}"))
        .ok();
    house
        .line(&format!(
            "audit countersigned --store kms-0 seen.json --by wang --fingerprint {theirs}"
        ))
        .ok();
}

fn see_again(house: &House) {
    house
        .line("audit checkpoint --store kms-0 --out cp-0.json")
        .ok();
    house
        .line("audit countersign --store kms-41 cp-0.json --out seen.json --by sun")
        .ok();
    house
        .line("audit countersigned --store kms-0 seen.json --by wang")
        .ok();
}
