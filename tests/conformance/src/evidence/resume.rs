//! An interrupted run goes on behind the last case that came to a verdict, if it is the same run.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::{BufWriter, Seek, SeekFrom};
use std::path::Path;

use super::chain::{ChainError, FILE, Parsed, Running, Writer, parse, read_lines};
use super::record::{CaseEnd, Record, RunHead, Verdict};
use crate::suite::Kind;

/// What an earlier start of the same run left.
pub struct Resumed {
    pub writer: Writer,
    pub head: RunHead,
    pub ends: Vec<CaseEnd>,
}

/// Goes on with an interrupted run: keeps everything up to the last case that came to a verdict.
///
/// # Errors
/// [`ChainError`]: no record, or a broken one.
pub fn resume(folder: &Path) -> Result<Resumed, ChainError> {
    let path = folder.join(FILE);
    let mut good = 0;
    let mut at = 0;
    let mut ends = Vec::new();
    let mut waiting = Vec::new();
    let mut scarring = false;
    let mut head = None;
    let mut running = Running::default();
    let mut kept = Running::default();
    let read = read_lines(&path, |line, text| {
        at += text.len() as u64 + 1;
        match parse(text) {
            Ok(Parsed::Mark(mark)) => {
                running.agree(&mark, line)?;
                running.take(text.as_bytes());
                // Cases without verdict right before the end are run again: the environment was at fault. Not so those
                // that use something up: the second time they would meet another product.
                let owed = |end: &CaseEnd| end.verdict == Verdict::Inconclusive;
                if waiting.is_empty() || scarring || !waiting.iter().all(owed) {
                    scarring = false;
                    good = at;
                    kept = running.clone();
                    ends.append(&mut waiting);
                }
            }
            Ok(Parsed::Record(record)) => {
                running.take(text.as_bytes());
                match *record {
                    Record::Run(run) => head = Some(run),
                    Record::Case(case) => scarring |= case.destructive,
                    Record::Verdict(end) => waiting.push(end),
                    _ => {}
                }
            }
            // The tail of a write that never ended.
            Err(_) => return Ok(false),
        }
        Ok(true)
    });
    read?;
    let head = head.filter(|_| good > 0).ok_or(ChainError::Line {
        line: 1,
        what: "no run was begun here".into(),
    })?;
    let mut file = OpenOptions::new().write(true).open(&path)?;
    file.set_len(good)?;
    file.seek(SeekFrom::End(0))?;
    let writer = Writer::behind(BufWriter::new(file), kept);
    Ok(Resumed { writer, head, ends })
}

/// Whether a resumed run is the one that is asked for; tells what differs.
///
/// # Errors
/// [`ChainError::OtherRun`].
pub fn same_run(before: &RunHead, now: &RunHead) -> Result<(), ChainError> {
    let pairs: BTreeMap<&'static str, bool> = BTreeMap::from([
        ("suite", before.suite == now.suite),
        ("edition of the suites", before.suites == now.suites),
        ("preset", before.preset == now.preset),
        ("seed", before.seed == now.seed),
        (
            "choice of cases",
            before.cases == now.cases && before.destructive == now.destructive,
        ),
        ("product", before.product == now.product),
        // Readers may be others after an interruption; a terminal is named there to the byte.
        (
            "library",
            before.suite != Kind::Terminal || before.bench == now.bench,
        ),
    ]);
    match pairs.iter().find(|(_, same)| !**same) {
        Some((what, _)) => Err(ChainError::OtherRun(what)),
        None => Ok(()),
    }
}
