//! Three tiers with a real `rhc-hsm` process each, driven through the command line as officers drive them.
#![allow(dead_code)] // each test binary takes what it needs
#![allow(clippy::unwrap_used)] // a failed unwrap here is the failed test

pub mod openssl;
pub mod shop;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::os::fd::AsRawFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hsm_wire::client::OfficerClient;
use hsm_wire::officer::{OrderDone, OrderOp};
use hsm_wire::order::{Body, OfficerKey, Order};
use tests_stand::postgres::{Database, Postgres};

/// The two officers of every test; `chen` is a third.
pub const OFFICERS: [&str; 3] = ["zhang", "li", "chen"];

/// A directory with HSMs and stores; HSMs end with it.
pub struct House {
    dir: tempfile::TempDir,
    hsms: Vec<Child>,
    /// Where the stores are databases; none: files.
    cluster: Option<Arc<Postgres>>,
    databases: Mutex<BTreeMap<String, Database>>,
}

thread_local! {
    /// What the houses of this test keep their stores in.
    static IN_DATABASES: Cell<bool> = const { Cell::new(false) };
}

/// The same test with PostgreSQL behind the services.
pub fn in_databases(test: fn()) {
    IN_DATABASES.set(true);
    test();
}

/// What a command line did.
pub struct Ran {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl House {
    /// Officers' keys, no HSM yet.
    pub fn new() -> Self {
        let house = Self {
            dir: tempfile::tempdir().unwrap(),
            hsms: Vec::new(),
            cluster: IN_DATABASES.get().then(|| Postgres::shared().unwrap()),
            databases: Mutex::default(),
        };
        for name in OFFICERS {
            let key = format!("{name}.key");
            house.hsm(&["officer-key", "--name", name, "--out", &key]);
        }
        house
    }

    /// Ministry, province 41, prefecture 4101 with the public test keys, HSMs enrolled both ways.
    pub fn with_three_tiers() -> Self {
        let mut house = Self::new();
        for (tier, area) in [("ministry", ""), ("province", "41"), ("prefecture", "4101")] {
            house.start_hsm(name_of(area), "test");
            house.init(tier, area, name_of(area), "test", true).ok();
        }
        house.enrol("41", "0", "province-41");
        house.enrol("0", "41", "ministry");
        house.enrol("4101", "41", "prefecture-4101");
        house.enrol("41", "4101", "province-41");
        house
    }

    /// The same with keys handed down to the prefecture.
    pub fn handed_down() -> Self {
        let house = Self::with_three_tiers();
        house.hand_down("0", "41");
        house.hand_down("41", "4101");
        house
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A new HSM process `hsm-NAME`.
    pub fn start_hsm(&mut self, name: &str, mark: &str) {
        let officers: Vec<String> = OFFICERS
            .iter()
            .map(|o| format!("{o}={o}.key.pub"))
            .collect();
        let (store, cred, unseal) = (
            format!("hsm-{name}"),
            format!("op-{name}.cred"),
            format!("unseal-{name}"),
        );
        let mut args = vec!["init", "--store", &store, "--mark", mark];
        for officer in &officers {
            args.extend(["--officer", officer]);
        }
        args.extend(["--operator-cred-out", &cred, "--unseal-out", &unseal]);
        self.hsm(&args);
        self.serve_hsm(name);
    }

    /// Kills the newest HSM, as a power cut would.
    pub fn kill_hsm(&mut self) {
        let mut hsm = self.hsms.pop().expect("an HSM runs");
        hsm.kill().unwrap();
        hsm.wait().unwrap();
    }

    /// Starts `rhc-hsm serve` on an existing store; the unsealing secret comes on its standard input's descriptor.
    pub fn serve_hsm(&mut self, name: &str) {
        let secret = std::fs::File::open(self.path(&format!("unseal-{name}"))).unwrap();
        assert!(secret.as_raw_fd() > 2);
        let mut command = Command::new(program("rhc-hsm"));
        command
            .current_dir(self.dir.path())
            .args(["serve", "--store", &format!("hsm-{name}")]);
        command.args([
            "--socket",
            &format!("h{name}.s"),
            "--officer-socket",
            &format!("o{name}.s"),
            "--unseal-fd",
            "0",
        ]);
        command
            .stdin(Stdio::from(secret))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0);
        self.hsms.push(command.spawn().unwrap());
        let (socket, begun) = (self.path(&format!("o{name}.s")), Instant::now());
        while std::os::unix::net::UnixStream::connect(&socket).is_err() {
            assert!(
                begun.elapsed() < Duration::from_secs(20),
                "rhc-hsm {name} does not start"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub fn init(&self, tier: &str, area: &str, name: &str, mark: &str, test_keys: bool) -> Ran {
        let (hsm, officer, cred, store) = (
            format!("h{name}.s"),
            format!("o{name}.s"),
            format!("op-{name}.cred"),
            format!("kms-{name}"),
        );
        let mut args = vec![
            "init",
            "--tier",
            tier,
            "--area",
            area,
            "--hsm",
            &hsm,
            "--hsm-officer",
            &officer,
        ];
        args.extend([
            "--operator-cred",
            &cred,
            "--officer",
            "zhang=zhang.key.pub",
            "--officer",
            "li=li.key.pub",
        ]);
        args.extend([
            "--store",
            &store,
            "--mark",
            mark,
            "--as",
            "zhang.key",
            "--as",
            "li.key",
        ]);
        args.push(if test_keys {
            "--test-keys"
        } else {
            "--random-keys"
        });
        let addresses = self.addresses(name);
        if let Some((service, owner)) = &addresses {
            args.extend(["--database", service, "--database-owner", owner]);
        }
        self.kms(&args)
    }

    /// Of a service's database, as its role and as the owner; made when it is asked for first.
    pub fn addresses(&self, name: &str) -> Option<(String, String)> {
        let cluster = self.cluster.as_ref()?;
        let mut databases = self.databases.lock().unwrap();
        let made = databases.entry(name.to_owned());
        let database = made.or_insert_with(|| cluster.fresh().unwrap());
        Some((database.address(), database.owner_address()))
    }

    /// The database is lost: the next one asked for is new.
    pub fn forget_database(&self, name: &str) {
        self.databases.lock().unwrap().remove(name);
    }

    /// One statement's answer from a service's database, in its schema.
    pub fn psql(&self, name: &str, sql: &str) -> Option<String> {
        let databases = self.databases.lock().unwrap();
        let database = databases.get(name)?;
        let sql = format!("SET search_path = kms; {sql}");
        let told = database.psql_as_admin(&sql).unwrap();
        drop(databases);
        assert_eq!(told.code, 0, "{}", told.err);
        Some(told.out.trim().to_owned())
    }

    /// A command line in the house's directory, with our programs on the path.
    pub fn shell(&self, script: &str) -> Ran {
        let bin = Path::new(env!("CARGO_BIN_EXE_rhc-kms")).parent().unwrap();
        program("rhc-hsm");
        let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
        let mut command = Command::new("bash");
        command.args(["-e", "-u", "-c", script]).env("PATH", path);
        Ran::from(self.finish(command).output().unwrap())
    }

    /// Makes `lower`'s HSM known at `upper`, or the reverse.
    pub fn enrol(&self, peer: &str, at: &str, name: &str) {
        let (from, to, file) = (
            format!("kms-{peer}"),
            format!("kms-{at}"),
            format!("peer-{peer}.json"),
        );
        self.line(&format!("hsm info --store {from} --out {file}"))
            .ok();
        self.line(&format!(
            "hsm enrol --store {to} --peer-info {file} --by wang"
        ))
        .ok();
        self.signed_line(&format!("hsm confirm --store {to} --peer {name}"))
            .ok();
    }

    /// Request below, grant opened above; the grant's id.
    pub fn ask(&self, upper: &str, lower: &str) -> String {
        let (low, up, file) = (
            format!("kms-{lower}"),
            format!("kms-{upper}"),
            format!("req-{lower}.json"),
        );
        self.line(&format!("request --store {low} --by wang --out {file}"))
            .ok();
        let opened = self
            .line(&format!(
                "grant --store {up} --request {file} --by sun --json"
            ))
            .ok();
        json(&opened.out)["id"].as_str().unwrap().to_owned()
    }

    pub fn hand_down(&self, upper: &str, lower: &str) {
        let id = self.ask(upper, lower);
        let (low, up, file) = (
            format!("kms-{lower}"),
            format!("kms-{upper}"),
            format!("pkg-{lower}.json"),
        );
        self.signed_line(&format!("grant --store {up} --approve {id} --out {file}"))
            .ok();
        self.signed_line(&format!("import --store {low} {file}"))
            .ok();
    }

    /// With the two officers' keys.
    pub fn signed(&self, args: &[&str]) -> Ran {
        self.kms(&[args, &["--as", "zhang.key", "--as", "li.key"]].concat())
    }

    /// An approved ticket of this id.
    pub fn ticket(&self, at: &str, kind: &str, quantity: u64, id: &str) {
        let (store, quantity) = (format!("kms-{at}"), quantity.to_string());
        let args = [
            "ticket",
            "request",
            "--store",
            &store,
            "--kind",
            kind,
            "--quantity",
            &quantity,
            "--by",
            "wang",
            "--id",
            id,
        ];
        self.kms(&args).ok();
        self.signed_line(&format!("ticket approve {id} --store {store}"))
            .ok();
    }

    /// A command line of `rhc-kms`, its words separated by blanks.
    pub fn line(&self, words: &str) -> Ran {
        self.kms(&words.split(' ').collect::<Vec<_>>())
    }

    /// The same with the two officers' keys.
    pub fn signed_line(&self, words: &str) -> Ran {
        self.signed(&words.split(' ').collect::<Vec<_>>())
    }

    pub fn kms(&self, args: &[&str]) -> Ran {
        self.run(Path::new(env!("CARGO_BIN_EXE_rhc-kms")), args)
    }

    /// What an HSM says of itself.
    pub fn info(&self, name: &str) -> hsm_wire::info::HsmInfo {
        OfficerClient::connect(self.path(&format!("o{name}.s")))
            .unwrap()
            .info()
            .unwrap()
    }

    /// An order of two officers to an HSM that no key service of ours stands before.
    pub fn order(&self, name: &str, op: OrderOp) -> OrderDone {
        let info = self.info(name);
        let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
        let body = Body {
            hsm: info.id,
            sequence: info.next_order,
            expires: now + 600,
            op,
        };
        let mut order = Order::new(body.to_text().unwrap());
        for officer in ["zhang.key", "li.key"] {
            order
                .sign(&OfficerKey::load(&self.path(officer)).unwrap())
                .unwrap();
        }
        let mut desk = OfficerClient::connect(self.path(&format!("o{name}.s"))).unwrap();
        desk.execute(&order).unwrap()
    }

    /// A further key file of this officer's name.
    pub fn officer_key(&self, name: &str, file: &str) {
        self.hsm(&["officer-key", "--name", name, "--out", file]);
    }

    fn hsm(&self, args: &[&str]) {
        self.run(&program("rhc-hsm"), args).ok();
    }

    /// The same, not yet started.
    pub fn kms_command(&self, args: &[&str]) -> Command {
        self.command(Path::new(env!("CARGO_BIN_EXE_rhc-kms")), args)
    }

    fn run(&self, program: &Path, args: &[&str]) -> Ran {
        Ran::from(self.command(program, args).output().unwrap())
    }

    fn command(&self, program: &Path, args: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(args);
        self.finish(command)
    }

    /// In the house's directory, in English.
    fn finish(&self, mut command: Command) -> Command {
        command
            .current_dir(self.dir.path())
            .env("RHC_LANG", "en")
            .env("RHC_LOG", "warn");
        command
    }
}

impl From<Output> for Ran {
    fn from(done: Output) -> Self {
        let Output {
            status,
            stdout,
            stderr,
        } = done;
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Ran {
            code: status.code().unwrap_or(-1),
            out: text(stdout),
            err: text(stderr),
        }
    }
}

impl Drop for House {
    fn drop(&mut self) {
        for hsm in &mut self.hsms {
            let _ = hsm.kill();
            let _ = hsm.wait();
        }
    }
}

impl Ran {
    /// It must have worked.
    #[track_caller]
    pub fn ok(self) -> Self {
        assert_eq!(self.code, 0, "{}{}", self.out, self.err);
        self
    }

    /// It must have ended so.
    #[track_caller]
    pub fn code_is(self, code: i32) {
        assert_eq!(self.code, code, "{}{}", self.out, self.err);
    }

    /// It must have been refused under this name.
    #[track_caller]
    pub fn refused(self, slug: &str) {
        assert!(
            self.code == 3 || self.code == 4,
            "exit {}: {}{}",
            self.code,
            self.out,
            self.err
        );
        assert!(
            self.err.contains(&format!("({slug})")),
            "expected {slug}: {}",
            self.err
        );
    }
}

fn name_of(area: &str) -> &str {
    if area.is_empty() { "0" } else { area }
}

pub fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}: {text}"))
}

/// A program of another crate, built if need be: `tests/all.sh` has built the workspace and says so.
fn program(name: &str) -> PathBuf {
    static BUILT: std::sync::Once = std::sync::Once::new();
    BUILT.call_once(|| {
        if std::env::var_os("RHC_BUILT").is_some() {
            return;
        }
        let built = Command::new(env!("CARGO"))
            .args(["build", "-q", "-p", "hsm-daemon"])
            .status()
            .unwrap();
        assert!(built.success(), "rhc-hsm does not build");
    });
    Path::new(env!("CARGO_BIN_EXE_rhc-kms")).with_file_name(name)
}
