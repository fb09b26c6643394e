//! One software HSM: its officers, its store, its process. Started by root it runs as the user `rhc-hsm` of its own.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use hsm_wire::client::OfficerClient;

use crate::process::{Service, Tool};

/// The system user that `tests/setup.sh` makes.
const USER: &str = "rhc-hsm";
const READY_WITHIN: Duration = Duration::from_secs(20);

/// Where everything of an HSM lies.
#[derive(Clone)]
pub struct Place {
    pub folder: PathBuf,
    pub officers: [String; 2],
}

impl Place {
    pub fn new(folder: &Path, officers: [&str; 2]) -> Self {
        Self {
            folder: folder.to_path_buf(),
            officers: officers.map(str::to_owned),
        }
    }

    pub fn store(&self) -> PathBuf {
        self.folder.join("store")
    }

    pub fn socket(&self) -> PathBuf {
        self.folder.join("hsm.sock")
    }

    pub fn officer_socket(&self) -> PathBuf {
        self.folder.join("hsm.officer.sock")
    }

    pub fn operator(&self) -> PathBuf {
        self.folder.join("operator.cred")
    }

    /// The unsealing secret: beside the store's folder, never in it.
    pub fn unseal(&self) -> PathBuf {
        self.folder.join("elsewhere/unseal")
    }

    /// Where the process writes what it has to say.
    pub fn log(&self) -> PathBuf {
        self.folder.join("hsm.log")
    }

    pub fn officer_key(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.key"))
    }

    /// Makes officers and store.
    pub fn init(&self, mark: &str) -> Result<()> {
        fs::create_dir_all(self.folder.join("elsewhere"))?;
        fs::set_permissions(&self.folder, fs::Permissions::from_mode(0o711))?;
        let mut init = Tool::new("rhc-hsm")?
            .words("init --mark")
            .arg(mark)
            .arg("--store")
            .arg(self.store());
        self.make_officers()?;
        for name in &self.officers {
            let key = self.officer_key(name);
            init = init
                .arg("--officer")
                .arg(format!("{name}={}.pub", key.display()));
        }
        init.arg("--operator-cred-out")
            .arg(self.operator())
            .arg("--unseal-out")
            .arg(self.unseal())
            .ok()?;
        Ok(())
    }

    /// The officers' keys.
    pub fn make_officers(&self) -> Result<()> {
        for name in &self.officers {
            Tool::new("rhc-hsm")?
                .words("officer-key --name")
                .arg(name)
                .arg("--out")
                .arg(self.officer_key(name))
                .ok()?;
        }
        Ok(())
    }

    /// Starts the process and waits until it answers.
    pub fn serve(&self, name: &str) -> Result<Service> {
        self.serve_with(name, &[])
    }

    /// The same with further options.
    pub fn serve_with(&self, name: &str, options: &[&str]) -> Result<Service> {
        let mut tool = Tool::new("rhc-hsm")?
            .words("serve --unseal-fd 0")
            .arg("--store")
            .arg(self.store());
        tool = tool
            .arg("--socket")
            .arg(self.socket())
            .arg("--officer-socket")
            .arg(self.officer_socket());
        if rustix::process::geteuid().is_root() {
            tool = tool.arg("--user").arg(USER);
        }
        for option in options {
            tool = tool.arg(option);
        }
        let secret = fs::read(self.unseal())?;
        let log = self.log();
        let mut service = Service::start_with(name, tool.into_command(), &log, Some(&secret))?;
        // Its socket takes connections before it has opened its store and become its user: an answer tells that it has.
        let socket = self.officer_socket();
        service.wait_until(READY_WITHIN, || {
            OfficerClient::connect(&socket).is_ok_and(|mut client| client.info().is_ok())
        })?;
        Ok(service)
    }
}
