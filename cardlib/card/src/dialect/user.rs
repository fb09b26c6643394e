//! The full script of a user card: open, files, keys, data, activate.

use zeroize::Zeroizing;

use super::builder::Builder;
use super::check::{self, TAG_CARD_NUMBER, TAG_CARD_SERIAL};
use super::store::{SECURITY_CODE_DIGITS, Store};
use super::template::Value;
use super::{BaseKey, Dialect, DialectError, MacText, Phase, Plan, Slot, Target};
use crate::content::CardContent;
use crate::profile::{Access, Df, File, Profile, SecureMessaging};

/// What a chip answered to the probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChipState {
    /// Base key it offers.
    pub key_version: u8,
    /// Counter of that key.
    pub counter: u32,
    /// Life-cycle byte.
    pub state: u8,
}

/// What all user cards of a profile have in common: their files and keys.
pub struct Frame<'p> {
    dialect: Dialect,
    profile: &'p Profile,
    /// `files` and `keys`.
    phases: Vec<Phase>,
    /// The keys of the second of them.
    slots: Vec<Slot>,
}

impl<'p> Frame<'p> {
    /// The frame of a profile's cards.
    ///
    /// # Errors
    /// Dialect and profile do not fit each other.
    pub fn new(dialect: &Dialect, profile: &'p Profile) -> Result<Self, DialectError> {
        let mut out = Builder::new(dialect);
        create_files(profile, &mut out)?;
        write_keys(profile, &mut out)?;
        let Plan { phases, slots, .. } = out.finish();
        Ok(Self {
            dialect: dialect.clone(),
            profile,
            phases,
            slots,
        })
    }

    /// The plan for one card. A blank gets its card master key first; a half-made card (key version of CMK) starts with a
    /// session under it. Both then WIPE, so that nothing of an earlier attempt stays.
    ///
    /// # Errors
    /// The content does not fit the profile, or no script fits the card's state.
    pub fn plan(&self, content: &CardContent, chip: ChipState) -> Result<Plan, DialectError> {
        let (dialect, profile) = (&self.dialect, self.profile);
        check::content(profile, content)?;
        let mut out = Builder::over(dialect, self.slots.clone());
        open(dialect, profile, chip, &mut out)?;
        for phase in &self.phases {
            out.prepared(phase);
        }
        let security_code = out.mac_text(security_code(content)?);
        let store = Store {
            profile,
            max: dialect.store_data_max,
            security_code,
        };
        store.append(content, &mut out)?;
        out.command("set-personalised", vec![])?;
        out.phase("data");
        out.command("activate", vec![])?;
        out.phase("activate");
        Ok(out.finish())
    }
}

/// [`Frame::plan`] for one card alone.
///
/// # Errors
/// As [`Frame::new`] and [`Frame::plan`].
pub fn user_card(
    dialect: &Dialect,
    profile: &Profile,
    content: &CardContent,
    chip: ChipState,
) -> Result<Plan, DialectError> {
    Frame::new(dialect, profile)?.plan(content, chip)
}

fn open(
    dialect: &Dialect,
    profile: &Profile,
    chip: ChipState,
    out: &mut Builder<'_>,
) -> Result<(), DialectError> {
    let life = &profile.life_cycle;
    let master = master_version(profile, BaseKey::Cmk)?;
    if chip.key_version == dialect.transport_key_version && chip.state == life.blank {
        out.open_held(
            BaseKey::Transport,
            dialect.transport_key_version,
            chip.counter,
        );
        let cmk = out.slot(BaseKey::Cmk.name(), 0, Target::Chip, 1);
        out.key_command(
            "master-key",
            vec![("key_version", Value::Number(u32::from(master)))],
            cmk,
        )?;
        out.open_slot(cmk, master);
    } else if chip.key_version == master
        && [life.initialised, life.personalised].contains(&chip.state)
    {
        out.open_held(BaseKey::Cmk, master, chip.counter);
    } else {
        let expected = if chip.state == life.active {
            "the card is finished; read it back or take another blank"
        } else {
            "take a blank, or a card of this service that was begun and not finished"
        };
        return Err(DialectError::State {
            key_version: chip.key_version,
            state: chip.state,
            expected,
        });
    }
    out.command("wipe", vec![])?;
    out.phase("open");
    Ok(())
}

/// Key version byte of a master key, from the profile.
pub(super) fn master_version(profile: &Profile, key: BaseKey) -> Result<u8, DialectError> {
    profile
        .service_key(key.name())
        .and_then(|key| key.base_version)
        .ok_or_else(|| {
            DialectError::Mismatch(format!("the profile gives {} no key version", key.name()))
        })
}

fn create_files(profile: &Profile, out: &mut Builder<'_>) -> Result<(), DialectError> {
    for df in &profile.dfs {
        // The MF comes with the card's mask; it has no parent and nothing is created for it.
        if let Some(parent) = df.parent.as_deref().and_then(|name| profile.df(name)) {
            create_df(profile, parent, df, out)?;
        }
        for file in profile.files_of(&df.name) {
            create_file(profile, df, file, out)?;
        }
    }
    out.phase("files");
    Ok(())
}

fn create_df(
    profile: &Profile,
    parent: &Df,
    df: &Df,
    out: &mut Builder<'_>,
) -> Result<(), DialectError> {
    let values = vec![
        ("parent", Value::Number(u32::from(parent.fid))),
        ("fid", Value::Number(u32::from(df.fid))),
        (
            "type",
            Value::Number(u32::from(profile.dialect.file_types.df)),
        ),
    ];
    out.command("create-df", values)
}

fn create_file(
    profile: &Profile,
    df: &Df,
    file: &File,
    out: &mut Builder<'_>,
) -> Result<(), DialectError> {
    let codes = &profile.dialect;
    let kid = |access: &Access| -> Result<u8, DialectError> {
        Ok(match access {
            Access::Free => codes.access.free,
            Access::Never => codes.access.never,
            Access::Key(name) => key_kid(profile, name)?,
        })
    };
    let maintenance = match &file.maintenance {
        Some(name) => key_kid(profile, name)?,
        None => codes.access.no_maintenance,
    };
    let protection = match file.secure_messaging {
        SecureMessaging::None => 0,
        SecureMessaging::Mac => codes.flags.mac,
        SecureMessaging::CipherMac => codes.flags.cipher_mac,
    };
    let once = if file.write_once {
        codes.flags.write_once
    } else {
        0
    };
    let number = |value: usize| {
        u32::try_from(value)
            .map(Value::Number)
            .map_err(|_| too_big(file))
    };
    let byte = |value: u8| Value::Number(u32::from(value));
    let values = vec![
        ("parent", Value::Number(u32::from(df.fid))),
        ("fid", Value::Number(u32::from(file.fid))),
        ("type", byte(codes.file_types.code(file.kind))),
        ("size", number(file.size)?),
        ("records", number(file.records)?),
        ("read_kid", byte(kid(&file.read)?)),
        ("update_kid", byte(kid(&file.update)?)),
        ("erase_kid", byte(kid(&file.erase)?)),
        ("maintenance_kid", byte(maintenance)),
        ("flags", byte(protection | once)),
    ];
    out.command("create-ef", values)
}

fn key_kid(profile: &Profile, name: &str) -> Result<u8, DialectError> {
    let key = profile
        .key(name)
        .ok_or_else(|| DialectError::Mismatch(format!("the profile has no key {name}")))?;
    Ok(key.kid)
}

fn too_big(file: &File) -> DialectError {
    DialectError::Mismatch(format!("{} is larger than a descriptor can say", file.path))
}

fn write_keys(profile: &Profile, out: &mut Builder<'_>) -> Result<(), DialectError> {
    for instance in profile.key_instances() {
        let key = instance.key;
        let df = profile
            .df(&key.df)
            .ok_or_else(|| DialectError::Mismatch(format!("{} has no directory", key.name)))?;
        let slot = out.slot(&key.name, instance.version, Target::Chip, key.levels());
        let byte = |value: u8| Value::Number(u32::from(value));
        let values = vec![
            ("df", Value::Number(u32::from(df.fid))),
            ("class", byte(profile.dialect.key_classes.code(key.class))),
            ("kid", byte(key.kid)),
            ("version", byte(instance.version)),
            ("algorithm", byte(profile.crypto.algorithm)),
            ("error_limit", byte(key.error_limit)),
        ];
        out.key_command("card-key", values, slot)?;
    }
    out.phase("keys");
    Ok(())
}

/// D22: three characters of the MAC over number and serial.
fn security_code(content: &CardContent) -> Result<MacText, DialectError> {
    let mut text = Zeroizing::new(Vec::new());
    for tag in [TAG_CARD_NUMBER, TAG_CARD_SERIAL] {
        let value = content
            .value(tag)
            .ok_or(DialectError::ElementMissing(tag))?;
        text.extend_from_slice(value);
    }
    Ok(MacText {
        key: "CVK".to_owned(),
        version: 0,
        text,
        digits: SECURITY_CODE_DIGITS,
    })
}
