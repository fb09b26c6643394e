//! What OpenSSL says about the public test hierarchy (tests/oracle/keys.py), for comparison with our own programs.

use std::path::PathBuf;

use anyhow::{Context, Result};
use serde_json::Value;
use tests_stand::{Machine, Tool};

/// The tests folder of the source tree.
pub fn tests_folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// A Python program of the tests, run by Debian's interpreter, which has pyscard.
pub fn python(script: &str) -> Tool {
    Tool::foreign("/usr/bin/python3").arg(tests_folder().join(script))
}

/// Which cards and SAMs a house made.
#[derive(Default)]
pub struct Made {
    pub factors: Vec<String>,
    pub chips: Vec<String>,
    pub sam_serials: Vec<String>,
    pub machine: Machine,
}

/// All keys and check values of a house in province 41 with test keys.
pub struct Keys {
    document: Value,
}

impl Keys {
    pub fn compute(made: &Made) -> Result<Self> {
        let mut tool = python("oracle/keys.py").words("--province 41 --profile");
        tool = tool.arg(made.machine.profile());
        for (option, values) in [
            ("--factor", &made.factors),
            ("--chip", &made.chips),
            ("--sam-serial", &made.sam_serials),
        ] {
            for value in values {
                tool = tool.arg(option).arg(value);
            }
        }
        Ok(Self {
            document: tool.ok()?.json()?,
        })
    }

    /// Every secret with its label.
    pub fn secrets(&self) -> Result<Vec<(String, Vec<u8>)>> {
        let map = self.document["secrets"].as_object().context("no secrets")?;
        map.iter()
            .map(|(label, value)| {
                Ok((
                    label.clone(),
                    hex::decode(value.as_str().unwrap_or_default())?,
                ))
            })
            .collect()
    }

    /// Rows of name, version, scope, `ministry`, `province` and `cards`: upper-case check values.
    pub fn check_values(&self) -> Result<&Vec<Value>> {
        self.document["check_values"]
            .as_array()
            .context("no check values")
    }
}
