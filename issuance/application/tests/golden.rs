//! The whole content of one card against bytes worked out from the specification's tables with another language's codecs
//! (`golden-content.txt`: path, then the records in hexadecimal; Python's GB 18030, no code of this project).

use cardlib_card::content::FileData;
use cardlib_card::profile::Profile;
use issuance_application::photo::PhotoFolder;
use issuance_application::{Context, Issue, Layout, prepare, table};
use jiff::civil::date;

const GOLDEN: &str = include_str!("golden-content.txt");

fn content() -> cardlib_card::content::CardContent {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../station/examples");
    let profile = Profile::rhc_2012();
    let layout = Layout::new(profile);
    let photos = PhotoFolder(folder.into());
    let context = Context {
        layout: &layout,
        today: date(2026, 11, 22),
        photos: &photos,
    };
    let file = std::fs::read(format!("{folder}/applicants.csv")).expect("in the repository");
    let table = table::read(&file, &context).unwrap_or_else(|error| panic!("{error}"));
    let issue = Issue {
        issuer_name: "河南省卫生健康委员会".into(),
        issuer_code: "4100002000000010".into(),
        issuer_certificate: (0..180).collect(),
        issued: date(2026, 11, 22),
        area: "410100".into(),
        serial: "41ABCDEFGH".into(),
    };
    prepare(&table.applicants[0], &issue, profile).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn every_record_of_the_first_example() {
    let content = content();
    let mut compared = 0;
    for line in GOLDEN.lines() {
        let (path, expected) = line.split_once(' ').expect("path and records");
        let file = content
            .files
            .iter()
            .find(|file| file.path == path)
            .expect("prepared");
        let records: Vec<String> = file
            .records()
            .expect("records")
            .iter()
            .map(hex::encode)
            .collect();
        assert_eq!(records.join(" "), expected, "{path}");
        compared += 1;
    }
    assert_eq!(compared + 1, content.files.len(), "all files but the photo");
}

#[test]
fn the_photo_stands_behind_its_length() {
    let content = content();
    let photo = content
        .files
        .iter()
        .find(|file| file.path == "DDF1/EF07")
        .expect("prepared");
    let FileData::Binary(bytes) = &photo.data else {
        panic!("binary")
    };
    let jpeg = std::fs::read(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../station/examples/photo1.jpg"
    ))
    .expect("there");
    assert_eq!(
        usize::from(u16::from_be_bytes([bytes[0], bytes[1]])),
        jpeg.len()
    );
    assert_eq!(bytes[2..], jpeg);
}

#[test]
fn the_security_code_is_left_to_the_key_service() {
    assert!(content().value(9).is_none());
}
