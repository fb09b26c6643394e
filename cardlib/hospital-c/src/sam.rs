//! The SAM's public files, its PIN, its signature.

use cardlib_card::suite;
use cardlib_terminal::sam_public::{change_pin, read_public};
use cardlib_terminal::{FlowError, Pin, SamClient};

use crate::code::{Code, Fault};
use crate::device::Device;

/// Most bytes of one digest.
pub const MAX_DIGEST_INPUT: usize = 16 << 20;

/// A public file as it lies in the SAM; needs no PIN.
///
/// # Errors
/// [`Code::Psam`] when there is no SAM that gives it.
pub fn file(device: &mut Device, path: &str) -> Result<Vec<u8>, Fault> {
    device.with_sam(|profile, channel| read_public(profile, channel, path))
}

/// Has the SAM verify a PIN now and remembers it for the flows that follow. Without PIN the PIN file's is taken.
///
/// # Errors
/// [`Code::Parameter`] for what is no PIN; [`Code::Psam`] and, if the PIN was wrong, the tries that are left.
pub fn verify(device: &mut Device, text: Option<&[u8]>) -> Result<(), (Fault, Option<u8>)> {
    let form = |fault: Fault| (fault, None);
    let pin = match text.filter(|text| !text.is_empty()) {
        Some(text) => parse(text).map_err(form)?,
        None => device.pin().map_err(form)?,
    };
    let mut left = None;
    let outcome = device.with_sam(|profile, channel| {
        let opened = SamClient::open(profile, channel, &pin).map(drop);
        left = match &opened {
            Err(FlowError::PinWrong { tries_left }) => Some(*tries_left),
            Err(FlowError::PinBlocked) => Some(0),
            _ => None,
        };
        opened
    });
    outcome.map_err(|fault| (fault, left))?;
    device.learn(pin);
    Ok(())
}

/// Tries of a PIN that was just verified.
#[must_use]
pub fn all_tries(device: &Device) -> u8 {
    device.profile.assumed.sam_pin_tries.value
}

/// Changes the PIN; flows use the new one from now on.
///
/// # Errors
/// As [`verify`].
pub fn change(device: &mut Device, old: &[u8], new: &[u8]) -> Result<(), Fault> {
    let (old, new) = (parse(old)?, parse(new)?);
    device.with_sam(|profile, channel| change_pin(profile, channel, &old, &new))?;
    device.learn(new);
    Ok(())
}

fn parse(text: &[u8]) -> Result<Pin, Fault> {
    let text = std::str::from_utf8(text).unwrap_or_default();
    Pin::new(text).map_err(Fault::from)
}

/// The profile's digest (SM3), computed here: the SAM's DATA COMPRESS gives the same, 128 bytes at a time.
#[must_use]
pub fn digest(device: &Device, data: &[u8]) -> [u8; 32] {
    suite::digest(device.profile.crypto.hash, data)
}

/// The SAM's signature r ‖ s over a digest (D17).
///
/// # Errors
/// [`Code::Parameter`] unless the digest has 32 bytes; [`Code::Psam`].
pub fn sign(device: &mut Device, digest: &[u8]) -> Result<[u8; 64], Fault> {
    let digest: [u8; 32] = digest
        .try_into()
        .map_err(|_| Fault::parameter("a digest has 32 bytes", "摘要须为 32 字节"))?;
    let pin = device.pin()?;
    device.with_sam(|profile, channel| SamClient::open(profile, channel, &pin)?.sign(&digest))
}

/// What `IReader_GetDeviceCSN` says: the configuration's number, else the reader's name.
///
/// # Errors
/// [`Code::Connect`] when the reader is gone.
pub fn device_serial(device: &mut Device) -> Result<Vec<u8>, Fault> {
    let serial = match &device.config.serial {
        Some(serial) => serial.clone(),
        None => {
            let slot = device.slot(crate::device::SlotNumber::User)?;
            slot.name().map_err(|cause| Fault::reader(&cause))?
        }
    };
    let bytes = encoding_rs::GB18030.encode(&serial).0.into_owned();
    if bytes.len() >= DEVICE_SERIAL {
        return Err(Fault::new(
            Code::Device,
            "the device's serial number is longer than 63 bytes; shorten it in the configuration",
            "设备序列号超过 63 字节；请在配置中缩短",
        ));
    }
    Ok(bytes)
}

/// Buffer of `IReader_GetDeviceCSN`.
pub const DEVICE_SERIAL: usize = 64;
