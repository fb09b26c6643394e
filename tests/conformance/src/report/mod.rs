//! Reports, made again at any time from the evidence alone.
//!
//! | module | one idea |
//! |---|---|
//! | [`collect`] | from records to cases with their conversations |
//! | [`decode`] | commands and status words in words |
//! | [`html`], `cases` | the report for people; every case in it |
//! | [`difference`] | expected against seen |
//! | [`plain`] | JSON and JUnit XML for machines |
//! | [`pdf`] | the HTML printed |

mod cases;
pub mod collect;
pub mod decode;
pub mod difference;
pub mod html;
pub mod pdf;
pub mod plain;

use std::path::Path;

use crate::evidence::chain::{self, ChainError};
use crate::words::Lang;

/// What a laboratory must know that the suites do not reach.
pub const OUT_OF_SCOPE: [(&str, &str); 4] = [
    (
        "Radio interface, protocol timing at the bit level",
        "射频接口与位级协议时序",
    ),
    (
        "Mechanical, electrical and climatic tests (GB/T 14916, GB/T 17554.1)",
        "机械、电气与气候试验（GB/T 14916、GB/T 17554.1）",
    ),
    (
        "Terminals: screen, keys and printing; cards pulled by hand in the middle of a call; item lists (wsc_GetCardInfo, wsc_PutCardInfo)",
        "终端的屏幕、按键与打印；调用过程中人工拔卡；按项读写（wsc_GetCardInfo、wsc_PutCardInfo）",
    ),
    (
        "Resistance to physical attacks and side channels",
        "抗物理攻击与侧信道能力",
    ),
];

/// Why a report could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    #[error(transparent)]
    Chain(#[from] ChainError),
    #[error("{0}: {1}")]
    Io(String, std::io::Error),
    #[error("the record has no head")]
    NoHead,
    #[error("{0}")]
    Pdf(String),
}

/// Writes all reports of the evidence in `from` into `to`; a PDF only where a Chromium is there.
///
/// # Errors
/// [`ReportError`].
pub fn write(from: &Path, to: &Path, pdf: bool) -> Result<collect::Report, ReportError> {
    let report = collect::collect(&from.join(chain::FILE))?;
    let put = |name: &str, text: &str| {
        std::fs::write(to.join(name), text).map_err(|e| ReportError::Io(name.to_owned(), e))
    };
    for (lang, word) in [(Lang::En, "en"), (Lang::Zh, "zh")] {
        let name = format!("report.{word}.html");
        put(&name, &html::page(&report, lang))?;
        if pdf {
            pdf::print(&to.join(&name), &to.join(format!("report.{word}.pdf")))
                .map_err(ReportError::Pdf)?;
        }
    }
    put("report.json", &plain::json(&report))?;
    put("junit.xml", &plain::junit(&report))?;
    Ok(report)
}
