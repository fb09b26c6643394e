//! Leases: a lower HSM works while the upper one lets it, by its own clock; suspended, revoked, run out, withdrawn or used
//! up it refuses by name; and a lease changed at any byte, of another, older or for another is no lease.
#![allow(clippy::unwrap_used)]

use crate::common::*;
use hsm_wire::lease::{LeaseBody, LeaseFile, LeaseStatus, ReceiptBody, Standing, Terms};
use hsm_wire::officer::{ExportEntry, ImportReport, OrderDone, OrderOp, PeerKind};
use hsm_wire::operator::{OperatorAnswer, OperatorRequest};
use hsm_wire::ticket::Target;
use hsm_wire::{ErrorCode, HsmError, Mark, gm};
use sm3::{Digest, Sm3};

const LEASE: u64 = 300;

fn terms() -> Terms {
    Terms {
        lease_seconds: LEASE,
        standing: Standing::Active,
        withdrawn: vec![],
        quota: None,
    }
}

fn set(upper: &mut Hsm, terms: Terms) -> Result<OrderDone, HsmError> {
    upper.order(OrderOp::SetTerms {
        peer: "lower".into(),
        terms,
    })
}

fn issue(upper: &mut Hsm) -> Result<String, HsmError> {
    let peer = "lower".to_owned();
    match upper
        .engine
        .operator(OperatorRequest::IssueLease { peer })?
    {
        OperatorAnswer::Lease(text) => Ok(text),
        _ => panic!("no lease"),
    }
}

fn take(lower: &mut Hsm, lease: &str) -> Result<(), HsmError> {
    let lease = lease.to_owned();
    lower
        .engine
        .operator(OperatorRequest::TakeLease { lease })
        .map(drop)
}

fn leases(hsm: &mut Hsm) -> Vec<LeaseStatus> {
    match hsm.engine.operator(OperatorRequest::Leases).unwrap() {
        OperatorAnswer::Leases(all) => all,
        _ => panic!("no leases"),
    }
}

fn hand_down(
    upper: &mut Hsm,
    lower: &mut Hsm,
    key: &str,
) -> Result<(String, ImportReport), HsmError> {
    let op = OrderOp::ExportPackage {
        receiver: "lower".into(),
        purpose: "keys".into(),
        entries: vec![ExportEntry {
            key: key.into(),
            factors: vec![],
            new_id: format!("{key}@41"),
            leaves: None,
        }],
        payload: String::new(),
    };
    let OrderDone::Package(package) = upper.order(op)? else {
        panic!("no package")
    };
    let op = OrderOp::ImportPackage {
        package: package.clone(),
    };
    match lower.order(op)? {
        OrderDone::Imported(report) => Ok((package, *report)),
        _ => panic!("no report"),
    }
}

/// Upper and lower know each other; the lower one can fill cards.
fn house() -> (Hsm, Hsm) {
    let (mut upper, mut lower) = (
        Hsm::province(Mark::Test, None),
        Hsm::province(Mark::Test, None),
    );
    upper.enrol("lower", PeerKind::Lower, &lower.info());
    lower.enrol("upper", PeerKind::Upper, &upper.info());
    lower.ticket("many", Target::Card, 10, &["transport", "CMK"]);
    (upper, lower)
}

fn fill(hsm: &mut Hsm, chip: u8) -> Result<(), ErrorCode> {
    let mut request = for_factor(hsm.card_request(), [chip; 8]);
    request.ticket = "many".to_owned();
    hsm.fill(Target::Card, request)
        .map(drop)
        .map_err(|e| e.code)
}

fn at(hsm: &Hsm, now: u64) {
    hsm.clock.0.store(now, std::sync::atomic::Ordering::SeqCst);
}

#[test]
fn a_lower_hsm_stops_when_its_lease_runs_out_and_goes_on_with_a_fresh_one() {
    let (mut upper, mut lower) = house();
    assert_eq!(issue(&mut upper).unwrap_err().code, ErrorCode::NoTerms);
    fill(&mut lower, 1).unwrap();
    set(&mut upper, terms()).unwrap();
    // The first package begins the first lease, by the receiver's clock.
    hand_down(&mut upper, &mut lower, "CMK").unwrap();
    for (now, expected) in [
        (NOW, Ok(())),
        (NOW + LEASE, Ok(())),
        (NOW + LEASE + 1, Err(ErrorCode::LeaseExpired)),
    ] {
        at(&lower, now);
        assert_eq!(fill(&mut lower, 2), expected, "{now}");
    }
    // A further package prolongs nothing.
    hand_down(&mut upper, &mut lower, "cvk").unwrap();
    assert_eq!(fill(&mut lower, 2), Err(ErrorCode::LeaseExpired));
    at(&upper, NOW + LEASE + 1);
    let lease = issue(&mut upper).unwrap();
    take(&mut lower, &lease).unwrap();
    fill(&mut lower, 2).unwrap();
    // Also after a restart, and with the clock set back.
    let mut lower = lower.reopen();
    at(&lower, NOW);
    assert_eq!(fill(&mut lower, 3), Err(ErrorCode::LeaseExpired));
    at(&lower, NOW + 2 * LEASE + 1);
    fill(&mut lower, 3).unwrap();
    at(&lower, NOW + 2 * LEASE + 2);
    assert_eq!(fill(&mut lower, 3), Err(ErrorCode::LeaseExpired));
    assert_eq!(
        take(&mut lower, &lease).unwrap_err().code,
        ErrorCode::LeaseRefused
    );
}

#[test]
fn suspended_is_stopped_at_once_and_revoked_for_good() {
    let (mut upper, mut lower) = house();
    set(&mut upper, terms()).unwrap();
    hand_down(&mut upper, &mut lower, "CMK").unwrap();
    let before = issue(&mut upper).unwrap();
    set(
        &mut upper,
        Terms {
            standing: Standing::Suspended,
            ..terms()
        },
    )
    .unwrap();
    let stop = issue(&mut upper).unwrap();
    take(&mut lower, &stop).unwrap();
    assert_eq!(fill(&mut lower, 1), Err(ErrorCode::TierSuspended));
    // The lease from before does not help, nor does a package.
    assert_eq!(
        take(&mut lower, &before).unwrap_err().code,
        ErrorCode::LeaseRefused
    );
    let refused = hand_down(&mut upper, &mut lower, "cvk").err().unwrap();
    assert_eq!(refused.code, ErrorCode::TierSuspended);
    set(&mut upper, terms()).unwrap();
    let go_on = issue(&mut upper).unwrap();
    take(&mut lower, &go_on).unwrap();
    fill(&mut lower, 1).unwrap();
    set(
        &mut upper,
        Terms {
            standing: Standing::Revoked,
            ..terms()
        },
    )
    .unwrap();
    let end = issue(&mut upper).unwrap();
    take(&mut lower, &end).unwrap();
    assert_eq!(fill(&mut lower, 1), Err(ErrorCode::TierRevoked));
    assert_eq!(
        set(&mut upper, terms()).err().unwrap().code,
        ErrorCode::TierRevoked
    );
}

#[test]
fn a_stopped_tier_lets_nobody_below_go_on() {
    let (mut top, mut middle) = house();
    let mut bottom = Hsm::province(Mark::Test, None);
    middle.enrol("bottom", PeerKind::Lower, &bottom.info());
    bottom.enrol("above", PeerKind::Upper, &middle.info());
    let order = |standing| OrderOp::SetTerms {
        peer: "bottom".into(),
        terms: Terms {
            standing,
            ..terms()
        },
    };
    middle.order(order(Standing::Active)).unwrap();
    let draw = |middle: &mut Hsm| {
        let peer = "bottom".to_owned();
        middle.engine.operator(OperatorRequest::IssueLease { peer })
    };
    // For no longer than the lease above.
    set(
        &mut top,
        Terms {
            lease_seconds: 60,
            ..terms()
        },
    )
    .unwrap();
    let lease = issue(&mut top).unwrap();
    take(&mut middle, &lease).unwrap();
    let OperatorAnswer::Lease(text) = draw(&mut middle).unwrap() else {
        panic!("no lease")
    };
    take(&mut bottom, &text).unwrap();
    assert_eq!(leases(&mut bottom)[0].not_after, Some(NOW + 60));
    set(
        &mut top,
        Terms {
            standing: Standing::Suspended,
            ..terms()
        },
    )
    .unwrap();
    let stop = issue(&mut top).unwrap();
    take(&mut middle, &stop).unwrap();
    assert_eq!(
        draw(&mut middle).err().unwrap().code,
        ErrorCode::TierSuspended
    );
    // What stops goes through all the same.
    middle.order(order(Standing::Suspended)).unwrap();
    draw(&mut middle).unwrap();
}

#[test]
fn keys_are_withdrawn_and_a_quota_shrinks() {
    let (mut upper, mut lower) = house();
    let narrow = |withdrawn: &[&str], quota| Terms {
        withdrawn: withdrawn.iter().map(|id| (*id).to_owned()).collect(),
        quota,
        ..terms()
    };
    set(&mut upper, narrow(&[], Some(2))).unwrap();
    let lease = issue(&mut upper).unwrap();
    take(&mut lower, &lease).unwrap();
    fill(&mut lower, 1).unwrap();
    fill(&mut lower, 2).unwrap();
    assert_eq!(fill(&mut lower, 3), Err(ErrorCode::QuotaUsedUp));
    // A chip that was begun costs nothing further.
    fill(&mut lower, 2).unwrap();
    assert_eq!(leases(&mut lower)[0].spent, 2);
    set(&mut upper, narrow(&["national"], None)).unwrap();
    let lease = issue(&mut upper).unwrap();
    take(&mut lower, &lease).unwrap();
    assert_eq!(fill(&mut lower, 3), Err(ErrorCode::KeyWithdrawn));
    set(&mut upper, narrow(&[], Some(1))).unwrap();
    let lease = issue(&mut upper).unwrap();
    take(&mut lower, &lease).unwrap();
    assert_eq!(fill(&mut lower, 3), Err(ErrorCode::QuotaUsedUp));
}

#[test]
fn a_lease_changed_at_any_byte_or_for_another_is_no_lease() {
    let (mut upper, mut lower) = house();
    let (_, mut other) = house();
    other.enrol("above", PeerKind::Upper, &upper.info());
    set(&mut upper, terms()).unwrap();
    let lease = issue(&mut upper).unwrap();
    let mut tried = 0;
    for place in 0..lease.len() {
        let mut bytes = lease.clone().into_bytes();
        bytes[place] ^= 1;
        let Ok(changed) = String::from_utf8(bytes) else {
            continue;
        };
        let refused = take(&mut lower, &changed).unwrap_err().code;
        assert!(
            matches!(
                refused,
                ErrorCode::LeaseRefused | ErrorCode::PackageNotForUs | ErrorCode::UnknownPeer
            ),
            "byte {place}: {refused}"
        );
        tried += 1;
    }
    assert!(leases(&mut lower).is_empty(), "nothing changed");
    println!("leases: {tried} changed bytes, all refused by name");
    assert_eq!(
        take(&mut other, &lease).unwrap_err().code,
        ErrorCode::PackageNotForUs
    );
    // Who signs for himself is nobody.
    let file: LeaseFile = serde_json::from_str(&lease).unwrap();
    let mut body: LeaseBody = serde_json::from_str(&file.body).unwrap();
    body.not_after += 1;
    let body = serde_json::to_string(&body).unwrap();
    let key = gm::PrivateKey::generate().unwrap();
    let forged = LeaseFile {
        signature: key.sign(body.as_bytes()).unwrap(),
        body,
    };
    let forged = serde_json::to_string(&forged).unwrap();
    assert_eq!(
        take(&mut lower, &forged).unwrap_err().code,
        ErrorCode::LeaseRefused
    );
    take(&mut lower, &lease).unwrap();
    assert_eq!(
        take(&mut lower, &lease).unwrap_err().code,
        ErrorCode::LeaseRefused
    );
}

#[test]
fn an_import_is_answered_with_a_signed_receipt() {
    let (mut upper, mut lower) = house();
    let (package, report) = hand_down(&mut upper, &mut lower, "CMK").unwrap();
    let file: LeaseFile = serde_json::from_str(&report.receipt).unwrap();
    gm::verify(
        &lower.info().signing_key,
        file.body.as_bytes(),
        &file.signature,
    )
    .unwrap();
    let receipt: ReceiptBody = serde_json::from_str(&file.body).unwrap();
    let (package, _) = hsm_wire::package::read(&package).unwrap();
    assert_eq!(receipt.package.0[..], Sm3::digest(&package.body)[..]);
    assert_eq!((receipt.sequence, receipt.keys), (1, 1));
    assert_eq!(
        (receipt.sender, receipt.receiver),
        (lower.info().id, upper.info().id)
    );
}
