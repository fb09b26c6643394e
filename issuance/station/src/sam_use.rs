//! A SAM in use: what it says of itself, and a package run on it (D12). The package is good for this one chip at this one
//! counter; the SAM's own answer after the work is the receipt.

use cardlib_card::apdu::Command;
use cardlib_card::profile::{LifeCycle, Profile};
use cardlib_card::status::Status;
use cardlib_reader::{Card, Channel, Transaction, exchange};
use cardlib_terminal::sam_public::read_public;
use kms_api::sam_package::{RECEIPT, SamPackage, SamProbe, SamReceipt};
use kms_api::{AnswerKind, CardState};

use crate::fault::Fault;
use crate::script;

/// Bytes of INITIALIZE UPDATE's answer.
const ANSWER: usize = 29;
/// Where the type stands in the public file 0015, after serial and version.
const TYPE_AT: usize = 11;

/// What the SAM in the reader says of itself.
///
/// # Errors
/// It is no SAM in use, or is gone.
pub fn look(card: &mut dyn Card, profile: &Profile) -> Result<SamProbe, Fault> {
    let mut transaction = Transaction::begin(card)?;
    let chip_serial = chip(&transaction, profile)?;
    let sam = shown(&mut transaction, chip_serial)?;
    let public = read_public(profile, &mut transaction, "MF/0015")
        .map_err(|error| Fault::Sam(error.to_string()))?;
    transaction.end()?;
    let (serial, sam_type) = public
        .get(..10)
        .zip(public.get(TYPE_AT))
        .ok_or(Fault::Contradiction)?;
    Ok(SamProbe {
        chip_serial: hex::encode_upper(chip_serial),
        serial: hex::encode(serial),
        sam_type: *sam_type,
        sam,
    })
}

/// Runs a package on the SAM in the reader.
///
/// # Errors
/// The package is for another SAM or was run already, or the SAM refuses or is gone.
pub fn run(
    package: &SamPackage,
    card: &mut dyn Card,
    profile: &Profile,
) -> Result<SamReceipt, Fault> {
    let phases = script::ready(&package.script)?;
    let mut transaction = Transaction::begin(card)?;
    let chip_serial = chip(&transaction, profile)?;
    if hex::encode_upper(chip_serial) != package.chip_serial {
        return Err(Fault::Package(
            "the package is for another SAM",
            "该数据包属于另一张 SAM 卡",
        ));
    }
    let shown = shown(&mut transaction, chip_serial)?;
    if shown.counter != package.counter {
        return Err(Fault::Package(
            "the package was run already, or the SAM has been opened since it was made",
            "该数据包已执行过，或生成后该 SAM 卡已被打开过",
        ));
    }
    let mut opening = None;
    for phase in phases {
        for (kind, data) in phase.run(&mut transaction, &mut || Ok(()))? {
            if kind == AnswerKind::Opening {
                opening = Some(hex::encode_upper(data));
            }
        }
    }
    transaction.end()?;
    Ok(SamReceipt {
        format: RECEIPT.to_owned(),
        rotation: package.rotation.clone(),
        action: package.action.clone(),
        chip_serial: package.chip_serial.clone(),
        counter: package.counter,
        opening,
    })
}

/// The chip serial of a SAM in use or locked.
fn chip(transaction: &Transaction<'_>, profile: &Profile) -> Result<[u8; 8], Fault> {
    let facts = profile
        .parse_atr(transaction.atr())
        .map_err(|_| Fault::Foreign)?;
    match facts.state {
        LifeCycle::Active | LifeCycle::Blocked => Ok(facts.factor),
        _ => Err(Fault::SamStage(
            "the SAM is not in use yet",
            "该 SAM 卡尚未启用",
        )),
    }
}

/// Base key, counter and state, by a probe that changes nothing.
fn shown(channel: &mut dyn Channel, chip_serial: [u8; 8]) -> Result<CardState, Fault> {
    let command = Command::new(0x80, 0x50, 0xFF, 0x00).with_data([0; 8]);
    let answer = exchange(channel, &command)?;
    if answer.status == Status::BLOCKED {
        return Err(Fault::Blocked);
    }
    let data = &answer.data;
    if !answer.status.is_ok() || data.len() != ANSWER {
        return Err(Fault::Foreign);
    }
    if data[..8] != chip_serial {
        return Err(Fault::Contradiction);
    }
    Ok(CardState {
        key_version: data[8],
        counter: u32::from_be_bytes([0, data[9], data[10], data[11]]),
        state: data[12],
    })
}
