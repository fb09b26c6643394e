//! A profile that does not hold together is refused with the item, the clause and the line. Each case changes one place
//! of `rhc-2012`.

use cardlib_card::profile::{Profile, ProfileError};

const RHC_2012: &str = include_str!("../profiles/rhc-2012.toml");

/// The error of `rhc-2012` with the first `from` after `after` replaced.
fn refused(after: &str, from: &str, to: &str) -> ProfileError {
    let start = RHC_2012.find(after).expect("the place exists");
    let at = start + RHC_2012[start..].find(from).expect("the text exists");
    let changed = format!("{}{to}{}", &RHC_2012[..at], &RHC_2012[at + from.len()..]);
    Profile::load(&changed)
        .err()
        .unwrap_or_else(|| panic!("{from} -> {to} after {after} was taken"))
}

/// Line of the first occurrence of `text`, from 1.
fn line_of(text: &str) -> usize {
    RHC_2012
        .lines()
        .position(|line| line.starts_with(text))
        .expect("the line exists")
        + 1
}

#[test]
fn the_embedded_profile_is_whole() {
    let profile = Profile::rhc_2012();
    assert_eq!(
        (profile.keys.len(), profile.key_instances().count()),
        (21, 57)
    );
    assert_eq!(
        (
            profile.dfs.len(),
            profile.files.len(),
            profile.sam.types.len()
        ),
        (5, 22, 5)
    );
    assert!(Profile::named("rhc-2012").is_some() && Profile::named("rhc-2099").is_none());
}

#[test]
fn an_error_says_item_clause_and_line() {
    let error = refused("name = \"UK1_DDF1\"", "0x27", "0x47");
    assert_eq!((error.item.as_str(), error.clause), ("UK1_DDF1", "D4"));
    assert_eq!(error.line, Some(line_of("name = \"UK1_DDF1\"")));
    let shown = error.to_string();
    assert!(
        shown.starts_with("UK1_DDF1: usage byte 47 does not carry 1 levels (D4), line "),
        "{shown}"
    );
}

#[test]
fn an_element_inside_a_block_is_found_in_its_own_block() {
    let error = refused(
        "id = \"drugs\"",
        "at = 51, id = \"days\"",
        "at = 50, id = \"days\"",
    );
    let shown = format!(
        "ED/drugs/days: begins at 50, what stands before it ends at 51 (R64), line {}",
        line_of("    { at = 51, id = \"days\"")
    );
    assert_eq!(error.to_string(), shown);
}

#[test]
fn text_that_is_no_profile_gives_its_line() {
    let error = refused("[crypto]", "cipher = \"sm4\"", "cipher = \"rot13\"");
    assert_eq!(error.line, Some(line_of("cipher = ")));
    let error = refused("[totals]", "keys = 21", "keyz = 21");
    assert!(error.to_string().contains("keyz"), "{error}");
    assert!(Profile::load("").is_err() && Profile::load("name = [").is_err());
}

/// place, text, instead, item, clause
type Case = (
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    &'static str,
);

const FILES: &[Case] = &[
    (
        "path = \"DDF1/EF06\"",
        "DDF1/EF06",
        "DDF1/EF05",
        "DDF1/EF05",
        "R1",
    ),
    (
        "path = \"DDF1/EF06\"",
        "0xEF06",
        "0xEF05",
        "DDF1/EF06",
        "R1",
    ),
    (
        "path = \"DDF1/EF06\"",
        "DDF1/EF06",
        "DDF9/EF06",
        "DDF9/EF06",
        "R1",
    ),
    (
        "path = \"DDF1/EF06\"",
        "RK1_DDF1",
        "RK9_DDF1",
        "DDF1/EF06",
        "user card 2.3",
    ),
    (
        "path = \"DDF1/EF06\"",
        "RK1_DDF1",
        "RK1_DF01",
        "DDF1/EF06",
        "R31",
    ),
    (
        "path = \"DDF1/EF06\"",
        "RK1_DDF1",
        "UK1_DDF1",
        "DDF1/EF06",
        "R34",
    ),
    (
        "path = \"DDF1/EF06\"",
        "records = 5",
        "records = 4",
        "DDF1/EF06",
        "R20",
    ),
    (
        "path = \"DDF1/EF06\"",
        "tag = 12",
        "tag = 11",
        "Sex",
        "user card 2.2",
    ),
    ("path = \"DDF1/EF06\"", "tag = 12, ", "", "DDF1/EF06", "R19"),
    (
        "path = \"DDF1/EF06\"",
        "len = 4, format",
        "len = 5, format",
        "DDF1/EF06",
        "R24",
    ),
    (
        "path = \"DDF1/EF06\"",
        "codes = \"sex\"",
        "codes = \"colour\"",
        "DDF1/EF06",
        "user card 2.7",
    ),
    (
        "path = \"DDF1/EF05\"",
        "update = \"never\"",
        "update = \"UK1_DDF1\"",
        "DDF1/EF05",
        "D25",
    ),
    (
        "path = \"DDF1/EF05\"",
        "len = 180",
        "len = 179",
        "DDF1/EF05",
        "D20",
    ),
    (
        "path = \"DDF1/EF07\"",
        "size = 3074",
        "size = 32768",
        "DDF1/EF07",
        "R13",
    ),
    (
        "path = \"DDF1/EF08\"",
        "maintenance = \"STK_DDF1\"\n",
        "",
        "DDF1/EF08",
        "user card 2.4",
    ),
    (
        "path = \"DDF1/EF08\"",
        "STK_DDF1",
        "UK1_DDF1",
        "DDF1/EF08",
        "R34",
    ),
    (
        "path = \"DF02/EF07\"",
        "size = 120",
        "size = 121",
        "DF02/EF07",
        "R19",
    ),
    (
        "path = \"DF02/EF07\"",
        "records = 3",
        "records = 255",
        "DF02/EF07",
        "user card 2.1",
    ),
    (
        "path = \"DF03/EE01\"",
        "size = 1893",
        "size = 1894",
        "DF03/EE01",
        "R64",
    ),
    (
        "path = \"DF03/EE01\"",
        "\"EE\"",
        "\"EX\"",
        "EE",
        "user card 2.2",
    ),
    (
        "name = \"EE\"",
        "certificate = 190",
        "certificate = 180",
        "EE",
        "D21",
    ),
    (
        "name = \"EE\"",
        "at = 80, id = \"admitted\"",
        "at = 81, id = \"admitted\"",
        "EE/admitted",
        "R64",
    ),
    (
        "name = \"EE\"",
        "id = \"admitted\"",
        "id = \"stays\"",
        "EE/stays",
        "R64",
    ),
    (
        "id = \"diagnoses\"",
        "len = 247",
        "len = 246",
        "EE/diagnoses",
        "R64",
    ),
    (
        "id = \"diagnoses\"",
        "times = 3",
        "times = 2",
        "EE/transfusions",
        "R64",
    ),
    (
        "id = \"diagnoses\"",
        "at = 59, id = \"confirmed\"",
        "at = 60, id = \"confirmed\"",
        "EE/diagnoses/confirmed",
        "R64",
    ),
    (
        "id = \"drugs\"",
        "type = \"cn\", len = 3, format = \"count\"",
        "type = \"ans\", len = 3, format = \"count\"",
        "ED/drugs/days",
        "R24",
    ),
    ("name = \"ED\"", "data = 3013", "data = 3014", "ED", "R64"),
    ("name = \"DF02\"", "\"DDF1\"", "\"DF03\"", "DF02", "R1"),
    (
        "name = \"DF02\"",
        "915600013201",
        "915600013200",
        "DF02",
        "R3",
    ),
    ("name = \"DF02\"", "915600013201", "91560001", "DF02", "R3"),
];

const KEYS: &[Case] = &[
    ("name = \"CMK\"", "CMK", "CVK", "CVK", "R80"),
    (
        "name = \"UK2_DF02\"",
        "kid = 0x86",
        "kid = 0x85",
        "UK2_DF02",
        "R31",
    ),
    (
        "name = \"UK2_DF02\"",
        "sam_index = 0x0D",
        "sam_index = 0x0C",
        "UK2_DF02",
        "SAM 4.4",
    ),
    (
        "name = \"UK2_DF02\"",
        "sam_index = 0x0D",
        "sam_index = 0x20",
        "UK2_DF02",
        "SAM 4.4",
    ),
    (
        "name = \"UK2_DF02\"",
        "groups = 4",
        "groups = 9",
        "UK2_DF02",
        "SAM 4.4",
    ),
    (
        "name = \"UK2_DF02\"",
        "groups = 4",
        "groups = 3",
        "totals",
        "D12",
    ),
    (
        "name = \"UK2_DF02\"",
        "error_limit = 10",
        "error_limit = 0",
        "UK2_DF02",
        "D11",
    ),
    (
        "name = \"UK2_DF02\"",
        "sam_usage = 0x47",
        "sam_usage = 0x48",
        "UK2_DF02",
        "R52",
    ),
    (
        "name = \"UK2_DF02\"",
        "\"national\"",
        "\"provincial\"",
        "UK2_DF02",
        "R51",
    ),
    (
        "name = \"UK2_DF02\"",
        "\"province\", \"card\"",
        "\"card\", \"province\"",
        "UK2_DF02",
        "D2",
    ),
    (
        "name = \"STK_DF01\"",
        "df = \"DF01\"",
        "df = \"DF02\"",
        "DF01/EF05",
        "R31",
    ),
    (
        "name = \"CVK\"",
        "factors = []",
        "factors = [\"card\"]",
        "CVK",
        "R60",
    ),
    ("name = \"SMK_N\"", "\"chip\"", "\"card\"", "SMK_N", "D40"),
    (
        "[totals]",
        "keys = 21",
        "keys = 22",
        "totals",
        "user card 2.3",
    ),
];

const REST: &[Case] = &[
    ("[atr]", "vendor_at = 8", "vendor_at = 7", "atr", "D6"),
    ("[atr]", "historical = 12", "historical = 13", "atr", "D6"),
    (
        "[atr]",
        "life_cycle_at = 11",
        "life_cycle_at = 12",
        "atr",
        "D6",
    ),
    ("[factors]", "303030303030", "3030303030", "factors", "D3"),
    ("[certificates]", "size = 190", "size = 191", "sam", "D20"),
    ("[assumed]", "\"D10\"", "\"somebody\"", "assumed", ""),
    (
        "[assumed]",
        "value = 6",
        "value = 5",
        "sam_pin_digits",
        "D18",
    ),
    (
        "path = \"DF01/001C\"",
        "size = 190",
        "size = 180",
        "DF01/001C",
        "D20",
    ),
    (
        "path = \"MF/0015\"",
        "size = 14",
        "size = 13",
        "MF/0015",
        "R55",
    ),
    (
        "number = 4",
        "\"STK_MF\"",
        "\"STK_MX\"",
        "SAM type 4",
        "SAM 4.5",
    ),
    (
        "number = 4",
        "number = 4",
        "number = 3",
        "SAM type 3",
        "SAM 4.5",
    ),
];

fn run(cases: &[Case]) {
    for (after, from, to, item, clause) in cases {
        let error = refused(after, from, to);
        assert_eq!(
            (error.item.as_str(), error.clause),
            (*item, *clause),
            "{from} -> {to} after {after}: {error}"
        );
    }
}

#[test]
fn directories_files_and_elements_must_fit() {
    run(FILES);
}

#[test]
fn keys_must_fit() {
    run(KEYS);
}

#[test]
fn atr_factors_certificates_and_sam_must_fit() {
    run(REST);
}
