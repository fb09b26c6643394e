//! JSON and JUnit XML for machines.

use std::fmt::Write;

use serde_json::json;

use super::collect::Report;
use crate::evidence::record::Verdict;

/// Everything but the conversations.
#[must_use]
pub fn json(report: &Report) -> String {
    let cases: Vec<_> = report
        .cases
        .iter()
        .map(|told| json!({ "case": told.head, "end": told.end }))
        .collect();
    let samples: Vec<_> = report
        .samples
        .iter()
        .map(|(number, facts)| json!({ "number": number, "facts": facts }))
        .collect();
    let value = json!({
        "run": report.head,
        "verdict": report.verdict(),
        "ended": report.ended,
        "tally": {
            "pass": report.tally.pass, "fail": report.tally.fail,
            "inconclusive": report.tally.inconclusive, "skipped": report.tally.skipped,
        },
        "commands": report.commands,
        "chain": report.chain,
        "samples": samples,
        "not_tested": super::OUT_OF_SCOPE.map(|(en, zh)| json!({ "en": en, "zh": zh })),
        "cases": cases,
    });
    // Plain data of known shape.
    serde_json::to_string_pretty(&value).unwrap_or_default() + "\n"
}

/// One suite a group.
#[must_use]
pub fn junit(report: &Report) -> String {
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let tally = report.tally;
    let total = report.cases.len();
    let _ = writeln!(
        out,
        "<testsuites name=\"rhc-conformance {}\" tests=\"{total}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\">",
        report.head.suite.word(),
        tally.fail,
        tally.inconclusive,
        tally.skipped
    );
    for (group, tally) in report.tallies(|told| vec![told.head.group.clone()]) {
        let own: Vec<_> = report
            .cases
            .iter()
            .filter(|told| told.head.group == group)
            .collect();
        let _ = writeln!(
            out,
            "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\">",
            xml(&group),
            own.len(),
            tally.fail,
            tally.inconclusive,
            tally.skipped
        );
        for told in own {
            let seconds = format!("{}.{:03}", told.end.ms / 1000, told.end.ms % 1000);
            let _ = write!(
                out,
                "    <testcase classname=\"{}\" name=\"{}\" time=\"{seconds}\"",
                xml(&told.head.group),
                xml(&told.head.id)
            );
            let reason = xml(told.end.reason.as_deref().unwrap_or_default());
            let inner = match told.end.verdict {
                Verdict::Pass => None,
                Verdict::Fail => Some(format!("<failure message=\"{reason}\"/>")),
                Verdict::Inconclusive => Some(format!("<error message=\"{reason}\"/>")),
                Verdict::Skipped => Some(format!("<skipped message=\"{reason}\"/>")),
            };
            let _ = match inner {
                Some(inner) => writeln!(out, ">{inner}</testcase>"),
                None => writeln!(out, "/>"),
            };
        }
        out.push_str("  </testsuite>\n");
    }
    out.push_str("</testsuites>\n");
    out
}

/// Text in an attribute; characters that XML 1.0 does not have are left out.
fn xml(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c if (c as u32) < 0x20 || matches!(c, '\u{FFFE}' | '\u{FFFF}') => out.push(' '),
            c => out.push(c),
        }
    }
    out
}
