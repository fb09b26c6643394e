//! The registration desk with a SAM of type 5, from opening the port to the settled visit.

use cardlib_card::visit::{SignedVisit, VisitKind};
use cardlib_terminal::{Anchors, Office};

use crate::program;
use crate::stand::Counter;
use crate::support::{Papers, card, profile, sam};

#[test]
fn a_desk_written_in_c_reads_updates_records_and_settles() {
    let counter = Counter::new(2);
    let issuer = counter.folder().join("issuer.cert");
    std::fs::write(&issuer, Papers::default().issuer()).expect("write");
    counter.configure(&|_| "issuers = [\"issuer.cert\"]\n".into());
    let _chips = (counter.insert(0, card()), counter.insert(1, sam(5)));
    let program = program::of_tests("desk.c", counter.folder());
    let out = counter.folder().join("verify-data");
    let told = program::run(counter.client(&program).arg(&out));
    assert_eq!(told, "settled\n");

    // What the program would have sent to its back office holds there.
    let mut office = Office::new(
        profile(),
        Anchors::shipped(),
        rhc_reader::device::today().expect("a day"),
    );
    office
        .keep(&Papers::default().issuer())
        .expect("the ministry's");
    let bytes = std::fs::read(&out).expect("written by the program");
    let record = SignedVisit::split(profile(), VisitKind::Outpatient, &bytes).expect("its parts");
    assert!(office.verify(VisitKind::Outpatient, &record).is_ok());
    let mut changed = record.clone();
    changed.data[0] ^= 1;
    assert!(office.verify(VisitKind::Outpatient, &changed).is_err());
}
