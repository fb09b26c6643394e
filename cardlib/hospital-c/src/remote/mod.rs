//! The same functions for a program in another process: one request, one answer, over a stream on this computer
//! (`rhc-card serve`; `windows/rhc_reader_dll.c` is the other end for 32-bit Windows programs).
//!
//! | frame | bytes |
//! |---|---|
//! | both | length of the rest, u32; all numbers little-endian |
//! | request | length of the name, u8; name; arguments: `1` i32 · `2` length u32, bytes · `3` null · `4` a result is wanted |
//! | answer | code i32; length u32 and bytes of the sentence; results: length u32, bytes |
//!
//! Checks are those of the C functions in their order: handle, null pointers, then values.

mod files;
mod frame;
mod items;

use zeroize::Zeroizing;

use crate::areas::{self, PHOTO_HEAD};
use crate::code::{Code, Fault};
use crate::device::{Device, SlotNumber};
use crate::registry::DEVICES;
use crate::sam;
use crate::text::Bytes;
use files::{file, sam_file, visit};
use frame::{Arguments, one, parse};
use items::{get, put};

/// Longest request.
pub const MAX_REQUEST: usize = 1 << 20;

/// What a call gives: results, which a failing call may have too.
struct Answer {
    fault: Option<Fault>,
    results: Vec<Bytes>,
}

impl From<Result<Vec<Bytes>, Fault>> for Answer {
    fn from(outcome: Result<Vec<Bytes>, Fault>) -> Self {
        match outcome {
            Ok(results) => Self {
                fault: None,
                results,
            },
            Err(fault) => Self {
                fault: Some(fault),
                results: Vec::new(),
            },
        }
    }
}

/// Answers a request (without the lengths of the frames).
#[must_use]
pub fn answer(request: &[u8], chinese: bool) -> Bytes {
    let answer = match parse(request) {
        Some((name, mut arguments)) => call(&name, &mut arguments),
        None => Err(Fault::parameter("a request that is none", "请求格式错误")).into(),
    };
    let code = answer.fault.as_ref().map_or(Code::Ok, |fault| fault.code);
    let said = answer.fault.map(|fault| {
        let text = if chinese {
            fault.chinese
        } else {
            fault.english
        };
        format!("{} {text}", code as i32)
    });
    let said = said.unwrap_or_default();
    let (said, _, _) = encoding_rs::GB18030.encode(&said);
    let mut out = Zeroizing::new((code as i32).to_le_bytes().to_vec());
    for part in std::iter::once(said.as_ref()).chain(answer.results.iter().map(|r| r.as_slice())) {
        // Sentences and results are far shorter than 4 GiB.
        out.extend_from_slice(&(part.len() as u32).to_le_bytes());
        out.extend_from_slice(part);
    }
    out
}

fn call(name: &str, arguments: &mut Arguments) -> Answer {
    let opened = |index| {
        let handle = DEVICES.open(index)?;
        // Handles begin at a number of 31 bits and are counted up.
        Ok(one((handle as u32).to_le_bytes()))
    };
    let none = |()| Vec::new();
    let outcome = match name {
        "iDOpenPort" => opened(0),
        "OpenDevice" => arguments.number().and_then(|port| {
            let index = usize::try_from(port).ok().and_then(|n| n.checked_sub(1));
            opened(index.unwrap_or(0))
        }),
        "iDClosePort" => DEVICES.close_port().map(none),
        "CloseDevice" => handle(arguments).and_then(|it| DEVICES.close(it)).map(none),
        _ => {
            let handle = match handle(arguments) {
                Ok(handle) => handle,
                Err(fault) => return Err(fault).into(),
            };
            let answered = DEVICES.with(handle, |device| Ok(on(device, name, arguments)));
            return answered.unwrap_or_else(|fault| Err(fault).into());
        }
    };
    outcome.into()
}

fn handle(arguments: &mut Arguments) -> Result<usize, Fault> {
    let handle = arguments.number()?;
    Ok(usize::try_from(handle).unwrap_or(0))
}

fn on(device: &mut Device, name: &str, arguments: &mut Arguments) -> Answer {
    match name {
        "wsc_GetCardInfo" => get(device, arguments),
        "wsc_PutCardInfo" => put(device, arguments),
        "VerifyPin" => verify_pin(device, arguments),
        _ => match simple(device, name, arguments) {
            Some(outcome) => outcome.into(),
            None => Err(Fault::parameter(
                format!("there is no function {name}"),
                format!("没有函数 {name}"),
            ))
            .into(),
        },
    }
}

type Outcome = Result<Vec<Bytes>, Fault>;

fn simple(device: &mut Device, name: &str, arguments: &mut Arguments) -> Option<Outcome> {
    if let Some(outcome) = visit(device, name, arguments) {
        return Some(outcome);
    }
    Some(match name {
        "PowerOn" => power_on(device, arguments),
        "SendAPDU" => send_apdu(device, arguments),
        "iVerifyPIN" => {
            let pin = arguments.given();
            let verified = sam::verify(device, pin.as_deref().map(Vec::as_slice));
            verified.map(|()| Vec::new()).map_err(|(fault, _)| fault)
        }
        "iChange_Pin" => (|| {
            let (old, new) = (arguments.bytes()?, arguments.bytes()?);
            sam::change(device, &old, &new)?;
            Ok(Vec::new())
        })(),
        "IReader_GetDeviceCSN" => arguments
            .wanted(1)
            .and_then(|()| sam::device_serial(device).map(one)),
        "SM3Digest" => (|| {
            let data = arguments.bytes()?;
            arguments.wanted(1)?;
            Ok(one(sam::digest(device, &data)))
        })(),
        "SM2SignHash" => (|| {
            let digest = arguments.bytes()?;
            arguments.wanted(1)?;
            sam::sign(device, &digest).map(one)
        })(),
        "iR_DDF1EF07Info" => arguments
            .wanted(1)
            .and_then(|()| areas::photo(device))
            .map(|photo| vec![photo]),
        "iW_DDF1EF07Info" => arguments.bytes().and_then(|photo| {
            let jpeg = photo.get(PHOTO_HEAD..).unwrap_or_default();
            areas::write_photo(device, jpeg).map(|()| Vec::new())
        }),
        _ => return sam_file(device, name, arguments).or_else(|| file(device, name, arguments)),
    })
}

fn power_on(device: &mut Device, arguments: &mut Arguments) -> Outcome {
    let slot = arguments.number()?;
    arguments.wanted(1)?;
    let atr = device.power_on(SlotNumber::new(slot)?)?;
    Ok(one(hex::encode_upper(atr)))
}

fn send_apdu(device: &mut Device, arguments: &mut Arguments) -> Outcome {
    let slot = SlotNumber::new(arguments.number()?)?;
    let command = arguments.bytes()?;
    arguments.wanted(1)?;
    if !(4..=261).contains(&command.len()) {
        let chinese = "命令长度须为 4 至 261 字节";
        return Err(Fault::parameter("a command has 4 to 261 bytes", chinese));
    }
    device.send_apdu(slot, &command).map(one)
}

fn verify_pin(device: &mut Device, arguments: &mut Arguments) -> Answer {
    let pin = arguments.given();
    if let Err(fault) = arguments.wanted(1) {
        return Err(fault).into();
    }
    let verified = sam::verify(device, pin.as_deref().map(Vec::as_slice));
    let (fault, left) = match verified {
        Ok(()) => (None, Some(sam::all_tries(device))),
        Err((fault, left)) => (Some(fault), left),
    };
    let results = left.map_or_else(Vec::new, |left| one([left]));
    Answer { fault, results }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(request: &[u8]) -> i32 {
        let answer = answer(request, false);
        i32::from_le_bytes(*answer.first_chunk().expect("a code"))
    }

    #[test]
    fn requests_that_are_none_are_answered() {
        for request in [
            &b""[..],
            b"\x05ab",
            b"\x00",
            b"\x01x\x07",
            b"\x01x\x02\xFF\xFF\xFF\xFF",
            b"\x01x\x01\x00",
        ] {
            assert_eq!(code(request), 101, "{request:?}");
        }
        assert_eq!(
            code(b"\x07PowerOn\x01\x01\x00\x00\x00"),
            1,
            "no such handle"
        );
        assert_eq!(code(b"\x0BCloseDevice\x01\xFF\xFF\xFF\xFF"), 1);
    }
}
