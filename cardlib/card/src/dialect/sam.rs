//! The three scripts of a SAM (D43): national stage, provincial keys, provincial files.

use zeroize::Zeroizing;

use super::builder::Builder;
use super::template::Value;
use super::user::{ChipState, master_version};
use super::{AnswerKind, BaseKey, Dialect, DialectError, Plan, Segment, Target};
use crate::profile::{Key, Profile, Scope};

/// Which versions of keys with several groups go onto a SAM (D12).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Versions {
    /// All: TEST SAMs.
    All,
    /// These only: the current one and at most the next.
    Only(Vec<u8>),
    /// All but these, by key and version: what its life cycle keeps from SAMs.
    Without(std::collections::BTreeSet<(String, u8)>),
}

/// Where the SAM's key pair comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyPair {
    /// Born in the chip.
    Generate,
    /// The public test key of this label (D37), filled in by a TEST HSM.
    Test(String),
}

/// National stage: SMK_N, SMK_P and the type's national roots; ends in state 03.
///
/// # Errors
/// No such type, or no script fits the SAM's state.
pub fn national(
    dialect: &Dialect,
    profile: &Profile,
    sam_type: u8,
    versions: &Versions,
    chip: ChipState,
) -> Result<Plan, DialectError> {
    let mut out = Builder::new(dialect);
    let master = master_version(profile, BaseKey::SmkN)?;
    let life = &profile.life_cycle;
    if chip.key_version == dialect.transport_key_version && chip.state == life.blank {
        out.open_held(
            BaseKey::Transport,
            dialect.transport_key_version,
            chip.counter,
        );
        let smk_n = out.slot(BaseKey::SmkN.name(), 0, Target::Chip, 1);
        write_master(master, smk_n, &mut out)?;
        out.open_slot(smk_n, master);
    } else if chip.key_version == master && chip.state == life.initialised {
        out.open_held(BaseKey::SmkN, master, chip.counter);
    } else {
        return Err(state(
            chip,
            "the national stage wants a blank SAM or one whose national stage was begun",
        ));
    }
    out.command("wipe", vec![])?;
    out.phase("open");
    let smk_p = out.slot(BaseKey::SmkP.name(), 0, Target::Chip, 2);
    write_master(master_version(profile, BaseKey::SmkP)?, smk_p, &mut out)?;
    write_keys(profile, sam_type, Scope::National, versions, &mut out)?;
    out.phase("keys");
    out.command("end-national-stage", vec![])?;
    out.phase("finish");
    Ok(out.finish())
}

/// Provincial stage a: the type's provincial roots and the key pair, whose public key the SAM answers, and its proof over
/// `challenge` that it holds the private half.
///
/// # Errors
/// No such type, or no script fits the SAM's state.
pub fn provincial_keys(
    dialect: &Dialect,
    profile: &Profile,
    sam_type: u8,
    versions: &Versions,
    key_pair: KeyPair,
    challenge: &[u8; 32],
    chip: ChipState,
) -> Result<Plan, DialectError> {
    let mut out = Builder::new(dialect);
    open_provincial(profile, chip, &mut out)?;
    write_keys(profile, sam_type, Scope::Provincial, versions, &mut out)?;
    match key_pair {
        KeyPair::Generate => out.asking("generate-key-pair", vec![], AnswerKind::PublicKey)?,
        KeyPair::Test(label) => {
            let private_key = Value::Pieces(vec![Segment::TestScalar(label)]);
            out.asking(
                "import-key-pair",
                vec![("private_key", private_key)],
                AnswerKind::PublicKey,
            )?;
        }
    }
    out.asking(
        "prove-key-pair",
        vec![("challenge", Value::bytes(challenge))],
        AnswerKind::KeyProof,
    )?;
    out.phase("keys");
    Ok(out.finish())
}

/// Provincial stage b: the public files, the PIN, ACTIVATE. `files` are paths of the profile with their whole content.
///
/// # Errors
/// A file is missing or of another size, the PIN is not six digits, or no script fits the SAM's state.
pub fn provincial_files(
    dialect: &Dialect,
    profile: &Profile,
    files: &[(&str, Vec<u8>)],
    pin: &str,
    chip: ChipState,
) -> Result<Plan, DialectError> {
    let mut out = Builder::new(dialect);
    open_provincial(profile, chip, &mut out)?;
    for file in profile.sam.files.iter().filter(|file| file.size > 0) {
        let (_, bytes) = files
            .iter()
            .find(|(path, _)| *path == file.path)
            .ok_or_else(|| DialectError::NoFile(file.path.clone()))?;
        if bytes.len() != file.size {
            return Err(DialectError::Size {
                path: file.path.clone(),
                expected: file.size,
            });
        }
        let values = vec![
            ("df", Value::Number(u32::from(sam_df(profile, file.df())?))),
            ("fid", Value::Number(u32::from(file.fid))),
            ("offset", Value::Number(0)),
            ("content", Value::bytes(bytes)),
        ];
        out.command("store-data", values)?;
    }
    out.command("set-pin", vec![("pin", pin_value(profile, pin)?)])?;
    out.phase("data");
    out.command("activate", vec![])?;
    out.phase("activate");
    Ok(out.finish())
}

fn open_provincial(
    profile: &Profile,
    chip: ChipState,
    out: &mut Builder<'_>,
) -> Result<(), DialectError> {
    let version = master_version(profile, BaseKey::SmkP)?;
    if chip.key_version != version || chip.state != profile.life_cycle.initialised {
        return Err(state(
            chip,
            "the provincial stage wants a SAM whose national stage is done and that is not active",
        ));
    }
    out.open_held(BaseKey::SmkP, version, chip.counter);
    out.phase("open");
    Ok(())
}

fn write_master(key_version: u8, slot: usize, out: &mut Builder<'_>) -> Result<(), DialectError> {
    out.key_command(
        "master-key",
        vec![("key_version", Value::Number(u32::from(key_version)))],
        slot,
    )
}

fn write_keys(
    profile: &Profile,
    sam_type: u8,
    scope: Scope,
    versions: &Versions,
    out: &mut Builder<'_>,
) -> Result<(), DialectError> {
    let kind = profile
        .sam_type(sam_type)
        .ok_or(DialectError::SamType(sam_type))?;
    for key in profile.sam_keys(kind).filter(|key| key.scope == scope) {
        for version in (0..key.groups).filter(|version| versions.include(key, *version)) {
            write_key(profile, key, version, out)?;
        }
    }
    Ok(())
}

/// One application key in its root form.
pub(super) fn write_key(
    profile: &Profile,
    key: &Key,
    version: u8,
    out: &mut Builder<'_>,
) -> Result<(), DialectError> {
    let slot = out.slot(&key.name, version, Target::Root, 0);
    let byte = |value: u8| Value::Number(u32::from(value));
    let values = vec![
        ("usage", byte(key.sam_usage)),
        ("index", byte(key.sam_index)),
        ("version", byte(version)),
        ("algorithm", byte(profile.crypto.algorithm)),
        ("levels", byte(key.levels())),
    ];
    out.key_command("sam-key", values, slot)
}

/// The key version byte of a master key.
pub(super) fn master_of(profile: &Profile, key: BaseKey) -> Result<u8, DialectError> {
    master_version(profile, key)
}

impl Versions {
    fn include(&self, key: &Key, version: u8) -> bool {
        match self {
            Self::All => true,
            Self::Only(versions) => key.groups == 1 || versions.contains(&version),
            Self::Without(kept) => !kept.contains(&(key.name.clone(), version)),
        }
    }
}

fn sam_df(profile: &Profile, name: &str) -> Result<u16, DialectError> {
    if profile.sam.df.name == name {
        return Ok(profile.sam.df.fid);
    }
    let df = profile
        .df(name)
        .ok_or_else(|| DialectError::Mismatch(format!("a SAM has no directory {name}")))?;
    Ok(df.fid)
}

/// Decimal digits, two to a byte (D18).
fn pin_value(profile: &Profile, pin: &str) -> Result<Value, DialectError> {
    let digits = usize::from(profile.assumed.sam_pin_digits.value);
    if pin.len() != digits || !pin.bytes().all(|b| b.is_ascii_digit()) {
        return Err(DialectError::SamData("PIN: six decimal digits are wanted"));
    }
    let bytes: Vec<u8> = pin
        .as_bytes()
        .chunks(2)
        .map(|pair| pair.iter().fold(0, |byte, d| byte << 4 | (d - b'0')))
        .collect();
    Ok(Value::Pieces(vec![Segment::Literal(Zeroizing::new(bytes))]))
}

fn state(chip: ChipState, expected: &'static str) -> DialectError {
    DialectError::State {
        key_version: chip.key_version,
        state: chip.state,
        expected,
    }
}
