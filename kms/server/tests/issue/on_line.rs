//! Two services of two tiers: a hand-down, its receipt, a countersignature and approvals on line, with the documents that
//! otherwise travel as files.

use kms_api::{ApprovalRow, Page, SignedApproval, paths, tiers};
use kms_platform::client::HttpClient;
use kms_platform::name::Role;

use crate::house::shop::Served;
use crate::house::{House, Ran, json};
use crate::refused;

/// The first identity of a lower service: by a one-time token of the upper one.
fn first_identity(house: &House, upper: &Served, area: &str) -> String {
    let token = format!(
        "identity token --store kms-41 --role kms --area {area} --name first --by wang --out {area}.token"
    );
    house.line(&token).ok();
    let out = format!("first-{area}.json");
    let url = &upper.besides[0];
    house
        .line(&format!(
            "identity enrol --token {area}.token --url {url} --out {out}"
        ))
        .ok();
    out
}

/// The state of each hand-down in a direction.
fn states(house: &House, store: &str, direction: &str) -> Vec<String> {
    let list = house
        .line(&format!("handdown list --store {store} --json"))
        .ok();
    let all = json(&list.out);
    let of = all.as_array().unwrap().iter();
    of.filter(|one| one["direction"] == direction)
        .map(|one| one["state"].as_str().unwrap().to_owned())
        .collect()
}

struct Line<'h> {
    house: &'h House,
    upper: Served,
    identity: String,
}

impl Line<'_> {
    /// `rhc-kms handdown WHAT` of the prefecture to the province.
    fn say(&self, what: &str) -> Ran {
        let at = format!(
            "--store kms-4101 --upper {} --identity {}",
            self.upper.url, self.identity
        );
        self.house.line(&format!("handdown {what} {at}"))
    }

    /// Id of a request that was written to a file.
    fn id(&self, file: &str) -> String {
        let text = std::fs::read_to_string(self.house.path(file)).unwrap();
        json(&text)["id"].as_str().unwrap().to_owned()
    }

    fn grant(&self, id: &str, out: &str) -> Ran {
        self.house
            .signed_line(&format!("grant --store kms-41 --approve {id} --out {out}"))
    }
}

#[test]
fn keys_come_down_on_line_and_their_receipt_goes_up() {
    let house = House::with_three_tiers();
    house.hand_down("0", "41");
    let upper = house.serve_with("41", &["--enrol", "127.0.0.1:0"], 1);
    let identity = first_identity(&house, &upper, "4101");
    let line = Line {
        house: &house,
        upper,
        identity,
    };
    let fetch = "fetch --out fetched.json";
    line.say(fetch).refused("request-unknown");
    let asked = line.say("request --by wang --out asked.json").ok();
    assert!(asked.out.contains("fingerprint"), "{}", asked.out);
    let id = line.id("asked.json");
    // The same again is a replay; what waits has no package.
    line.say("request --request asked.json")
        .refused("exists-already");
    line.say(fetch).refused("approval-outstanding");
    assert_eq!(states(&house, "kms-41", "down"), ["requested"]);
    assert_eq!(states(&house, "kms-4101", "up"), ["waiting"]);
    // Whoever asked, below or as the service that brought it, approves nothing above.
    line.grant(&id, "above.json").ok();
    line.say(fetch).ok();
    let read = |name: &str| std::fs::read(house.path(name)).unwrap();
    assert_eq!(
        read("fetched.json"),
        read("above.json"),
        "the same document"
    );
    // Another tier's service gets nothing of it, and asks for itself only.
    let other = house.identity_of("41", "4102");
    let stranger = kms_api::Client::new(&line.upper.url, &other).unwrap();
    refused(stranger.package(&id), "hsm-not-enrolled");
    let text = String::from_utf8(read("asked.json")).unwrap();
    refused(stranger.ask_for_keys(&text), "hsm-not-enrolled");
    let station = house.identity("41", "station", "one");
    let station = kms_api::Client::new(&line.upper.url, &station).unwrap();
    refused(station.package(&id), "role-refused");
    refused(station.ask_for_keys(&text), "role-refused");
    // A stopped tier fetches nothing and asks for nothing.
    let terms = "terms set --store kms-41 --peer prefecture-4101 --lease 3600 --by wang";
    house.signed_line(&format!("{terms} --suspend")).ok();
    line.say(fetch).refused("tier-suspended");
    line.say("request --request asked.json")
        .refused("tier-suspended");
    house.signed_line(&format!("{terms} --resume")).ok();
    line.say(fetch).ok();
    house
        .signed_line("import --store kms-4101 fetched.json --receipt receipt.json")
        .ok();
    assert_eq!(states(&house, "kms-41", "down"), ["receipt outstanding"]);
    assert!(states(&house, "kms-4101", "up").contains(&"receipt outstanding".to_owned()));
    // Taken in: from now on it has an identity of its own house; the receipt that is outstanding goes up.
    let send = format!(
        "handdown acknowledge --store kms-4101 --upper {}",
        line.upper.url
    );
    house.line(&send).ok();
    assert!(states(&house, "kms-4101", "up").contains(&"received".to_owned()));
    assert!(states(&house, "kms-41", "down").contains(&"received".to_owned()));
    house.line(&send).refused("not-known-here");
    // Replayed, also while a later request waits.
    let replayed = "import --store kms-4101 fetched.json";
    house.signed_line(replayed).refused("request-unknown");
    line.say("request --by wang --out late.json").ok();
    house.signed_line(replayed).refused("request-unknown");
    line.grant(&line.id("late.json"), "above-2.json").ok();
    line.say(&format!("fetch --id {id} --out old.json")).ok();
    assert_eq!(read("old.json"), read("fetched.json"));
    // Asked once more before that one is taken: both come, each in its turn.
    line.say("request --by wang --out third.json").ok();
    line.say("request --by wang --out never.json").ok();
    line.grant(&line.id("third.json"), "above-3.json").ok();
    for above in ["above-2.json", "above-3.json"] {
        line.say("fetch --out next.json").ok();
        assert_eq!(read("next.json"), read(above));
        house.signed_line("import --store kms-4101 next.json").ok();
        house.line(&send).ok();
    }
    line.say(fetch).refused("approval-outstanding");
    for store in ["kms-41", "kms-4101"] {
        house.line(&format!("audit verify --store {store}")).ok();
    }
}

#[test]
fn a_witness_above_countersigns_on_line_what_continues() {
    let house = House::handed_down();
    for store in ["kms-41", "kms-4101"] {
        house
            .signed_line(&format!("audit keys --store {store}"))
            .ok();
    }
    let print = |store: &str| {
        let made = house
            .line(&format!(
                "audit checkpoint --store {store} --out {store}.cp --json"
            ))
            .ok();
        json(&made.out)["fingerprint"].as_str().unwrap().to_owned()
    };
    let (above, below) = (print("kms-41"), print("kms-4101"));
    let upper = house.serve("41");
    let witness = format!(
        "audit witness --store kms-4101 --upper {} --by wang",
        upper.url
    );
    // Nobody's key is believed on line before it was compared by voice.
    house.line(&witness).refused("fingerprint-mismatch");
    let first = format!(
        "audit countersign --store kms-41 kms-4101.cp --out word.json --by sun --fingerprint {below}"
    );
    house.line(&first).ok();
    let seen = house.line(&format!("{witness} --fingerprint {above}")).ok();
    assert!(seen.out.contains("province 41 has seen"), "{}", seen.out);
    house.line(&witness).ok();
    // Another service's checkpoints, and what is none.
    let own = kms_platform::identity::Identity::read(&house.path("kms-4101/service.json")).unwrap();
    let client = kms_api::Client::new(&upper.url, &own).unwrap();
    let others = std::fs::read_to_string(house.path("kms-41.cp")).unwrap();
    refused(client.countersign(&others), "area-refused");
    refused(client.countersign("{}"), "invalid-value");
    let report = json(&house.line("audit verify --store kms-4101 --json").ok().out);
    assert!(
        report["countersignatures"].as_u64().unwrap() >= 2,
        "{report}"
    );
    house.line("audit verify --store kms-41").ok();
}

/// What an officer signs elsewhere, as the service takes it.
fn signature_of(house: &House, file: &str) -> SignedApproval {
    let order = json(&std::fs::read_to_string(house.path(file)).unwrap());
    serde_json::from_value(order["approvals"][0].clone()).unwrap()
}

#[test]
fn officers_approve_on_line_and_each_for_themselves() {
    let house = House::handed_down();
    let served = house.serve("4101");
    let ask = |id: &str, by: &str| {
        let ticket = "ticket request --store kms-4101 --kind card --quantity 3";
        house.line(&format!("{ticket} --by {by} --id {id}")).ok();
        house
            .line(&format!(
                "ticket approve {id} --store kms-4101 --order-out {id}.json"
            ))
            .ok();
        let text = std::fs::read_to_string(house.path(&format!("{id}.json"))).unwrap();
        json(&text)["request"]["id"].as_str().unwrap().to_owned()
    };
    for name in ["zhang", "li"] {
        house.identity("4101", "officer", name);
    }
    let approve = |id: &str, key: &str, who: &str| {
        house.line(&format!(
            "approve {id} --url {} --identity officer-{who}.json --key {key}.key",
            served.url
        ))
    };
    let id = ask("t1", "wang");
    let shown = approve(&id, "zhang", "zhang").ok().out;
    for part in [&id, "operation: ticket.approve", "SM3: ", "another person"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    approve(&id, "zhang", "zhang").refused("two-officers-needed");
    // With the certificate of one nobody signs as another.
    approve(&id, "li", "zhang").refused("role-refused");
    let enough = approve(&id, "li", "li").ok().out;
    assert!(enough.contains("enough signatures"), "{enough}");
    let office = house.identity("4101", "officer", "li");
    let http = HttpClient::new(&served.url, &office, Role::Kms).unwrap();
    let list: Page<ApprovalRow> = http.get(paths::APPROVALS, &[("limit", "1000")]).unwrap();
    let row = list.items.iter().find(|row| row.id == id).unwrap();
    assert_eq!((row.state.as_str(), row.signed.len()), ("pending", 2));
    house
        .line(&format!("order submit {id} --store kms-4101"))
        .ok();
    approve(&id, "li", "li").refused("not-known-here");
    // The requester, and a signature for another request.
    let own = ask("t2", "Zhang");
    approve(&own, "zhang", "zhang").refused("requester-approves");
    let third = ask("t3", "wang");
    house.line("order sign t3.json --as li.key").ok();
    let good = signature_of(&house, "t3.json");
    let client = kms_api::Client::new(&served.url, &office).unwrap();
    let sent = |signed: &SignedApproval, id: &str| {
        let path = paths::APPROVAL_SIGNATURES.replace("{id}", id);
        http.post::<kms_api::ApprovalStanding>(&path, signed)
    };
    refused(sent(&good, &own), "approval-for-another");
    let mut forged = good.clone();
    forged.signature = good.orders[0].clone();
    // With the one for another request these are five in a row.
    for _ in 0..4 {
        refused(client.approve(&forged), "bad-signature");
    }
    refused(client.approve(&good), "officer-locked");
    // A station reads none of it.
    let station = house.client(&served, "station");
    refused(station.approval(&third), "role-refused");
    house.line("audit verify --store kms-4101").ok();
}

#[test]
fn a_receipt_is_taken_from_its_own_tier_only() {
    let house = House::handed_down();
    let upper = house.serve("41");
    let own = kms_platform::identity::Identity::read(&house.path("kms-41/service.json")).unwrap();
    let client = HttpClient::new(&upper.url, &own, Role::Kms).unwrap();
    // The province's own service is no lower tier's.
    let body = tiers::Receipt {
        receipt: "{}".into(),
    };
    refused(
        client.post::<tiers::Acknowledged>(paths::RECEIPTS, &body),
        "hsm-not-enrolled",
    );
}
