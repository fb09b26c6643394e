//! Every case of a report with its conversation, decoded; failed ones stand open.

use maud::{Markup, html};

use super::collect::{Line, Report, Told};
use super::html::{severity_word, verdict_word};
use super::{decode, difference};
use crate::evidence::record::{Phase, Verdict};
use crate::words::Lang;

pub(super) fn groups(report: &Report, lang: Lang) -> Markup {
    let rows = report.tallies(|told| vec![told.head.group.clone()]);
    html! {
        h2 { (lang.say("All cases", "全部用例")) }
        @for (group, tally) in &rows {
            @let own: Vec<&Told> = report.cases.iter().filter(|told| told.head.group == *group).collect();
            @if let Some(first) = own.first() {
                h3 { (first.head.group_title.of(lang)) " " span.soft { (tally.pass) "/" (own.len()) } }
            }
            @for told in own { (case(told, lang)) }
        }
    }
}

fn case(told: &Told, lang: Lang) -> Markup {
    let verdict = told.end.verdict;
    let open = verdict == Verdict::Fail;
    html! {
        details class=(verdict.word()) id=(told.head.id) open[open] {
            summary {
                b class=(verdict.word()) { (verdict_word(verdict, lang)) }
                code.id { (told.head.id) }
                span.t { (told.head.title.of(lang)) }
                span.soft { (told.end.ms) " ms" }
            }
            div.inside {
                div.soft { (told.head.purpose.of(lang)) }
                dl {
                    dt { (lang.say("Clause", "条款")) } dd { (told.head.clause) }
                    dt { (lang.say("Requirements", "要求")) } dd { (told.head.covers.join("  ")) }
                    dt { (lang.say("Severity", "等级")) } dd { (severity_word(told.head.severity, lang)) @if told.head.destructive { " · " (lang.say("destructive", "破坏性")) } }
                    dt { (lang.say("Commands, attempts", "命令数，次数")) } dd { (told.end.commands) ", " (told.attempts) }
                    @if let (Some(reason), None) = (&told.end.reason, &told.end.finding) { dt { (lang.say("Reason", "原因")) } dd { (reason) } }
                }
                @if let Some(finding) = &told.end.finding {
                    div.mono { (lang.say("Step", "步骤")) " " (finding.step) ": " (finding.text) }
                    @let (expected, seen) = difference::shown(&finding.expected, &finding.seen);
                    div.two {
                        div.mono { b { (lang.say("expected", "期望")) } br; (expected) }
                        div.seen.mono { b { (lang.say("seen", "实际")) } br; (seen) }
                    }
                }
                ul.talk.mono { @for line in &told.lines { (talk(line, lang)) } }
                @if told.more > 0 { div.soft { (lang.say("further lines in evidence.jsonl:", "其余各行见 evidence.jsonl：")) " " (told.more) } }
            }
        }
    }
}

fn talk(line: &Line, lang: Lang) -> Markup {
    match line {
        Line::Step { phase, text } => {
            let place = match phase {
                Phase::Start => lang.say("set-up", "准备"),
                Phase::Body => lang.say("step", "步骤"),
                Phase::Cleanup => lang.say("clean-up", "恢复"),
            };
            html! { li.step { span.soft { (place) " " } (text) } }
        }
        Line::Atr { chip, atr, us } => {
            html! { li { span.us { (us) " µs" } (chip.word()) " ATR " (atr) } }
        }
        Line::Exchange {
            chip,
            command,
            answer,
            us,
        } => {
            let answer = answer.as_deref();
            html! { li {
                span.us { (us) " µs" }
                (chip.word()) " ▸ " (command) " " span.why { (decode::command(*chip, command, lang)) } br;
                (chip.word()) " ◂ " (answer.unwrap_or(lang.say("no answer", "无应答"))) " " span.why { (answer.map_or("", |a| decode::status(a, lang))) }
            } }
        }
        Line::Trouble(what) => html! { li { b.inconclusive { (what) } } },
    }
}
