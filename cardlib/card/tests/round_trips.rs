//! What is written comes back, and no bytes make a parser panic.

use cardlib_card::apdu::{Command, Response};
use cardlib_card::content::{CardContent, FileContent, FileData};
use cardlib_card::element::{self, ElementType};
use cardlib_card::profile::{FileKind, Profile};
use cardlib_card::status::Status;
use cardlib_card::tlv;
use proptest::collection::vec;
use proptest::prelude::*;

proptest! {
    #[test]
    fn commands_come_back(header: [u8; 4], data in vec(any::<u8>(), 0..=255), le: Option<u8>) {
        let [cla, ins, p1, p2] = header;
        let command = Command { cla, ins, p1, p2, data, le };
        let bytes = command.encode().expect("short");
        prop_assert!(Command::parse(&bytes) == Ok(command));
    }

    #[test]
    fn parsers_take_any_bytes(bytes in vec(any::<u8>(), 0..600)) {
        if let Ok(command) = Command::parse(&bytes) {
            // Lc 00 with Le is not produced, so a parsed command encodes to the bytes it came from.
            prop_assert_eq!(command.encode().expect("short"), bytes.clone());
        }
        if let Ok(answer) = Response::parse(&bytes) {
            prop_assert_eq!(answer.encode(), bytes.clone());
        }
        if let Ok(record) = tlv::parse(&bytes) {
            prop_assert_eq!(tlv::encode(record.tag, record.value).ok(), (record.value.len() <= tlv::MAX_VALUE).then_some(bytes.clone()));
        }
        for kind in [ElementType::Ans, ElementType::Cn, ElementType::B] {
            let _ = element::decode(kind, &bytes);
        }
        let _ = Profile::rhc_2012().parse_atr(&bytes);
    }

    #[test]
    fn text_that_fits_comes_back(text in "[ -~一-龥㐀-䶵·]{0,20}", room in 1_usize..101) {
        let trimmed = text.clone();
        match element::encode(ElementType::Ans, room, &text) {
            Ok(bytes) => {
                prop_assert_eq!(bytes.len(), room);
                prop_assert_eq!(element::decode(ElementType::Ans, &bytes), Ok(trimmed));
            }
            Err(element::ElementError::TooLong { needs, len }) => prop_assert!(needs > len && len == room),
            Err(other) => prop_assert!(false, "{other}"),
        }
    }

    #[test]
    fn digits_come_back(text in "[0-9]{0,22}") {
        let bytes = element::encode(ElementType::Cn, 11, &text).expect("fits");
        prop_assert_eq!(element::decode(ElementType::Cn, &bytes), Ok(text));
    }

    #[test]
    fn content_checks_any_records(path in 0_usize..22, records in vec(vec(any::<u8>(), 0..130), 0..12)) {
        let profile = Profile::rhc_2012();
        let file = &profile.files[path];
        let fits = records.iter().all(|r| r.len() == file.size) && records.len() <= file.records;
        let data = FileData::Records(records);
        let content = CardContent { files: vec![FileContent { path: file.path.clone(), data }] };
        let checked = content.check(profile).is_ok();
        match file.kind {
            FileKind::Fixed | FileKind::Cyclic => prop_assert_eq!(checked, fits),
            FileKind::Binary => prop_assert!(!checked),
            FileKind::Variable => {}
        }
        let _ = content.canonical_bytes();
    }

    #[test]
    fn counters_of_status_words_stay_in_one_digit(tries: u8) {
        prop_assert_eq!(Status::tries_left(tries).retries(), Some(tries.min(15)));
    }
}
