//! What readers and writers of cards take from their copy of the profile: places in visit records, factors of areas. The
//! card itself does not look into these.

use cardlib_card::visit::{Visit, VisitKind};
use serde_json::Value;

use crate::stand::Stand;

/// Province and prefecture factor of an area code (D3, D4).
pub fn factors(stand: &Stand) {
    let rules = &stand.copy.factors;
    let shown = |factor: Option<[u8; 8]>| factor.map(hex::encode);
    let area = "410100";
    assert_eq!(
        shown(rules.province.of_area(area)).as_deref(),
        Some("3431303030303030")
    );
    assert_eq!(
        shown(rules.prefecture.of_area(area)).as_deref(),
        Some("3431303130303030")
    );
}

type Fields = &'static [(usize, &'static str, &'static str, usize)];
type Blocks = &'static [(usize, usize, usize, &'static str, Fields)];

/// Offset, element, type, length of what stands once in a stay.
const EE: Fields = &[
    (0, "institution", "ans", 70),
    (70, "institution-code", "ans", 10),
    (80, "admitted", "cn", 4),
    (84, "stays", "cn", 2),
    (86, "case-number", "ans", 18),
    (104, "admission-department", "ans", 50),
    (154, "condition", "cn", 1),
    (155, "infection", "ans", 50),
    (205, "injury-cause", "ans", 7),
    (1005, "rescues", "cn", 2),
    (1007, "rescues-succeeded", "cn", 2),
    (1009, "discharged", "cn", 4),
    (1013, "discharge-department", "ans", 50),
    (1063, "days", "cn", 3),
    (1066, "autopsy", "b", 1),
    (1067, "follow-up", "b", 1),
    (1068, "payment", "cn", 1),
    (1589, "total-fee", "cn", 5),
    (1594, "bed-fee", "cn", 5),
    (1599, "nursing-fee", "cn", 5),
    (1604, "western-medicine-fee", "cn", 5),
    (1609, "chinese-medicine-fee", "cn", 5),
    (1614, "laboratory-fee", "cn", 5),
    (1619, "treatment-fee", "cn", 5),
    (1624, "surgery-fee", "cn", 5),
    (1629, "examination-fee", "cn", 5),
    (1634, "other-fee", "cn", 5),
];
/// Offset, repetitions, length, name and elements of what is repeated in it.
const EE_BLOCKS: Blocks = &[
    (
        212,
        3,
        247,
        "diagnoses",
        &[
            (0, "serum-test", "cn", 1),
            (1, "serum-result", "cn", 1),
            (2, "name", "ans", 50),
            (52, "code", "ans", 7),
            (59, "confirmed", "cn", 4),
            (63, "agreement", "ans", 20),
            (83, "agreement-code", "cn", 1),
            (84, "kind", "ans", 20),
            (104, "kind-code", "cn", 1),
            (105, "outcome", "cn", 1),
            (106, "surgery", "ans", 80),
            (186, "surgery-code", "ans", 5),
            (191, "surgery-date", "cn", 4),
            (195, "anaesthesia", "ans", 50),
            (245, "anaesthesia-code", "cn", 1),
            (246, "healing", "cn", 1),
        ],
    ),
    (
        953,
        4,
        13,
        "transfusions",
        &[
            (0, "product", "cn", 1),
            (1, "amount", "cn", 2),
            (3, "unit", "ans", 10),
        ],
    ),
    (
        1069,
        20,
        26,
        "fees",
        &[
            (0, "category", "ans", 20),
            (20, "code", "cn", 1),
            (21, "amount", "cn", 5),
        ],
    ),
];
/// The same of a visit.
const ED: Fields = &[
    (0, "institution", "ans", 70),
    (70, "institution-code", "ans", 10),
    (80, "seen", "cn", 7),
    (87, "visit-number", "ans", 18),
    (105, "department", "ans", 50),
    (155, "payment", "cn", 1),
];
const ED_BLOCKS: Blocks = &[
    (
        156,
        5,
        125,
        "complaints",
        &[
            (0, "symptom", "ans", 50),
            (50, "symptom-code", "ans", 5),
            (55, "diagnosed", "cn", 4),
            (59, "diagnosis", "ans", 50),
            (109, "diagnosis-code", "ans", 7),
            (116, "onset", "cn", 7),
            (123, "duration", "cn", 2),
        ],
    ),
    (
        781,
        10,
        126,
        "exams",
        &[
            (0, "name", "ans", 80),
            (80, "result-code", "cn", 1),
            (81, "value", "cn", 5),
            (86, "unit", "ans", 20),
            (106, "code", "ans", 20),
        ],
    ),
    (
        2041,
        5,
        91,
        "drugs",
        &[
            (0, "name", "ans", 50),
            (50, "form", "cn", 1),
            (51, "days", "cn", 3),
            (54, "frequency", "ans", 20),
            (74, "unit", "ans", 6),
            (80, "dose", "cn", 3),
            (83, "total", "cn", 6),
            (89, "route", "cn", 2),
        ],
    ),
    (
        2496,
        3,
        89,
        "surgeries",
        &[
            (0, "name", "ans", 80),
            (80, "code", "ans", 5),
            (85, "date", "cn", 4),
        ],
    ),
    (
        2763,
        10,
        25,
        "fees",
        &[
            (0, "category", "ans", 20),
            (20, "code", "cn", 1),
            (21, "amount", "cn", 4),
        ],
    ),
];

/// Bytes laid out by the page are read as the values they are, and written back as they were; a whole file has its size.
pub fn visit(stand: &Stand, layout: &str) {
    let (kind, data, fields, blocks) = match layout {
        "EE" => (VisitKind::Inpatient, 1639, EE, EE_BLOCKS),
        _ => (VisitKind::Outpatient, 3013, ED, ED_BLOCKS),
    };
    let mut bytes = vec![0xEE; data];
    let mut blank = bytes.clone();
    let mut wanted = Vec::new();
    let mut put = |at: usize, place: String, kind: &str, len: usize| {
        let (text, field) = sample(kind, len, wanted.len());
        bytes[at..at + len].copy_from_slice(&field);
        blank[at..at + len].fill(if kind == "cn" { 0xFF } else { 0x00 });
        wanted.push((place, text));
    };
    for (at, id, kind, len) in fields {
        put(*at, (*id).to_owned(), kind, *len);
    }
    for (start, times, size, block, inside) in blocks {
        for n in 0..*times {
            for (at, id, kind, len) in *inside {
                put(
                    start + n * size + at,
                    format!("{block}/{n}/{id}"),
                    kind,
                    *len,
                );
            }
        }
    }
    let visit = Visit::decode(stand.copy, kind, &bytes).expect("a record");
    let json = serde_json::to_value(&visit).expect("json");
    let json = json
        .as_object()
        .and_then(|o| o.values().next())
        .expect("a visit");
    for (place, text) in wanted {
        let found = match json.pointer(&format!("/{place}")) {
            Some(Value::String(found)) => found.clone(),
            Some(other) => other.to_string(),
            None => panic!("no {place}"),
        };
        assert_eq!(found, text, "{place}");
    }
    for (_, times, _, block, _) in blocks {
        let found = json.get(*block).and_then(Value::as_array).map(Vec::len);
        assert_eq!(found, Some(*times), "{block}");
    }
    let again = visit.encode(stand.copy).expect("written back");
    assert!(*again == bytes, "written otherwise");
    empty(stand, kind, &blank);
    whole_file(stand, layout, data);
}

/// Data, signature of 64 and certificate of 190 bytes, and the index whose records tell of it.
fn whole_file(stand: &Stand, layout: &str, data: usize) {
    let (files, index) = if layout == "EE" {
        (3, "DF03/EF05")
    } else {
        (5, "DF03/EF06")
    };
    for n in 1..=files {
        let file = stand.copy.file(&format!("DF03/{layout}0{n}"));
        let named = file.and_then(|file| file.layout.as_deref());
        let found = named.and_then(|name| stand.copy.layout(name));
        let found = found.expect("a layout");
        let parts = (found.data, found.signature, found.certificate);
        assert_eq!((parts, found.index.as_str()), ((data, 64, 190), index));
    }
}

/// The n-th value, text as long as the element, digits one short of it (dates excepted): text and bytes.
fn sample(kind: &str, len: usize, n: usize) -> (String, Vec<u8>) {
    let text = match (kind, len) {
        ("ans", _) => format!("T{n:03}{}", "x".repeat(len - 4)),
        ("b", _) => (n % 200 + 1).to_string(),
        ("cn", 1) => (n % 89 + 10).to_string(),
        ("cn", 2) => (100 + n % 899).to_string(),
        ("cn", 3) => (10_000 + n).to_string(),
        ("cn", 4) => format!("2026{:02}{:02}", n % 12 + 1, n % 28 + 1),
        ("cn", 5) => (100_000_000 + n).to_string(),
        ("cn", 6) => format!("1{n:010}"),
        _ => format!("2026{:02}{:02}0915{:02}", n % 12 + 1, n % 28 + 1, n % 60),
    };
    let bytes = match kind {
        "ans" => text.clone().into_bytes(),
        "b" => vec![text.parse().expect("a byte")],
        _ => hex::decode(format!("{text}{}", &"F"[..text.len() % 2])).expect("digits"),
    };
    (text, bytes)
}

/// A record of which nothing is filled in: read as nothing, and written back.
fn empty(stand: &Stand, kind: VisitKind, blank: &[u8]) {
    let visit = Visit::decode(stand.copy, kind, blank).expect("an empty record");
    let again = visit.encode(stand.copy).expect("written back");
    assert!(*again == blank, "an empty record is written otherwise");
}
