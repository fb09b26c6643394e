//! A run as a table for people.

use kms_platform::lang::{Lang, current, pick};
use kms_platform::output::Table;

use super::{CardReport, Report};

impl Report {
    /// For people.
    #[must_use]
    pub fn table(&self) -> Table {
        let mut table = Table::new(match current() {
            Lang::En => [
                "line",
                "card number",
                "serial",
                "factor",
                "verdict",
                "ms",
                "reason",
            ],
            Lang::Zh => [
                "行",
                "健康卡号",
                "发卡序列号",
                "分散因子",
                "结果",
                "毫秒",
                "原因",
            ],
        });
        for card in &self.cards {
            table.row(card_row(card));
        }
        for card in &self.unsettled {
            let verdict = pick("refused by the registry", "登记被拒");
            let none = String::new();
            table.row([
                &none,
                &none,
                &card.serial,
                &none,
                verdict,
                &none,
                &card.message,
            ]);
        }
        for row in &self.row_faults {
            let reason = match row.column {
                "" => row.reason.clone(),
                column => format!("{column}: {}", row.reason),
            };
            table.row(person_row(row.line, pick("row faulty", "行有误"), &reason));
        }
        for person in &self.passed_over {
            table.row(person_row(
                person.line,
                pick("passed over", "跳过"),
                &person.message,
            ));
        }
        for line in &self.not_reached {
            table.row(person_row(*line, pick("not reached", "未处理"), ""));
        }
        table
    }
}

/// A card that was in the reader.
fn card_row(card: &CardReport) -> [String; 7] {
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    [
        card.line.map(|line| line.to_string()).unwrap_or_default(),
        text(&card.card_number),
        text(&card.serial),
        text(&card.factor),
        verdict_text(card.verdict).to_owned(),
        format!("{:.0}", card.timings.total_ms),
        text(&card.message),
    ]
}

/// A person without card.
fn person_row(line: u64, verdict: &str, reason: &str) -> [String; 7] {
    let none = String::new;
    [
        line.to_string(),
        none(),
        none(),
        none(),
        verdict.to_owned(),
        none(),
        reason.to_owned(),
    ]
}

fn verdict_text(verdict: &str) -> &'static str {
    match verdict {
        "issued" => pick("issued", "已发卡"),
        "finished" => pick("finished", "已补完"),
        "recovered" => pick("registered late", "已补登记"),
        _ => pick("failed", "失败"),
    }
}
