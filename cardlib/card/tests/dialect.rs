//! Plans of the personalisation dialect against `docs/cos-dialect.md`, byte by byte where the page says bytes.

use cardlib_card::content::{CardContent, FileContent, FileData};
use cardlib_card::dialect::sam::{self, KeyPair, Versions};
use cardlib_card::dialect::{
    AnswerKind, Base, BaseKey, ChipState, Dialect, DialectError, Plan, Segment, Step, Target, user,
};
use cardlib_card::profile::Profile;

const BLANK: ChipState = ChipState {
    key_version: 0,
    counter: 5,
    state: 1,
};

fn dialect() -> Dialect {
    Dialect::rhc_cos_1().expect("embedded")
}

fn content() -> CardContent {
    let profile = Profile::rhc_2012();
    let mut content = CardContent::default();
    for (tag, text) in [
        (8, "410102199001010016"),
        (10, "4100000001"),
        (57, "410100"),
        (11, "张三"),
        (16, ""),
    ] {
        content.set_text(profile, tag, text).expect("fits");
    }
    content
}

fn plan(chip: ChipState) -> Result<Plan, DialectError> {
    user::user_card(&dialect(), Profile::rhc_2012(), &content(), chip)
}

/// A step as text: literals in hex, gaps by name.
fn shown(step: &Step) -> String {
    match step {
        Step::Open {
            base,
            key_version,
            counter,
            ..
        } => format!("open {base:?} {key_version:02X} {counter}"),
        Step::Command {
            header, segments, ..
        } => {
            let pieces = segments.iter().map(|segment| match segment {
                Segment::Literal(bytes) => hex::encode_upper(bytes.as_slice()),
                Segment::Key(slot) => format!("<key {slot}>"),
                Segment::CheckValue(slot) => format!("<check {slot}>"),
                Segment::MacText(text) => format!("<mac {text}>"),
                Segment::TestScalar(label) => format!("<{label}>"),
            });
            format!(
                "{} {}",
                hex::encode_upper(header),
                pieces.collect::<Vec<_>>().join(" ")
            )
        }
    }
}

fn phase<'p>(plan: &'p Plan, name: &str) -> Vec<String> {
    let phase: Option<&'p _> = plan.phases.iter().find(|phase| phase.name == name);
    phase
        .expect("phase")
        .steps
        .iter()
        .map(|step| shown(step))
        .collect()
}

#[test]
fn a_blank_card_gets_its_master_key_first() {
    let plan = plan(BLANK).expect("plan");
    let names: Vec<_> = plan.phases.iter().map(|phase| phase.name).collect();
    assert_eq!(names, ["open", "files", "keys", "data", "activate"]);
    let expected = [
        "open Held(Transport) 00 5",
        "84D40100 000000010100000000 <key 57> <check 57>",
        "open Slot(57) 01 0",
        "84E40000 ",
    ];
    assert_eq!(phase(&plan, "open"), expected);
    assert_eq!(
        (&*plan.slots[57].key, plan.slots[57].target),
        ("CMK", Target::Chip)
    );
    assert_eq!(plan.slots.len(), 58, "the 57 instances and CMK");
    assert_eq!(phase(&plan, "activate"), ["84F00700 "]);
}

#[test]
fn a_half_made_card_starts_under_its_own_master_key_and_wipes() {
    for state in [3, 5] {
        let plan = plan(ChipState {
            key_version: 1,
            counter: 2,
            state,
        })
        .expect("plan");
        assert_eq!(phase(&plan, "open"), ["open Held(Cmk) 01 2", "84E40000 "]);
        assert_eq!(plan.slots.len(), 57);
    }
}

#[test]
fn no_script_fits_an_active_card_or_a_strange_state() {
    for (key_version, state) in [(1, 7), (0, 7), (0, 3), (1, 1), (2, 3), (1, 15)] {
        let refused = plan(ChipState {
            key_version,
            counter: 0,
            state,
        })
        .err();
        assert!(
            matches!(refused, Some(DialectError::State { .. })),
            "{key_version} {state}"
        );
    }
}

/// Descriptors typed from the specification's tables (user-card.md §2.2, §4.4), not from the profile.
#[test]
fn files_are_described_as_the_tables_have_them() {
    let plan = plan(BLANK).expect("plan");
    let files = phase(&plan, "files");
    assert_eq!(
        files.len(),
        4 + 4 + 4 + 4 + 10,
        "DDF1, DF01-DF03 and their files"
    );
    let expected = [
        "84E00000 3F00DDF138000000000000000000",
        "84E00000 DDF1EF050400000A00FFFF000400",
        "84E00000 DDF1EF060400000504FFFF000400",
        "84E00000 DDF1EF07010C02000405FF000000",
        "84E00000 DDF1EF08040000060405FF020100",
        "84E00000 DDF1DF0138000000000000000000",
        "84E00000 DF01EF05040000048485FF820100",
    ];
    for (index, line) in [0, 1, 2, 3, 4, 5, 6].iter().zip(expected) {
        assert_eq!(files[*index], line);
    }
    for line in [
        "84E00000 DF02EF06040000018486FF820100",
        "84E00000 DF02EF07060078038487FF820100",
        "84E00000 DF02EF080600180A8487FF820100",
        "84E00000 DF03EF0502000103848586820200",
        "84E00000 DF03EE01010765008485FF000000",
        "84E00000 DF03ED05010CC3008485FF000000",
    ] {
        assert!(
            files.iter().any(|file| file == line),
            "{line} is missing of {files:#?}"
        );
    }
}

#[test]
fn keys_carry_the_headers_of_the_page() {
    let plan = plan(BLANK).expect("plan");
    let keys = phase(&plan, "keys");
    assert_eq!(keys.len(), 57);
    assert_eq!(
        keys[0], "84D40000 DDF101040004000000 <key 0> <check 0>",
        "IRK_DDF1 version 0: class 1, no limit"
    );
    let find = |name: &str, version| {
        let slot = plan
            .slots
            .iter()
            .position(|slot| *slot.key == *name && slot.version == version)
            .expect("slot");
        keys.iter()
            .find(|line| line.contains(&format!("<key {slot}>")))
            .cloned()
            .expect("command")
    };
    assert!(
        find("RK1_DDF1", 1).starts_with("84D40000 DDF1020401040A0000 "),
        "class 2, KID 04, version 1"
    );
    assert!(
        find("UK2_DF03", 3).starts_with("84D40000 DF0304860304"),
        "class 4, KID 86, version 3"
    );
    assert!(
        find("BK_MF", 0).starts_with("84D40000 3F0005030004"),
        "class 5 in the MF"
    );
    assert!(
        find("STK_MF", 0).starts_with("84D40000 3F000602000400"),
        "class 6, no limit"
    );
}

#[test]
fn data_is_packed_padding_skipped_and_the_code_left_to_the_hsm() {
    let plan = plan(BLANK).expect("plan");
    let data = phase(&plan, "data");
    let number = hex::encode_upper("410102199001010016");
    let serial = hex::encode_upper("4100000001");
    assert_eq!(
        data[0],
        format!("84DA0000 DDF1EF0500000812{number}0903 <mac 0> 0A0A{serial}3903410100")
    );
    assert!(
        data[1].starts_with("84DA0000 DDF1EF0600000B1E"),
        "{}",
        data[1]
    );
    assert_eq!(data[2], "84F00500 ", "the empty telephone is not written");
    assert_eq!(data.len(), 3);
    assert_eq!(
        plan.mac_texts[0].text.as_slice(),
        b"4101021990010100164100000001"
    );
    assert_eq!(
        (plan.mac_texts[0].key.as_str(), plan.mac_texts[0].digits),
        ("CVK", 3)
    );
}

#[test]
fn a_photo_is_cut_and_its_empty_end_left_out() {
    let mut content = content();
    let mut photo = vec![0xABu8; 500];
    photo[..2].copy_from_slice(&498u16.to_be_bytes());
    photo.resize(3074, 0);
    content.files.push(FileContent {
        path: "DDF1/EF07".into(),
        data: FileData::Binary(photo),
    });
    let plan = user::user_card(&dialect(), Profile::rhc_2012(), &content, BLANK).expect("plan");
    let offsets: Vec<String> = phase(&plan, "data")
        .iter()
        .filter(|l| l.contains("DDF1EF07"))
        .map(|l| l[17..21].to_owned())
        .collect();
    assert_eq!(offsets, ["0000", "00E9", "01D2"]);
    for step in plan.phases.iter().flat_map(|phase| &phase.steps) {
        if let Step::Command { segments, .. } = &**step {
            let len: usize = segments.iter().map(|s| s.len(&plan.mac_texts)).sum();
            assert!(len <= 239, "a protected command holds 239 bytes");
        }
    }
}

#[test]
fn content_that_does_not_fit_is_refused() {
    let refuse = |change: &dyn Fn(&mut CardContent)| {
        let mut content = content();
        change(&mut content);
        user::user_card(&dialect(), Profile::rhc_2012(), &content, BLANK)
            .err()
            .expect("refused")
    };
    let with = |path: &str, data: FileData| {
        refuse(&|c| {
            c.files.push(FileContent {
                path: path.into(),
                data: data.clone(),
            })
        })
    };
    let (photo, visit) = ("DDF1/EF07", "DF03/EE01");
    assert_eq!(
        with(photo, FileData::Binary(vec![0xFF; 3074])),
        DialectError::Photo
    );
    assert_eq!(with(photo, FileData::Binary(vec![0])), DialectError::Photo);
    assert_eq!(
        with(visit, FileData::Binary(vec![0, 0, 1])),
        DialectError::Visit(visit.into())
    );
    assert_eq!(
        with("DF03/EF06", FileData::Records(vec![vec![0]])),
        DialectError::Visit("DF03/EF06".into())
    );
    let profile = Profile::rhc_2012();
    assert_eq!(
        refuse(&|c| c.set_text(profile, 9, "ABC").expect("fits")),
        DialectError::SecurityCodeGiven
    );
    assert_eq!(
        refuse(&|c| c.files.retain(|f| f.path != "DDF1/EF05")),
        DialectError::ElementMissing(8)
    );
    assert!(matches!(
        refuse(&|c| c.files[0].path = "DDF1/EF99".into()),
        DialectError::Content(_)
    ));
}

#[test]
fn the_national_stage_writes_both_master_keys_and_roots() {
    let plan =
        sam::national(&dialect(), Profile::rhc_2012(), 1, &Versions::All, BLANK).expect("plan");
    let open = phase(&plan, "open");
    assert_eq!(open[1], "84D40100 000000010100000000 <key 0> <check 0>");
    assert_eq!(
        (open[2].as_str(), open[3].as_str()),
        ("open Slot(0) 01 0", "84E40000 ")
    );
    let keys = phase(&plan, "keys");
    assert_eq!(
        keys[0], "84D40100 000000010200000000 <key 1> <check 1>",
        "SMK_P, key version 02"
    );
    assert_eq!(
        keys[1], "84D40000 DF0147010004020000 <key 2> <check 2>",
        "IRK_DDF1/0: usage 47, index 01, 2 levels"
    );
    assert_eq!(keys.len(), 1 + 20, "type 1 has five keys of four versions");
    assert!(
        plan.slots[2..]
            .iter()
            .all(|slot| slot.target == Target::Root && slot.levels == 0)
    );
    assert_eq!(phase(&plan, "finish"), ["84F00300 "]);
    let resumed = ChipState {
        key_version: 1,
        counter: 1,
        state: 3,
    };
    let plan = sam::national(
        &dialect(),
        Profile::rhc_2012(),
        1,
        &Versions::Only(vec![1, 2]),
        resumed,
    )
    .expect("plan");
    assert_eq!(phase(&plan, "open"), ["open Held(SmkN) 01 1", "84E40000 "]);
    assert_eq!(phase(&plan, "keys").len(), 1 + 10);
}

#[test]
fn the_provincial_stages_follow() {
    let chip = ChipState {
        key_version: 2,
        counter: 0,
        state: 3,
    };
    let label = "RHC-TEST-SM2-SAM-41010120260000000017".to_owned();
    let plan = sam::provincial_keys(
        &dialect(),
        Profile::rhc_2012(),
        5,
        &Versions::All,
        KeyPair::Test(label),
        &[0xC4; 32],
        chip,
    )
    .expect("plan");
    let keys = phase(&plan, "keys");
    assert_eq!(
        keys.len(),
        19 + 2,
        "STK x3, LK x3, BK; UK1_DDF1, UK1_DF01, UK2_DF03 of four versions; the key pair and its proof"
    );
    assert_eq!(keys[19], "84D80000 <RHC-TEST-SM2-SAM-41010120260000000017>");
    assert_eq!(keys[20], format!("84480000 {}", "C4".repeat(32)));
    let kept = plan.phases[1]
        .steps
        .iter()
        .filter_map(|step| match &**step {
            Step::Command { answer, .. } => *answer,
            Step::Open { .. } => None,
        });
    assert_eq!(
        kept.collect::<Vec<_>>(),
        [AnswerKind::PublicKey, AnswerKind::KeyProof]
    );
    assert!(matches!(
        *plan.phases[0].steps[0],
        Step::Open {
            base: Base::Held(BaseKey::SmkP),
            key_version: 2,
            ..
        }
    ));

    let files = [
        ("MF/0015", vec![1; 14]),
        ("MF/0016", vec![2; 6]),
        ("DF01/001A", vec![3; 25]),
        ("DF01/001B", vec![4; 180]),
        ("DF01/001C", vec![5; 190]),
    ];
    let plan = sam::provincial_files(&dialect(), Profile::rhc_2012(), &files, "123456", chip)
        .expect("plan");
    let data = phase(&plan, "data");
    assert_eq!(data[0], format!("84DA0000 3F0000150000{}", "01".repeat(14)));
    assert!(data[4].starts_with("84DA0000 DF01001C00000505"));
    assert_eq!(data[5], "84240000 123456");
    assert_eq!(phase(&plan, "activate"), ["84F00700 "]);
    for pin in ["12345", "1234567", "12345x", ""] {
        let refused =
            sam::provincial_files(&dialect(), Profile::rhc_2012(), &files, pin, chip).err();
        assert!(matches!(refused, Some(DialectError::SamData(_))), "{pin}");
    }
    let refused =
        sam::provincial_files(&dialect(), Profile::rhc_2012(), &files[..4], "123456", chip).err();
    assert_eq!(refused, Some(DialectError::NoFile("DF01/001C".into())));
}

#[test]
fn a_dialect_file_that_lies_is_refused() {
    let good = include_str!("../profiles/rhc-cos-1.toml");
    for (from, to) in [
        ("84D40100", "84D401"),
        ("\"=000000\"", "\"=0\""),
        ("df/2", "df/x"),
        ("[command.wipe]", "[command.wipe]\nextra = 1"),
    ] {
        let bad = good.replacen(from, to, 1);
        assert!(
            matches!(Dialect::load(&bad), Err(DialectError::Template(_))),
            "{to}"
        );
    }
    let without_wipe =
        Dialect::load(&good.replacen("[command.wipe]", "[command.wash]", 1)).expect("loads");
    let refused = user::user_card(&without_wipe, Profile::rhc_2012(), &content(), BLANK).err();
    assert!(matches!(refused, Some(DialectError::Mismatch(_))));
}
