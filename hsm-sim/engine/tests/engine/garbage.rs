//! Requests and orders that are nearly right, in their thousands: a refusal or an answer, never a panic, and the HSM
//! goes on working.
#![allow(clippy::unwrap_used)]

use crate::common::*;
use hsm_wire::officer::OfficerRequest;
use hsm_wire::operator::{OperatorRequest, SignInput};
use hsm_wire::order::Order;
use hsm_wire::ticket::Target;
use hsm_wire::{ErrorCode, Mark};
use proptest::prelude::*;
use std::cell::RefCell;

/// Positions and masks of changed bytes.
fn changes() -> impl Strategy<Value = Vec<(prop::sample::Index, u8)>> {
    prop::collection::vec((any::<prop::sample::Index>(), 1u8..), 1..6)
}

fn changed(bytes: &[u8], changes: &[(prop::sample::Index, u8)]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for (at, mask) in changes {
        let at = at.index(bytes.len());
        bytes[at] ^= mask;
    }
    bytes
}

thread_local! {
    static HSM: RefCell<Hsm> = RefCell::new({
        let mut hsm = Hsm::province(Mark::Test, None);
        hsm.ticket("matrix", Target::Card, 100_000, &["transport", "CMK"]);
        hsm
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn fills(which in 0usize..4, changes in changes()) {
        HSM.with_borrow_mut(|hsm| {
            let mut card = hsm.card_request();
            card.ticket = "matrix".into();
            let request = match which {
                0 | 1 => OperatorRequest::FillCard(Box::new(card)),
                2 => OperatorRequest::FillSam(Box::new(hsm.sam_request())),
                _ => OperatorRequest::Sm2Sign { key: "issuer".into(), input: SignInput::Digest([0xFF; 32]) },
            };
            let bytes = changed(&postcard::to_stdvec(&request).unwrap(), &changes);
            if let Ok(request) = postcard::from_bytes::<OperatorRequest>(&bytes) {
                let result = hsm.engine.operator(request);
                prop_assert!(result.is_ok() || result.is_err_and(|e| e.code != ErrorCode::Internal && e.code != ErrorCode::AuditClosed));
            }
            Ok(())
        })?;
    }

    /// Bodies that two officers really signed, whatever they say.
    #[test]
    fn signed_nonsense(changes in changes(), which in 0usize..3) {
        HSM.with_borrow_mut(|hsm| {
            let ops = [
                r#"{"generate-key":{"id":"g","attributes":{"algorithm":"sm4","name":"k","version":1,"usage":"derive","leaves":{"hsm":1},"depth":0},"source":"random"}}"#,
                r#"{"create-ticket":{"ticket":{"id":"g","kind":"card","count":5,"max_attempts_per_factor":1,"not_after":1900000000,"base_keys":["CMK"]}}}"#,
                r#"{"export-package":{"receiver":"nobody","purpose":"p","entries":[{"key":"CMK","factors":["3431303030303030"],"new_id":"x"}],"payload":"00"}}"#,
            ];
            let info = hsm.info();
            let body = format!(r#"{{"hsm":"{}","sequence":{},"expires":{},"op":{}}}"#, info.id, info.next_order, NOW + 60, ops[which]);
            let Ok(body) = String::from_utf8(changed(body.as_bytes(), &changes)) else { return Ok(()) };
            let mut order = Order::new(body);
            for officer in &hsm.officers[..2] {
                order.sign(officer).unwrap();
            }
            let result = hsm.engine.officer(OfficerRequest::Execute(order));
            prop_assert!(result.is_ok() || result.is_err_and(|e| e.code != ErrorCode::Internal && e.code != ErrorCode::AuditClosed));
            Ok(())
        })?;
    }
}
