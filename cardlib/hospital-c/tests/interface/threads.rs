//! Several threads, two devices.

use crate::program;
use crate::stand::Counter;
use crate::support::{card, card_with, content, profile, sam};

#[test]
fn threads_share_devices_and_never_mix_them_up() {
    let counter = Counter::new(4);
    let mut other = content();
    other.set_text(profile(), 11, "李明").expect("fits");
    let _chips = (
        counter.insert(0, card()),
        counter.insert(1, sam(5)),
        counter.insert(2, card_with(&other, 0, 3)),
        counter.insert(3, sam(5)),
    );
    let program = program::of_tests("threads.c", counter.folder());
    assert_eq!(program::run(&mut counter.client(&program)), "together\n");
}
