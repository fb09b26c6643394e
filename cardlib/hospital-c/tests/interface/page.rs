//! `docs/hospital-interface.md`: its program is the one that is compiled and run.

use crate::program;
use crate::stand::Counter;
use crate::support::{card, sam};

pub fn page() -> String {
    let path = program::crate_folder().join("../../docs/hospital-interface.md");
    std::fs::read_to_string(path).expect("docs/hospital-interface.md")
}

/// The first block of this language.
fn block(page: &str, language: &str) -> String {
    let fence = format!("```{language}\n");
    let (_, rest) = page.split_once(&fence).expect("a block of this language");
    rest.split_once("```").expect("its end").0.to_owned()
}

#[test]
fn the_small_program_of_the_page_runs() {
    let page = page();
    let counter = Counter::new(2);
    let _chips = (counter.insert(0, card()), counter.insert(1, sam(5)));
    let readers = counter.daemon.readers();
    let configuration = block(&page, "toml")
        .replace("Reader of the counter 00 00", &readers[0].name)
        .replace("Reader of the counter 01 00", &readers[1].name);
    assert!(
        configuration.contains(&readers[1].name),
        "the page's reader names"
    );
    counter.secret("rhc_reader.toml", &configuration);
    counter.secret("sam.pin", "123456\n");
    let source = counter.folder().join("first.c");
    std::fs::write(&source, block(&page, "c")).expect("write");
    let program = program::compile(&source, counter.folder());
    let output = counter.client(&program).output().expect("runs");
    let (name, _, _) = encoding_rs::GB18030.decode(&output.stdout);
    assert!(output.status.success(), "{}", program::said(&output));
    assert_eq!(name, block(&page, "text"), "what the page shows");
}
