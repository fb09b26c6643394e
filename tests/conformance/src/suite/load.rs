//! From text to checked cases.

use std::collections::{BTreeMap, BTreeSet};

use sm3::{Digest, Sm3};

use super::shape::{CaseShape, FileShape, GroupShape, SetupShape, expand};
use super::{Case, Covers, Suites};
use crate::flows;
use crate::hierarchy::key_named;
use crate::step::{Command, DataWish, Step, Which};
use crate::template::Template;

/// Files that come from strangers are bounded.
const MAX_FILE: usize = 1 << 20;
const MAX_CASES: usize = 5000;
const MAX_STEPS: usize = 2000;

/// A file with its name, for error texts and the digest.
#[derive(Debug, Clone)]
pub struct Source {
    pub name: String,
    pub text: String,
}

/// What is wrong with a suite.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {what}")]
pub struct LoadError {
    pub file: String,
    pub what: String,
}

type Setups = BTreeMap<String, SetupShape>;

/// Reads all files of a set of suites.
///
/// # Errors
/// [`LoadError`] with the file and, where there is one, the case.
pub fn load(sources: &[Source]) -> Result<Suites, LoadError> {
    let mut digest = Sm3::new();
    let mut files = Vec::new();
    let mut setups = Setups::new();
    for source in sources {
        let refuse = |what: String| LoadError {
            file: source.name.clone(),
            what,
        };
        if source.text.len() > MAX_FILE {
            return Err(refuse(format!("longer than {MAX_FILE} bytes")));
        }
        digest.update(format!("{}\0{}\0", source.name, source.text.len()));
        digest.update(&source.text);
        let mut shape: FileShape =
            toml::from_str(&source.text).map_err(|e| refuse(e.to_string()))?;
        setups.append(&mut shape.setup);
        files.push((source.name.clone(), shape));
    }
    let mut cases = Vec::new();
    for (file, shape) in files {
        let refuse = |what: String| LoadError {
            file: file.clone(),
            what,
        };
        let Some(group) = shape.group else {
            if shape.case.is_empty() && shape.family.is_empty() {
                continue;
            }
            return Err(refuse("cases without a [group]".into()));
        };
        let mut shapes = shape.case;
        for family in &shape.family {
            shapes.extend(expand(family).map_err(refuse)?);
        }
        for shape in shapes {
            let id = format!("{}.{}", group.id, shape.id);
            cases.push(
                build(&group, shape, &setups).map_err(|what| refuse(format!("{id}: {what}")))?,
            );
        }
        if cases.len() > MAX_CASES {
            return Err(refuse(format!("more than {MAX_CASES} cases")));
        }
    }
    unique(&cases)?;
    Ok(Suites {
        cases,
        digest: hex::encode(digest.finalize()),
    })
}

fn unique(cases: &[Case]) -> Result<(), LoadError> {
    let mut seen = BTreeSet::new();
    match cases.iter().find(|case| !seen.insert(case.id.as_str())) {
        Some(twice) => Err(LoadError {
            file: twice.group.clone(),
            what: format!("{}: this id is there twice", twice.id),
        }),
        None => Ok(()),
    }
}

fn build(group: &GroupShape, shape: CaseShape, setups: &Setups) -> Result<Case, String> {
    let main = group.suite.main_chip();
    let lines = |texts: &[String]| -> Result<Vec<Step>, String> {
        let mut out = Vec::new();
        for text in texts {
            out.extend(flows::steps(text, main).map_err(|e| e.to_string())?);
        }
        if out.len() > MAX_STEPS {
            return Err(format!("more than {MAX_STEPS} steps"));
        }
        out.iter().try_for_each(check)?;
        Ok(out)
    };
    let covers: Result<Vec<Covers>, String> =
        shape.covers.into_iter().map(Covers::try_from).collect();
    let case = Case {
        id: format!("{}.{}", group.id, shape.id),
        group: group.id.clone(),
        group_title: group.title.clone(),
        kind: group.suite,
        title: shape.title,
        purpose: shape.purpose.unwrap_or_else(|| group.purpose.clone()),
        clause: shape.clause.unwrap_or_else(|| group.clause.clone()),
        covers: covers?,
        severity: shape.severity.unwrap_or(group.severity),
        presets: shape.presets,
        needs: shape.needs,
        scars: shape.scars,
        start: start(&shape.start, main, setups)?,
        steps: lines(&shape.steps)?,
        cleanup: lines(&shape.cleanup)?,
    };
    let right = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
    if case.id.len() > 80 || !case.id.chars().all(right) {
        return Err("ids are letters, digits, - _ . only, at most 80".into());
    }
    if case.steps.is_empty() {
        return Err("a case without steps".into());
    }
    for need in &case.needs {
        if !matches!(need.as_str(), "sam" | "raw-t0" | "cut") {
            return Err(format!(
                "needs '{need}': only sam, raw-t0 and cut are known"
            ));
        }
    }
    Ok(case)
}

/// `DF02 /EF07 +RK1_DF02 sam:APP`: a named set-up, a file, a right; words run in their order.
fn start(text: &str, main: Which, setups: &Setups) -> Result<Vec<Step>, String> {
    let mut out = Vec::new();
    for word in text.split_whitespace() {
        let lines = if let Some(fid) = word.strip_prefix('/') {
            vec![format!("select {fid}")]
        } else if let Some(key) = word.strip_prefix('+') {
            let (name, version) = key.split_once('@').unwrap_or((key, ""));
            vec![format!("auth {name} {version}")]
        } else {
            let setup = setups
                .get(word)
                .ok_or_else(|| format!("there is no set-up '{word}'"))?;
            setup
                .steps
                .iter()
                .map(|step| format!("{}: {step}", setup.chip.word()))
                .collect()
        };
        for line in lines {
            out.extend(flows::steps(&line, main).map_err(|e| e.to_string())?);
        }
    }
    out.iter().try_for_each(check)?;
    Ok(out)
}

/// Whether every call of a step is known, so that a slip shows when the suite is loaded and not in front of a card.
fn check(step: &Step) -> Result<(), String> {
    let command = match &step.command {
        Command::Exactly(t)
        | Command::Ask(t)
        | Command::WriteFile(t)
        | Command::Cut(_, t)
        | Command::Sweep(_, t) => Some(t),
        Command::Reset | Command::ReadFile(_) | Command::Random(_) => None,
    };
    let wish = match &step.data {
        DataWish::Like(t) => Some(t),
        DataWish::Check { name, content, .. } => {
            if !crate::engine::checks::is_known(name) {
                return Err(format!("'{}': no check '{name}'", step.text));
            }
            content.as_ref()
        }
        DataWish::Any => None,
    };
    for call in command.into_iter().chain(wish).flat_map(Template::calls) {
        let Some(takes_key) = crate::engine::symbols::takes_key(&call.name) else {
            return Err(format!("'{}': no call '{{{}}}'", step.text, call.name));
        };
        let named = call
            .words
            .first()
            .is_some_and(|word| key_named(word).is_some());
        if takes_key && !named {
            return Err(format!(
                "'{}': {{{}}} needs the name of a key",
                step.text, call.name
            ));
        }
    }
    Ok(())
}
