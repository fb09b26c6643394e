//! The answer for a person or a program. Personal data are masked unless the full form is asked for.

use std::time::Duration;

use cardlib_terminal::Validity;
use kms_platform::lang::pick;
use kms_platform::output::Table;
use serde::Serialize;

use crate::certificates::Found;
use crate::check::{Entry, Findings, Timings};
use crate::mask::{keep_ends, value};
use crate::reason::reason;
use crate::registry::Standing;
use crate::verdict::Verdict;

/// What `--json` prints. Members are stable; new ones may be added.
#[derive(Serialize)]
pub struct Report {
    pub verdict: &'static str,
    pub exit_code: u8,
    /// For people, in their language: why, and what to do.
    pub reason: String,
    pub advice: &'static str,
    pub authenticated: bool,
    /// `test`, `demo` or `production`; absent when no certificate was compared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mark: Option<String>,
    /// Whether the ministry's key confirmed the certificates.
    pub certificates_by_root: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub card: Option<CardPart>,
    pub holder: Vec<HolderPart>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub validity: Option<ValidityPart>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub registry: Option<RegistryPart>,
    pub sam: SamPart,
    pub masked: bool,
    pub timings: TimingsPart,
}

#[derive(Serialize)]
pub struct CardPart {
    pub number: String,
    pub serial: String,
    pub class: String,
    pub version: String,
    pub issuer_name: String,
    pub issuer_code: String,
    pub issued: String,
    pub area: String,
}

#[derive(Serialize)]
pub struct HolderPart {
    pub tag: u8,
    pub name: String,
    pub value: String,
}

#[derive(Serialize)]
pub struct ValidityPart {
    /// `valid`, `expired`, `unlimited` or `not-checked` (R30).
    pub result: &'static str,
    /// YYYYMMDD.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
}

#[derive(Serialize)]
pub struct RegistryPart {
    /// A state of the registry, `unknown`, or `other-chip`.
    pub state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
}

#[derive(Serialize)]
pub struct SamPart {
    pub serial: String,
    #[serde(rename = "type")]
    pub kind: u8,
}

/// Milliseconds. `reader_ms` is spent in card, SAM and PC/SC; the rest of `total_ms` but the registry's is ours.
#[derive(Serialize)]
pub struct TimingsPart {
    pub total_ms: f64,
    pub sam_ms: f64,
    pub authenticate_ms: f64,
    pub read_ms: f64,
    pub registry_ms: f64,
    pub reader_ms: f64,
    pub card_commands: u64,
    pub sam_commands: u64,
}

impl Report {
    /// Makes the report; `full` leaves personal data as they are.
    #[must_use]
    pub fn of(findings: &Findings, full: bool) -> Self {
        let hide = |text: &str, keep: usize| {
            if full {
                text.to_owned()
            } else {
                keep_ends(text, keep)
            }
        };
        let card = findings.card.as_ref().map(|facts| CardPart {
            number: hide(&facts.number, 6),
            serial: facts.serial.clone(),
            class: facts.class.clone(),
            version: facts.version.clone(),
            issuer_name: facts.issuer_name.clone(),
            issuer_code: facts.issuer_code.clone(),
            issued: facts.issued.clone(),
            area: facts.area.clone(),
        });
        let (mark, by_root) = match findings.certificates {
            Some(Found::Right { mark, by_root }) => {
                (Some(mark.to_string().to_ascii_lowercase()), by_root)
            }
            _ => (None, false),
        };
        Self {
            verdict: findings.verdict.slug(),
            exit_code: findings.verdict.exit() as u8,
            reason: reason(findings),
            advice: findings.verdict.advice().get(),
            authenticated: findings.authenticated,
            mark,
            certificates_by_root: by_root,
            card,
            holder: findings
                .holder
                .iter()
                .map(|entry| holder(entry, full))
                .collect(),
            validity: findings.validity.as_ref().map(validity),
            registry: findings.standing.as_ref().map(registry),
            sam: SamPart {
                serial: findings.sam.serial.clone(),
                kind: findings.sam.sam_type,
            },
            masked: !full,
            timings: timings(&findings.timings),
        }
    }

    /// For people: one line an item, the verdict first.
    #[must_use]
    pub fn table(&self, verdict: Verdict) -> Table {
        let mut table = Table::default();
        let mut line = |en, zh, value: &str| {
            table.row([pick(en, zh), value]);
        };
        line("verdict", "结论", verdict.label().get());
        line("reason", "说明", &self.reason);
        line("next", "处理", self.advice);
        if let Some(mark) = &self.mark {
            line("mark", "标记", &mark.to_uppercase());
        }
        if let Some(card) = &self.card {
            line("card number", "卡号", &card.number);
            line("card serial", "发卡序列号", &card.serial);
            line("issuer", "发卡机构", &card.issuer_name);
        }
        for entry in &self.holder {
            line(
                "holder",
                "持卡人",
                &format!("{}  {}", entry.name, entry.value),
            );
        }
        if let Some(validity) = &self.validity {
            let until = validity.until.as_deref().unwrap_or_default();
            line(
                "validity",
                "有效期",
                &format!("{} {until}", validity_label(validity.result)),
            );
        }
        if let Some(registry) = &self.registry {
            line("registry", "登记库", registry.state);
        }
        line(
            "SAM",
            "SAM 卡",
            &format!(
                "{} ({} {})",
                self.sam.serial,
                pick("type", "类型"),
                self.sam.kind
            ),
        );
        line("time", "用时", &format!("{:.1} ms", self.timings.total_ms));
        table
    }
}

fn holder(entry: &Entry, full: bool) -> HolderPart {
    let shown = if full {
        entry.value.clone()
    } else {
        value(entry)
    };
    HolderPart {
        tag: entry.tag,
        name: entry.name.clone(),
        value: shown,
    }
}

fn validity(validity: &Validity) -> ValidityPart {
    let (result, until) = match validity {
        Validity::Until(day) => ("valid", Some(day.clone())),
        Validity::Expired(day) => ("expired", Some(day.clone())),
        Validity::Unlimited => ("unlimited", None),
        Validity::NotChecked => ("not-checked", None),
    };
    ValidityPart { result, until }
}

fn validity_label(result: &str) -> &'static str {
    match result {
        "valid" => pick("valid until", "有效至"),
        "expired" => pick("expired on", "已过期"),
        "unlimited" => pick("no date", "无期限"),
        _ => pick(
            "not checked: the SAM has no key for it",
            "未核对：SAM 无相应密钥",
        ),
    }
}

fn registry(standing: &Standing) -> RegistryPart {
    match standing {
        Standing::Known { state, since, .. } => RegistryPart {
            state: state.as_str(),
            since: Some(since.clone()),
        },
        Standing::Unknown => RegistryPart {
            state: "unknown",
            since: None,
        },
        Standing::OtherChip => RegistryPart {
            state: "other-chip",
            since: None,
        },
    }
}

fn timings(timings: &Timings) -> TimingsPart {
    let ms = |time: Duration| (time.as_secs_f64() * 1e6).round() / 1e3;
    TimingsPart {
        total_ms: ms(timings.total),
        sam_ms: ms(timings.sam),
        authenticate_ms: ms(timings.authenticate),
        read_ms: ms(timings.read),
        registry_ms: ms(timings.registry),
        reader_ms: ms(timings.card_commands.waited + timings.sam_commands.waited),
        card_commands: timings.card_commands.commands,
        sam_commands: timings.sam_commands.commands,
    }
}
