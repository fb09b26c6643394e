//! Every function with everything that C lets through, under valgrind.

use std::path::Path;

use crate::program;
use crate::stand::Counter;
use crate::support::{card, card_with, content, profile, sam};

/// Runs a program under valgrind; any error it sees fails the test.
fn watched(counter: &Counter, program: &Path, word: &str) {
    let output = counter
        .client(Path::new("valgrind"))
        .args(["--quiet", "--error-exitcode=9", "--exit-on-first-error=no"])
        .arg(program)
        .args(Some(word).filter(|word| !word.is_empty()))
        .output()
        .expect("apt-get install valgrind");
    let told = program::said(&output);
    assert!(output.status.success(), "{told}");
    assert!(told.contains("unharmed"), "{told}");
}

#[test]
fn nothing_that_c_lets_through_does_harm() {
    let counter = Counter::new(2);
    let program = program::of_tests("hostile.c", counter.folder());
    watched(&counter, &program, "");
    {
        let _chips = (counter.insert(0, card()), counter.insert(1, sam(5)));
        watched(&counter, &program, "card");
    }
    let mut garbled = content();
    garbled.set(profile(), 3, &[0x80; 30]).expect("its length");
    let _chip = counter.insert(0, card_with(&garbled, 0, 1));
    watched(&counter, &program, "garbled");
}
