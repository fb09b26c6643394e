//! Attempts to clone: software blanks with the known transport key of the test maker. Each is refused, and each is an alarm.

use super::*;

const OTHER_NUMBER: &str = "410102199002020029";

fn alarms(house: &House, more: &str) -> (i32, Vec<serde_json::Value>) {
    let ran = house.line(&format!("alarms list --store kms-4101 --json{more}"));
    let list = house::json(&ran.out).as_array().unwrap().clone();
    (ran.code, list)
}

#[test]
pub fn cloning_attempts_are_refused_and_alarmed() {
    let house = House::handed_down();
    house.deliver("4101", Kind::Card, 1, &[FACTOR]);
    house.ticket("4101", "card", 5, "t-card");
    let served = house.serve_with("4101", &["--metrics", "127.0.0.1:0"], 1);
    let metrics = format!("{}/metrics", served.besides[0]);
    let waiting = || {
        let text = operations::curl(&metrics).1;
        let line = text
            .lines()
            .find(|line| line.starts_with("rhc_kms_alarms_open "));
        line.map(str::to_owned)
    };
    assert_eq!(waiting().as_deref(), Some("rhc_kms_alarms_open 0"));
    let station = house.client(&served, "station");
    let certificate = house.issuer_certificate("4101");
    let mine = content(NUMBER, SERIAL, "张三", &certificate);
    assert_eq!(alarms(&house, ""), (0, vec![]));

    // The genuine card: begun, pulled, taken up again under its master key.
    let mut genuine = blank_card(FACTOR);
    let request = ask(FACTOR, probe(&mut genuine), NUMBER, mine.clone(), "t-card");
    let script = station.personalise(&request).unwrap();
    // One with a factor that was issued already, for somebody else.
    let mut copy = blank_card(FACTOR);
    let theirs = content(OTHER_NUMBER, "4100000002", "李四", &certificate);
    let for_other = ask(FACTOR, probe(&mut copy), OTHER_NUMBER, theirs, "t-card");
    refused(
        station.personalise(&for_other),
        "factor-bound-to-another-person",
    );
    play(&mut genuine, script.steps().take(60));
    let request = ask(FACTOR, probe(&mut genuine), NUMBER, mine.clone(), "t-card");
    play_all(&mut genuine, &station.personalise(&request).unwrap());
    assert_eq!(genuine.stage(), Stage::Active);

    // A blank made in software: its transport key is right, its factor stands on no list.
    let state = probe(&mut blank_card(UNLISTED));
    for _ in 0..2 {
        let forged = ask(UNLISTED, state, NUMBER, mine.clone(), "t-card");
        refused(station.personalise(&forged), "factor-not-on-list");
    }
    // And for the same person.
    let for_same = ask(FACTOR, probe(&mut copy), NUMBER, mine, "t-card");
    refused(station.personalise(&for_same), "chip-went-back");

    let (code, list) = alarms(&house, "");
    assert_eq!(code, 3, "alarms wait");
    assert_eq!(waiting().as_deref(), Some("rhc_kms_alarms_open 3"));
    let facts: Vec<_> = list
        .iter()
        .map(|alarm| {
            let text = |name: &str| alarm[name].as_str().unwrap().to_owned();
            (
                text("kind"),
                text("object"),
                alarm["times"].as_i64().unwrap(),
            )
        })
        .collect();
    let factor = hex::encode_upper(FACTOR);
    assert_eq!(
        facts,
        [
            (
                "factor-bound-to-another-person".to_owned(),
                factor.clone(),
                1
            ),
            (
                "factor-not-on-list".to_owned(),
                hex::encode_upper(UNLISTED),
                2
            ),
            ("chip-went-back".to_owned(), factor, 1),
        ]
    );
    assert!(list.iter().all(|alarm| {
        let actor = alarm["actor"].as_str().unwrap();
        actor.contains("station") && !alarm.to_string().contains(NUMBER)
    }));

    let ack_as = |id: &str, key: &str| {
        let words = [
            "alarms", "ack", id, "--store", "kms-4101", "--as", key, "--note",
        ];
        house.kms(&[&words[..], &["a tester's blank"]].concat())
    };
    let ack = |id: &str| ack_as(id, "sec.key");
    house.officer_key("sec", "sec.key");
    house.officer_key("sec", "false.key");
    ack("alarm-2").refused("unknown-officer");
    ack_as("alarm-2", "zhang.key").refused("role-refused");
    let role = "--role security-administrator";
    house
        .signed_line(&format!(
            "officer add --store kms-4101 --name sec --key sec.key.pub --by wang {role}"
        ))
        .ok();
    // The name alone proves nobody: another key under it is refused.
    ack_as("alarm-2", "false.key").refused("bad-signature");
    ack("alarm-2").ok();
    ack("alarm-2").refused("not-known-here");
    assert_eq!(waiting().as_deref(), Some("rhc_kms_alarms_open 2"));
    assert_eq!(alarms(&house, "").1.len(), 2);
    let (_, all) = alarms(&house, " --all");
    assert_eq!(all[1]["by"], "sec");
    // The same again after it was looked into is a new alarm.
    let forged = ask(UNLISTED, state, NUMBER, request.content.clone(), "t-card");
    refused(station.personalise(&forged), "factor-not-on-list");
    assert_eq!(alarms(&house, "").1.len(), 3);
    house.line("audit verify --store kms-4101").ok();
}
