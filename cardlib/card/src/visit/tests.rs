//! The bytes of visits, from the tables of the specification (offsets written here a second time).

use std::collections::BTreeSet;

use super::record::Group;
use super::*;
use crate::profile::{Layout, Profile};

fn profile() -> &'static Profile {
    Profile::rhc_2012()
}

fn sample_inpatient() -> Inpatient {
    let mut visit = Inpatient::default();
    visit.institution = "郑州市中心医院".into();
    visit.institution_code = "4101000011".into();
    visit.admitted = "20261101".parse().ok();
    visit.stays = Some(2);
    visit.autopsy = 0;
    visit.follow_up = 1;
    visit.payment = "3".into();
    visit.days = Some(12);
    visit.total_fee = Some(Fen(1_234_567));
    visit.other_fee = Some(Fen(5));
    let mut second = Diagnosis::default();
    second.name = "急性阑尾炎".into();
    second.confirmed = "20261102".parse().ok();
    second.healing = "1".into();
    visit.diagnoses = vec![Diagnosis::default(), second];
    let mut last = InpatientFee::default();
    last.amount = Some(Fen(1));
    visit.fees = vec![InpatientFee::default(); 19];
    visit.fees.push(last);
    visit
}

#[test]
fn the_first_and_last_byte_of_each_inpatient_element_stand_where_the_table_says() {
    let visit = Visit::Inpatient(Box::new(sample_inpatient()));
    let bytes = visit.encode(profile()).expect("fits");
    assert_eq!(bytes.len(), 1639);
    // 郑州 in GB 2312, then padding.
    assert_eq!(bytes[..4], [0xD6, 0xA3, 0xD6, 0xDD]);
    assert_eq!(bytes[69], 0);
    assert_eq!(bytes[70..80], *b"4101000011");
    assert_eq!(bytes[80..84], [0x20, 0x26, 0x11, 0x01]);
    assert_eq!(
        bytes[84..86],
        [0x2F, 0xFF],
        "R77: left aligned, padded with F"
    );
    assert_eq!(bytes[154], 0xFF, "an absent code");
    assert_eq!(bytes[205..212], [0; 7], "absent text");
    assert_eq!(bytes[212..214], [0xFF, 0xFF], "an unused block: R81");
    assert_eq!(bytes[459 + 2..459 + 6], [0xBC, 0xB1, 0xD0, 0xD4], "急性");
    assert_eq!(bytes[459 + 59..459 + 63], [0x20, 0x26, 0x11, 0x02]);
    assert_eq!(bytes[459 + 246], 0x1F);
    assert_eq!(bytes[953..956], [0xFF, 0xFF, 0xFF], "品种, 量");
    assert_eq!(bytes[1063..1069], [0x12, 0xFF, 0xFF, 0x00, 0x01, 0x3F]);
    assert_eq!(
        bytes[1069 + 19 * 26 + 20..1589],
        [0xFF, 0x1F, 0xFF, 0xFF, 0xFF, 0xFF]
    );
    assert_eq!(bytes[1589..1594], [0x12, 0x34, 0x56, 0x7F, 0xFF], "R24");
    assert_eq!(bytes[1634..1639], [0x5F, 0xFF, 0xFF, 0xFF, 0xFF]);
    let back = Visit::decode(profile(), VisitKind::Inpatient, &bytes).expect("back");
    assert!(back == visit);
}

#[test]
fn outpatient_elements_stand_where_the_table_says() {
    let mut visit = Outpatient::default();
    visit.seen = "20261122091500".parse().ok();
    visit.visit_number = "M0001".into();
    visit.payment = "1".into();
    let mut complaint = Complaint::default();
    complaint.onset = "20261120000000".parse().ok();
    complaint.duration = Some(48);
    visit.complaints = vec![complaint];
    let mut exam = Exam::default();
    exam.value = Some(98_765);
    exam.code = "X-1".into();
    visit.exams = vec![Exam::default(); 9];
    visit.exams.push(exam);
    let mut drug = Drug::default();
    drug.total = Some(123);
    drug.route = "1".into();
    visit.drugs = vec![drug];
    let mut surgery = Surgery::default();
    surgery.date = "20261122".parse().ok();
    visit.surgeries = vec![Surgery::default(), Surgery::default(), surgery];
    let mut fee = OutpatientFee::default();
    fee.code = "2".into();
    fee.amount = Some(Fen(99_999_999));
    visit.fees = vec![fee];
    let visit = Visit::Outpatient(Box::new(visit));
    let bytes = visit.encode(profile()).expect("fits");
    assert_eq!(bytes.len(), 3013);
    assert_eq!(bytes[80..87], [0x20, 0x26, 0x11, 0x22, 0x09, 0x15, 0x00]);
    assert_eq!(bytes[87..93], *b"M0001\0");
    assert_eq!(bytes[155], 0x1F);
    let complaint = &bytes[156..281];
    assert_eq!(
        complaint[116..],
        [0x20, 0x26, 0x11, 0x20, 0, 0, 0, 0x48, 0xFF]
    );
    assert_eq!(
        bytes[781 + 9 * 126 + 81..][..5],
        [0x98, 0x76, 0x5F, 0xFF, 0xFF]
    );
    assert_eq!(bytes[781 + 10 * 126 - 20..2041 - 16], *b"X-1\0");
    assert_eq!(
        bytes[2041 + 83..2041 + 91],
        [0x12, 0x3F, 0xFF, 0xFF, 0xFF, 0xFF, 0x1F, 0xFF]
    );
    assert_eq!(bytes[2763 - 4..2763], [0x20, 0x26, 0x11, 0x22]);
    assert_eq!(bytes[2763 + 20..2763 + 25], [0x2F, 0x99, 0x99, 0x99, 0x99]);
    assert_eq!(bytes[3009..], [0xFF; 4]);
    let back = Visit::decode(profile(), VisitKind::Outpatient, &bytes).expect("back");
    assert!(back == visit);
}

fn ids(layout: &Layout) -> BTreeSet<&str> {
    let fields = layout.fields.iter().map(|f| f.id.as_str());
    fields
        .chain(layout.blocks.iter().map(|b| b.id.as_str()))
        .collect()
}

#[test]
fn structs_and_tables_name_the_same_elements() {
    let of = |kind: VisitKind| kind.layout(profile()).expect("layout");
    let (ee, ed) = (of(VisitKind::Inpatient), of(VisitKind::Outpatient));
    assert_eq!(ids(ee), Inpatient::IDS.iter().copied().collect());
    assert_eq!(ids(ed), Outpatient::IDS.iter().copied().collect());
    for (layout, block, ids) in [
        (ee, "diagnoses", Diagnosis::IDS),
        (ee, "transfusions", Transfusion::IDS),
        (ee, "fees", InpatientFee::IDS),
        (ed, "complaints", Complaint::IDS),
        (ed, "exams", Exam::IDS),
        (ed, "drugs", Drug::IDS),
        (ed, "surgeries", Surgery::IDS),
        (ed, "fees", OutpatientFee::IDS),
    ] {
        let table = &layout.block(block).expect(block).fields;
        let table: Vec<&str> = table.iter().map(|f| f.id.as_str()).collect();
        assert_eq!(table, ids, "{}/{block}", layout.name);
    }
}

#[test]
fn every_byte_has_one_name() {
    for (kind, elements, data, file) in [
        (VisitKind::Inpatient, 147, 1639, 1893),
        (VisitKind::Outpatient, 170, 3013, 3267),
    ] {
        let layout = kind.layout(profile()).expect("layout");
        let places = layout.places();
        let mut end = 0;
        for (at, field) in &places {
            assert_eq!(*at, end, "{}", field.id);
            end += field.len;
        }
        assert_eq!((places.len(), end, layout.size()), (elements, data, file));
    }
}

#[test]
fn what_does_not_fit_is_named_by_place_and_never_by_value() {
    let refused = |change: fn(&mut Inpatient)| {
        let mut visit = sample_inpatient();
        change(&mut visit);
        let refused = Visit::Inpatient(Box::new(visit)).encode(profile());
        refused.err().map(|e| e.to_string()).unwrap_or_default()
    };
    let said = refused(|v| v.diagnoses[1].surgery_code = "123456".into());
    assert!(
        said.starts_with("diagnoses[1].surgery-code: needs 6"),
        "{said}"
    );
    let said = refused(|v| v.total_fee = Some(Fen(99_999_999_999)));
    assert!(said.starts_with("total-fee: needs 6 bytes"), "{said}");
    let said = refused(|v| v.diagnoses = vec![Diagnosis::default(); 4]);
    assert_eq!(said, "diagnoses: 4 given, the card has room for 3");
}

#[test]
fn bytes_of_another_type_are_named_by_place() {
    let good = Visit::Inpatient(Box::new(sample_inpatient()))
        .encode(profile())
        .expect("fits");
    let refused = |at: usize, byte: u8| {
        let mut bytes = good.to_vec();
        bytes[at] = byte;
        let refused = Visit::decode(profile(), VisitKind::Inpatient, &bytes);
        refused.err().map(|e| e.to_string()).unwrap_or_default()
    };
    assert!(
        refused(82, 0x13).starts_with("admitted: is no day"),
        "month 13"
    );
    assert!(refused(459 + 59, 0xAA).starts_with("diagnoses[1].confirmed: its bytes"));
    assert!(refused(0, 0xFF).starts_with("institution:"));
    let short = Visit::decode(profile(), VisitKind::Outpatient, &good);
    assert!(matches!(
        short,
        Err(VisitError::Length { wanted: 3013, .. })
    ));
}

#[test]
fn json_names_elements_as_the_table_does() {
    let json = serde_json::to_value(Visit::Inpatient(Box::new(sample_inpatient()))).expect("json");
    assert_eq!(json["inpatient"]["total-fee"], 1_234_567);
    assert_eq!(json["inpatient"]["admitted"], "20261101");
    let text = r#"{"outpatient":{"seen":"20261122091500","drugs":[{"name":"x"}]}}"#;
    let visit: Visit = serde_json::from_str(text).expect("members may be left out");
    assert!(matches!(visit, Visit::Outpatient(v) if v.drugs[0].name == "x"));
    for bad in [
        r#"{"outpatient":{"seen":"20261322091500"}}"#,
        r#"{"outpatient":{"sneezes":1}}"#,
        r#"{"outpatient":{"fees":[{"amount":-1}]}}"#,
    ] {
        assert!(serde_json::from_str::<Visit>(bad).is_err(), "{bad}");
    }
}

#[test]
fn a_file_comes_apart_and_together() {
    let profile = profile();
    let bytes: Vec<u8> = (0..1893_u32).map(|n| n.to_le_bytes()[0]).collect();
    let parts = SignedVisit::split(profile, VisitKind::Inpatient, &bytes).expect("split");
    assert_eq!(
        (
            parts.data.len(),
            parts.signature.len(),
            parts.certificate.len()
        ),
        (1639, 64, 190)
    );
    assert_eq!(parts.signature[0], 1639_u32.to_le_bytes()[0]);
    assert_eq!(parts.certificate[0], 1703_u32.to_le_bytes()[0]);
    assert!(parts.join(profile, VisitKind::Inpatient) == Ok(bytes.clone()));
    assert!(parts.join(profile, VisitKind::Outpatient).is_err());
    assert!(SignedVisit::split(profile, VisitKind::Inpatient, &bytes[1..]).is_err());
    let file = |kind: VisitKind, n| kind.file(profile, n).map(|f| f.path.as_str());
    assert_eq!(file(VisitKind::Inpatient, 3), Some("DF03/EE03"));
    assert_eq!(file(VisitKind::Outpatient, 5), Some("DF03/ED05"));
    assert_eq!([0, 4].map(|n| file(VisitKind::Inpatient, n)), [None, None]);
    let index = VisitKind::Outpatient
        .index(profile)
        .map(|f| f.path.as_str());
    assert_eq!(index, Some("DF03/EF06"));
}
