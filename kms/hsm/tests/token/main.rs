//! The PKCS#11 adapter on SoftHSM2: three tokens as ministry, province and prefecture, keys handed down between them, a
//! SAM and a card of profile `rhc-aes` made in the simulator, whose own formulas judge every byte; then what must be
//! refused.
//!
//! SoftHSM2 finds its tokens by an environment variable, so this program starts itself once more with it.
#![allow(clippy::unwrap_used)] // a failed unwrap here is the failed test

mod house;
mod refusals;
mod scripts;

use std::process::Command;

const TESTS: &[(&str, fn())] = &[
    (
        "a_sam_and_a_card_are_made",
        scripts::a_sam_and_a_card_are_made,
    ),
    (
        "check_values_are_openssls",
        scripts::check_values_are_openssls,
    ),
    (
        "a_request_is_answered_once",
        scripts::a_request_is_answered_once,
    ),
    (
        "a_lost_session_is_replaced",
        scripts::a_lost_session_is_replaced,
    ),
    (
        "requests_against_the_rules",
        refusals::requests_against_the_rules,
    ),
    ("counts_of_a_ticket", refusals::counts_of_a_ticket),
    ("orders_of_others", refusals::orders_of_others),
    ("packages_of_others", refusals::packages_of_others),
];

fn main() {
    if std::env::var_os("SOFTHSM2_CONF").is_none() {
        let folder = tempfile::tempdir().unwrap();
        let conf = folder.path().join("softhsm2.conf");
        let tokens = folder.path().join("tokens");
        std::fs::create_dir(&tokens).unwrap();
        let text = format!(
            "directories.tokendir = {}\nobjectstore.backend = file\nlog.level = ERROR\n",
            tokens.display()
        );
        std::fs::write(&conf, text).unwrap();
        house::make_tokens(&conf);
        let mut again = Command::new(std::env::current_exe().unwrap());
        let status = again
            .args(std::env::args_os().skip(1))
            .env("SOFTHSM2_CONF", &conf)
            .status()
            .unwrap();
        std::process::exit(status.code().unwrap_or(1));
    }
    // What the test runner may ask: a list, or names that contain a word.
    let words: Vec<String> = std::env::args().skip(1).collect();
    if words.iter().any(|word| word == "--list") {
        for (name, _) in TESTS {
            println!("{name}: test");
        }
        return;
    }
    let wanted = |name: &str| {
        let mut filters = words
            .iter()
            .filter(|word| !word.starts_with('-'))
            .peekable();
        filters.peek().is_none() || filters.any(|word| name.contains(word.as_str()))
    };
    let mut ran = 0;
    for (name, test) in TESTS.iter().filter(|(name, _)| wanted(name)) {
        test();
        println!("test {name} ... ok");
        ran += 1;
    }
    println!("\ntest result: ok. {ran} passed; 0 failed; 0 ignored");
}
