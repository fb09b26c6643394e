//! A run as a table for people.

use kms_platform::lang::{Lang, current, pick};
use kms_platform::output::Table;

use super::Report;

impl Report {
    /// For people.
    #[must_use]
    pub fn table(&self) -> Table {
        let head = match current() {
            Lang::En => ["line", "card number", "serial", "verdict", "ms", ""],
            Lang::Zh => ["行", "健康卡号", "发卡序列号", "结果", "毫秒", ""],
        };
        let mut table = Table::new(head);
        for card in &self.cards {
            let text = |value: &Option<String>| value.clone().unwrap_or_default();
            table.row([
                card.line.map(|line| line.to_string()).unwrap_or_default(),
                text(&card.card_number),
                text(&card.serial),
                verdict_text(card.verdict).to_owned(),
                format!("{:.0}", card.timings.total_ms),
                text(&card.message),
            ]);
        }
        for card in &self.unsettled {
            let empty = String::new();
            let refused = pick("refused by the registry", "登记被拒").to_owned();
            table.row([
                empty.clone(),
                empty.clone(),
                card.serial.clone(),
                refused,
                empty,
                card.message.clone(),
            ]);
        }
        for row in &self.row_faults {
            let place = if row.column.is_empty() {
                String::new()
            } else {
                format!("{}: ", row.column)
            };
            let empty = String::new();
            table.row([
                row.line.to_string(),
                empty.clone(),
                empty.clone(),
                pick("row faulty", "行有误").into(),
                empty,
                format!("{place}{}", row.reason),
            ]);
        }
        for person in &self.passed_over {
            let empty = String::new();
            table.row([
                person.line.to_string(),
                empty.clone(),
                empty.clone(),
                pick("passed over", "跳过").into(),
                empty,
                person.message.clone(),
            ]);
        }
        for line in &self.not_reached {
            table.row([
                line.to_string(),
                String::new(),
                String::new(),
                pick("not reached", "未处理").into(),
            ]);
        }
        table
    }
}

fn verdict_text(verdict: &str) -> &'static str {
    match verdict {
        "issued" => pick("issued", "已发卡"),
        "finished" => pick("finished", "已补完"),
        "recovered" => pick("registered late", "已补登记"),
        _ => pick("failed", "失败"),
    }
}
