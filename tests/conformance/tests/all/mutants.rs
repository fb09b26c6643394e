//! Defective products are products all the same: they answer every command, however short, so that any case may meet any of them.

use std::panic::{AssertUnwindSafe, catch_unwind};

use tests_conformance::bench::virtual_product::Recipe;
use tests_conformance::hierarchy::PRESETS;
use tests_conformance::mutants::table;

/// Commands of every INS in the classes in use, without and with bytes behind the header.
fn commands() -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for cla in [0x00, 0x04, 0x80, 0x84] {
        for ins in 0..=0xFF {
            let head = [cla, ins, 0x01, 0x04];
            all.push(head.to_vec());
            for body in [
                &[0x00][..],
                &[0x08],
                &[0xFF],
                &[0x01, 0xAA],
                &[0x02, 0x3F, 0x00],
                &[0x02, 0x3F, 0x00, 0x00],
                &[0x30, 0x01],
            ] {
                all.push([&head[..], body].concat());
            }
            all.push([&head[..], &[0x10], &[0x5A; 16]].concat());
        }
    }
    all.push(vec![0x00, 0xA4]);
    all.push(Vec::new());
    all
}

#[test]
fn no_defective_product_dies_of_a_command() {
    let recipe = Recipe::sound(PRESETS[0], 1).unwrap();
    let commands = commands();
    let mut died = Vec::new();
    for mutant in table() {
        let mut chip = mutant.make(&recipe).unwrap();
        chip.reset();
        // A SAM in use; a user card refuses what it does not know.
        let ready = [
            &[0x00, 0xA4, 0x00, 0x0C, 0x02, 0x3F, 0x00][..],
            &[0x00, 0x20, 0x00, 0x00, 0x03, 0x12, 0x34, 0x56],
            &[0x00, 0xA4, 0x00, 0x0C, 0x02, 0xDF, 0x01],
        ];
        for command in ready.into_iter().chain(commands.iter().map(Vec::as_slice)) {
            let answered = catch_unwind(AssertUnwindSafe(|| chip.handle(command)));
            if answered.is_err() {
                died.push(format!("{} of {}", mutant.id, hex::encode_upper(command)));
                break;
            }
        }
    }
    assert!(died.is_empty(), "{}", died.join("\n"));
}
