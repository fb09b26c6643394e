//! A lower tier works while the upper one lets it; receipts end hand-downs; an order's chips come out at zero.

use cardlib_card::delivery::Kind;
use kms_api::{ClientError, Script};
use kms_platform::clock;
use kms_server::service::Service;

use crate::house::shop::{Served, ask, blank_card, content, probe};
use crate::house::{House, json};
use crate::refused;

const CHIPS: [[u8; 8]; 4] = [[0x31; 8], [0x32; 8], [0x33; 8], [0x34; 8]];
const PERSONS: [&str; 4] = [
    "410102199001010016",
    "410102199001010024",
    "410102199001010032",
    "410102199001010040",
];

/// Keys handed down to a prefecture that works under leases of its province.
fn leased(seconds: u64) -> House {
    let house = House::with_three_tiers();
    house.hand_down("0", "41");
    terms(&house, &format!("--lease {seconds}"));
    let id = house.ask("41", "4101");
    house
        .signed_line(&format!(
            "grant --store kms-41 --approve {id} --out pkg-4101.json"
        ))
        .ok();
    house
        .signed_line("import --store kms-4101 pkg-4101.json --receipt receipt.json")
        .ok();
    house
}

fn terms(house: &House, words: &str) {
    let set = format!("terms set --store kms-41 --peer prefecture-4101 {words} --by wang");
    house.signed_line(&set).ok();
}

/// A lease carried as a file.
fn carry(house: &House) {
    house
        .line("lease issue --store kms-41 --peer prefecture-4101 --out lease.json")
        .ok();
    house.line("lease take --store kms-4101 lease.json").ok();
}

fn make(house: &House, served: &Served, which: usize) -> Result<Script, ClientError> {
    let station = house.client(served, "station");
    let certificate = house.issuer_certificate("4101");
    let number = PERSONS[which];
    let content = content(number, &format!("410000000{which}"), "张三", &certificate);
    let mut card = blank_card(CHIPS[which]);
    station.personalise(&ask(
        CHIPS[which],
        probe(&mut card),
        number,
        content,
        "t-card",
    ))
}

#[test]
fn a_suspended_tiers_stations_stop_and_go_on_by_file_and_on_line() {
    let house = leased(3600);
    house.deliver("4101", Kind::Card, 1, &CHIPS);
    house.ticket("4101", "card", 4, "t-card");
    let served = house.serve("4101");
    make(&house, &served, 0).unwrap();
    // Heard of at once.
    terms(&house, "--lease 3600 --suspend");
    carry(&house);
    refused(make(&house, &served, 1), "tier-suspended");
    // Nothing is handed down to who is suspended.
    let id = house.ask("41", "4101");
    let grant = format!("grant --store kms-41 --approve {id} --out other.json");
    let ran = house.signed_line(&grant);
    ran.refused("tier-suspended");
    // On line, from the province's service.
    terms(&house, "--lease 3600 --resume");
    let upper = house.serve("41");
    let renew = format!("lease renew --store kms-4101 --upper {}", upper.url);
    house.line(&renew).ok();
    make(&house, &served, 1).unwrap();
    // Not heard of: it stops when the lease has run out, by the HSM's own clock.
    terms(&house, "--lease 1");
    house.line(&renew).ok();
    let list = json(&house.line("terms list --store kms-4101 --json").ok().out);
    let until = list[0]["not_after"].as_u64().unwrap();
    while std::time::UNIX_EPOCH.elapsed().unwrap().as_secs() <= until {
        std::thread::yield_now();
    }
    refused(make(&house, &served, 2), "lease-expired");
    // A stranger's station fetches no lease.
    let station = house.client(&upper, "station");
    assert!(station.lease().is_err());
    // Fewer chips than the ticket says.
    terms(&house, "--lease 3600 --quota 2");
    house.line(&renew).ok();
    refused(make(&house, &served, 2), "tier-suspended");
    house.line("audit verify --store kms-41").ok();
    house.line("audit verify --store kms-4101").ok();
}

#[test]
fn a_receipt_ends_a_hand_down_and_is_refused_when_changed_at_any_byte() {
    let house = leased(3600);
    let states = || {
        let list = house.line("handdown list --store kms-41 --json").ok();
        let all = json(&list.out);
        let down = all.as_array().unwrap().iter();
        let of = down.filter(|one| one["direction"] == "down");
        of.map(|one| one["state"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(states(), ["receipt outstanding"]);
    let receipt = std::fs::read(house.path("receipt.json")).unwrap();
    let runtime = tokio_runtime();
    let refusals = runtime.block_on(async {
        let service = Service::open(&house.path("kms-41"), clock::system())
            .await
            .unwrap();
        let mut refusals = 0;
        for place in 0..receipt.len() {
            let mut changed = receipt.clone();
            changed[place] ^= 1;
            let Ok(text) = String::from_utf8(changed) else {
                continue;
            };
            let refused = service.take_receipt("operator", &text, None).await.err();
            assert_eq!(refused.unwrap().slug(), "package-refused", "byte {place}");
            refusals += 1;
        }
        refusals
    });
    println!("receipts: {refusals} changed bytes, all refused by name");
    assert_eq!(states(), ["receipt outstanding"], "nothing changed");
    // The ministry never sent this.
    house
        .line("handdown receipt --store kms-0 receipt.json")
        .refused("package-refused");
    // On line, and only once.
    let upper = house.serve("41");
    let send = format!(
        "handdown acknowledge receipt.json --store kms-4101 --upper {}",
        upper.url
    );
    house.line(&send).ok();
    assert_eq!(states(), ["received"]);
    house
        .line("handdown receipt --store kms-41 receipt.json")
        .refused("exists-already");
    house.line("audit verify --store kms-41").ok();
}

#[test]
fn an_orders_chips_come_out_at_zero() {
    let house = leased(3600);
    house.deliver("4101", Kind::Card, 1, &CHIPS);
    house.ticket("4101", "card", 3, "t-card");
    let served = house.serve("4101");
    make(&house, &served, 0).unwrap();
    make(&house, &served, 1).unwrap();
    let reconcile = || house.line("order reconcile t-card --store kms-4101 --json");
    let open = reconcile();
    assert_eq!(json(&open.out)["difference"], "1");
    open.code_is(3);
    let spoil = |chip: &str| {
        house.line(&format!(
            "order spoil t-card --store kms-4101 --chip {chip} --by wang"
        ))
    };
    spoil("3131313131313131").ok();
    spoil("3131313131313131").refused("exists-already");
    spoil("3333333333333333").refused("not-known-here");
    let give_back = "order return t-card --store kms-4101 --by chen";
    house
        .line(&format!("{give_back} --as zhang.key"))
        .refused("two-officers-needed");
    house.signed_line(give_back).ok();
    let even = reconcile().ok();
    let even = json(&even.out);
    for (name, value) in [
        ("ordered", 3),
        ("counted_by_hsm", 2),
        ("good", 1),
        ("spoiled", 1),
        ("returned", 1),
    ] {
        assert_eq!(even[name], value, "{name}");
    }
    refused(make(&house, &served, 2), "ticket-unknown");
    house.line("audit verify --store kms-4101").ok();
}

fn tokio_runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}
