//! Logs: to standard error, one line an event, never a request or answer body.
//!
//! `RHC_LOG` filters as `tracing` does (default `info`), `RHC_LOG_FORMAT=json` gives one JSON object a line.

use tracing_subscriber::EnvFilter;

/// Starts logging for this process; a second call changes nothing.
pub fn init() {
    let filter =
        EnvFilter::try_from_env("RHC_LOG").unwrap_or_else(|_| EnvFilter::new("info,sqlx=warn"));
    let json = std::env::var("RHC_LOG_FORMAT").is_ok_and(|format| format == "json");
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    // A second initialisation (tests) is refused by tracing and may be ignored: logging already runs.
    let _ = if json {
        builder.json().try_init()
    } else {
        builder.with_ansi(false).try_init()
    };
}
