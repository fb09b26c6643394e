//! `list`: what there is to run.

use std::io::Read;
use std::path::Path;

use serde::Serialize;

use super::{Failure, code, environment};
use crate::cli;
use crate::suite::load::{Source, load};
use crate::suite::{Case, Kind, Severity, Suites, Text, embedded};
use crate::terminal::case::TerminalCase;
use crate::words::{lang, say};

/// The built-in suites, or those of a folder.
pub(crate) fn suites(folder: Option<&Path>) -> Result<Suites, Failure> {
    let Some(folder) = folder else {
        return embedded::suites().map_err(|e| Failure::Usage(e.to_string()));
    };
    let told = |e: std::io::Error| environment(format!("{}: {e}", folder.display()));
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .map_err(told)?
        .filter_map(|item| item.ok().map(|item| item.path()))
        .filter(|path| path.extension().is_some_and(|end| end == "toml") && path.is_file())
        .collect();
    files.sort();
    let mut sources = Vec::new();
    for path in files {
        let name = path
            .file_name()
            .map(|n| n.to_string_lossy().into_owned())
            .unwrap_or_default();
        let text = text(&path).map_err(|e| environment(format!("{}: {e}", path.display())))?;
        sources.push(Source { name, text });
    }
    load(&sources).map_err(|e| Failure::Usage(e.to_string()))
}

/// The loader refuses longer ones; nothing much longer is read.
const MAX_TEXT: u64 = 4 << 20;

fn text(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    std::fs::File::open(path)?
        .take(MAX_TEXT)
        .read_to_string(&mut text)?;
    Ok(text)
}

pub(super) fn list(order: &cli::List) -> Result<u8, Failure> {
    let suites = suites(order.suites.as_deref())?;
    let mut rows: Vec<Row<'_>> = Vec::new();
    let terminal = crate::terminal::case::suite().map_err(Failure::Usage)?;
    // A folder holds cases of cards and SAMs; those of terminals are built in.
    if order.suites.is_none() && order.suite.is_none_or(|kind| kind == Kind::Terminal) {
        rows.extend(terminal.cases.iter().map(Row::terminal));
    }
    let wanted = |case: &&Case| order.suite.is_none_or(|kind| kind == case.kind);
    rows.extend(suites.cases.iter().filter(wanted).map(Row::chip));
    if order.json {
        let text = serde_json::to_string_pretty(&rows).map_err(environment)?;
        println!("{text}");
        return Ok(code::DONE);
    }
    for row in &rows {
        let mark = if row.scars.is_empty() { " " } else { "!" };
        let title = row.title.of(lang());
        println!("{mark} {:<48} {:<24} {title}", row.id, row.clause);
    }
    println!(
        "{} {}",
        rows.len(),
        say(
            "cases; ! uses something of its sample up",
            "个用例；! 表示对样品有破坏"
        )
    );
    Ok(code::DONE)
}

/// A case as it is listed, of whatever suite.
#[derive(Serialize)]
struct Row<'a> {
    id: &'a str,
    suite: Kind,
    title: &'a Text,
    purpose: Option<&'a Text>,
    clause: &'a str,
    covers: Vec<String>,
    severity: Severity,
    presets: &'a [String],
    needs: &'a [String],
    scars: &'a [String],
}

impl<'a> Row<'a> {
    fn chip(case: &'a Case) -> Self {
        Self {
            id: &case.id,
            suite: case.kind,
            title: &case.title,
            purpose: Some(&case.purpose),
            clause: &case.clause,
            covers: case.covers.iter().cloned().map(Into::into).collect(),
            severity: case.severity,
            presets: &case.presets,
            needs: &case.needs,
            scars: &case.scars,
        }
    }

    /// A terminal is never used up, and its purpose is its group's.
    fn terminal(case: &'a TerminalCase) -> Self {
        Self {
            id: &case.id,
            suite: Kind::Terminal,
            title: &case.title,
            purpose: None,
            clause: &case.clause,
            covers: case.covers.iter().cloned().map(Into::into).collect(),
            severity: case.severity,
            presets: &[],
            needs: &[],
            scars: &[],
        }
    }
}
