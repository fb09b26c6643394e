//! The registry's process.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;

use crate::house::House;
use crate::kms::Tier;
use crate::ports;
use crate::process::{Service, Tool};

const READY_WITHIN: Duration = Duration::from_secs(20);

/// A running registry.
pub struct Running {
    pub service: Service,
    pub port: u16,
}

impl Running {
    /// Starts it on a port of its choice, or again on the port it had.
    pub fn start(
        database: &Path,
        identity: &Path,
        issuer: &Path,
        log: &Path,
        port: u16,
    ) -> Result<Self> {
        let tool = Tool::new("rhc-registry")?
            .words("serve --mark test --db")
            .arg(format!("sqlite:{}", database.display()));
        let tool = tool
            .arg("--listen")
            .arg(format!("127.0.0.1:{port}"))
            .arg("--identity")
            .arg(identity)
            .arg("--issuer-certificate")
            .arg(issuer);
        let mut service = Service::start("registry", tool.into_command(), log)?;
        service.wait_port(port, READY_WITHIN)?;
        Ok(Self { service, port })
    }

    pub fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.port)
    }
}

impl House {
    pub fn registry_database(&self) -> PathBuf {
        self.folder().join("registry.db")
    }

    /// Starts the registry of province 41, which knows the province's issuer certificate; so the keys are handed down before.
    pub fn start_registry(&mut self) -> Result<()> {
        let port = ports::free()?;
        let log = self.folder().join("logs/registry.log");
        let issuer = self.folder().join("issuer-41.hex");
        self.kms(Tier::Province, "issuer-certificate")?
            .arg("--out")
            .arg(&issuer)
            .ok()?;
        let running = Running::start(
            &self.registry_database(),
            &self.identity("registry-41"),
            &issuer,
            &log,
            port,
        )?;
        self.registry = Some(running);
        Ok(())
    }
}
