//! The project's one vector file (made with OpenSSL by `tests/vectors/chain.py`), as far as it concerns an HSM: test
//! roots, the 57 keys of a card, SM2 keys, and three personalisation sessions to the byte.
#![allow(clippy::unwrap_used)]

use crate::common::*;
use hsm_wire::fill::{Level, Segment, SessionKey, Step};
use hsm_wire::officer::{KeySource, OrderDone, OrderOp};
use hsm_wire::ticket::Target;
use hsm_wire::{BaseClass, Hex, KeyAttributes, Mark, Usage};
use toml::{Table, Value};

fn vectors() -> Table {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../tests/vectors/chain.toml"
    );
    std::fs::read_to_string(path).unwrap().parse().unwrap()
}

fn text<'a>(table: &'a Value, name: &str) -> &'a str {
    table[name].as_str().unwrap()
}

fn raw(hsm: &mut Hsm, id: &str, attributes: KeyAttributes, bytes: &str) -> String {
    match hsm
        .order(OrderOp::ImportRaw {
            id: id.into(),
            attributes,
            bytes: bytes.into(),
        })
        .unwrap()
    {
        OrderDone::Key(info) => info.check_value.to_string(),
        _ => panic!("no key"),
    }
}

/// Check values of slots: the only thing that an HSM says about derived keys.
fn check_values(hsm: &mut Hsm, slots: Vec<hsm_wire::fill::Derived>) -> Vec<String> {
    let mut request = hsm.card_request();
    request.slots = slots;
    request.mac_texts.clear();
    request.steps.truncate(1);
    let answer = hsm.fill(Target::Card, request).unwrap();
    answer
        .check_values
        .iter()
        .map(ToString::to_string)
        .collect()
}

#[test]
fn the_chain() {
    let all = vectors();
    let chain = &all["chain"];
    let mut hsm = Hsm::province(Mark::Test, None);
    let derive = |depth| sm4("k", Usage::Derive, depth, (None, None, Some(1)));
    assert_eq!(
        raw(&mut hsm, "root", derive(0), text(chain, "root")),
        text(chain, "kcv")
    );
    let kp = raw(&mut hsm, "kp", derive(1), text(chain, "kp"));
    let kc = raw(&mut hsm, "kc", derive(2), text(chain, "kc"));
    assert_eq!(text(chain, "province_factor"), hex::encode_upper(PROVINCE));
    assert_eq!(text(chain, "card_factor"), hex::encode_upper(CARD));
    let mut province_request = hsm.card_request();
    province_request.factor = PROVINCE;
    province_request.base = key("transport", &[PROVINCE]);
    province_request.slots = vec![key("root", &[PROVINCE])];
    province_request.mac_texts.clear();
    province_request.steps.truncate(1);
    let answer = hsm.fill(Target::Card, province_request).unwrap();
    assert_eq!(answer.check_values[0].to_string(), kp);
    assert_eq!(
        check_values(
            &mut hsm,
            vec![key("root", &[PROVINCE, CARD]), key("kp", &[CARD])]
        ),
        [kc.clone(), kc]
    );
}

#[test]
fn every_test_root_and_every_key_of_the_card() {
    let all = vectors();
    let mut hsm = Hsm::province(Mark::Test, None);
    let mut slots = Vec::new();
    let mut expected = Vec::new();
    for root in all["root"].as_array().unwrap() {
        let (name, version, scope) = (
            text(root, "name"),
            root["version"].as_integer().unwrap(),
            text(root, "scope"),
        );
        let provincial = scope == "provincial" || matches!(name, "CVK" | "CMK");
        let label = format!(
            "RHC-TEST-{}{name}-v{version}",
            if provincial { "41-" } else { "" }
        );
        let id = format!("{name}@{version}");
        let info = hsm.test_key(
            &id,
            sm4(name, Usage::Derive, 0, (None, None, Some(1))),
            &label,
        );
        assert_eq!(info.check_value.to_string(), text(root, "kcv"), "{label}");
        let card_key = all["card_key"]
            .as_array()
            .unwrap()
            .iter()
            .find(|k| text(k, "name") == name && k["version"] == root["version"]);
        if let Some(card_key) = card_key {
            slots.push(key(
                &id,
                if provincial {
                    &[CARD][..]
                } else {
                    &[PROVINCE, CARD]
                },
            ));
            expected.push(text(card_key, "kcv").to_owned());
        }
    }
    assert_eq!(slots.len(), 57);
    assert_eq!(check_values(&mut hsm, slots), expected);
}

#[test]
fn sm2_test_keys() {
    let all = vectors();
    let mut hsm = Hsm::new(Mark::Test);
    for pair in all["sm2"].as_array().unwrap() {
        let label = text(pair, "label");
        let info = hsm.test_key(text(pair, "id"), sm2("k", Usage::Sign), label);
        let public = format!("{}{}", text(pair, "x"), text(pair, "y"));
        assert_eq!(info.public_key.unwrap().to_string(), public, "{label}");
        let source = KeySource::TestFormula(label.into());
        assert!(
            hsm.order(OrderOp::GenerateKey {
                id: "x".into(),
                attributes: sm2("k", Usage::Derive),
                source
            })
            .is_err()
        );
    }
}

/// Three sessions, each command as OpenSSL made it. The host challenge is the file's, drawn through the engine's
/// random source; key slots are found by their check values.
#[test]
fn sessions_to_the_byte() {
    let all = vectors();
    for session in all["scp"].as_array().unwrap() {
        let challenge = Hex::<8>::parse(text(session, "host_challenge")).unwrap().0;
        let mut hsm = Hsm::province(Mark::Test, Some(challenge));
        let base = text(session, "base");
        let transport = base == text(&all["transport"], "value");
        if !transport {
            assert_eq!(base, text(&all["transport"], "cmk"));
        }
        let level = if session["level"].as_integer() == Some(3) {
            Level::MacEnc
        } else {
            Level::Mac
        };
        let counter = u32::try_from(session["counter"].as_integer().unwrap()).unwrap();
        let mut request = hsm.card_request();
        request.base = key(if transport { "transport" } else { "CMK" }, &[CARD]);
        request.mac_texts.clear();
        request.steps = vec![Step::Open {
            with: SessionKey::Base,
            key_version: u8::from(!transport),
            counter,
            level,
        }];
        let steps = session["steps"].as_array().unwrap();
        for step in &steps[1..] {
            let header: [u8; 4] = hex::decode(step[0].as_str().unwrap())
                .unwrap()
                .try_into()
                .unwrap();
            let plain = hex::decode(step[1].as_str().unwrap()).unwrap();
            let segments = match header {
                // Slot 0 is CMK, slot 1 RK1_DDF1 under province 41.
                LOAD_MASTER => vec![
                    Segment::Literal(plain[..9].to_vec()),
                    Segment::KeySlot(0),
                    Segment::CheckValue(0),
                ],
                LOAD => vec![
                    Segment::Literal(plain[..9].to_vec()),
                    Segment::KeySlot(1),
                    Segment::CheckValue(1),
                ],
                _ if plain.is_empty() => vec![],
                _ => vec![Segment::Literal(plain)],
            };
            request.steps.push(Step::Command {
                header,
                segments,
                level,
            });
        }
        let answer = hsm.fill(Target::Card, request).unwrap();
        assert_eq!(
            answer.steps[0]
                .expect_tail
                .map(hex::encode_upper)
                .as_deref(),
            session["card_cryptogram"].as_str()
        );
        for (made, step) in answer.steps[1..].iter().zip(steps) {
            assert_eq!(hex::encode_upper(&made.apdu), step[2].as_str().unwrap());
        }
        assert_eq!(answer.steps.len(), steps.len() + 1);
    }
}

#[test]
fn transport_and_master_key_by_the_file() {
    let all = vectors();
    let mut hsm = Hsm::province(Mark::Test, None);
    let class = |class| sm4("k", Usage::SessionBase(class), 1, (None, None, None));
    let transport = raw(
        &mut hsm,
        "t",
        class(BaseClass::CardTransport),
        text(&all["transport"], "value"),
    );
    let cmk = raw(
        &mut hsm,
        "c",
        class(BaseClass::CardMaster),
        text(&all["transport"], "cmk"),
    );
    let values = check_values(&mut hsm, vec![key("CMK", &[CARD])]);
    assert_eq!(values, [cmk]);
    let independent = crate::common::card::diversify(
        &crate::common::card::test_root("RHC-TEST-TRANSPORT"),
        &CARD,
    );
    assert_eq!(
        transport,
        hex::encode_upper(&crate::common::card::encrypt(&independent, &[0; 16])[..3])
    );
}
