//! Hostile products: every run comes to an end with a verdict or a named trouble of the environment.

use std::collections::BTreeSet;
use std::time::Duration;

use cardlib_sim::VirtualCard;
use tests_conformance::bench::virtual_product::{Make, VirtualBench};
use tests_conformance::engine::talk::Limits;
use tests_conformance::evidence::record::{NoSink, Verdict};
use tests_conformance::hierarchy::PRESETS;
use tests_conformance::plan::{Choice, plan};
use tests_conformance::random::Chance;
use tests_conformance::run::{Manner, run};
use tests_conformance::suite::{Kind, embedded};

/// What a card can do to a harness.
#[derive(Clone, Copy, Debug)]
enum Trick {
    Endless,
    Long,
    Silent,
    NoStatus,
    AtrGarbage,
    Changing,
    Echo,
}

struct Hostile(Trick, Chance);

impl VirtualCard for Hostile {
    fn reset(&mut self) -> Vec<u8> {
        match self.0 {
            Trick::AtrGarbage => self.1.bytes(40),
            Trick::Silent => Vec::new(),
            _ => vec![0x3B, 0x00],
        }
    }

    fn handle(&mut self, apdu: &[u8]) -> Vec<u8> {
        match self.0 {
            Trick::Endless => vec![0x61, 0x01],
            Trick::Long => vec![0x90; 65_536],
            Trick::Silent => Vec::new(),
            Trick::NoStatus => vec![0x12, 0x34, 0x56],
            Trick::AtrGarbage => vec![0x6D, 0x00],
            Trick::Changing => {
                let len = self.1.below(20);
                let mut out = self.1.bytes(len);
                out.extend(
                    [[0x90, 0x00], [0x6C, 0x05], [0x61, 0x09], [0x69, 0x82]][self.1.below(4)],
                );
                out
            }
            Trick::Echo => [apdu, &[0x90, 0x00]].concat(),
        }
    }
}

#[test]
fn no_product_hangs_or_passes_by_nonsense() {
    let suites = embedded::suites().unwrap();
    let choice = Choice {
        preset: "rhc-2012".into(),
        cases: vec!["reset".into(), "rights.*".into(), "keys.*".into()],
        destructive: false,
    };
    let plan = plan(&suites, Kind::UserCard, &choice);
    for trick in [
        Trick::Endless,
        Trick::Long,
        Trick::Silent,
        Trick::NoStatus,
        Trick::AtrGarbage,
        Trick::Changing,
        Trick::Echo,
    ] {
        let make: Make = Box::new(move || Ok(Box::new(Hostile(trick, Chance::of("hostile", "")))));
        let mut bench = VirtualBench::new("hostile", Some(make), None).unwrap();
        let limits = Limits {
            commands: 5000,
            time: Duration::from_secs(60),
        };
        let manner = Manner {
            preset: PRESETS[0],
            kind: Kind::UserCard,
            seed: "hostile".into(),
            repeats: 1,
            limits,
        };
        let ends = run(
            &plan,
            &manner,
            &mut bench,
            &mut NoSink,
            &BTreeSet::new(),
            &mut |_, _, _| {},
        );
        match ends {
            Ok(ends) => {
                let passed: Vec<_> = ends
                    .iter()
                    .filter(|end| end.verdict == Verdict::Pass)
                    .map(|end| &end.id)
                    .collect();
                assert!(
                    passed.len() * 10 < ends.len(),
                    "{trick:?} passed {passed:?}"
                );
            }
            Err(trouble) => assert!(!trouble.to_string().is_empty(), "{trick:?}"),
        }
    }
}
