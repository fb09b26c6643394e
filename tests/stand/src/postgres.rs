//! A PostgreSQL of the tests' own: a cluster in a temporary folder that listens on a socket in it and nowhere else.
//!
//! PostgreSQL does not run as root; started by root it runs as `postgres`, which Debian's package makes. Nothing is synced to
//! the disk: what these tests end is processes, not power.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use crate::process::{Outcome, Service, Tool};

/// The user of Debian's package.
const USER: &str = "postgres";
const READY_WITHIN: Duration = Duration::from_secs(60);
/// The cluster's first role, which only tests use.
const ADMIN: &str = "admin";
/// A role of this name has to say its password.
pub const WITH_PASSWORD: &str = "by_password";

/// A running cluster; it ends when it is dropped.
pub struct Postgres {
    folder: TempDir,
    service: Option<Service>,
}

/// A database in it, with an owner of the tables and the role of a service.
pub struct Database {
    pub name: String,
    socket: PathBuf,
}

impl Postgres {
    /// Makes a cluster and starts it.
    pub fn start() -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("rhc-pg-").tempdir()?;
        if rustix::process::geteuid().is_root() {
            Tool::foreign("chown").arg(USER).arg(folder.path()).ok()?;
        }
        let mut cluster = Self {
            folder,
            service: None,
        };
        cluster
            .as_user("initdb")?
            .words("--no-sync --encoding=UTF8 --no-locale --auth-local=trust --auth-host=reject --username")
            .arg(ADMIN)
            .arg("--pgdata")
            .arg(cluster.data())
            .ok()?;
        // One role proves itself by a password.
        let rules = format!("local all {WITH_PASSWORD} scram-sha-256\nlocal all all trust\n");
        std::fs::write(cluster.data().join("pg_hba.conf"), rules)?;
        cluster.up()?;
        Ok(cluster)
    }

    /// The cluster of all who hold one now in this program: it ends with the last of them.
    pub fn shared() -> Result<Arc<Self>> {
        static LATEST: Mutex<Weak<Postgres>> = Mutex::new(Weak::new());
        let mut latest = LATEST.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(cluster) = latest.upgrade() {
            return Ok(cluster);
        }
        let cluster = Arc::new(Self::start()?);
        *latest = Arc::downgrade(&cluster);
        Ok(cluster)
    }

    /// A database of a name that no other has.
    pub fn fresh(&self) -> Result<Database> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        self.database(&format!("d{}", COUNT.fetch_add(1, Ordering::Relaxed)))
    }

    /// Starts it, or starts it again.
    pub fn up(&mut self) -> Result<()> {
        let log = self.folder.path().join("log");
        let tool = self
            .as_user("postgres")?
            .arg("-D")
            .arg(self.data())
            .arg("-k")
            .arg(self.socket())
            .words(
                "-c listen_addresses= -c fsync=off -c full_page_writes=off -c max_connections=60",
            );
        let mut service = Service::start("postgres", tool.into_command(), &log)?;
        let socket = self.socket().to_path_buf();
        service.wait_until(READY_WITHIN, || {
            ask(&socket, ADMIN, "postgres", "SELECT 1").is_ok_and(|told| told.code == 0)
        })?;
        self.service = Some(service);
        Ok(())
    }

    /// Ends it at once, clients or not: PostgreSQL's fast way.
    pub fn down(&mut self) {
        if let Some(mut service) = self.service.take() {
            service.signal(rustix::process::Signal::INT);
            let _ = service.wait_status();
        }
    }

    /// A database with its two roles, `NAME_owner` and `NAME_service`.
    pub fn database(&self, name: &str) -> Result<Database> {
        let made = Database {
            name: name.to_owned(),
            socket: self.socket().to_path_buf(),
        };
        for sql in [
            format!("CREATE ROLE {} LOGIN", made.owner()),
            format!("CREATE ROLE {} LOGIN", made.role()),
            format!("CREATE DATABASE {name} OWNER {}", made.owner()),
        ] {
            let told = ask(self.socket(), ADMIN, "postgres", &sql)?;
            if told.code != 0 {
                bail!("{sql}: {}", told.err);
            }
        }
        Ok(made)
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub fn socket(&self) -> &Path {
        self.folder.path()
    }

    /// A program of the newest PostgreSQL, as the user who may run it.
    fn as_user(&self, program: &str) -> Result<Tool> {
        let program = find(program)?;
        let tool = if rustix::process::geteuid().is_root() {
            Tool::foreign("setpriv")
                .words("--init-groups --reset-env --reuid")
                .arg(USER)
                .arg("--regid")
                .arg(USER)
                .arg("--")
                .arg(program)
        } else {
            Tool::foreign(&program.to_string_lossy())
        };
        Ok(tool.directory(self.folder.path()))
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.down();
    }
}

impl Database {
    pub fn owner(&self) -> String {
        format!("{}_owner", self.name)
    }

    pub fn role(&self) -> String {
        format!("{}_service", self.name)
    }

    /// The address as the service's role.
    pub fn address(&self) -> String {
        self.address_as(&self.role())
    }

    /// The address as the owner of the tables.
    pub fn owner_address(&self) -> String {
        self.address_as(&self.owner())
    }

    pub fn address_as(&self, role: &str) -> String {
        format!(
            "postgres://{role}@localhost/{}?host={}",
            self.name,
            self.socket.display()
        )
    }

    /// What `psql` makes of a statement, as a role.
    pub fn psql(&self, role: &str, sql: &str) -> Result<Outcome> {
        ask(&self.socket, role, &self.name, sql)
    }

    /// The same as the cluster's first role, to whom everything is allowed.
    pub fn psql_as_admin(&self, sql: &str) -> Result<Outcome> {
        self.psql(ADMIN, sql)
    }
}

fn ask(socket: &Path, role: &str, database: &str, sql: &str) -> Result<Outcome> {
    Tool::foreign("psql")
        .words("--no-psqlrc --quiet --tuples-only --no-align --set ON_ERROR_STOP=1 --username")
        .arg(role)
        .arg("--host")
        .arg(socket)
        .arg("--dbname")
        .arg(database)
        .arg("--command")
        .arg(sql)
        .run()
        .context("psql, which is in the package postgresql-client")
}

/// Debian keeps the server's programs beside their version, off the path.
fn find(program: &str) -> Result<PathBuf> {
    let mut versions: Vec<(u32, PathBuf)> = Vec::new();
    for entry in std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
    {
        let path = entry?.path();
        let version = path
            .file_name()
            .and_then(|name| name.to_str()?.parse().ok());
        versions.extend(version.map(|version| (version, path.join("bin").join(program))));
    }
    versions.sort();
    let newest = versions.pop().map(|(_, path)| path);
    if let Some(path) = newest.filter(|path| path.is_file()) {
        return Ok(path);
    }
    let shell = Command::new("sh")
        .args(["-c", "command -v \"$1\"", "sh", program])
        .output()?;
    let path = String::from_utf8_lossy(&shell.stdout).trim().to_owned();
    if path.is_empty() {
        bail!("{program} of PostgreSQL is not there: apt-get install postgresql");
    }
    Ok(path.into())
}
