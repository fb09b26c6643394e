//! What must be refused, by name, and changes nothing.

use std::sync::Arc;

use cardlib_card::dialect::{Level, Segment, Step};
use kms_core::port::{
    FillRequest, Hsm, HsmError, KeySpec, KeyUse, Mark, Operation, OrderDesk, PeerKind, Target, Ways,
};
use zeroize::Zeroizing;

use crate::house::{FAR, House, One, officer, signed, tier};
use crate::scripts::{FACTOR, card_request};

#[track_caller]
fn refused<T>(result: Result<T, HsmError>, rule: &str) {
    match result {
        Err(HsmError::Refused {
            rule: found,
            detail,
        }) if found == rule => {
            assert!(!detail.is_empty() || !rule.is_empty());
        }
        Err(other) => panic!("expected {rule}: {other}"),
        Ok(_) => panic!("expected {rule}"),
    }
}

/// The first command that writes an application key.
fn key_command(request: &mut FillRequest) -> (&mut [u8; 4], &mut Vec<Segment>) {
    let found = request
        .steps
        .iter_mut()
        .rev()
        .find_map(|step| match Arc::make_mut(step) {
            Step::Command {
                header, segments, ..
            } if header[..3] == [0x84, 0xD4, 0x00] => Some((header, segments)),
            _ => None,
        });
    found.unwrap()
}

type Change = fn(&mut FillRequest);

pub fn requests_against_the_rules() {
    let house = House::new();
    let one = &house.prefecture;
    one.ticket("cards", Target::Card, 5, 9);
    let cases: &[(&str, Change)] = &[
        ("MarkMismatch", |r| r.mark = Mark::Demo),
        ("UnknownMechanism", |r| r.mechanism = "other".into()),
        ("NoSuchTicket", |r| r.ticket = "none".into()),
        ("TicketKind", |r| r.target = Target::Sam),
        ("TwoFactors", |r| r.slots[5].factors = vec![[9; 8]]),
        ("TwoFactors", |r| r.factor = [9; 8]),
        ("NoSuchKey", |r| r.slots[5].id = "RK9/9".into()),
        ("BadBaseKey", |r| r.base.id = "RK1_DDF1/1".into()),
        ("DepthTooSmall", |r| r.base.factors.clear()),
        ("DepthTooSmall", |r| r.slots[5].factors.clear()),
        ("NotPermitted", |r| r.slots[5].id = "CVK/0".into()),
        ("NotPermitted", |r| r.mac_texts[0].key = "RK1_DDF1/1".into()),
        ("TooLarge", |r| r.steps.clear()),
        ("TooLarge", |r| r.slots[5].factors = vec![FACTOR; 5]),
        ("TooLarge", |r| r.mac_texts[0].digits = 9),
        ("NoSession", |r| drop(r.steps.remove(0))),
        ("CommandNotAllowed", |r| {
            *key_command(r).0 = [0x84, 0xD6, 0, 0]
        }),
        ("KeySlotNotWhole", |r| drop(key_command(r).1.pop())),
        ("LiteralInKeySlot", |r| {
            *key_command(r).1 = vec![Segment::Literal(Zeroizing::new(vec![7; 28]))];
        }),
        ("BadSlot", |r| {
            let segments = key_command(r).1;
            segments[1] = Segment::Key(500);
            segments[2] = Segment::CheckValue(500);
        }),
        ("KeySlotMisplaced", |r| key_command(r).0[2] = 0x01),
        ("CounterExhausted", |r| {
            if let Step::Open { counter, .. } = Arc::make_mut(&mut r.steps[0]) {
                *counter = 0x00FF_FFFF;
            }
        }),
        ("SlotInClear", |r| {
            for step in &mut r.steps {
                if let Step::Open { level, .. } = Arc::make_mut(step) {
                    *level = Level::Mac;
                }
            }
        }),
    ];
    for (rule, change) in cases {
        let mut request = card_request(one, "cards", FACTOR);
        change(&mut request);
        refused(one.hsm.fill(&request), rule);
    }
    // An application key under the transport key, before the master key.
    let mut request = card_request(one, "cards", FACTOR);
    let (header, segments) = key_command(&mut request);
    let step = Step::Command {
        header: *header,
        segments: segments.clone(),
        answer: None,
    };
    request.steps.insert(1, Arc::new(step));
    refused(one.hsm.fill(&request), "KeySlotMisplaced");
    // Nothing was spent by any of them.
    let filled = one.hsm.fill(&card_request(one, "cards", FACTOR)).unwrap();
    assert_eq!(filled.quota_left, 4);
}

pub fn counts_of_a_ticket() {
    let house = House::new();
    let one = &house.prefecture;
    one.ticket("two", Target::Card, 2, 2);
    let ask = |factor: [u8; 8]| one.hsm.fill(&card_request(one, "two", factor));
    assert_eq!(ask([1; 8]).unwrap().quota_left, 1);
    assert_eq!(ask([1; 8]).unwrap().quota_left, 1);
    refused(ask([1; 8]), "TooManyAttempts");
    assert_eq!(ask([2; 8]).unwrap().quota_left, 0);
    refused(ask([3; 8]), "TicketEmpty");
    assert_eq!(
        ask([2; 8]).unwrap().quota_left,
        0,
        "a chip counted before may come again"
    );
    // Many at once take what there is and no more.
    one.ticket("race", Target::Card, 3, 2);
    let won = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8u8)
            .map(|n| {
                scope.spawn(move || one.hsm.fill(&card_request(one, "race", [n + 1; 8])).is_ok())
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .filter(|won| *won)
            .count()
    });
    assert_eq!(won, 3);
}

fn spec(id: &str) -> KeySpec {
    KeySpec {
        id: id.into(),
        name: id.into(),
        version: 0,
        usage: KeyUse::Derive,
        ways: Ways::default(),
        depth: 0,
        is_key_pair: false,
    }
}

pub fn orders_of_others() {
    let house = House::new();
    let one: &One = &house.province;
    let text = |id: &str| {
        one.hsm
            .draft(&[Operation::Generate(spec(id))], FAR)
            .unwrap()
            .remove(0)
    };
    let order = text("NEW/0");
    let by = |names: &[&str]| {
        names
            .iter()
            .map(|name| signed(&order, name))
            .collect::<Vec<_>>()
    };
    refused(one.hsm.execute(&order, &[]), "NeedTwoOfficers");
    refused(one.hsm.execute(&order, &by(&["li"])), "NeedTwoOfficers");
    refused(one.hsm.execute(&order, &by(&["li", "li"])), "SameOfficer");
    refused(
        one.hsm.execute(&order, &by(&["li", "stranger"])),
        "NoSuchOfficer",
    );
    let changed = order.replace("NEW/0", "OLD/0");
    refused(
        one.hsm.execute(&changed, &by(&["li", "zhang"])),
        "BadSignature",
    );
    refused(one.hsm.execute("{}", &by(&["li", "zhang"])), "BadRequest");
    let late = one
        .hsm
        .draft(&[Operation::Generate(spec("NEW/0"))], 1)
        .unwrap()
        .remove(0);
    let both = [signed(&late, "li"), signed(&late, "zhang")];
    refused(one.hsm.execute(&late, &both), "OrderExpired");
    one.hsm.execute(&order, &by(&["li", "zhang"])).unwrap();
    refused(
        one.hsm.execute(&order, &by(&["li", "zhang"])),
        "OrderReplayed",
    );
    refused(
        house.ministry.hsm.execute(&order, &by(&["li", "zhang"])),
        "WrongHsm",
    );
    refused(one.order(Operation::Generate(spec("NEW/0"))), "KeyExists");
    let twin = officer("li");
    let again = Operation::EnrolOfficer {
        name: twin.name,
        public_key: twin.public_key,
    };
    refused(one.order(again), "OfficerExists");
    // The operator's side signs with keys of that use only.
    refused(house.ministry.hsm.sign("SM2_ROOT/0", b"x"), "NotPermitted");
    refused(one.hsm.sign("UK1_DDF1/1", b"x"), "NotPermitted");
    one.hsm.sign("SM2_ISSUER/0", b"x").unwrap();
}

pub fn packages_of_others() {
    let house = House::new();
    let lower = tier("prefecture", "4101");
    let (province, prefecture) = (&house.province, &house.prefecture);
    let import = |text: &str| prefecture.order(Operation::ImportPackage(text.into()));
    let first = province.hsm.last_package("lower").unwrap();
    // The last one again: its answer may have been lost. Nothing changes.
    let held = prefecture.hsm.keys().unwrap().len();
    import(&first).unwrap();
    let second = province.package_for("lower", &lower).unwrap();
    let third = province.package_for("lower", &lower).unwrap();
    refused(import(&third), "PackageOutOfSequence");
    // The same keys again are held already; they stay, and the next package has its place.
    import(&second).unwrap();
    refused(import(&first), "PackageOutOfSequence");
    assert_eq!(prefecture.hsm.keys().unwrap().len(), held);
    let second = third;
    refused(import("{}"), "BadPackage");
    refused(import(&second.replace("test", "tost")), "PackageAltered");
    let digit = second.rfind("\\\"wrapped\\\":\\\"").unwrap() + 14;
    let mut flipped = second.clone().into_bytes();
    flipped[digit] = if flipped[digit] == b'0' { b'1' } else { b'0' };
    refused(
        import(&String::from_utf8(flipped).unwrap()),
        "PackageAltered",
    );
    let ministrys = house.ministry.hsm.last_package("lower").unwrap();
    refused(import(&ministrys), "UnknownPeer");
    house
        .ministry
        .enrol("prefecture", PeerKind::Upper, &prefecture.identity());
    refused(
        house
            .ministry
            .package_for("prefecture", &tier("province", "41")),
        "WrongPeerKind",
    );
    refused(house.ministry.hsm.last_package("nobody"), "UnknownPeer");
}
