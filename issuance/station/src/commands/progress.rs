//! What somebody at the reader sees while it goes on: a bar with an estimate on a terminal, nothing in a pipe.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use kms_platform::{lang::pick, say};

use crate::engine::Outcome;
use crate::run::Listener;

/// A bar on standard error.
pub struct Bar(ProgressBar);

impl Bar {
    /// For so many cards.
    #[must_use]
    pub fn new(cards: usize) -> Self {
        if !std::io::stderr().is_terminal() {
            return Self(ProgressBar::hidden());
        }
        let bar = ProgressBar::new(cards as u64);
        let template = "{spinner} {bar:24} {pos}/{len}  {msg}  ETA {eta}";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(200));
        Self(bar)
    }
}

impl Listener for Bar {
    fn waiting(&mut self, taken: usize) {
        let number = taken + 1;
        self.0
            .set_message(say!("put in card {number}", "请插入第 {number} 张卡"));
    }

    fn done(&mut self, outcome: &Outcome) {
        let serial = outcome.serial.clone().unwrap_or_default();
        let word = match &outcome.result {
            Ok(_) => {
                self.0.inc(1);
                pick("done", "完成").to_owned()
            }
            Err(fault) => fault.message(),
        };
        self.0.println(format!("{serial} {word}"));
        self.0.set_message(pick("take the card out", "请取出卡片"));
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
