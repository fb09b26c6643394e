//! A SAM is made in two stages (D43): the national keys at the ministry, the provincial keys, files and PIN at the
//! province. Everything here can be repeated: registry and key service answer the same for the same chip, and the PIN
//! stands in its file before the SAM has it.

use std::path::{Path, PathBuf};
use std::time::Instant;

use cardlib_card::profile::{LifeCycle, Profile};
use cardlib_reader::{Card, Transaction};
use kms_api::{
    AnswerKind, CardState, SamNationalRequest, SamProvincialFilesRequest, SamProvincialKeysRequest,
    Script, Secret, TerminalInfo,
};
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::fault::Fault;
use crate::pin_file;
use crate::ports::{Keys, Registry};
use crate::probe::{Seen, probe};
use crate::readback;
use crate::script;
use crate::timing::{Timed, Timings};

/// What kind of SAM, and who pays.
pub struct Order<'a> {
    /// The card profile.
    pub profile: &'a Profile,
    /// The key service of the stage.
    pub keys: &'a dyn Keys,
    /// SAM type 1–5.
    pub sam_type: u8,
    /// SAM ticket.
    pub ticket: &'a str,
}

/// What a stage came to.
#[derive(Default)]
pub struct Made {
    /// Chip serial in hexadecimal.
    pub chip_serial: String,
    /// SAM serial (D19), after the provincial stage.
    pub serial: Option<String>,
    /// SAM certificate (D21) in hexadecimal, after the provincial stage.
    pub certificate: Option<String>,
    /// Where its PIN stands, after the provincial stage.
    pub pin_file: Option<PathBuf>,
    /// Whose time it took.
    pub timings: Timings,
}

/// Base keys of a SAM (`docs/cos-dialect.md`): transport, SMK_N, SMK_P.
const SMK_P: u8 = 2;

/// National stage: SMK_N, SMK_P, national roots.
///
/// # Errors
/// The SAM is at another stage, refuses or is gone; the service refuses or is down.
pub fn national(order: &Order<'_>, province: &str, card: &mut dyn Card) -> Result<Made, Fault> {
    let start = Instant::now();
    let mut made = Made::default();
    let mut transaction = Transaction::begin(card)?;
    let atr = transaction.atr().to_vec();
    let mut timed = Timed::new(&mut transaction);
    let seen = probe(&mut timed, &atr, order.profile)?;
    made.chip_serial = seen.factor();
    let base = match seen.base {
        Some(base) if base.key_version < SMK_P => base,
        _ => {
            return Err(Fault::SamStage(
                "the SAM has passed the national stage already",
                "该 SAM 卡已完成部级写卡",
            ));
        }
    };
    let asked = Instant::now();
    let script = order.keys.sam_national(&SamNationalRequest {
        request_id: Uuid::new_v4(),
        ticket: order.ticket.to_owned(),
        chip_serial: seen.atr.factor,
        vendor: seen.atr.vendor,
        cos_version: seen.atr.version,
        sam_type: order.sam_type,
        province: province.to_owned(),
        sam: base,
    })?;
    made.timings.kms = asked.elapsed();
    send(&script, &mut timed)?;
    (made.timings.card, made.timings.commands) = (timed.spent, timed.commands);
    transaction.end()?;
    made.timings.total = start.elapsed();
    Ok(made)
}

/// What the provincial stage needs besides the order.
pub struct Provincial<'a> {
    /// The registry: assigns the serial.
    pub registry: &'a dyn Registry,
    /// Area of the SAM, two or four digits.
    pub area: &'a str,
    /// File 0016; the running number of the serial when no number is given.
    pub city: String,
    /// Terminal number.
    pub number: Option<u32>,
    /// Where the PIN is kept; `sam-SERIAL.pin` when nothing is said.
    pub pin_file: Option<&'a Path>,
    /// Six digits; drawn by the caller.
    pub pin: Zeroizing<String>,
}

/// Provincial stage: keys and key pair, then files, PIN, ACTIVATE; read back; registered.
///
/// # Errors
/// The SAM is at another stage, refuses or is gone; a service refuses or is down; the PIN file cannot be written.
pub fn provincial(
    order: &Order<'_>,
    stage: &Provincial<'_>,
    card: &mut dyn Card,
) -> Result<Made, Fault> {
    let start = Instant::now();
    let mut made = Made::default();
    let pin;
    let mut born = None;
    {
        let mut transaction = Transaction::begin(card)?;
        let atr = transaction.atr().to_vec();
        let mut timed = Timed::new(&mut transaction);
        let seen = probe(&mut timed, &atr, order.profile)?;
        made.chip_serial = seen.factor();
        let asked = Instant::now();
        let serial = stage
            .registry
            .sam_serial(&made.chip_serial, order.sam_type, stage.area)?;
        made.timings.registry = asked.elapsed();
        let default = PathBuf::from(format!("sam-{serial}.pin"));
        let file = stage.pin_file.unwrap_or(&default);
        match (seen.atr.state, seen.base) {
            (LifeCycle::Active, _) => pin = pin_file::kept(file)?,
            (_, Some(base)) if base.key_version == SMK_P => {
                pin = pin_file::keep(file, &stage.pin)?;
                born = Some(write_provincial(
                    order,
                    stage,
                    &seen,
                    &serial,
                    &pin,
                    &mut timed,
                    &mut made.timings,
                )?);
            }
            _ => {
                return Err(Fault::SamStage(
                    "the SAM has not passed the national stage yet",
                    "该 SAM 卡尚未完成部级写卡",
                ));
            }
        }
        made.serial = Some(serial);
        made.pin_file = Some(file.to_owned());
        (made.timings.card, made.timings.commands) = (timed.spent, timed.commands);
        transaction.end()?;
    }
    // After the reset the SAM is what its users will see.
    let serial = made.serial.clone().unwrap_or_default();
    let certificate = readback::sam(card, order.profile, &serial, order.sam_type, &pin)?;
    if born.is_some_and(|key| !certificate.contains(&hex::encode_upper(key))) {
        return Err(Fault::ReadBack("DF01/001C".into()));
    }
    let told = Instant::now();
    stage
        .registry
        .register_sam(&serial, &made.chip_serial, &certificate)?;
    made.timings.registry += told.elapsed();
    made.certificate = Some(certificate);
    made.timings.total = start.elapsed();
    Ok(made)
}

/// Stages a and b; between them the SAM's key pair is born and proved, and its public key, which is given back, goes into the
/// certificate.
fn write_provincial(
    order: &Order<'_>,
    stage: &Provincial<'_>,
    seen: &Seen,
    serial: &str,
    pin: &str,
    card: &mut Timed<'_>,
    timings: &mut Timings,
) -> Result<[u8; 64], Fault> {
    let sam = seen.base.ok_or(Fault::Foreign)?;
    let asked = Instant::now();
    let script = order.keys.sam_keys(&SamProvincialKeysRequest {
        request_id: Uuid::new_v4(),
        ticket: order.ticket.to_owned(),
        chip_serial: seen.atr.factor,
        vendor: seen.atr.vendor,
        cos_version: seen.atr.version,
        sam_type: order.sam_type,
        serial: serial.to_owned(),
        sam,
    })?;
    timings.kms += asked.elapsed();
    let answers = send(&script, card)?;
    let answer = |kind| -> Option<[u8; 64]> {
        let found = answers.iter().find(|(of, _)| *of == kind);
        found.and_then(|(_, data)| data.as_slice().try_into().ok())
    };
    let public_key =
        answer(AnswerKind::PublicKey).ok_or(Fault::Script("no public key of 64 bytes"))?;
    let key_proof = answer(AnswerKind::KeyProof).ok_or(Fault::Script("no proof of 64 bytes"))?;
    // The counter went on with the session of stage a; nothing else changed.
    let sam = CardState {
        counter: sam.counter + 1,
        ..sam
    };
    let asked = Instant::now();
    let script = order.keys.sam_files(&SamProvincialFilesRequest {
        request_id: Uuid::new_v4(),
        ticket: order.ticket.to_owned(),
        chip_serial: seen.atr.factor,
        vendor: seen.atr.vendor,
        cos_version: seen.atr.version,
        sam_type: order.sam_type,
        serial: serial.to_owned(),
        public_key,
        key_proof,
        pin: Secret::new(pin.to_owned()),
        terminal: TerminalInfo {
            city: stage.city.clone(),
            number: stage.number.unwrap_or_else(|| running_number(serial)),
        },
        sam,
    })?;
    timings.kms += asked.elapsed();
    send(&script, card)?;
    Ok(public_key)
}

fn send(script: &Script, card: &mut Timed<'_>) -> Result<Vec<(AnswerKind, Vec<u8>)>, Fault> {
    let mut kept = Vec::new();
    for phase in script::ready(script)? {
        kept.extend(phase.run(card, &mut || Ok(()))?);
    }
    Ok(kept)
}

/// The last six digits of the serial's running number (D19: digits 11–19, then the check digit).
fn running_number(serial: &str) -> u32 {
    serial
        .get(13..19)
        .and_then(|digits| digits.parse().ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_running_number_is_part_of_the_serial() {
        // 41 01 | 05 | 2026 | 000000123 | check digit
        assert_eq!(running_number("41010520260000001234"), 123);
        assert_eq!(running_number(""), 0);
    }
}
