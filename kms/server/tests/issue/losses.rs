//! The compromise report of a lost SAM, on a known population, against `tests/oracle/losses.py`, which shares no code with us.

use std::process::Command;

use super::life::make_sam;
use super::*;

/// A population drawn by a fixed rule: provinces 41, 42 and 65, cards of every state, SAMs of every type.
fn population(lost_chip: &str, lost_serial: &str) -> serde_json::Value {
    let mut state = 20_261_122_u64;
    let mut draw = |below: u64| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let areas = ["410101", "410102", "410202", "420103", "650103", "650104"];
    let states = [
        "active",
        "active",
        "active",
        "lost",
        "cancelled",
        "reserved",
        "voided",
    ];
    let cards: Vec<_> = (0..700)
        .map(|number| {
            let (area, state) = (areas[draw(6) as usize], states[draw(7) as usize]);
            serde_json::json!({ "factor": format!("{number:016X}"), "area": area, "state": state })
        })
        .collect();
    let mut sams: Vec<_> = (0..90)
        .map(|number| {
            let area = areas[draw(6) as usize].get(..[2, 4][draw(2) as usize]).unwrap();
            let state = ["active", "active", "reserved"][draw(3) as usize];
            let serial = hex::encode(sam_serial("4101", 1, 2026, 5000 + number).unwrap());
            let chip = format!("{:016X}", 0xAA00_0000 + number);
            serde_json::json!({
                "serial": serial, "chip_serial": chip, "sam_type": 1 + draw(5), "area": area, "state": state,
            })
        })
        .collect();
    sams.push(serde_json::json!({
        "serial": lost_serial, "chip_serial": lost_chip, "sam_type": 5, "area": "4101", "state": "active",
    }));
    serde_json::json!({ "cards": cards, "sams": sams })
}

#[test]
pub fn a_lost_sams_report_is_what_python_counts() {
    let house = House::handed_down();
    for at in ["0", "41"] {
        house.deliver(at, Kind::Sam, 1, &[SAM]);
    }
    house.ticket("0", "sam-national", 1, "t-n");
    house.ticket("41", "sam-provincial", 1, "t-p");
    let (ministry, province) = (house.serve("0"), house.serve("41"));
    let clients = (
        &house.client(&ministry, "station"),
        &house.client(&province, "station"),
    );
    make_sam(clients, SAM, 5, 7);
    let serial = hex::encode(sam_serial("4101", 5, 2026, 7).unwrap());
    let chip = hex::encode_upper(SAM);
    std::fs::write(
        house.path("population.json"),
        population(&chip, &serial).to_string(),
    )
    .unwrap();

    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    for (lost, words) in [
        (format!("--sam {serial}"), format!("sam {serial}")),
        (format!("--sam {chip}"), format!("sam {serial}")),
        ("--key UK1_DF02/1".to_owned(), "key UK1_DF02/1".to_owned()),
        ("--prefecture 4101".to_owned(), "prefecture 4101".to_owned()),
        ("--province 42".to_owned(), "province 42".to_owned()),
    ] {
        let line = format!(
            "compromise {lost} --population population.json --store kms-0 --by wang --json"
        );
        let told = house::json(&house.line(&line).ok().out);
        let counted = Command::new("/usr/bin/python3")
            .args(["-m", "tests.oracle.losses"])
            .arg(house.path("population.json"))
            .args(words.split(' '))
            .current_dir(root)
            .output()
            .unwrap();
        assert!(
            counted.status.success(),
            "{}",
            String::from_utf8_lossy(&counted.stderr)
        );
        let counted = house::json(&String::from_utf8(counted.stdout).unwrap());
        for reach in ["national", "provincial"] {
            for count in [
                "keys",
                "cards",
                "cards_out_of_use",
                "sams",
                "sams_by_type",
                "institutions",
            ] {
                assert_eq!(
                    told[reach][count], counted[reach][count],
                    "{lost}: {reach} {count}"
                );
            }
        }
    }
    let maker = house
        .line("compromise --maker 5454 --store kms-0 --by wang --json")
        .ok();
    assert_eq!(house::json(&maker.out)["blanks"], 0, "the one SAM was made");
    house
        .line("compromise --sam 99 --store kms-0 --by wang")
        .refused("not-known-here");
}
