//! How the demo talks: numbered steps with their times, in Chinese or English by `RHC_LANG`.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

/// A text in both languages.
#[derive(Clone, Copy)]
pub struct Text {
    pub zh: &'static str,
    pub en: &'static str,
}

/// `text("中文", "English")`.
pub const fn text(zh: &'static str, en: &'static str) -> Text {
    Text { zh, en }
}

/// Tells the story on standard output.
pub struct Teller {
    chinese: bool,
    steps: usize,
    at: usize,
    began: Instant,
}

impl Teller {
    /// For a story of that many steps; the language is the environment's.
    pub fn new(steps: usize) -> Self {
        let chinese = std::env::var("RHC_LANG").is_ok_and(|lang| lang == "zh");
        Self {
            chinese,
            steps,
            at: 0,
            began: Instant::now(),
        }
    }

    pub fn pick(&self, text: Text) -> &'static str {
        if self.chinese { text.zh } else { text.en }
    }

    /// A line of its own.
    pub fn line(&self, text: &str) {
        println!("{text}");
    }

    /// A line below the step that is told.
    pub fn detail(&self, text: &str) {
        self.line(&format!("        {text}"));
    }

    /// Announces a step; on a terminal its line stands until the step is done.
    pub fn begin(&mut self, text: Text) {
        self.at += 1;
        self.began = Instant::now();
        if std::io::stdout().is_terminal() {
            print!("{}", self.head(text));
            let _ = std::io::stdout().flush();
        }
    }

    /// Ends the step with what came of it.
    pub fn end(&mut self, text: Text, result: &str) {
        if std::io::stdout().is_terminal() {
            print!("\r");
        }
        let line = format!(
            "{} {result} ({})",
            self.head(text),
            seconds(self.began.elapsed())
        );
        self.line(&line);
    }

    fn head(&self, text: Text) -> String {
        format!("[{}/{}] {}:", self.at, self.steps, self.pick(text))
    }
}

/// `1.2 s`.
pub fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}
