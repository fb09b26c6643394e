//! SAMs through both stages (D43), pulled at every command, and stages in the wrong order.

use std::path::Path;

use cardlib_reader::Card;
use cardlib_sim::SamCard;
use issuance_station::fault::Fault;
use issuance_station::sam_stage::{self, Made, Order, Provincial};
use zeroize::Zeroizing;

use super::support::keys::TestKeys;
use super::support::profile;
use super::support::reader::{Pull, TestCard};
use super::support::registry::TestRegistry;

const CHIP: [u8; 8] = [0x53, 0x41, 0x4D, 0, 0, 0, 0, 1];

struct Office {
    keys: TestKeys,
    registry: TestRegistry,
    folder: tempfile::TempDir,
}

impl Office {
    fn new() -> Self {
        Self {
            keys: TestKeys::new(),
            registry: TestRegistry::default(),
            folder: tempfile::tempdir().expect("a folder"),
        }
    }

    fn order(&self, sam_type: u8) -> Order<'_> {
        Order {
            profile: profile(),
            keys: &self.keys,
            sam_type,
            ticket: "S1",
        }
    }

    fn national(&self, sam_type: u8, card: &mut dyn Card) -> Result<Made, Fault> {
        sam_stage::national(&self.order(sam_type), "41", card)
    }

    fn pin_file(&self) -> std::path::PathBuf {
        self.folder.path().join("sam.pin")
    }

    fn provincial(&self, sam_type: u8, card: &mut dyn Card, pin: &str) -> Result<Made, Fault> {
        let pin_file = self.pin_file();
        let stage = Provincial {
            registry: &self.registry,
            area: "41",
            city: "00".into(),
            number: None,
            pin_file: Some(&pin_file),
            pin: Zeroizing::new(pin.into()),
        };
        sam_stage::provincial(&self.order(sam_type), &stage, card)
    }
}

fn ok(result: Result<Made, Fault>) -> Made {
    result.unwrap_or_else(|fault| panic!("{}", fault.message()))
}

fn kind(result: Result<Made, Fault>) -> String {
    result
        .err()
        .map_or_else(|| "no failure".into(), |fault| fault.kind())
}

fn pin_in(file: &Path) -> String {
    std::fs::read_to_string(file).expect("a PIN file")
}

#[test]
fn every_type_of_the_demo_through_both_stages() {
    for sam_type in [1, 4, 5] {
        let office = Office::new();
        let sam = TestCard::blank_sam(CHIP);
        let first = ok(office.national(sam_type, &mut sam.insert(None)));
        assert_eq!(first.chip_serial, hex::encode_upper(CHIP));
        let made = ok(office.provincial(sam_type, &mut sam.insert(None), "482915"));
        let known = office.registry.sams.borrow();
        assert_eq!(known.len(), 1);
        assert_eq!(
            (Some(known[0].serial.clone()), known[0].certificate.clone()),
            (made.serial, made.certificate)
        );
        assert_eq!(pin_in(&office.pin_file()), "482915");
    }
}

#[test]
fn stages_in_the_wrong_order_are_refused_by_name() {
    let office = Office::new();
    let sam = TestCard::blank_sam(CHIP);
    assert_eq!(
        kind(office.provincial(1, &mut sam.insert(None), "111111")),
        "sam-stage"
    );
    ok(office.national(1, &mut sam.insert(None)));
    assert_eq!(kind(office.national(1, &mut sam.insert(None))), "sam-stage");
    ok(office.provincial(1, &mut sam.insert(None), "111111"));
    assert_eq!(kind(office.national(1, &mut sam.insert(None))), "sam-stage");
}

/// Does a stage with a pull, then again without.
fn pulled(
    prepare: &dyn Fn(&Office, &TestCard<SamCard>),
    stage: &dyn Fn(&Office, &mut dyn Card) -> Result<Made, Fault>,
) -> u32 {
    let office = Office::new();
    let sam = TestCard::blank_sam(CHIP);
    prepare(&office, &sam);
    ok(stage(&office, &mut sam.insert(None)));
    let all = sam.commands.get();
    for pull in (1..=all).flat_map(|n| [Pull::Before(n), Pull::After(n)]) {
        let office = Office::new();
        let sam = TestCard::blank_sam(CHIP);
        prepare(&office, &sam);
        let first = stage(&office, &mut sam.insert(Some(pull)));
        assert!(kind(first).ends_with("card-lost"), "{pull:?}");
        let second = kind(stage(&office, &mut sam.insert(None)));
        // A national stage whose last answer alone was lost is over.
        assert!(
            ["no failure", "sam-stage"].contains(&second.as_str()),
            "{pull:?}: {second}"
        );
        if second == "sam-stage" {
            assert_eq!(pull, Pull::After(all));
        }
    }
    all
}

#[test]
fn pulled_at_every_command_of_either_stage_and_finished() {
    let national = pulled(&|_, _| {}, &|office, card| office.national(1, card));
    let prepare = |office: &Office, sam: &TestCard<SamCard>| {
        drop(ok(office.national(1, &mut sam.insert(None))))
    };
    // The second attempt brings another PIN: the first one's, which may be on the SAM, is kept.
    let provincial = pulled(&prepare, &|office, card| {
        let pin = if office.pin_file().exists() {
            "999999"
        } else {
            "123123"
        };
        let made = office.provincial(1, card, pin);
        if made.is_ok() {
            assert_eq!(pin_in(&office.pin_file()), "123123");
        }
        made
    });
    println!(
        "pulled at {national} commands of the national and {provincial} of the provincial stage"
    );
}

#[test]
fn an_active_sam_is_registered_when_the_registry_is_back() {
    let office = Office::new();
    let sam = TestCard::blank_sam(CHIP);
    ok(office.national(5, &mut sam.insert(None)));
    office.registry.register_down.set(true);
    assert_eq!(
        kind(office.provincial(5, &mut sam.insert(None), "123456")),
        "registry-unreachable"
    );
    office.registry.register_down.set(false);
    ok(office.provincial(5, &mut sam.insert(None), "000000"));
    assert!(office.registry.sams.borrow()[0].certificate.is_some());
    // Without its PIN file nobody knows whether it is the SAM it should be.
    std::fs::remove_file(office.pin_file()).expect("there");
    assert_eq!(
        kind(office.provincial(5, &mut sam.insert(None), "123456")),
        "sam-unusable"
    );
}
