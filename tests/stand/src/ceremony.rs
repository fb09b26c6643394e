//! Ceremonies in a house: rehearsals that import the public test keys (D31–D42) into the tiers' stores, with custodians
//! where a back-up is made. wang writes the files, the tier's two officers review and sign.

use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::Result;
use serde_json::Value;

use crate::house::House;
use crate::kms::Tier;
use crate::process::Tool;

/// Who keeps shares in a house.
pub const CUSTODIANS: [&str; 5] = ["chen", "chu", "wei", "jiang", "shen"];
const AUTHOR: &str = "wang";

impl House {
    /// The folder of a ceremony: its file, entries, results.
    pub fn ceremony_folder(&self, tier: Tier, name: &str) -> PathBuf {
        self.folder()
            .join(format!("ceremonies/{}-{name}", tier.area()))
    }

    /// The rehearsal that every house begins with: all roots of the tier and the test maker's keys.
    pub fn rehearse(&self, tier: Tier) -> Result<Value> {
        let words = match tier {
            Tier::Prefecture => "--test-maker 5454:RHC-SIM",
            _ => "--source test-formula --test-maker 5454:RHC-SIM",
        };
        let file = self.draft(tier, "roots", words)?;
        self.review(tier, &file)?;
        self.hold(tier, &file, &[], &[])
    }

    /// A ceremony file, written by wang.
    pub fn draft(&self, tier: Tier, name: &str, words: &str) -> Result<PathBuf> {
        let folder = self.ceremony_folder(tier, name);
        fs::create_dir_all(&folder)?;
        let file = folder.join("ceremony.toml");
        let mut tool = self
            .kms(tier, "ceremony draft")?
            .arg("--title")
            .arg(format!("{name} of {}", tier.peer()))
            .arg("--by")
            .arg(AUTHOR);
        for officer in tier.officers() {
            tool = tool.arg("--officer").arg(officer);
        }
        tool.words(words).arg("--out").arg(&file).ok()?;
        Ok(file)
    }

    /// Both officers review it.
    pub fn review(&self, tier: Tier, file: &Path) -> Result<()> {
        let place = self.hsm(tier);
        for officer in tier.officers() {
            let tool = Tool::new("rhc-kms")?.words("ceremony review").arg(file);
            tool.arg("--as").arg(place.officer_key(officer)).ok()?;
        }
        Ok(())
    }

    /// A custodian's passphrase, in a file of theirs.
    pub fn passphrase(&self, custodian: &str) -> Result<PathBuf> {
        let path = self.folder().join(format!("custodians/{custodian}.pass"));
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        if !path.exists() {
            let mut options = fs::File::options();
            let mut file = options
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(&path)?;
            writeln!(file, "the long passphrase of {custodian}")?;
        }
        Ok(path)
    }

    /// A custodian's entry for a ceremony, with a share where one is opened.
    pub fn enter(
        &self,
        tier: Tier,
        file: &Path,
        custodian: &str,
        share: Option<&Path>,
    ) -> Result<PathBuf> {
        let out = file.with_file_name(format!("{custodian}.entry"));
        let hsm = self.hsm_file(tier)?;
        let mut tool = Tool::new("rhc-kms")?
            .words("ceremony enter")
            .arg(file)
            .arg("--hsm")
            .arg(hsm)
            .arg("--custodian")
            .arg(custodian)
            .arg("--passphrase-file")
            .arg(self.passphrase(custodian)?);
        if let Some(share) = share {
            tool = tool.arg("--share").arg(share);
        }
        tool.arg("--out").arg(&out).ok()?;
        Ok(out)
    }

    /// `ceremony run` with both officers; what comes out lies beside the file.
    pub fn hold(
        &self,
        tier: Tier,
        file: &Path,
        entries: &[PathBuf],
        files: &[PathBuf],
    ) -> Result<Value> {
        self.hold_tool(tier, file, entries, files)?.ok()?.json()
    }

    /// The tool of [`House::hold`].
    pub fn hold_tool(
        &self,
        tier: Tier,
        file: &Path,
        entries: &[PathBuf],
        files: &[PathBuf],
    ) -> Result<Tool> {
        let mut tool = self
            .kms_order(tier, "ceremony run --json")?
            .arg(file)
            .arg("--out")
            .arg(out_of(file));
        for entry in entries {
            tool = tool.arg("--entry").arg(entry);
        }
        for file in files {
            tool = tool.arg("--file").arg(file);
        }
        Ok(tool)
    }

    /// `rhc-kms hsm info` of a tier as a file.
    pub fn hsm_file(&self, tier: Tier) -> Result<PathBuf> {
        let info = self.folder().join(format!("hsm-{}.json", tier.area()));
        if !info.exists() {
            self.kms(tier, "hsm info")?.arg("--out").arg(&info).ok()?;
        }
        Ok(info)
    }
}

/// Where a ceremony's results go.
pub fn out_of(file: &Path) -> PathBuf {
    file.with_file_name("out")
}
