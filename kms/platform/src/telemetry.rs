//! Logs: to standard error, one line an event, never a request or answer body.
//!
//! `RHC_LOG` filters as `tracing` does (default `info`), `RHC_LOG_FORMAT=json` gives one JSON object a line.

use tracing::Level;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _, fmt, registry};

/// Libraries that tell addresses, headers or bodies when asked to be talkative. An address may hold a person's number.
const DISCREET: [&str; 4] = ["ureq", "hyper", "axum", "tower"];

/// Starts logging for this process; a second call changes nothing.
pub fn init() {
    let filter =
        EnvFilter::try_from_env("RHC_LOG").unwrap_or_else(|_| EnvFilter::new("info,sqlx=warn"));
    let json = std::env::var("RHC_LOG_FORMAT").is_ok_and(|format| format == "json");
    let lines = if json {
        fmt::layer().with_writer(std::io::stderr).json().boxed()
    } else {
        let lines = fmt::layer().with_writer(std::io::stderr);
        lines.with_ansi(false).boxed()
    };
    // A second initialisation (tests) is refused by tracing and may be ignored: logging already runs.
    let _ = registry()
        .with(filter)
        .with(filter_fn(|event| {
            *event.level() <= Level::INFO || !is_discreet(event.target())
        }))
        .with(lines)
        .try_init();
}

/// Whatever `RHC_LOG` says, these say no more than they say by themselves.
fn is_discreet(target: &str) -> bool {
    let library = target.split("::").next().unwrap_or_default();
    let library = library.split('_').next().unwrap_or_default();
    DISCREET.contains(&library)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_of_http_are_discreet_with_all_their_parts() {
        for target in ["ureq::run", "ureq_proto::client", "hyper", "hyper_util::rt"] {
            assert!(is_discreet(target), "{target}");
        }
        for target in [
            "kms_server::http",
            "cardlib_reader::trace",
            "rustls::client",
        ] {
            assert!(!is_discreet(target), "{target}");
        }
    }
}
