//! Suites as data: groups of cases in TOML files, set-ups, requirements. `README.md` says how to write a case.
//!
//! | module | one idea |
//! |---|---|
//! | [`load`] | from text to checked cases, families expanded |
//! | [`embedded`] | the files that come with the program |
//! | [`requirements`] | the table of requirements and what covers them |

pub mod embedded;
pub mod load;
pub mod requirements;
mod shape;

use serde::{Deserialize, Serialize};

use crate::step::{Step, Which};

/// The same text in both languages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Text {
    pub en: String,
    pub zh: String,
}

impl Text {
    /// The text of a language.
    #[must_use]
    pub fn of(&self, lang: crate::words::Lang) -> &str {
        match lang {
            crate::words::Lang::En => &self.en,
            crate::words::Lang::Zh => &self.zh,
        }
    }
}

/// What a suite is for.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    clap::ValueEnum,
)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    UserCard,
    Sam,
    Terminal,
}

impl Kind {
    /// The chip that steps speak to unless they say otherwise.
    #[must_use]
    pub const fn main_chip(self) -> Which {
        match self {
            Self::UserCard | Self::Terminal => Which::Card,
            Self::Sam => Which::Sam,
        }
    }

    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::UserCard => "user-card",
            Self::Sam => "sam",
            Self::Terminal => "terminal",
        }
    }
}

/// How bad a failure is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Somebody's data or money are open.
    Critical,
    /// The product does not work with others.
    Major,
    /// A deviation that no flow meets.
    Minor,
}

/// A requirement that a case covers, with its sign: `+R33` shows what must work, `-R33` what must be refused.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Covers {
    pub requirement: String,
    pub positive: bool,
}

impl TryFrom<String> for Covers {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let (sign, name) = text.split_at_checked(1).unwrap_or(("", ""));
        let positive = match sign {
            "+" => true,
            "-" => false,
            _ => return Err(format!("'{text}' must begin with + or -")),
        };
        let requirement = name.to_owned();
        Ok(Self {
            requirement,
            positive,
        })
    }
}

impl From<Covers> for String {
    fn from(covers: Covers) -> Self {
        let sign = if covers.positive { '+' } else { '-' };
        format!("{sign}{}", covers.requirement)
    }
}

/// One case, ready to run.
#[derive(Debug, Clone)]
pub struct Case {
    /// `group.case`, unique.
    pub id: String,
    pub group: String,
    pub group_title: Text,
    pub kind: Kind,
    pub title: Text,
    pub purpose: Text,
    pub clause: String,
    pub covers: Vec<Covers>,
    pub severity: Severity,
    /// Presets that it is for; empty for all.
    pub presets: Vec<String>,
    /// What else must be there: `sam` (a SAM with the same public test keys), `raw-t0` (a reader that leaves 61xx alone),
    /// `cut` (power that can go inside a command).
    pub needs: Vec<String>,
    /// What it uses up for ever, such as `app DF01`, `key RK1_DDF1 v3`, `card`.
    pub scars: Vec<String>,
    pub start: Vec<Step>,
    pub steps: Vec<Step>,
    pub cleanup: Vec<Step>,
}

impl Case {
    /// Whether the product is another one afterwards.
    #[must_use]
    pub fn is_destructive(&self) -> bool {
        !self.scars.is_empty()
    }

    /// Whether the case is meant for a preset.
    #[must_use]
    pub fn is_for(&self, preset: &str) -> bool {
        self.presets.is_empty() || self.presets.iter().any(|name| name == preset)
    }
}

/// Everything that was loaded.
#[derive(Debug, Clone, Default)]
pub struct Suites {
    pub cases: Vec<Case>,
    /// SM3 over all files, names and lengths included: which edition of the suites a report speaks of.
    pub digest: String,
}

impl Suites {
    /// The cases of a suite, in order.
    pub fn of(&self, kind: Kind) -> impl Iterator<Item = &Case> {
        self.cases.iter().filter(move |case| case.kind == kind)
    }
}
