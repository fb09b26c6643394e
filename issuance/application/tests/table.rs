//! Applicants files, good and bad: what is taken, what is refused and where; no bytes whatever make the reader fail.

use issuance_application::idnumber::{IdNumberFault, check_character};
use issuance_application::photo::{PhotoFault, Photos};
use issuance_application::text::TextFault;
use issuance_application::{Context, Fault, Layout, Reason, Table, TableError, table};

use cardlib_card::profile::Profile;
use jiff::civil::date;
use proptest::prelude::*;

struct NoPhotos;

impl Photos for NoPhotos {
    fn load(&self, _: &str) -> Result<Vec<u8>, PhotoFault> {
        Err(PhotoFault::Unreadable)
    }
}

fn read(file: &[u8]) -> Result<Table, TableError> {
    let layout = Layout::new(Profile::rhc_2012());
    table::read(
        file,
        &Context {
            layout: &layout,
            today: date(2026, 11, 22),
            photos: &NoPhotos,
        },
    )
}

fn rows(header: &str, rows: &[&str]) -> Table {
    let file = format!("{header}\n{}\n", rows.join("\n"));
    read(file.as_bytes()).unwrap_or_else(|error| panic!("{error}"))
}

fn faults(header: &str, row: &str) -> Vec<(&'static str, Reason)> {
    rows(header, &[row])
        .faults
        .into_iter()
        .map(|fault| (fault.column, fault.reason))
        .collect()
}

const MUST: &str = "name,sex,ethnic,birth_date,id_number";
const GOOD: &str = "李明,1,01,1992-11-14,410101199211140038";

fn with(column: &str, cell: &str) -> Vec<(&'static str, Reason)> {
    faults(&format!("{MUST},{column}"), &format!("{GOOD},{cell}"))
}

#[test]
fn a_good_row_with_and_without_byte_order_mark() {
    for start in ["", "\u{FEFF}"] {
        for end in ["\n", "\r\n", ""] {
            let file = format!(
                "{start}{MUST}{end}",
                end = if end.is_empty() { "\n" } else { end }
            ) + GOOD
                + end;
            let table = read(file.as_bytes()).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(
                (table.applicants.len(), table.rows, table.faults),
                (1, 1, vec![])
            );
            assert_eq!(table.applicants[0].name(), "李明");
            assert_eq!(table.applicants[0].line(), 2);
        }
    }
}

#[test]
fn words_stand_for_codes_and_columns_in_any_order() {
    let table = rows(
        "id_number,birth_date,ethnic,sex,name,abo",
        &["410101199211140038,19921114,汉,男,李明,o"],
    );
    assert_eq!((table.applicants.len(), table.faults), (1, vec![]));
}

#[test]
fn each_fault_names_its_column_and_reason() {
    let row = |text: &str| faults(MUST, text);
    assert_eq!(
        row(",1,01,1992-11-14,410101199211140038"),
        [("name", Reason::Missing)]
    );
    assert_eq!(
        row("李明,3,01,1992-11-14,410101199211140038"),
        [("sex", Reason::Code("0 1 2 9".into()))]
    );
    assert_eq!(
        row("李明,2,01,1992-11-14,410101199211140038"),
        [("sex", Reason::DiffersFromNumber)]
    );
    assert_eq!(
        row("李明,1,57,1992-11-14,410101199211140038"),
        [("ethnic", Reason::Code("01–56".into()))]
    );
    assert_eq!(
        row("李明,1,01,1992-11-15,410101199211140038"),
        [("birth_date", Reason::DiffersFromNumber)]
    );
    assert_eq!(
        row("李明,1,01,1992-02-30,410101199211140038"),
        [("birth_date", Reason::Date)]
    );
    assert_eq!(
        row("李明,1,01,1992-11-14,410101199211140030"),
        [("id_number", Reason::IdNumber(IdNumberFault::CheckCharacter))]
    );
    assert_eq!(
        row("李明,1,01,1992-11-14"),
        [(
            "",
            Reason::Cells {
                expected: 5,
                found: 4
            }
        )]
    );
    assert_eq!(
        row("李明,\"1,01,1992-11-14,410101199211140038"),
        [("", Reason::OpenQuote)]
    );
    let future = with_check("41010120300101003");
    assert_eq!(
        row(&format!("李明,1,01,2030-01-01,{future}")),
        [("birth_date", Reason::Future)]
    );
}

#[test]
fn optional_cells_are_checked_too() {
    assert_eq!(with("phone1", "一二三"), [("phone1", Reason::Phone)]);
    assert_eq!(
        with("phone1", "123456789012345678901"),
        [(
            "phone1",
            Reason::Text(TextFault::TooLong { needs: 21, has: 20 })
        )]
    );
    assert_eq!(
        with("valid_until", "2020-01-01"),
        [("valid_until", Reason::Past)]
    );
    assert_eq!(
        with("address1", "某地"),
        [("address_type1", Reason::Needs("address1"))]
    );
    assert_eq!(
        with("contact2_phone", "1"),
        [("contact2_name", Reason::Needs("contact2_phone"))]
    );
    assert_eq!(
        with("document_number", "A1"),
        [("document_type", Reason::Needs("document_number"))]
    );
    assert_eq!(
        with("document_type,document_number", "1,410101199211140039"),
        [("document_number", Reason::DiffersFromNumber)]
    );
    assert_eq!(
        with("health_record", "编号"),
        [("health_record", Reason::Plain)]
    );
    assert_eq!(
        with("allergies", "a|b|c|d"),
        [("allergies", Reason::TooMany { found: 4, room: 3 })]
    );
    assert_eq!(
        with("allergies", ":皮疹"),
        [("allergies", Reason::Entry("substance:reaction"))]
    );
    assert_eq!(
        with("vaccinations", "流感疫苗"),
        [("vaccinations", Reason::Entry("name:date"))]
    );
    assert_eq!(
        with("vaccinations", "流感疫苗:2027-01-01"),
        [("vaccinations", Reason::Future)]
    );
    assert_eq!(
        with("alerts", "1|5"),
        [("alerts", Reason::Code("1 2 3 4 6 7 8 9 10 11 12 13".into()))]
    );
    assert_eq!(
        with("photo", "x.jpg"),
        [("photo", Reason::Photo(PhotoFault::Unreadable))]
    );
    assert_eq!(with("alerts", "哮喘| asthma |13"), []);
    // The full-width signs that a Chinese keyboard gives.
    assert_eq!(
        with(
            "allergies",
            "青霉素\u{FF1A}皮疹\u{FF5C}花生\u{FF1A}呼吸困难"
        ),
        []
    );
}

#[test]
fn a_name_of_fifteen_characters_fits_and_one_more_does_not() {
    let row = |name: &str| faults(MUST, &format!("{name},1,05,1992-11-14,410101199211140038"));
    assert_eq!(row("阿依古丽·麦麦提吐尔逊阿卜杜拉"), []);
    assert_eq!(
        row("阿依古丽•麦麦提吐尔逊阿卜杜拉"),
        [],
        "another dot is unified"
    );
    assert_eq!(
        row("阿依古丽·麦麦提吐尔逊阿卜杜拉江"),
        [(
            "name",
            Reason::Text(TextFault::TooLong { needs: 32, has: 30 })
        )]
    );
    // Four-byte characters count four: 7 × 4 + 2 = 30.
    assert_eq!(row("𠮷𠮷𠮷𠮷𠮷𠮷𠮷王"), []);
    assert_eq!(
        row("𠮷𠮷𠮷𠮷𠮷𠮷𠮷王a"),
        [(
            "name",
            Reason::Text(TextFault::TooLong { needs: 31, has: 30 })
        )]
    );
}

#[test]
fn good_rows_go_on_and_a_person_comes_once() {
    let table = rows(
        MUST,
        &[
            "x,y",
            GOOD,
            "\"",
            GOOD,
            "王秀英,2,11,1955-07-06,410101195507060047",
        ],
    );
    let found: Vec<(u64, &str)> = table
        .faults
        .iter()
        .map(|fault: &Fault| (fault.line, fault.column))
        .collect();
    assert_eq!(found, [(2, ""), (4, ""), (5, "id_number")]);
    assert_eq!(table.faults[2].reason, Reason::Duplicate(3));
    assert_eq!((table.applicants.len(), table.rows), (2, 5));
}

#[test]
fn faulty_headers_are_refused_as_a_whole() {
    let refused = |file: &[u8]| read(file).err();
    assert_eq!(refused(b""), Some(TableError::Empty));
    assert_eq!(refused(b"\n \n"), Some(TableError::Empty));
    assert_eq!(
        refused(b"name,sex"),
        Some(TableError::MissingColumn("ethnic"))
    );
    assert_eq!(
        refused(format!("{MUST},name").as_bytes()),
        Some(TableError::DoubleColumn("name"))
    );
    assert_eq!(
        refused(format!("{MUST},telefon").as_bytes()),
        Some(TableError::UnknownColumn(6))
    );
    assert_eq!(
        refused(b"\xD0\xD5\xC3\xFB,sex"),
        Some(TableError::NotUtf8),
        "GBK"
    );
    assert_eq!(
        refused(b"\xFF\xFEn\0a\0m\0e\0,\0"),
        Some(TableError::NotUtf8),
        "UTF-16"
    );
    assert_eq!(refused(b"\"name"), Some(TableError::OpenQuote));
    // Rows in GBK under an ASCII header: each faulty cell is told.
    let gbk = [
        MUST.as_bytes(),
        b"\n\xC0\xEE\xC3\xF7,1,01,1992-11-14,410101199211140038\n",
    ]
    .concat();
    assert_eq!(
        read(&gbk).map(|table| table.faults[0].reason.clone()),
        Ok(Reason::NotUtf8)
    );
}

#[test]
fn every_reason_speaks_both_languages_and_repeats_no_cell() {
    let table = rows(
        &format!("{MUST},phone1,allergies"),
        &["秘密,9,99,x,41010119921114003Q,秘密,秘密|a|b|c"],
    );
    assert_eq!(table.faults.len(), 5);
    for fault in &table.faults {
        let (zh, en) = (fault.reason.zh(), fault.reason.en());
        assert!(!en.is_empty() && en.is_ascii() || en.contains('–'), "{en}");
        assert!(
            zh.chars().any(|c| c > '\u{2E80}') && !zh.contains("秘密"),
            "{zh}"
        );
    }
}

#[test]
fn the_examples_of_the_station() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../station/examples");
    let layout = Layout::new(Profile::rhc_2012());
    let photos = issuance_application::photo::PhotoFolder(folder.into());
    let context = Context {
        layout: &layout,
        today: date(2026, 11, 22),
        photos: &photos,
    };
    let file = |name: &str| std::fs::read(format!("{folder}/{name}")).expect("in the repository");
    let good =
        table::read(&file("applicants.csv"), &context).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!((good.applicants.len(), good.faults), (3, vec![]));
    let faulty = table::read(&file("applicants-faulty.csv"), &context)
        .unwrap_or_else(|error| panic!("{error}"));
    assert_eq!((faulty.applicants.len(), faulty.rows), (1, 10));
    let lines: Vec<u64> = faulty.faults.iter().map(|fault| fault.line).collect();
    assert_eq!(lines, [2, 3, 4, 5, 6, 6, 7, 8, 8, 9, 9, 11]);
}

fn with_check(digits: &str) -> String {
    format!(
        "{digits}{}",
        char::from(check_character(digits.as_bytes()).expect("17 digits"))
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_make_it_panic(file in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = read(&file);
    }

    #[test]
    fn no_rows_make_it_panic(body in proptest::collection::vec(any::<u8>(), 0..400)) {
        let header = format!("{MUST},phone1,alerts,allergies,vaccinations,valid_until,photo\n");
        let table = read(&[header.as_bytes(), &body].concat());
        prop_assert!(table.is_ok());
        let table = table.unwrap_or_else(|error| panic!("{error}"));
        prop_assert!(table.applicants.len() <= table.rows);
    }

    #[test]
    fn cells_of_text_are_taken_or_told(cells in proptest::collection::vec("[^\"\r\n]{0,40}", 11)) {
        let header = format!("{MUST},phone1,alerts,allergies,vaccinations,address1,address_type1");
        let row: Vec<String> = cells.iter().map(|cell| format!("\"{cell}\"")).collect();
        let blank = cells.iter().all(|cell| cell.trim().is_empty());
        let table = rows(&header, &[&row.join(",")]);
        prop_assert!(blank || table.rows == 1);
        prop_assert!(table.applicants.len() + usize::from(!table.faults.is_empty()) == table.rows);
    }
}
