//! Approvals on the officers' own devices, roles and lock-outs, through the command line.

use std::io::Write as _;
use std::process::Stdio;

use crate::house::{House, Ran, json};

const PASSPHRASE: &str = "correct horse battery";

/// A command line with a passphrase on its standard input.
fn with_passphrase(house: &House, passphrase: &str, words: &str) -> Ran {
    let mut command = house.kms_command(&words.split(' ').collect::<Vec<_>>());
    command
        .args(["--passphrase-fd", "0"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    // A command that refuses before it asks has closed its end.
    let _ = writeln!(input, "{passphrase}");
    drop(input);
    Ran::from(child.wait_with_output().unwrap())
}

/// The id of the newest request that waits.
fn waiting(house: &House, store: &str) -> String {
    let list = house
        .line(&format!("order list --store {store} --json"))
        .ok();
    let all = json(&list.out);
    let last = all
        .as_array()
        .unwrap()
        .iter()
        .rfind(|one| one["state"] == "pending");
    last.unwrap()["id"].as_str().unwrap().to_owned()
}

fn province() -> House {
    let mut house = House::new();
    house.start_hsm("41", "test");
    house.init("province", "41", "41", "test", true).ok();
    house
}

fn ask_for_ticket(house: &House, id: &str, by: &str) {
    house
        .line(&format!(
            "ticket request --store kms-41 --kind card --quantity 3 --by {by} --id {id}"
        ))
        .ok();
    house
        .line(&format!(
            "ticket approve {id} --store kms-41 --order-out {id}.json"
        ))
        .ok();
}

#[test]
fn officers_read_and_sign_on_their_own_devices() {
    let house = province();
    for name in ["zhang", "li"] {
        let seal = format!("key seal {name}.key --out {name}.sealed");
        with_passphrase(&house, PASSPHRASE, &seal).ok();
    }
    // At the service, by the request's id: shown, then signed.
    ask_for_ticket(&house, "t1", "wang");
    let id = waiting(&house, "kms-41");
    let approve = |key: &str, passphrase: &str, what: &str| {
        let words = format!("approve {what} --store kms-41 --key {key}.sealed");
        with_passphrase(&house, passphrase, &words)
    };
    let shown = approve("zhang", PASSPHRASE, &id).ok().out;
    for part in [
        &format!("request: {id}"),
        "operation: ticket.approve",
        "tier: province 41 TEST",
        "asked by: [\"wang\"]",
        "\"count\":3",
        "SM3: ",
        "another person must sign",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    // What is shown is what is hashed: anybody's SM3 says so.
    let (text, rest) = shown.split_at(shown.find("SM3: ").unwrap());
    let hash = cardlib_card::gm::sm3::digest(text.as_bytes());
    assert!(rest.starts_with(&format!("SM3: {}", hex::encode_upper(hash))));
    house
        .line(&format!("order submit {id} --store kms-41"))
        .refused("two-officers-needed");
    approve("zhang", PASSPHRASE, &id).refused("two-officers-needed");
    approve("li", "incorrect horse battery", &id).refused("passphrase-refused");
    let enough = approve("li", PASSPHRASE, &id).ok().out;
    assert!(enough.contains("enough signatures"), "{enough}");
    house
        .line(&format!("order submit {id} --store kms-41"))
        .ok();
    house
        .line(&format!("order submit {id} --store kms-41"))
        .refused("not-known-here");
    house
        .line("order submit t1.json --store kms-41")
        .refused("exists-already");
    // As a file, on machines that know no service.
    ask_for_ticket(&house, "t2", "wang");
    for name in ["zhang", "li"] {
        let words = format!("approve t2.json --key {name}.sealed");
        with_passphrase(&house, PASSPHRASE, &words).ok();
    }
    house.line("order submit t2.json --store kms-41").ok();
    house.line("audit verify --store kms-41").ok();
}

#[test]
fn signatures_for_another_request_and_the_requesters_own_do_not_count() {
    let house = province();
    ask_for_ticket(&house, "t1", "wang");
    ask_for_ticket(&house, "t2", "Zhang");
    for file in ["t1", "t2"] {
        for key in ["zhang", "li"] {
            house
                .line(&format!("order sign {file}.json --as {key}.key"))
                .ok();
        }
    }
    house
        .line("order submit t2.json --store kms-41")
        .refused("requester-approves");
    let read = |name: &str| json(&std::fs::read_to_string(house.path(name)).unwrap());
    let (one, other) = (read("t1.json"), read("t2.json"));
    // zhang's signature of the one request under the other.
    let mut mixed = one.clone();
    mixed["approvals"][0] = other["approvals"][0].clone();
    let submit = |value: &serde_json::Value| {
        std::fs::write(house.path("mixed.json"), value.to_string()).unwrap();
        house.line("order submit mixed.json --store kms-41")
    };
    submit(&mixed).refused("approval-for-another");
    mixed["approvals"][0]["request"] = one["request"]["id"].clone();
    submit(&mixed).refused("bad-signature");
    // A longer life than the table gives, and another subject, are no longer what this service asks.
    let mut longer = one.clone();
    longer["request"]["expires"] = (one["request"]["expires"].as_u64().unwrap() + 1).into();
    submit(&longer).refused("order-stale");
    let mut elsewhere = one.clone();
    elsewhere["act"]["id"] = "t2".into();
    submit(&elsewhere).refused("order-stale");
    house.line("audit verify --store kms-41").ok();
}

#[test]
fn five_refused_signatures_lock_out_and_a_security_administrator_lifts_it() {
    let house = province();
    house.officer_key("sun", "sun.key");
    let add = "officer add --store kms-41 --name sun --key sun.key.pub --by wang";
    house
        .line(&format!("{add} --as zhang.key --as li.key --role station"))
        .code_is(2);
    house
        .signed_line(&format!("{add} --role security-administrator"))
        .ok();
    house
        .signed_line(&format!("{add} --role audit-administrator"))
        .refused("roles-apart");
    house
        .line("officer add --store kms-41 --name chen --key chen.key.pub --by zhang --as zhang.key --as li.key")
        .refused("requester-approves");
    house
        .signed_line(
            "officer add --store kms-41 --name chen --key chen.key.pub --by wang --role approver",
        )
        .ok();
    // An approver approves tickets and no keys.
    ask_for_ticket(&house, "t1", "wang");
    house
        .line("ticket approve t1 --store kms-41 --as li.key --as chen.key")
        .ok();
    house
        .line("officer remove sun --store kms-41 --by wang --as li.key --as chen.key")
        .refused("role-refused");
    // Zhang's name on signatures that are not zhang's.
    ask_for_ticket(&house, "t2", "wang");
    house.line("order sign t2.json --as zhang.key").ok();
    house.line("order sign t2.json --as li.key").ok();
    let good = std::fs::read_to_string(house.path("t2.json")).unwrap();
    let mut forged = json(&good);
    forged["approvals"][0]["signature"] = forged["approvals"][1]["signature"].clone();
    std::fs::write(house.path("forged.json"), forged.to_string()).unwrap();
    for _ in 0..5 {
        house
            .line("order submit forged.json --store kms-41")
            .refused("bad-signature");
    }
    house
        .line("order submit t2.json --store kms-41")
        .refused("officer-locked");
    let list = json(&house.line("officer list --store kms-41 --json").ok().out);
    let zhang = list
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["name"] == "zhang");
    assert_eq!(zhang.unwrap()["locked"], true);
    // Lifted by the security administrator with a second person, and by no others.
    let unlock = "officer unlock zhang --store kms-41 --by wang";
    house
        .line(&format!("{unlock} --as li.key --as chen.key"))
        .refused("role-missing");
    house
        .line(&format!("{unlock} --as sun.key"))
        .refused("two-officers-needed");
    house
        .line(&format!("{unlock} --as sun.key --as zhang.key"))
        .refused("requester-approves");
    house
        .line(&format!("{unlock} --as sun.key --as li.key"))
        .ok();
    house.line("order submit t2.json --store kms-41").ok();
    house
        .line("officer remove chen --store kms-41 --by wang --as zhang.key --as li.key")
        .ok();
    ask_for_ticket(&house, "t3", "wang");
    house
        .line("ticket approve t3 --store kms-41 --as li.key --as chen.key")
        .refused("unknown-officer");
    house.line("audit verify --store kms-41").ok();
}
