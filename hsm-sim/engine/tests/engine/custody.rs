//! Custodians: components become keys, back-ups open with enough shares of their own, transcripts follow each other;
//! everything else is refused by name and changes nothing.

use crate::common::*;
use hsm_wire::attributes::Origin;
use hsm_wire::custody::{
    BackedUp, CombinedKey, Component, Confided, Custody, ENTRY_FORMAT, Entry, GivenShare, SealBody,
};
use hsm_wire::officer::{OrderDone, OrderOp};
use hsm_wire::{ErrorCode, Hex, HsmError, Mark, Usage, gm};

pub const CEREMONY: Hex<32> = Hex([7; 32]);
const PEOPLE: [&str; 5] = ["chen", "chu", "wei", "jiang", "shen"];

fn hsm_with_keys(mark: Mark) -> Hsm {
    let mut hsm = Hsm::new(mark);
    for id in ["A/0", "B/0"] {
        let attributes = sm4(id, Usage::Derive, 0, (Some(1), Some(0), Some(1)));
        hsm.random_key(id, attributes).ok().unwrap();
    }
    hsm.random_key("PAIR/0", sm2("PAIR", Usage::SignByOrder))
        .ok()
        .unwrap();
    hsm
}

fn confided(custodian: &str, ceremony: Hex<32>) -> Confided {
    Confided {
        format: ENTRY_FORMAT.to_owned(),
        ceremony,
        custodian: custodian.to_owned(),
        passphrase: Some(format!("passphrase of {custodian}")),
        components: Vec::new(),
    }
}

pub fn entry(hsm: &Hsm, custodian: &str) -> Entry {
    confided(custodian, CEREMONY)
        .seal(&hsm.info().encryption_key)
        .unwrap()
}

pub fn custody(hsm: &Hsm, threshold: u8, people: &[&str]) -> Custody {
    Custody {
        threshold,
        custodians: people.iter().map(|name| entry(hsm, name)).collect(),
        memory_kib: Some(1024),
    }
}

pub fn back_up(hsm: &mut Hsm, ids: &[&str], threshold: u8, people: &[&str]) -> BackedUp {
    let op = OrderOp::BackUpKeys {
        ceremony: CEREMONY,
        keys: ids.iter().map(|id| (*id).to_owned()).collect(),
        custody: custody(hsm, threshold, people),
    };
    match hsm.order(op).unwrap() {
        OrderDone::BackedUp(made) => *made,
        _ => panic!("no back-up"),
    }
}

/// Shares of these people, each with an entry for this HSM.
pub fn given(hsm: &Hsm, made: &BackedUp, people: &[&str]) -> Vec<GivenShare> {
    let share = |name: &&str| GivenShare {
        share: made
            .shares
            .iter()
            .find(|(n, _)| n == name)
            .unwrap()
            .1
            .clone(),
        entry: entry(hsm, name),
    };
    people.iter().map(share).collect()
}

fn restore(hsm: &mut Hsm, made: &BackedUp, shares: Vec<GivenShare>) -> Result<OrderDone, HsmError> {
    hsm.order(OrderOp::RestoreKeys {
        ceremony: CEREMONY,
        backup: made.backup.clone(),
        shares,
    })
}

fn values(hsm: &mut Hsm) -> Vec<(String, Hex<3>)> {
    use hsm_wire::operator::{OperatorAnswer, OperatorRequest};
    match hsm.engine.operator(OperatorRequest::ListKeys).unwrap() {
        OperatorAnswer::Keys(keys) => keys.into_iter().map(|k| (k.id, k.check_value)).collect(),
        _ => panic!("no keys"),
    }
}

#[test]
fn any_three_of_five_give_the_keys_back_to_a_new_hsm() {
    let mut old = hsm_with_keys(Mark::Test);
    let made = back_up(&mut old, &["A/0", "B/0", "PAIR/0"], 3, &PEOPLE);
    assert_eq!(made.shares.len(), 5);
    for (at, people) in [[0, 1, 2], [2, 3, 4], [4, 0, 3]].into_iter().enumerate() {
        let people = people.map(|n| PEOPLE[n]);
        let mut new = Hsm::new(Mark::Test);
        let shares = given(&new, &made, &people);
        let Ok(OrderDone::Keys(keys)) = restore(&mut new, &made, shares) else {
            panic!("trial {at}");
        };
        assert!(
            keys.iter()
                .all(|key| key.origin == Origin::Restored(CEREMONY))
        );
        assert_eq!(values(&mut new), values(&mut old));
        // Again: what is there, the same, stays.
        let shares = given(&new, &made, &people);
        assert!(restore(&mut new, &made, shares).is_ok());
        assert_eq!(values(&mut new), values(&mut old));
    }
}

#[test]
fn what_must_not_open_a_backup_does_not() {
    let mut old = hsm_with_keys(Mark::Test);
    let made = back_up(&mut old, &["A/0", "B/0"], 3, &PEOPLE);
    let other = back_up(&mut old, &["A/0", "B/0"], 3, &PEOPLE);
    let mut new = Hsm::new(Mark::Test);
    let three = ["chen", "chu", "wei"];
    let good = given(&new, &made, &three);

    let refused = |new: &mut Hsm, shares: Vec<GivenShare>, expected: ErrorCode, what: &str| {
        assert_eq!(code(restore(new, &made, shares)), expected, "{what}");
        assert!(values(new).is_empty(), "{what}");
    };
    refused(
        &mut new,
        good[..2].to_vec(),
        ErrorCode::TooFewShares,
        "two of three",
    );
    refused(&mut new, vec![], ErrorCode::TooFewShares, "none");
    let twice = vec![good[0].clone(), good[0].clone(), good[1].clone()];
    refused(&mut new, twice, ErrorCode::ShareTwice, "one twice");
    let mut foreign = good.clone();
    foreign[2] = given(&new, &other, &["wei"]).remove(0);
    refused(
        &mut new,
        foreign,
        ErrorCode::ForeignShare,
        "another splitting",
    );
    let all_foreign = given(&new, &other, &three);
    refused(
        &mut new,
        all_foreign,
        ErrorCode::ForeignShare,
        "another back-up",
    );
    let mut wrong = good.clone();
    let mut secret = confided("chu", CEREMONY);
    secret.passphrase = Some("not the passphrase".into());
    wrong[1].entry = secret.seal(&new.info().encryption_key).unwrap();
    refused(
        &mut new,
        wrong,
        ErrorCode::WrongPassphrase,
        "wrong passphrase",
    );
    let mut swapped = good.clone();
    swapped[0].entry = good[1].entry.clone();
    refused(&mut new, swapped, ErrorCode::BadEntry, "another's entry");
    let mut stale = good.clone();
    stale[0].entry = confided("chen", Hex([8; 32]))
        .seal(&new.info().encryption_key)
        .unwrap();
    refused(
        &mut new,
        stale,
        ErrorCode::BadEntry,
        "another ceremony's entry",
    );
    let mut elsewhere = good.clone();
    elsewhere[0].entry = entry(&old, "chen");
    refused(
        &mut new,
        elsewhere,
        ErrorCode::BadEntry,
        "an entry for another HSM",
    );
    let mut unsaid = good.clone();
    let mut silent = confided("chen", CEREMONY);
    silent.passphrase = None;
    unsaid[0].entry = silent.seal(&new.info().encryption_key).unwrap();
    refused(&mut new, unsaid, ErrorCode::BadCustody, "no passphrase");
    let mut demo = Hsm::new(Mark::Demo);
    let shares = given(&demo, &made, &three);
    assert_eq!(
        code(restore(&mut demo, &made, shares)),
        ErrorCode::MarkMismatch
    );
    assert!(restore(&mut new, &made, good).is_ok());
}

#[test]
fn a_backup_or_share_changed_at_any_byte_gives_nothing() {
    let mut old = hsm_with_keys(Mark::Test);
    let made = back_up(&mut old, &["A/0"], 2, &PEOPLE[..2]);
    let mut new = Hsm::new(Mark::Test);
    let good = given(&new, &made, &PEOPLE[..2]);
    for at in 0..made.backup.len() {
        let Some(changed) = flipped(&made.backup, at) else {
            continue;
        };
        let changed = BackedUp {
            backup: changed,
            ..made.clone()
        };
        assert_nothing(
            &mut new,
            restore_of(&changed, good.clone()),
            &made.backup,
            at,
        );
    }
    for at in 0..good[0].share.len() {
        let Some(changed) = flipped(&good[0].share, at) else {
            continue;
        };
        let mut shares = good.clone();
        shares[0].share = changed;
        assert_nothing(&mut new, restore_of(&made, shares), &good[0].share, at);
    }
    assert!(restore(&mut new, &made, good).is_ok());
}

fn restore_of(made: &BackedUp, shares: Vec<GivenShare>) -> OrderOp {
    OrderOp::RestoreKeys {
        ceremony: CEREMONY,
        backup: made.backup.clone(),
        shares,
    }
}

/// One digit or letter made another; white space of the layout means nothing, the case of a hexadecimal digit neither.
fn flipped(text: &str, at: usize) -> Option<String> {
    let mut bytes = text.as_bytes().to_vec();
    if bytes[at].is_ascii_whitespace() {
        return None;
    }
    bytes[at] ^= 1;
    String::from_utf8(bytes).ok()
}

fn assert_nothing(hsm: &mut Hsm, op: OrderOp, text: &str, at: usize) {
    let answered = hsm.order(op);
    let place = &text[at.saturating_sub(8)..(at + 8).min(text.len())];
    assert!(
        answered.is_err(),
        "byte {at} of a file changed, near {place}"
    );
    assert!(values(hsm).is_empty());
}

#[test]
fn shared_anew_the_old_shares_open_the_new_backup_no_more() {
    let mut old = hsm_with_keys(Mark::Test);
    let made = back_up(&mut old, &["A/0", "PAIR/0"], 2, &PEOPLE[..3]);
    let mut new = Hsm::new(Mark::Test);
    let op = OrderOp::ReshareKeys {
        ceremony: CEREMONY,
        backup: made.backup.clone(),
        shares: given(&new, &made, &PEOPLE[..2]),
        custody: custody(&new, 2, &["yang", "zhu"]),
    };
    let Ok(OrderDone::BackedUp(anew)) = new.order(op) else {
        panic!("not shared anew");
    };
    assert!(values(&mut new).is_empty(), "sharing anew brings no key in");
    let old_shares = given(&new, &made, &PEOPLE[..2]);
    assert_eq!(
        code(restore(&mut new, &anew, old_shares)),
        ErrorCode::ForeignShare
    );
    let shares = given(&new, &anew, &["yang", "zhu"]);
    let Ok(OrderDone::Keys(keys)) = restore(&mut new, &anew, shares) else {
        panic!("not restored");
    };
    assert_eq!(keys.len(), 2);
}

#[test]
fn what_may_not_be_backed_up_is_not() {
    let mut hsm = hsm_with_keys(Mark::Demo);
    let counted = hsm_wire::KeyAttributes {
        quota: Some(3),
        ..sm4("Q", Usage::Mac, 0, (Some(0), None, None))
    };
    hsm.random_key("Q/0", counted).ok().unwrap();
    let cheap = custody(&hsm, 2, &PEOPLE[..2]);
    let dear = |threshold, people: &[&str]| Custody {
        memory_kib: None,
        ..custody(&hsm, threshold, people)
    };
    let (whole, one, high) = (
        dear(2, &PEOPLE[..2]),
        dear(2, &PEOPLE[..1]),
        dear(3, &PEOPLE[..2]),
    );
    let twice = dear(2, &["chen", "chen"]);
    for (ids, custody, expected, what) in [
        (
            vec!["Q/0"],
            &whole,
            ErrorCode::NotPermitted,
            "a key with a quota",
        ),
        (
            vec!["X/0"],
            &whole,
            ErrorCode::NoSuchKey,
            "a key that is not there",
        ),
        (vec![], &whole, ErrorCode::BadRequest, "nothing"),
        (
            vec!["A/0", "A/0"],
            &whole,
            ErrorCode::BadRequest,
            "one twice",
        ),
        (
            vec!["A/0"],
            &cheap,
            ErrorCode::BadCustody,
            "a cheap passphrase check outside TEST",
        ),
        (vec!["A/0"], &one, ErrorCode::BadCustody, "one custodian"),
        (
            vec!["A/0"],
            &high,
            ErrorCode::BadCustody,
            "a threshold nobody reaches",
        ),
        (
            vec!["A/0"],
            &twice,
            ErrorCode::BadCustody,
            "one person twice",
        ),
    ] {
        let op = OrderOp::BackUpKeys {
            ceremony: CEREMONY,
            keys: ids.into_iter().map(str::to_owned).collect(),
            custody: custody.clone(),
        };
        assert_eq!(code(hsm.order(op)), expected, "{what}");
    }
}

fn with_component(name: &str, id: &str, bytes: &str, check_value: &str) -> Confided {
    let mut confided = confided(name, CEREMONY);
    confided.components.push(Component {
        key: id.to_owned(),
        check_value: Hex::parse(check_value).unwrap(),
        bytes: bytes.to_owned(),
    });
    confided
}

/// What OpenSSL encrypts a zero block to.
fn check_value(key: &str) -> String {
    let out = crate::oracles::openssl(&["enc", "-sm4-ecb", "-nopad", "-K", key], &[0; 16]);
    hex::encode_upper(&out[..3])
}

/// Two people's components of a new key.
pub fn combination(hsm: &Hsm) -> OrderOp {
    let parts = [("chen", "11"), ("chu", "22")].map(|(name, byte)| {
        let bytes = byte.repeat(16);
        with_component(name, "N/0", &bytes, &check_value(&bytes))
    });
    combined_from(hsm, &parts, None)
}

fn combined_from(hsm: &Hsm, parts: &[Confided], known: Option<&str>) -> OrderOp {
    let key = hsm.info().encryption_key;
    OrderOp::CombineKeys {
        ceremony: CEREMONY,
        keys: vec![CombinedKey {
            id: "N/0".into(),
            attributes: sm4("N", Usage::Derive, 0, (Some(1), None, None)),
            check_value: known.map(|text| Hex::parse(text).unwrap()),
        }],
        components: parts.iter().map(|part| part.seal(&key).unwrap()).collect(),
    }
}

fn combine(hsm: &mut Hsm, parts: &[Confided], known: Option<&str>) -> Result<OrderDone, HsmError> {
    let op = combined_from(hsm, parts, known);
    hsm.order(op)
}

#[test]
fn components_of_different_people_become_one_key() {
    let (one, two) = (
        "00112233445566778899AABBCCDDEEFF",
        "0132547698BADCFE7654321089ABCDEF",
    );
    let xor = |a: &str, b: &str| {
        let (a, b) = (hex::decode(a).unwrap(), hex::decode(b).unwrap());
        hex::encode_upper(a.iter().zip(b).map(|(a, b)| a ^ b).collect::<Vec<u8>>())
    };
    let whole = check_value(&xor(one, two));
    let (kcv1, kcv2) = (check_value(one), check_value(two));
    let parts = || {
        [
            with_component("chen", "N/0", one, &kcv1),
            with_component("chu", "N/0", two, &kcv2),
        ]
    };
    let mut hsm = Hsm::new(Mark::Production);
    let refused = |hsm: &mut Hsm, parts: &[Confided], known, expected, what: &str| {
        assert_eq!(code(combine(hsm, parts, known)), expected, "{what}");
        assert!(values(hsm).is_empty(), "{what}");
    };
    use ErrorCode::{BadComponents, BadEntry, CheckValueMismatch};
    refused(&mut hsm, &parts()[..1], None, BadComponents, "one person");
    let same = [
        with_component("chen", "N/0", one, &kcv1),
        with_component("chu", "N/0", one, &kcv1),
    ];
    refused(&mut hsm, &same, None, BadComponents, "equal components");
    let person = [
        with_component("chen", "N/0", one, &kcv1),
        with_component("chen", "N/0", two, &kcv2),
    ];
    refused(&mut hsm, &person, None, BadComponents, "one person twice");
    let mistyped = [
        with_component("chen", "N/0", one, &kcv2),
        with_component("chu", "N/0", two, &kcv2),
    ];
    refused(
        &mut hsm,
        &mistyped,
        None,
        CheckValueMismatch,
        "a component mistyped",
    );
    let missing = [
        with_component("chen", "N/0", one, &kcv1),
        with_component("chu", "M/0", two, &kcv2),
    ];
    refused(
        &mut hsm,
        &missing,
        None,
        BadComponents,
        "a component of another key",
    );
    refused(
        &mut hsm,
        &parts(),
        Some("000000"),
        CheckValueMismatch,
        "another result than known",
    );
    let mut stale = parts();
    stale[1].ceremony = Hex([9; 32]);
    refused(&mut hsm, &stale, None, BadEntry, "another ceremony's entry");
    let Ok(OrderDone::Keys(keys)) = combine(&mut hsm, &parts(), Some(&whole)) else {
        panic!("not combined");
    };
    assert_eq!(keys[0].check_value.to_string(), whole);
    assert_eq!(keys[0].origin, Origin::Components(CEREMONY));
    assert_eq!(
        code(combine(&mut hsm, &parts(), None)),
        ErrorCode::KeyExists
    );
}

#[test]
fn transcripts_follow_each_other_and_an_answer_can_be_asked_for_again() {
    let mut hsm = Hsm::new(Mark::Demo);
    let seal = |hsm: &mut Hsm, previous: Hex<32>, transcript: Hex<32>| {
        hsm.order(OrderOp::SealTranscript {
            ceremony: CEREMONY,
            previous,
            transcript,
        })
    };
    let (zero, first, second) = (Hex([0; 32]), Hex([1; 32]), Hex([2; 32]));
    assert_eq!(
        code(seal(&mut hsm, first, second)),
        ErrorCode::CeremonyOutOfSequence
    );
    let Ok(OrderDone::Sealed(one)) = seal(&mut hsm, zero, first) else {
        panic!()
    };
    let key = hsm.info().signing_key;
    gm::verify(&key, one.text.as_bytes(), &one.signature).unwrap();
    let body: SealBody = serde_json::from_str(&one.text).unwrap();
    assert_eq!(
        (body.number, body.previous, body.transcript),
        (1, zero, first)
    );
    let Ok(OrderDone::Sealed(again)) = seal(&mut hsm, zero, first) else {
        panic!()
    };
    assert_eq!(*again, *one);
    assert_eq!(
        code(seal(&mut hsm, zero, second)),
        ErrorCode::CeremonyOutOfSequence,
        "a fork"
    );
    assert!(seal(&mut hsm, first, second).is_ok());
    assert_eq!(hsm.info().ceremonies.count, 2);
    // Journal and snapshot keep the chain.
    hsm.engine.compact();
    let mut hsm = hsm.reopen();
    assert_eq!(
        (hsm.info().ceremonies.count, hsm.info().ceremonies.hash),
        (2, second)
    );
    assert_eq!(
        code(seal(&mut hsm, zero, first)),
        ErrorCode::CeremonyOutOfSequence
    );
    assert!(seal(&mut hsm, second, Hex([3; 32])).is_ok());
    assert_eq!(hsm.reopen().info().ceremonies.count, 3);
}

#[test]
fn no_share_or_backup_holds_a_key_in_the_clear() {
    let mut hsm = Hsm::new(Mark::Test);
    let attributes = sm4("T", Usage::Derive, 0, (Some(1), None, None));
    hsm.test_key("T/0", attributes, "RHC-TEST-T-v0");
    use sm3::{Digest, Sm3};
    let key = hex::encode_upper(&Sm3::digest("RHC-TEST-T-v0")[..16]);
    let made = back_up(&mut hsm, &["T/0"], 2, &PEOPLE[..2]);
    let shares = made.shares.iter().map(|(_, text)| text.clone());
    for text in shares.chain([made.backup.clone()]) {
        let upper = text.to_uppercase();
        assert!(
            !upper.contains(&key) && !upper.contains("PASSPHRASE OF"),
            "in the clear"
        );
    }
}
