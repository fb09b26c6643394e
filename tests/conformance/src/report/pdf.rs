//! The HTML report printed by a Chromium, which has the fonts and the line breaking of both languages.

use std::path::Path;
use std::process::{Command, Stdio};

/// Names under which distributions install it.
const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "chrome"];

/// The first Chromium in the search path.
#[must_use]
pub fn browser() -> Option<std::path::PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .flat_map(|folder| NAMES.map(|name| folder.join(name)))
        .find(|file| file.is_file())
}

/// Prints a page.
///
/// # Errors
/// What to install, or what the browser said.
pub fn print(html: &Path, pdf: &Path) -> Result<(), String> {
    run(
        html,
        &format!("--print-to-pdf={}", pdf.display()),
        &["--no-pdf-header-footer"],
        pdf,
    )
}

/// Takes a picture of a page.
///
/// # Errors
/// As [`print`].
pub fn picture(html: &Path, png: &Path) -> Result<(), String> {
    run(
        html,
        &format!("--screenshot={}", png.display()),
        &["--window-size=1280,1800", "--hide-scrollbars"],
        png,
    )
}

fn run(html: &Path, what: &str, more: &[&str], made: &Path) -> Result<(), String> {
    let browser = browser().ok_or("no Chromium in the search path: install the package chromium, or leave the PDF out (--no-pdf)")?;
    let page = html
        .canonicalize()
        .map_err(|e| format!("{}: {e}", html.display()))?;
    // A profile of its own: nothing of the user's, and two runs do not meet. The sandbox needs rights that root and
    // containers do not have; the page is our own and loads nothing.
    let profile = tempfile::tempdir().map_err(|e| e.to_string())?;
    let output = Command::new(&browser)
        .args([
            "--headless",
            "--disable-gpu",
            "--no-sandbox",
            "--disable-dev-shm-usage",
            "--no-first-run",
        ])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .args(more)
        .arg(what)
        .arg(format!("file://{}", page.display()))
        .stdin(Stdio::null())
        .output()
        .map_err(|e| format!("{}: {e}", browser.display()))?;
    if made.is_file() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!(
        "{} made nothing ({}): {}",
        browser.display(),
        output.status,
        said.lines().last().unwrap_or("")
    ))
}
