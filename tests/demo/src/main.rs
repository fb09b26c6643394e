//! `rhc-demo`: the whole house in one run: keys of three tiers, SAMs, residents' cards, registry, hospital, refusals.
//!
//! Writes `out/demo/result.json`. `KEEP=1` leaves everything running; `RHC_LANG=zh|en` chooses the language.

mod result;
mod say;
mod story;
mod words;

use std::path::Path;
use std::process::ExitCode;

use say::Teller;

const STEPS: usize = 8;

fn main() -> ExitCode {
    let mut teller = Teller::new(STEPS);
    match story::tell(&mut teller, Path::new("out/demo")) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(3),
        Err(error) => {
            eprintln!("\n{}{error:#}", teller.pick(words::STOPPED));
            ExitCode::from(4)
        }
    }
}
