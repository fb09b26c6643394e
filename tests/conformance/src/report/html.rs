//! The report for people: one page without scripts, which opens anywhere and prints well.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::cases;
use super::collect::{Report, Told};
use super::{OUT_OF_SCOPE, difference};
use crate::evidence::record::Verdict;
use crate::run::Tally;
use crate::suite::Severity;
use crate::words::Lang;

/// The whole page.
#[must_use]
pub fn page(report: &Report, lang: Lang) -> String {
    let title = lang.say("Conformance report", "产品符合性检测报告");
    html! {
        (DOCTYPE)
        html lang=(lang.say("en", "zh-CN")) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width";
                title { (title) " – " (report.head.product) }
                style { (PreEscaped(include_str!("style.css"))) }
            }
            body { main {
                (summary(report, title, lang))
                (findings(report, lang))
                (clauses(report, lang))
                (not_tested(report, lang))
                (cases::groups(report, lang))
                (colophon(report, lang))
            } }
        }
    }
    .into_string()
}

/// A verdict as a reader of this language says it.
#[must_use]
pub fn verdict_word(verdict: Verdict, lang: Lang) -> &'static str {
    match verdict {
        Verdict::Pass => lang.say("pass", "通过"),
        Verdict::Fail => lang.say("fail", "不通过"),
        Verdict::Inconclusive => lang.say("inconclusive", "无结论"),
        Verdict::Skipped => lang.say("skipped", "未执行"),
    }
}

pub(super) fn severity_word(severity: Severity, lang: Lang) -> &'static str {
    match severity {
        Severity::Critical => lang.say("critical", "严重"),
        Severity::Major => lang.say("major", "主要"),
        Severity::Minor => lang.say("minor", "次要"),
    }
}

fn summary(report: &Report, title: &str, lang: Lang) -> Markup {
    let verdict = report.verdict();
    let head = &report.head;
    let said = match verdict {
        Verdict::Pass => lang.say("All cases that ran passed", "已执行的用例全部通过"),
        Verdict::Fail => lang.say("Not conformant", "不符合"),
        _ => lang.say(
            "No verdict: the environment failed",
            "无结论：检测环境有故障",
        ),
    };
    let tally = report.tally;
    let tiles = [
        (Verdict::Pass, tally.pass),
        (Verdict::Fail, tally.fail),
        (Verdict::Inconclusive, tally.inconclusive),
        (Verdict::Skipped, tally.skipped),
    ];
    let facts = report
        .samples
        .first()
        .map(|(_, facts)| facts.clone())
        .unwrap_or_default();
    let rows = [
        (lang.say("Product", "产品"), head.product.clone()),
        (
            lang.say("Suite and preset", "套件与配置"),
            format!("{} · {}", head.suite.word(), head.preset),
        ),
        (lang.say("Where", "检测位置"), head.bench.clone()),
        (
            lang.say("Card ATR", "卡 ATR"),
            facts.card_atr.unwrap_or_else(|| "–".into()),
        ),
        (
            lang.say("SAM ATR", "SAM ATR"),
            facts.sam_atr.unwrap_or_else(|| "–".into()),
        ),
        (lang.say("Began", "开始"), head.began.clone()),
        (
            lang.say("Ended", "结束"),
            report
                .ended
                .clone()
                .unwrap_or_else(|| lang.say("interrupted", "中断").into()),
        ),
        (lang.say("Seed", "随机种子"), head.seed.clone()),
        (
            lang.say("Commands sent", "命令数"),
            report.commands.to_string(),
        ),
        (
            lang.say("Samples", "样品数"),
            report.samples.len().to_string(),
        ),
    ];
    html! {
        header class=(verdict.word()) {
            h1 { (title) }
            div.soft { (lang.say("Test products with public test keys", "使用公开测试密钥的测试产品")) " · TEST" }
            div.big { (said) }
            div.tiles {
                @for (verdict, count) in tiles {
                    div.tile { b class=(verdict.word()) { (count) } (verdict_word(verdict, lang)) }
                }
            }
            (bar(tally))
            dl { @for (name, value) in rows { dt { (name) } dd { (value) } } }
        }
    }
}

fn bar(tally: Tally) -> Markup {
    let total = (tally.pass + tally.fail + tally.inconclusive + tally.skipped).max(1);
    let parts = [
        ("pass", tally.pass),
        ("fail", tally.fail),
        ("inconclusive", tally.inconclusive),
        ("skipped", tally.skipped),
    ];
    html! {
        div.bar { @for (name, count) in parts { i class=(name) style=(format!("width:{}.{:01}%", count * 100 / total, count * 1000 / total % 10)) {} } }
    }
}

fn findings(report: &Report, lang: Lang) -> Markup {
    let mut wrong: Vec<&Told> = report
        .cases
        .iter()
        .filter(|told| matches!(told.end.verdict, Verdict::Fail | Verdict::Inconclusive))
        .collect();
    wrong.sort_by_key(|told| (told.end.verdict, told.head.severity));
    html! {
        @if !wrong.is_empty() {
            h2 { (lang.say("What is not right", "不符合项")) }
            table {
                tr { th { (lang.say("Case", "用例")) } th { (lang.say("Severity", "等级")) } th { (lang.say("Clause", "条款")) } th { (lang.say("What was seen", "现象")) } }
                @for told in wrong { tr {
                    td { a href=(format!("#{}", told.head.id)) { (told.head.title.of(lang)) } br; code.soft { (told.head.id) } }
                    td { b class=(told.end.verdict.word()) { (severity_word(told.head.severity, lang)) } @if told.end.unstable { br; (lang.say("unstable", "不稳定")) } }
                    td { (told.head.clause) }
                    td.mono { (seen(told, lang)) }
                } }
            }
        }
    }
}

/// The step, and expected against seen; where no step failed, why.
fn seen(told: &Told, lang: Lang) -> Markup {
    let Some(finding) = &told.end.finding else {
        return html! { (told.end.reason.as_deref().unwrap_or("")) };
    };
    let (expected, seen) = difference::shown(&finding.expected, &finding.seen);
    html! {
        div.soft { (lang.say("step", "步骤")) " " (finding.step) " " (shortened(&finding.text)) }
        div { (lang.say("expected", "期望")) " " (expected) }
        div { (lang.say("seen", "实际")) " " (seen) }
    }
}

/// The beginning of a step's text.
fn shortened(text: &str) -> String {
    const MOST: usize = 90;
    match text.char_indices().nth(MOST) {
        Some((at, _)) => format!("{} …", &text[..at]),
        None => text.to_owned(),
    }
}

fn table(rows: &[(String, Tally)], first: &str, lang: Lang) -> Markup {
    html! {
        table {
            tr { th { (first) } @for v in [Verdict::Pass, Verdict::Fail, Verdict::Inconclusive, Verdict::Skipped] { th { (verdict_word(v, lang)) } } }
            @for (name, tally) in rows { tr {
                td { (name) }
                td.n { (tally.pass) }
                td.n { @if tally.fail > 0 { b.fail { (tally.fail) } } @else { "0" } }
                td.n { (tally.inconclusive) }
                td.n { (tally.skipped) }
            } }
        }
    }
}

fn clauses(report: &Report, lang: Lang) -> Markup {
    let by_clause = report.tallies(|told| {
        told.head
            .clause
            .split(',')
            .map(|clause| clause.trim().to_owned())
            .collect()
    });
    html! {
        h2 { (lang.say("By clause", "按条款")) }
        (table(&by_clause, lang.say("Clause", "条款"), lang))
    }
}

fn not_tested(report: &Report, lang: Lang) -> Markup {
    let skipped: Vec<&Told> = report
        .cases
        .iter()
        .filter(|told| told.end.verdict == Verdict::Skipped)
        .collect();
    let reasons = report.tallies(|told| {
        let reason = told
            .end
            .reason
            .clone()
            .filter(|_| told.end.verdict == Verdict::Skipped);
        reason.into_iter().collect()
    });
    html! {
        h2 { (lang.say("What was not tested", "未检测的内容")) }
        ul {
            @for (en, zh) in OUT_OF_SCOPE { li { (lang.say(en, zh)) " – " (lang.say("out of the scope of these suites", "不在本套件范围内")) } }
            @for (reason, tally) in &reasons { li { (tally.skipped) " " (lang.say("cases", "个用例")) " – " (reason) } }
        }
        @if !skipped.is_empty() {
            details { summary { (lang.say("The cases that did not run", "未执行的用例")) }
                div.inside.mono { @for told in &skipped { (told.head.id) " · " } } }
        }
    }
}

fn colophon(report: &Report, lang: Lang) -> Markup {
    html! {
        h2 { (lang.say("Evidence", "证据")) }
        dl {
            dt { (lang.say("Chain (SM3)", "链值（SM3）")) } dd.mono { (report.chain) }
            dt { (lang.say("Suites (SM3)", "套件（SM3）")) } dd.mono { (report.head.suites) }
            dt { (lang.say("Harness", "检测程序")) } dd { "rhc-conformance " (report.head.harness) }
            dt { (lang.say("Check with", "校验方法")) } dd.mono { "rhc-conformance verify DIR" }
        }
    }
}
