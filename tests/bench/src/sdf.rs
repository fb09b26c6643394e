//! Part `sdf`: `SDF_Encrypt` of a C program over the GM/T 0018 library with the engine inside, against the engine's own
//! function on the same session key, both SM4-ECB in place.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use hsm_engine::device::DeviceSession;
use hsm_engine::{Birth, Engine, UnsealSecret, World};
use hsm_wire::device::{DeviceAnswer, DeviceRequest, Handle, Mode};
use hsm_wire::gm::PrivateKey;
use hsm_wire::operator::{OperatorAnswer, OperatorRequest};
use hsm_wire::order::OfficerKey;
use hsm_wire::secret::write_secret_file;
use hsm_wire::{Hex, Mark};
use serde_json::json;
use tests_stand::binaries;

use crate::section::{RUNS, Section};

/// Spans of one reading; the shortest counts.
const SPANS: u32 = 20;
/// Bytes of a call and calls of a span, as the C program has them.
const SIZES: [(usize, u32); 2] = [(32, 20_000), (16_384, 500)];

/// Makes a store, and has both sides encrypt.
///
/// # Errors
/// gcc is missing, or one of the sides failed.
pub fn measure() -> Result<Section> {
    let dir = tempfile::tempdir()?;
    let secret = store(dir.path())?;
    let program = compile(dir.path())?;
    let mut best = [[f64::INFINITY; 2]; 2];
    let mut readings = Vec::new();
    for _ in 0..RUNS {
        // One after the other: a store is open in one process.
        let both = [library(dir.path(), &program)?, engine(dir.path(), &secret)?];
        for (least, told) in best.iter_mut().zip(both) {
            for (least, told) in least.iter_mut().zip(told) {
                *least = least.min(told);
            }
        }
        readings.push(json!(both));
    }
    let [library, engine] = best;
    let mut section = Section::default();
    section.value("sm4_32_share", engine[0] / library[0]);
    section.value("sm4_16k_share", engine[1] / library[1]);
    section.note(format!(
        "SM4-ECB with a session key: 32 bytes {:.0} ns by SDF_Encrypt, {:.0} ns in the engine; 16 KiB {:.0} ns and {:.0} ns ({})",
        library[0],
        engine[0],
        library[1],
        engine[1],
        hsm_engine::sm4::Tier::current().name(),
    ));
    section.raw = json!(readings);
    Ok(section)
}

fn store(dir: &Path) -> Result<UnsealSecret> {
    let text = "5A".repeat(32);
    write_secret_file(&dir.join("unseal"), text.as_bytes())?;
    std::fs::write(
        dir.join("sdf.toml"),
        "store = \"hsm\"\nunseal = \"unseal\"\n",
    )?;
    let secret = UnsealSecret::from_hex(text.as_bytes()).context("a secret")?;
    let officers = ["zhang", "li"]
        .into_iter()
        .map(|name| Ok(OfficerKey::generate(name)?.public()?))
        .collect::<Result<Vec<_>>>()?;
    let birth = Birth {
        mark: Mark::Test,
        officers,
        operator_hash: Hex([0; 32]),
        auditor_hash: None,
    };
    Engine::create(&dir.join("hsm"), &birth, &secret, World::system())?;
    Ok(secret)
}

fn compile(dir: &Path) -> Result<std::path::PathBuf> {
    let library = binaries::library("hsm_sim_sdf")?;
    let program = dir.join("speed");
    let home = Path::new("hsm-sim/sdf");
    let status = Command::new("gcc")
        .args(["-O2", "-std=gnu11", "-pthread", "-I"])
        .arg(home.join("include"))
        .arg("-o")
        .arg(&program)
        .arg(home.join("tests/c/speed.c"))
        .arg(library)
        .status()
        .context("gcc is needed: apt-get install gcc")?;
    ensure!(status.success(), "speed.c does not compile");
    Ok(program)
}

/// Nanoseconds for a call of each size.
fn library(dir: &Path, program: &Path) -> Result<[f64; 2]> {
    let output = Command::new(program)
        .env("RHC_SDF_CONFIG", dir.join("sdf.toml"))
        .env("SPANS", SPANS.to_string())
        .output()?;
    ensure!(output.status.success(), "speed: {}", output.status);
    let text = String::from_utf8(output.stdout)?;
    let (small, large) = text.trim().split_once(' ').context("two times")?;
    Ok([small.parse()?, large.parse()?])
}

/// The same by the engine itself.
fn engine(dir: &Path, secret: &UnsealSecret) -> Result<[f64; 2]> {
    let mut engine = Engine::open(&dir.join("hsm"), secret, World::system())?;
    let mut session = DeviceSession::new();
    let request = DeviceRequest::GenerateFor {
        public_key: PrivateKey::generate()?.public_key()?,
    };
    let made = engine.operator_on(&mut session, OperatorRequest::Device(Box::new(request)))?;
    let key = match made {
        OperatorAnswer::Device(answer) => match *answer {
            DeviceAnswer::Enveloped(key, _) => key,
            _ => bail!("no session key"),
        },
        _ => bail!("no session key"),
    };
    let mut times = [0.0; 2];
    for (time, (size, calls)) in times.iter_mut().zip(SIZES) {
        *time = best(&session, key, size, calls)?;
    }
    Ok(times)
}

fn best(session: &DeviceSession, key: Handle, size: usize, calls: u32) -> Result<f64> {
    let mut data = vec![0; size];
    let mut iv = [0; 16];
    let mut least = f64::INFINITY;
    for _ in 0..SPANS {
        let start = Instant::now();
        for _ in 0..calls {
            session.cipher(key, Mode::Ecb, false, &mut iv, &mut data)?;
        }
        least = least.min(start.elapsed().as_secs_f64() * 1e9 / f64::from(calls));
    }
    Ok(least)
}
