//! The catalogue with states and dates: what there is, where each key stands, and since when.

use std::collections::BTreeMap;

use kms_core::lifecycle::KeyState;
use serde::Serialize;

use crate::records::keys;
use crate::records::life::{self, KeyEvent};
use crate::refusal::Result;
use crate::service::Service;

/// A key and its life.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KeyLife {
    /// `RK1_DDF1/1`.
    pub id: String,
    /// Name.
    pub name: String,
    /// Version.
    pub version: i64,
    /// Check value, hexadecimal.
    pub check_value: String,
    /// Where it stands.
    pub state: String,
    /// When it was born here or arrived.
    pub born: String,
    /// State before, state after, when, by whom, why.
    pub steps: Vec<KeyEvent>,
}

impl KeyLife {
    /// `2026-01-31 active · 2027-03-01 retired`.
    #[must_use]
    pub fn line(&self, words: impl Fn(&str) -> String) -> String {
        let first = self.steps.first().map_or(&self.state, |step| &step.from);
        let mut out = format!("{} {}", day(&self.born), words(first));
        for step in &self.steps {
            out.push_str(&format!(" → {} {}", day(&step.at), words(&step.to)));
        }
        out
    }

    /// The day of its latest step.
    #[must_use]
    pub fn since(&self) -> &str {
        day(self.steps.last().map_or(&self.born, |step| &step.at))
    }
}

fn day(at: &str) -> &str {
    at.get(..10).unwrap_or(at)
}

/// A state in the reader's language.
#[must_use]
pub fn word(state: &str) -> String {
    let known = KeyState::parse(state);
    known.map_or_else(
        || state.to_owned(),
        |known| kms_platform::lang::pick(known.as_str(), known.word_zh()).to_owned(),
    )
}

impl Service {
    /// Every key that was ever held here, with its life.
    ///
    /// # Errors
    /// The store failed.
    pub async fn key_lives(&self) -> Result<Vec<KeyLife>> {
        let mut conn = self.store.pool().acquire().await?;
        let mut steps: BTreeMap<String, Vec<KeyEvent>> = BTreeMap::new();
        for event in life::events(&mut conn).await? {
            steps.entry(event.key.clone()).or_default().push(event);
        }
        let records = keys::all(&mut conn).await?.into_iter();
        let lives = records.map(|record| KeyLife {
            steps: steps.remove(&record.id).unwrap_or_default(),
            id: record.id,
            name: record.name,
            version: record.version,
            check_value: record.check_value,
            state: record.state,
            born: record.born,
        });
        Ok(lives.collect())
    }
}
