//! What a synthetic applicant must not leave behind: name, numbers, telephones, addresses, as text (UTF-8), as a card writes it
//! (GB 18030), and in every form that [`crate::search`] knows (hexadecimal, base64, lists of numbers).

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use encoding_rs::GB18030;

/// Columns of an applicants file that name or reach a person.
const COLUMNS: [&str; 11] = [
    "name",
    ID_NUMBER,
    "phone1",
    "phone2",
    "address1",
    "address2",
    "contact1_name",
    "contact1_phone",
    "contact2_name",
    "document_number",
    "health_record",
];

/// The column whose value is also the number of the card.
pub const ID_NUMBER: &str = "id_number";

/// `row COLUMN encoding` and bytes of everything personal in the first rows of an applicants file (without quotes).
pub fn personal(applicants: &Path, rows: usize) -> Result<Vec<(String, Vec<u8>)>> {
    let text = fs::read_to_string(applicants).context("applicants")?;
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().context("a header")?.split(',').collect();
    let mut found = Vec::new();
    for (row, line) in lines.take(rows).enumerate() {
        for (column, value) in header.iter().zip(line.split(',')) {
            if COLUMNS.contains(column) && !value.is_empty() {
                found.extend(encoded(&format!("{} {column}", row + 1), value));
            }
        }
    }
    Ok(found)
}

fn encoded(label: &str, value: &str) -> Vec<(String, Vec<u8>)> {
    let mut both = vec![(format!("{label} UTF-8"), value.as_bytes().to_vec())];
    let (national, _, _) = GB18030.encode(value);
    if national.as_ref() != value.as_bytes() {
        both.push((format!("{label} GB 18030"), national.into_owned()));
    }
    both
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::Search;

    #[test]
    fn a_person_is_found_in_every_form() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("applicants.csv");
        fs::write(&file, "name,sex,id_number\n王秀英,2,410101195507060047\n").unwrap();
        let values = personal(&file, 1).unwrap();
        assert_eq!(values.len(), 3, "name twice, number once");
        let search = Search::for_secrets(&values).unwrap();
        let national: &[u8] = b"\xCD\xF5\xD0\xE3\xD3\xA2";
        for text in [
            "姓名 王秀英".as_bytes().to_vec(),
            [b"xx".as_slice(), national].concat(),
            hex::encode_upper(national).into_bytes(),
            b"410101195507060047".to_vec(),
            hex::encode("410101195507060047").into_bytes(),
        ] {
            assert_eq!(search.bytes(&text).len(), 1, "{text:?}");
        }
        assert!(
            search
                .bytes("王秀 英 41010119550706004".as_bytes())
                .is_empty()
        );
    }
}
