//! The official flows against the simulators, good and refused. Keys are those of the vector file (OpenSSL's), so that
//! terminal and simulator cannot agree on a wrong formula.

use std::collections::HashMap;

use cardlib_card::content::{CardContent, FileContent, FileData};
use cardlib_card::element::{self, ElementType};
use cardlib_card::profile::{KeyInstance, LifeCycle, Profile};
use cardlib_reader::inprocess::{InProcess, Signal};
use cardlib_reader::{Card, Channel, ReaderError};
use cardlib_sim::sam::MintedSam;
use cardlib_sim::{Chip, Random, SamCard, TransportMaster, UserCard as SimCard, VirtualCard};
use cardlib_terminal::snapshot::Tongue;
use cardlib_terminal::{Flow, FlowError, Part, Pin, SamClient, Snapshot, UserCard, Validity, flow};
use serde::Deserialize;

const FACTOR: [u8; 8] = [0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88];

#[derive(Deserialize)]
struct Vectors {
    root: Vec<KeyRow>,
    card_key: Vec<KeyRow>,
}

#[derive(Deserialize)]
struct KeyRow {
    name: String,
    version: u8,
    value: String,
}

fn profile() -> &'static Profile {
    Profile::rhc_2012()
}

fn keys(rows: Vec<KeyRow>) -> HashMap<(String, u8), [u8; 16]> {
    let value = |row: &KeyRow| hex::decode(&row.value).ok()?.try_into().ok();
    rows.into_iter()
        .map(|row| {
            (
                (row.name.clone(), row.version),
                value(&row).expect("16 bytes"),
            )
        })
        .collect()
}

fn vectors() -> Vectors {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../tests/vectors/chain.toml"
    );
    toml::from_str(&std::fs::read_to_string(path).expect("the vector file")).expect("its form")
}

fn content() -> CardContent {
    let mut content = CardContent::default();
    let texts = [
        (1, "1"),
        (2, "V1.1"),
        (3, "河南省卫生健康委员会"),
        (4, "4100002000000018"),
        (6, "20261122"),
        (8, "410101198507120012"),
        (9, "A1B"),
        (10, "41ABCDEFGH"),
        (57, "410100"),
        (11, "买买提艾力阿卜杜热合曼图尔荪江"),
        (12, "1"),
        (13, "05"),
        (14, "19850712"),
        (15, "410101198507120012"),
        (7, "20361231"),
        (16, "13800000000"),
        (21, "1"),
        (22, "河南省郑州市中原区"),
        (41, "3"),
    ];
    for (tag, text) in texts {
        content.set_text(profile(), tag, text).expect("fits");
    }
    let photo = FileData::Binary([&[0x01, 0x2C][..], &[0xD8; 300]].concat());
    content.files.push(FileContent {
        path: "DDF1/EF07".into(),
        data: photo,
    });
    content
}

/// A card with right keys, or with keys that nobody holds.
fn card(genuine: bool) -> SimCard {
    let known = keys(vectors().card_key);
    let key_of = |instance: KeyInstance<'_>| {
        let mut key = known[&(instance.key.name.clone(), instance.version)];
        key[0] ^= u8::from(!genuine);
        key
    };
    let random = Random::from_seed(Some(1));
    SimCard::minted(
        profile(),
        Chip::test(profile(), FACTOR),
        &content(),
        key_of,
        random,
    )
    .expect("minted")
}

fn sam(sam_type: u8, province: &str) -> SamCard {
    let roots = keys(vectors().root);
    let root_of = |instance: KeyInstance<'_>| roots[&(instance.key.name.clone(), instance.version)];
    let serial = element::encode(
        ElementType::Cn,
        10,
        &format!("{province}01{sam_type:02}20260000000017"),
    );
    let public = [&serial.expect("20 digits")[..], &[0x01, sam_type, 0, 0]].concat();
    let minted = MintedSam {
        sam_type,
        pin: [0x12, 0x34, 0x56],
        private_key: [7; 32],
        files: &[("MF/0015", public)],
    };
    let chip = Chip::test(profile(), [0x22; 8]);
    SamCard::minted(
        profile(),
        chip,
        &minted,
        root_of,
        Random::from_seed(Some(2)),
    )
    .expect("minted")
}

/// A simulated chip as a card in a reader.
fn powered(mut chip: impl VirtualCard) -> InProcess<impl FnMut(Signal<'_>) -> Vec<u8>> {
    InProcess::new(move |signal: Signal<'_>| match signal {
        Signal::Reset => chip.reset(),
        Signal::Command(command) => chip.handle(command),
    })
}

fn pin() -> Pin {
    Pin::new("123456").expect("pin")
}

/// Runs a flow with this card and SAM, each in one transaction.
fn with<T>(
    card: impl VirtualCard,
    sam: impl VirtualCard,
    act: impl FnOnce(&mut Flow<'_>) -> T,
) -> T {
    let (mut card, mut sam) = (powered(card), powered(sam));
    let (mut card, mut sam) = (
        card.transaction().expect("card"),
        sam.transaction().expect("sam"),
    );
    let atr = card.atr().to_vec();
    let sam = SamClient::open(profile(), &mut sam, &pin()).expect("sam");
    let card = UserCard::new(profile(), &mut card, &atr).expect("active");
    act(&mut Flow::open(card, sam).expect("identified"))
}

fn values(snapshot: &Snapshot<'_>, tag: u8) -> String {
    snapshot.text(tag).unwrap_or_default()
}

#[test]
fn a_genuine_card_is_read_whole_and_equals_what_was_written() {
    with(card(true), sam(1, "41"), |flow| {
        assert_eq!(flow.card_facts().number, "410101198507120012");
        assert_eq!(flow.card_facts().area, "410100");
        assert_eq!(flow.sam_facts().sam_type, 1);
        flow.internal_authentication().expect("genuine");
        let read = flow.read_all(&["DDF1", "DF01", "DF02"]).expect("read");
        assert_eq!(values(&read, 11), "买买提艾力阿卜杜热合曼图尔荪江");
        assert_eq!(values(&read, 22), "河南省郑州市中原区");
        assert_eq!(read.photo().map(<[u8]>::len), Some(300));
        assert_eq!(read.differences(&content()), Vec::<String>::new());
        let sex = read
            .items()
            .find(|item| item.element.tag == Some(12))
            .expect("sex");
        assert_eq!(sex.shown(Tongue::Chinese).as_deref(), Ok("1 男"));
        assert_eq!(
            flow.validity("20261122"),
            Ok(Validity::Until("20361231".into()))
        );
        assert_eq!(
            flow.validity("20370101"),
            Ok(Validity::Expired("20361231".into()))
        );
    });
}

#[test]
fn a_forged_card_is_not_genuine() {
    with(card(false), sam(1, "41"), |flow| {
        assert_eq!(flow.internal_authentication(), Err(FlowError::NotGenuine));
        let refused = flow.external_authentication("RK1_DDF1");
        assert_eq!(
            refused,
            Err(FlowError::KeyRefused {
                key: "RK1_DDF1".into(),
                tries_left: 9
            })
        );
    });
}

#[test]
fn records_are_updated_with_cipher_and_mac() {
    with(card(true), sam(5, "41"), |flow| {
        flow.update_element(16, "13911112222").expect("telephone");
        flow.update_element(22, "河南省郑州市二七区")
            .expect("address, 102 bytes of record");
        flow.update_element(34, "2").expect("education");
        let allergy = [
            &element::encode(ElementType::Ans, 20, "青霉素").expect("fits")[..],
            &[0; 100],
        ]
        .concat();
        let second = [&[b'b'; 20][..], &[0; 100]].concat();
        flow.update_record("DF02/EF07", 0, &allergy)
            .expect("allergy");
        flow.update_record("DF02/EF07", 0, &second)
            .expect("second allergy");
        let read = flow
            .read(&["DDF1/EF08", "DF01/EF05", "DF01/EF07", "DF02/EF07"])
            .expect("read back");
        assert_eq!(values(&read, 16), "13911112222");
        assert_eq!(values(&read, 22), "河南省郑州市二七区");
        assert_eq!(values(&read, 34), "2");
        let cyclic = read
            .content()
            .files
            .iter()
            .find(|f| f.path == "DF02/EF07")
            .and_then(FileContent::records);
        assert_eq!(cyclic.map(<[Vec<u8>]>::len), Some(2), "oldest first");
        assert!(cyclic.is_some_and(|records| records[0] == allergy && records[1] == second));
    });
}

#[test]
fn what_cannot_be_written_is_refused_before_anything_is_sent() {
    with(card(true), sam(5, "41"), |flow| {
        assert!(matches!(
            flow.update_element(16, "123456789012345678901"),
            Err(FlowError::Value(_))
        ));
        assert!(
            matches!(flow.update_element(11, "张三"), Err(FlowError::Unknown(_))),
            "write-once"
        );
        assert!(matches!(
            flow.update_element(99, "1"),
            Err(FlowError::Unknown(_))
        ));
    });
}

#[test]
fn a_sam_without_the_key_does_not_permit() {
    with(card(true), sam(4, "41"), |flow| {
        flow.internal_authentication().expect("type 4 has IRK");
        let not_permitted = FlowError::NotPermitted {
            key: "RK1_DDF1".into(),
            sam_type: 4,
        };
        assert_eq!(flow.read(&["DDF1/EF06"]).err(), Some(not_permitted));
        assert_eq!(flow.validity("20261122"), Ok(Validity::NotChecked), "R30");
    });
    with(card(true), sam(1, "41"), |flow| {
        assert!(
            matches!(
                flow.update_element(22, "x"),
                Err(FlowError::NotPermitted { .. })
            ),
            "R69"
        );
    });
}

#[test]
fn provincial_keys_work_at_home_only() {
    with(card(true), sam(5, "42"), |flow| {
        flow.internal_authentication().expect("a national key");
        flow.read(&["DDF1/EF06"]).expect("a national key");
        let elsewhere = FlowError::OtherProvince {
            key: "UK1_DDF1".into(),
            card: "41".into(),
            sam: "42".into(),
        };
        assert_eq!(flow.update_element(16, "1"), Err(elsewhere), "R68");
    });
}

#[test]
fn a_wrong_pin_is_said_once_and_a_blocked_one_is_final() {
    let mut sam = powered(sam(5, "41"));
    let wrong = Pin::new("000000").expect("form");
    for tries_left in (1..=9).rev() {
        let mut transaction = sam.transaction().expect("sam");
        let error = SamClient::open(profile(), &mut transaction, &wrong).err();
        assert_eq!(error, Some(FlowError::PinWrong { tries_left }));
    }
    for _ in 0..2 {
        let mut transaction = sam.transaction().expect("sam");
        assert_eq!(
            SamClient::open(profile(), &mut transaction, &wrong).err(),
            Some(FlowError::PinBlocked)
        );
    }
}

#[test]
fn cards_that_are_not_in_use_are_told_apart_by_their_atr() {
    let chip = Chip::test(profile(), FACTOR);
    let transport = TransportMaster::test().key_of(&FACTOR);
    let mut blank = powered(SimCard::blank(
        profile(),
        chip,
        transport,
        Random::from_seed(Some(1)),
    ));
    let mut transaction = blank.transaction().expect("card");
    let atr = transaction.atr().to_vec();
    let error = UserCard::new(profile(), &mut transaction, &atr).err();
    assert_eq!(
        error,
        Some(FlowError::NotActive {
            part: Part::Card,
            state: LifeCycle::Blank
        })
    );
    let error = UserCard::new(profile(), &mut transaction, &[0x3B, 0x00]).err();
    assert!(matches!(
        error,
        Some(FlowError::Atr {
            part: Part::Card,
            ..
        })
    ));
}

#[test]
fn issuer_data_need_no_sam() {
    let mut card = powered(card(true));
    let mut transaction = card.transaction().expect("card");
    let atr = transaction.atr().to_vec();
    let facts =
        flow::identify(&mut UserCard::new(profile(), &mut transaction, &atr).expect("active"));
    assert_eq!(
        facts.map(|f| (f.class, f.version, f.serial)),
        Ok(("1".into(), "V1.1".into(), "41ABCDEFGH".into()))
    );
}

#[test]
fn a_key_whose_counter_ran_out_is_reported_as_blocked() {
    let mut card = powered(card(false));
    for round in 0..11 {
        let mut sam = powered(sam(1, "41"));
        let (mut card, mut sam) = (
            card.transaction().expect("card"),
            sam.transaction().expect("sam"),
        );
        let atr = card.atr().to_vec();
        let sam = SamClient::open(profile(), &mut sam, &pin()).expect("sam");
        let card = UserCard::new(profile(), &mut card, &atr).expect("active");
        let error = Flow::open(card, sam)
            .expect("identified")
            .external_authentication("RK1_DDF1")
            .err();
        if round < 10 {
            assert!(
                matches!(error, Some(FlowError::KeyRefused { tries_left, .. }) if tries_left == 9 - round)
            );
        } else {
            assert_eq!(error, Some(FlowError::KeyBlocked("RK1_DDF1".into())), "D11");
        }
    }
}

/// A card that spoils answers: what it sends instead of its n-th.
struct Spoiled<C> {
    card: C,
    at: usize,
    answer: Vec<u8>,
}

impl<C: VirtualCard> VirtualCard for Spoiled<C> {
    fn reset(&mut self) -> Vec<u8> {
        self.card.reset()
    }

    fn handle(&mut self, apdu: &[u8]) -> Vec<u8> {
        let answer = self.card.handle(apdu);
        self.at = self.at.wrapping_sub(1);
        if self.at == 0 {
            self.answer.clone()
        } else {
            answer
        }
    }
}

/// What a flow makes of a card whose `at`-th answer is `answer`.
fn spoiled(at: usize, answer: &[u8]) -> FlowError {
    let spoiled = Spoiled {
        card: card(true),
        at,
        answer: answer.to_vec(),
    };
    let (mut card, mut sam) = (powered(spoiled), powered(sam(1, "41")));
    let (mut card, mut sam) = (
        card.transaction().expect("card"),
        sam.transaction().expect("sam"),
    );
    let atr = card.atr().to_vec();
    let sam = SamClient::open(profile(), &mut sam, &pin()).expect("sam");
    let card = UserCard::new(profile(), &mut card, &atr).expect("active");
    let mut flow = match Flow::open(card, sam) {
        Ok(flow) => flow,
        Err(error) => return error,
    };
    flow.internal_authentication()
        .and_then(|()| flow.read_all(&["DDF1"]).map(drop))
        .expect_err("spoiled")
}

#[test]
fn short_wrong_and_foreign_answers_are_never_taken_for_data() {
    for at in 1..20 {
        let lost = FlowError::Reader {
            part: Part::Card,
            cause: ReaderError::CardLost,
        };
        assert_eq!(spoiled(at, &[]), lost, "answer {at} empty");
        assert_eq!(spoiled(at, &[0x90]), lost, "answer {at} cut to one byte");
    }
    let malformed = |error: FlowError| {
        matches!(
            error,
            FlowError::Malformed {
                part: Part::Card,
                ..
            }
        )
    };
    assert!(
        malformed(spoiled(2, &[0x6F, 0x02, 0x84, 0x00, 0x90, 0x00])),
        "another application's name"
    );
    assert!(
        malformed(spoiled(4, &[0x01, 0x01, 0x90, 0x00])),
        "a record cut in the middle"
    );
    assert!(
        malformed(spoiled(4, &[0x02, 0x01, 0x31, 0x90, 0x00])),
        "another tag"
    );
    let refused = FlowError::Refused {
        part: Part::Card,
        step: "READ RECORD",
        status: cardlib_card::status::Status::SECURITY,
    };
    assert_eq!(spoiled(4, &[0x69, 0x82]), refused);
}

#[test]
fn rights_do_not_outlive_the_transaction() {
    let mut reader = powered(card(true));
    {
        let mut sam = powered(sam(1, "41"));
        let (mut card, mut sam) = (
            reader.transaction().expect("card"),
            sam.transaction().expect("sam"),
        );
        let atr = card.atr().to_vec();
        let sam = SamClient::open(profile(), &mut sam, &pin()).expect("sam");
        let card = UserCard::new(profile(), &mut card, &atr).expect("active");
        let mut flow = Flow::open(card, sam).expect("identified");
        flow.read(&["DDF1/EF06"]).expect("read");
    }
    let mut later = reader.transaction().expect("card");
    for command in [
        "00A404000C57532E5359532E4444463031",
        "00C000000E",
        "00A4000002EF06",
    ] {
        later
            .transmit(&hex::decode(command).expect("hex"))
            .expect("answer");
    }
    let read = later.transmit(&[0x00, 0xB2, 0x01, 0x04, 0x00]);
    assert_eq!(read, Ok(vec![0x69, 0x82]));
}
