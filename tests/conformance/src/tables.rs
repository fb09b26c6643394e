//! The tables of requirements and of seeded faults, for the documents and for people.

use crate::app::{Failure, code};
use crate::mutants;
use crate::suite::{embedded, requirements};
use crate::words::say;

/// Requirements with their cases.
///
/// # Errors
/// The built-in tables are not right.
pub fn requirements(markdown: bool, json: bool) -> Result<u8, Failure> {
    let suites = embedded::suites().map_err(|e| Failure::Usage(e.to_string()))?;
    let (rows, strangers) = requirements::coverage(&suites).map_err(Failure::Usage)?;
    let met = rows.iter().filter(|row| row.is_met()).count();
    if json {
        let text =
            serde_json::to_string_pretty(&rows).map_err(|e| Failure::Environment(e.to_string()))?;
        println!("{text}");
    } else if markdown {
        println!(
            "| requirement | page | what | cases that must pass | cases that must be refused |\n|---|---|---|---|---|"
        );
        for row in &rows {
            let own = &row.requirement;
            let cell = |cases: &[String]| match cases {
                [] => "–".to_owned(),
                [one] => format!("`{one}`"),
                [one, rest @ ..] => format!("`{one}` and {}", rest.len()),
            };
            let why = own
                .why
                .as_ref()
                .map_or_else(String::new, |why| format!(" *({why})*"));
            let text = own.text.replace('|', "\\|");
            println!(
                "| {} | {} | {text}{why} | {} | {} |",
                own.id,
                own.page,
                cell(&row.positive),
                cell(&row.negative)
            );
        }
    } else {
        for row in &rows {
            println!(
                "{:<28} +{:<4} -{:<4} {}",
                row.requirement.id,
                row.positive.len(),
                row.negative.len(),
                row.requirement.text
            );
        }
        println!("{met} {} {}", say("met of", "项满足，共"), rows.len());
    }
    Ok(if met == rows.len() && strangers.is_empty() {
        code::DONE
    } else {
        code::NOT_CONFORMANT
    })
}

/// The seeded faults.
///
/// # Errors
/// The built-in tables are not right.
pub fn mutants(markdown: bool) -> Result<u8, Failure> {
    let all = mutants::table();
    let terminals = crate::terminal::faults::table().map_err(Failure::Usage)?;
    if markdown {
        println!("| fault | product | clauses | what is wrong |\n|---|---|---|---|");
    }
    for mutant in &all {
        if markdown {
            println!(
                "| `{}` | {} | {} | {} |",
                mutant.id,
                mutant.kind.word(),
                mutant.clauses.join(", "),
                mutant.what
            );
        } else {
            println!(
                "{:<42} {:<10} {:<28} {}",
                mutant.id,
                mutant.kind.word(),
                mutant.clauses.join(" "),
                mutant.what
            );
        }
    }
    for fault in &terminals {
        let (id, clause, what) = (&fault.id, &fault.clause, &fault.what);
        if markdown {
            println!("| `{id}` | terminal | {clause} | {what} |");
        } else {
            println!("{id:<42} {:<10} {clause:<28} {what}", "terminal");
        }
    }
    if !markdown {
        let count = all.len() + terminals.len();
        println!("{count} {}", say("seeded faults", "个缺陷产品"));
    }
    Ok(code::DONE)
}
