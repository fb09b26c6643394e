//! Requests that name no ticket.

use super::*;
use crate::house::json;

const THIRD: [u8; 8] = [0x33; 8];

#[test]
pub fn an_unnamed_ticket_is_the_newest_with_something_left() {
    let house = House::handed_down();
    house.deliver("4101", Kind::Card, 1, &[FACTOR, OTHER, THIRD]);
    house.ticket("4101", "card", 1, "t-old");
    house.ticket("4101", "card", 1, "t-new");
    house
        .line("ticket request --store kms-4101 --kind card --quantity 5 --by wang --id t-asked")
        .ok();
    let served = house.serve("4101");
    let station = house.client(&served, "station");
    let certificate = house.issuer_certificate("4101");
    let request = |factor: [u8; 8], number: &str, serial: &str| {
        let state = probe(&mut blank_card(factor));
        let content = content(number, serial, "张三", &certificate);
        station.personalise(&ask(factor, state, number, content, ""))
    };
    let of = |id: &str| {
        let list = house.line("ticket list --store kms-4101 --json").ok().out;
        assert!(list.contains(id), "{list}");
        let sql = match id {
            "t-old" => "SELECT coalesce(left_over, 1) || '' FROM ticket WHERE id = 't-old'",
            _ => "SELECT coalesce(left_over, 1) || '' FROM ticket WHERE id = 't-new'",
        };
        house.query("4101", sql)
    };
    let first = request(FACTOR, NUMBER, SERIAL).unwrap();
    assert_eq!((first.quota_left, of("t-new")), (0, "0".into()));
    assert_eq!(of("t-old"), "1", "untouched");
    let second = request(OTHER, "410102199002020029", "4100000002").unwrap();
    assert_eq!((second.quota_left, of("t-old")), (0, "0".into()));
    // A card begun with a ticket that is used up since is taken up again: its count is spent already.
    request(FACTOR, NUMBER, SERIAL).unwrap();
    let refused = request(THIRD, "410102199003030031", "4100000003");
    let error = refused.err().expect("none is left");
    let problem = error.problem().expect("refused");
    assert_eq!(problem.slug(), "ticket-empty");
    let told = problem.detail.clone().unwrap_or_default();
    for (id, why) in [
        ("t-old", "used up"),
        ("t-new", "used up"),
        ("t-asked", "not approved"),
    ] {
        assert!(told.contains(&format!("{id} {why}")), "{told}");
    }
    house.ticket("4101", "card", 1, "t-4");
    request(THIRD, "410102199003030031", "4100000003").unwrap();
}

#[test]
fn a_ticket_is_spent_for_its_product_and_its_delivery_list_only() {
    let house = House::handed_down();
    house.deliver("4101", Kind::Card, 1, &[FACTOR]);
    house.deliver("4101", Kind::Card, 2, &[OTHER]);
    let order = |id: &str, words: &str| {
        let ticket = "ticket request --store kms-4101 --kind card --quantity 2 --by wang";
        house.line(&format!("{ticket} --id {id} {words}"))
    };
    let approve = |id: &str| {
        house
            .signed_line(&format!("ticket approve {id} --store kms-4101"))
            .ok();
    };
    order("t-none", "--product RHC-SIM").refused("invalid-value");
    order("t-two", "--product 5454-02").ok();
    order("t-list", "--product 5454-01 --delivery 2").ok();
    approve("t-two");
    approve("t-list");
    // A maker whose transport key is not held here: the HSM would open no chip but those that carry our own master.
    order("t-maker", "--product 4844").ok();
    approve("t-maker");
    let served = house.serve("4101");
    let station = house.client(&served, "station");
    let certificate = house.issuer_certificate("4101");
    let request = |factor: [u8; 8], ticket: &str| {
        let state = probe(&mut blank_card(factor));
        let content = content(NUMBER, SERIAL, "张三", &certificate);
        station.personalise(&ask(factor, state, NUMBER, content, ticket))
    };
    refused(request(OTHER, "t-two"), "ticket-other-product");
    refused(request(OTHER, "t-maker"), "ticket-other-product");
    refused(request(FACTOR, "t-list"), "ticket-other-delivery");
    // Without a name, the one that fits: for this chip none.
    refused(request(FACTOR, ""), "ticket-unknown");
    assert_eq!(request(OTHER, "").unwrap().quota_left, 1);
    let told = json(&house.line("ticket list --store kms-4101 --json").ok().out);
    let of = |id: &str| {
        let all = told.as_array().unwrap().iter();
        all.clone().find(|one| one["id"] == id).unwrap().clone()
    };
    assert_eq!(of("t-list")["product"], "5454-01");
    assert_eq!(of("t-list")["delivery"], 2);
    house.line("audit verify --store kms-4101").ok();
}
