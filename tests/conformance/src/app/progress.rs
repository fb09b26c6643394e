//! What is shown while cases run.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::evidence::record::{CaseEnd, Verdict};
use crate::report;
use crate::words::{lang, say};

const TICK: Duration = Duration::from_millis(500);

pub(crate) fn announced(total: usize, quiet: bool) -> ProgressBar {
    if quiet {
        return ProgressBar::hidden();
    }
    let template = say(
        "{bar:30} {pos}/{len}, {elapsed} gone, about {eta} left {msg}",
        "{bar:30} {pos}/{len}，已用 {elapsed}，约剩 {eta} {msg}",
    );
    let style = ProgressStyle::with_template(template);
    let bar = ProgressBar::new(total as u64)
        .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    // A case may take long: the clock goes on meanwhile.
    bar.enable_steady_tick(TICK);
    bar
}

/// So many were done before an interruption: they count for the rest's estimate no more.
pub(crate) fn resumed(bar: &ProgressBar, done: usize) {
    bar.set_position(done as u64);
    bar.reset_eta();
}

pub(crate) fn show(bar: &ProgressBar, end: &CaseEnd) {
    bar.inc(1);
    bar.set_message(end.id.clone());
    if matches!(end.verdict, Verdict::Fail | Verdict::Inconclusive) {
        let word = report::html::verdict_word(end.verdict, lang());
        let line = format!(
            "{word}: {} – {}",
            end.id,
            end.reason.as_deref().unwrap_or_default()
        );
        if bar.is_hidden() {
            eprintln!("{line}")
        } else {
            bar.println(line)
        }
    }
}
