//! Part `hsm`: the simulator's cipher core and its signatures against OpenSSL in the same run, and its memory with many keys.
//!
//! OpenSSL's side of the derivations is `c/derive.c`: the same work, in the form that suits OpenSSL best.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use hsm_wire::Hex;
use hsm_wire::attributes::{Algorithm, KeyAttributes, Leaves, Usage};
use hsm_wire::client::{OfficerClient, OperatorClient};
use hsm_wire::officer::{ExportEntry, KeySource, OrderDone, OrderOp, PeerKind};
use hsm_wire::operator::{MAX_SIGNATURES, SignInput};
use hsm_wire::order::{Body, OfficerKey, Order};
use hsm_wire::secret::OperatorSecret;
use serde_json::{Value, json};
use tests_stand::{binaries, resident};

use crate::section::{RUNS, Section};

/// What each tier owes: derivations over OpenSSL's, and key sets per second where a bar names them.
const TIERS: [(&str, f64, f64); 3] = [
    ("avx512", 20.0, 30_000.0),
    ("aesni", 3.0, 0.0),
    ("portable", 1.0, 8_000.0),
];
/// Cards with 5 KiB of data per second, on the tier in use.
const WITH_DATA: f64 = 10_000.0;
/// Keys of the memory reading, in packages of so many.
const KEYS: usize = 100_000;
const PACKAGE: usize = 1000;

/// # Errors
/// A program is not built, or OpenSSL is not there.
pub fn measure() -> Result<Section> {
    let mut section = Section::default();
    let mut readings = Vec::new();
    let openssl = Derive::build()?;
    for run in 0..RUNS {
        readings.push(cipher_core(&mut section, openssl.rate()?, run == 0)?);
    }
    let best = |name: &str| {
        let values = readings.iter().filter_map(|reading| reading[name].as_f64());
        values.fold(0.0, f64::max)
    };
    for name in ["derivations", "key_sets", "with_5_kib"] {
        section.value(name, best(name));
    }
    signatures(&mut section)?;
    section.value("memory_mib", memory()?);
    section.raw = json!(readings);
    Ok(section)
}

/// One reading of the cipher core, each value as a share of what is owed.
fn cipher_core(section: &mut Section, openssl: f64, tell: bool) -> Result<Value> {
    let output = Command::new(binaries::program("rhc-hsm")?)
        .args(["bench", "--json", "--seconds", "0.5"])
        .output()?;
    let report: Value = serde_json::from_slice(&output.stdout).context("rhc-hsm bench")?;
    let tiers = report["tiers"].as_array().context("no tiers")?;
    let current = report["tier"].as_str().context("no tier")?.to_owned();
    let (mut derivations, mut key_sets, mut with_data) = (f64::INFINITY, f64::INFINITY, 0.0);
    for tier in tiers {
        let number = |name: &str| tier[name].as_f64().context("no number");
        let name = tier["tier"].as_str().context("no name")?;
        let (_, times, sets) = TIERS
            .into_iter()
            .find(|(known, _, _)| *known == name)
            .with_context(|| format!("an unknown tier, {name}"))?;
        let over = number("derivations_per_s")? / openssl;
        derivations = derivations.min(over / times);
        if sets > 0.0 {
            key_sets = (number("key_sets_per_s")? / sets).min(key_sets);
        }
        if name == current {
            with_data = number("with_5_kib_per_s")? / WITH_DATA;
        }
        if tell {
            section.note(format!(
                "{name}: {over:.1} × OpenSSL's derivations ({times} owed), {:.0} key sets/s, {:.0}/s with 5 KiB",
                number("key_sets_per_s")?,
                number("with_5_kib_per_s")?
            ));
        }
    }
    if tell {
        section.note(format!("tier in use here: {current}"));
    }
    Ok(
        json!({ "derivations": derivations, "key_sets": key_sets, "with_5_kib": with_data, "report": report, "openssl": openssl }),
    )
}

fn openssl_speed(arguments: &[&str]) -> Result<String> {
    let output = Command::new("openssl")
        .args(["speed", "-mr", "-seconds", "1"])
        .args(arguments)
        .output()
        .context("openssl (apt-get install openssl)")?;
    String::from_utf8(output.stdout).context("openssl speed")
}

/// OpenSSL's derivations, built once.
struct Derive {
    dir: tempfile::TempDir,
}

impl Derive {
    fn build() -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let source = dir.path().join("derive.c");
        fs::write(&source, include_str!("c/derive.c"))?;
        // OpenSSL's library by its own name: its headers and the link of its development package need not be there.
        let output = Command::new("gcc")
            .args(["-O2", "-o"])
            .arg(dir.path().join("derive"))
            .arg(&source)
            .arg("-l:libcrypto.so.3")
            .output()
            .context("gcc is missing: apt-get install gcc libc6-dev")?;
        if !output.status.success() {
            bail!("gcc: {}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(Self { dir })
    }

    /// Derivations per second, each with its check value.
    fn rate(&self) -> Result<f64> {
        let output = Command::new(self.dir.path().join("derive")).output()?;
        let text = String::from_utf8(output.stdout)?;
        text.trim().parse().context("OpenSSL's derivations")
    }
}

/// SM2 signatures per second.
fn openssl_signatures() -> Result<f64> {
    let text = openssl_speed(&["sm2"])?;
    let line = text
        .lines()
        .find(|line| line.contains("CurveSM2") && line.starts_with("+F"));
    let mut parts = line.context("openssl speed sm2")?.split(':').skip(4);
    Ok(parts.next().context("no signatures per second")?.parse()?)
}

/// `rhc-hsm` with a TEST store in a folder of its own; ended when dropped.
struct Served {
    dir: tempfile::TempDir,
    child: std::process::Child,
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Served {
    fn new() -> Result<Self> {
        let dir = tempfile::tempdir()?;
        for name in ["a", "b"] {
            let key = dir.path().join(format!("{name}.key"));
            OfficerKey::generate(name)?.save(&key, &dir.path().join(format!("{name}.key.pub")))?;
        }
        let init = Command::new(binaries::program("rhc-hsm")?)
            .args(
                "init --store hsm --mark test --officer a=a.key.pub --officer b=b.key.pub"
                    .split(' '),
            )
            .args("--operator-cred-out operator --unseal-out unseal".split(' '))
            .current_dir(dir.path())
            .output()?;
        if !init.status.success() {
            bail!("rhc-hsm init: {}", String::from_utf8_lossy(&init.stderr));
        }
        let child = start(dir.path())?;
        Ok(Self { dir, child })
    }

    /// Ends it and starts it anew, as after a night.
    fn restart(&mut self) -> Result<()> {
        Command::new("kill")
            .arg(self.child.id().to_string())
            .status()?;
        self.child.wait()?;
        self.child = start(self.dir.path())?;
        Ok(())
    }

    fn operator(&self) -> Result<OperatorClient> {
        let secret = OperatorSecret::load(&self.dir.path().join("operator"))?;
        Ok(OperatorClient::connect(self.dir.path().join("s"), &secret)?)
    }

    fn order(&self, op: OrderOp) -> Result<OrderDone> {
        let mut client = OfficerClient::connect(self.dir.path().join("o"))?;
        let info = client.info()?;
        let expires = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)?
            .as_secs()
            + 600;
        let body = Body {
            hsm: info.id,
            sequence: info.next_order,
            expires,
            op,
        };
        let mut order = Order::new(body.to_text()?);
        for name in ["a.key", "b.key"] {
            order.sign(&OfficerKey::load(&self.dir.path().join(name))?)?;
        }
        Ok(client.execute(&order)?)
    }

    fn enrol(&self, name: &str, kind: PeerKind, other: &Self) -> Result<()> {
        let info = OfficerClient::connect(other.dir.path().join("o"))?.info()?;
        self.order(OrderOp::EnrolPeer {
            name: name.to_owned(),
            kind,
            signing_key: info.signing_key,
            encryption_key: info.encryption_key,
            fingerprint: info.id,
        })?;
        Ok(())
    }
}

fn start(dir: &Path) -> Result<std::process::Child> {
    let log = fs::File::create(dir.join("log"))?;
    let child = Command::new(binaries::program("rhc-hsm")?)
        .args("serve --store hsm --socket s --officer-socket o --unseal-fd 0".split(' '))
        .stdin(fs::File::open(dir.join("unseal"))?)
        .stderr(log)
        .current_dir(dir)
        .spawn()?;
    let begun = Instant::now();
    while OfficerClient::connect(dir.join("o"))
        .and_then(|mut c| c.info())
        .is_err()
    {
        if begun.elapsed().as_secs() > 60 {
            bail!(
                "rhc-hsm does not serve: {}",
                fs::read_to_string(dir.join("log"))?
            );
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    Ok(child)
}

fn key(id: &str, algorithm: Algorithm, usage: Usage) -> OrderOp {
    OrderOp::GenerateKey {
        id: id.to_owned(),
        attributes: KeyAttributes {
            algorithm,
            name: id.to_owned(),
            version: 1,
            usage,
            leaves: Leaves {
                hsm: Some(0),
                ..Leaves::default()
            },
            depth: 0,
            quota: None,
            not_after: None,
        },
        source: KeySource::Random,
    }
}

/// SM2 signatures with rights, audit and a durable record, through the socket, over OpenSSL's own rate.
fn signatures(section: &mut Section) -> Result<()> {
    let hsm = Served::new()?;
    hsm.order(key("sign", Algorithm::Sm2, Usage::Sign))?;
    let mut client = hsm.operator()?;
    let (mut many, mut one, mut openssl) = (0.0_f64, 0.0_f64, f64::INFINITY);
    for run in 0..RUNS {
        let inputs: Vec<_> = (0..MAX_SIGNATURES as u64)
            .map(|n| {
                let mut e = [u8::try_from(run).unwrap_or(0); 32];
                e[..8].copy_from_slice(&n.to_be_bytes());
                SignInput::Digest(e)
            })
            .collect();
        let begun = Instant::now();
        let made = client.sm2_sign_many("sign", inputs)?.len();
        many = many.max(rate(made, begun));
        let begun = Instant::now();
        for n in 0..100_u8 {
            client.sm2_sign("sign", SignInput::Digest([n; 32]))?;
        }
        one = one.max(rate(100, begun));
        // Its best is what we are compared with.
        let said = openssl_signatures()?;
        openssl = if openssl.is_infinite() {
            said
        } else {
            openssl.max(said)
        };
    }
    section.value("sm2_sign", many / openssl);
    section.note(format!(
        "SM2 signatures through the daemon: {many:.0}/s by 1024 (one record), {one:.0}/s one by one (a record and a \
         durable write each); OpenSSL alone, without either: {openssl:.0}/s"
    ));
    Ok(())
}

#[allow(clippy::cast_precision_loss)] // thousands
fn rate(count: usize, begun: Instant) -> f64 {
    count as f64 / begun.elapsed().as_secs_f64()
}

/// Resident memory of an HSM that was started with 100,000 keys in its store.
fn memory() -> Result<f64> {
    let (upper, mut lower) = (Served::new()?, Served::new()?);
    upper.enrol("lower", PeerKind::Lower, &lower)?;
    lower.enrol("upper", PeerKind::Upper, &upper)?;
    upper.order(key("root", Algorithm::Sm4, Usage::Derive))?;
    for package in 0..KEYS / PACKAGE {
        let entries = (0..PACKAGE).map(|n| {
            let number = (package * PACKAGE + n) as u64;
            ExportEntry {
                key: "root".to_owned(),
                factors: vec![Hex(number.to_be_bytes())],
                new_id: format!("KEY_{number:06}/1"),
                leaves: None,
            }
        });
        let done = upper.order(OrderOp::ExportPackage {
            receiver: "lower".to_owned(),
            purpose: "bench".to_owned(),
            entries: entries.collect(),
            payload: String::new(),
        })?;
        let OrderDone::Package(package) = done else {
            bail!("no package")
        };
        lower.order(OrderOp::ImportPackage { package })?;
    }
    lower.restart()?;
    resident::mib(lower.child.id())
}
