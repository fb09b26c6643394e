//! Requests that name no ticket.

use super::*;

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
