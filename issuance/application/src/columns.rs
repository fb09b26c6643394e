//! The columns of an applicants file: name, element of the card, and what a cell may hold.
//!
//! | columns | meaning |
//! |---|---|
//! | `name` `sex` `ethnic` `birth_date` `id_number` | must be there and filled in |
//! | `valid_until` | last day of validity; empty = no limit |
//! | `phone1` `phone2`, `payment1`–`payment3` | own telephones; ways of payment, codes 1–8 |
//! | `address_type1` `address1` `address_type2` `address2` | type 1 registered, 2 residence |
//! | `contact1_name` `contact1_relation` `contact1_phone` … `contact3_…` | contact persons |
//! | `education` `marriage` `occupation` | codes or words of the application form |
//! | `document_type` `document_number` `health_record` `ncms_number` | another document, health record, rural cooperative number |
//! | `abo` `rh` | blood group (1–5 or A B O AB); is the person Rh *negative*: 1 no, 2 yes, 3 unknown |
//! | `alerts` `other_alert` `psychiatric` | numbers or words separated by `\|`; free text; 0 or 1 |
//! | `allergies` `vaccinations` | `substance:reaction\|…` (3), `name:date\|…` (10) |
//! | `photo` | file name of a JPEG of at most 3,072 bytes, relative to the applicants file |
//!
//! Where a code is wanted, its Chinese or English word does too.

/// What a cell may hold.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    /// A person's name: separating dots are unified.
    Name,
    /// Any text.
    Text,
    /// Digits, spaces, `+ - ( )`.
    Phone,
    /// Letters, digits, `-`.
    Plain,
    /// A code of the element's dictionary.
    Code,
    /// Ethnic group: code or name with or without 族.
    Ethnic,
    /// A date not after today.
    BornOn,
    /// A date not before today.
    ValidUntil,
    /// Identity number.
    IdNumber,
    /// Alert codes.
    Alerts,
    /// Allergies.
    Allergies,
    /// Vaccinations.
    Vaccinations,
    /// Name of a photograph.
    Photo,
}

/// One column.
pub(crate) struct Column {
    /// As in the header.
    pub name: &'static str,
    /// Element of the card; 0 where the cell becomes something else than one element.
    pub tag: u8,
    /// What a cell may hold.
    pub kind: Kind,
    /// Column and cell must be there.
    pub required: bool,
}

const fn must(name: &'static str, tag: u8, kind: Kind) -> Column {
    Column {
        name,
        tag,
        kind,
        required: true,
    }
}

const fn may(name: &'static str, tag: u8, kind: Kind) -> Column {
    Column {
        name,
        tag,
        kind,
        required: false,
    }
}

pub(crate) static COLUMNS: [Column; 39] = [
    must("name", 11, Kind::Name),
    must("sex", 12, Kind::Code),
    must("ethnic", 13, Kind::Ethnic),
    must("birth_date", 14, Kind::BornOn),
    must("id_number", 15, Kind::IdNumber),
    may("valid_until", 7, Kind::ValidUntil),
    may("phone1", 16, Kind::Phone),
    may("phone2", 17, Kind::Phone),
    may("payment1", 18, Kind::Code),
    may("payment2", 19, Kind::Code),
    may("payment3", 20, Kind::Code),
    may("address_type1", 21, Kind::Code),
    may("address1", 22, Kind::Text),
    may("address_type2", 23, Kind::Code),
    may("address2", 24, Kind::Text),
    may("contact1_name", 25, Kind::Name),
    may("contact1_relation", 26, Kind::Code),
    may("contact1_phone", 27, Kind::Phone),
    may("contact2_name", 28, Kind::Name),
    may("contact2_relation", 29, Kind::Code),
    may("contact2_phone", 30, Kind::Phone),
    may("contact3_name", 31, Kind::Name),
    may("contact3_relation", 32, Kind::Code),
    may("contact3_phone", 33, Kind::Phone),
    may("education", 34, Kind::Code),
    may("marriage", 35, Kind::Code),
    may("occupation", 36, Kind::Code),
    may("document_type", 37, Kind::Code),
    may("document_number", 38, Kind::Plain),
    may("health_record", 39, Kind::Plain),
    may("ncms_number", 40, Kind::Plain),
    may("abo", 41, Kind::Code),
    may("rh", 42, Kind::Code),
    may("alerts", 0, Kind::Alerts),
    may("other_alert", 55, Kind::Text),
    may("psychiatric", 56, Kind::Code),
    may("allergies", 0, Kind::Allergies),
    may("vaccinations", 0, Kind::Vaccinations),
    may("photo", 0, Kind::Photo),
];

/// Cells that are of use only together: (the one that is filled in, the one that it needs).
pub(crate) static NEEDS: [(&str, &str); 12] = [
    ("address1", "address_type1"),
    ("address_type1", "address1"),
    ("address2", "address_type2"),
    ("address_type2", "address2"),
    ("contact1_relation", "contact1_name"),
    ("contact1_phone", "contact1_name"),
    ("contact2_relation", "contact2_name"),
    ("contact2_phone", "contact2_name"),
    ("contact3_relation", "contact3_name"),
    ("contact3_phone", "contact3_name"),
    ("document_type", "document_number"),
    ("document_number", "document_type"),
];

/// The column of this name.
pub(crate) fn find(name: &str) -> Option<&'static Column> {
    COLUMNS.iter().find(|column| column.name == name)
}
