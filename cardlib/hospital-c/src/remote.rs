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

use cardlib_card::profile::FileKind;
use cardlib_card::visit::VisitKind;
use zeroize::Zeroizing;

use crate::areas::{self, Cyclic, Given, PHOTO_HEAD};
use crate::code::{Code, Fault};
use crate::device::{Device, SlotNumber};
use crate::items;
use crate::registry::DEVICES;
use crate::sam;
use crate::text::Bytes;
use crate::visits::{self, Spot, Style};

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

enum Argument {
    Number(i32),
    Bytes(Bytes),
    Null,
    Wanted,
}

struct Arguments(std::vec::IntoIter<Argument>);

fn parse(request: &[u8]) -> Option<(String, Arguments)> {
    let (len, rest) = request.split_first()?;
    let (name, mut rest) = rest.split_at_checked(usize::from(*len))?;
    let name = std::str::from_utf8(name).ok()?.to_owned();
    let mut arguments = Vec::new();
    while let Some((tag, behind)) = rest.split_first() {
        rest = behind;
        arguments.push(match tag {
            1 => {
                let (number, behind) = rest.split_first_chunk::<4>()?;
                rest = behind;
                Argument::Number(i32::from_le_bytes(*number))
            }
            2 => {
                let (len, behind) = rest.split_first_chunk::<4>()?;
                let len = usize::try_from(u32::from_le_bytes(*len)).ok()?;
                let (bytes, behind) = behind.split_at_checked(len)?;
                rest = behind;
                Argument::Bytes(Zeroizing::new(bytes.to_vec()))
            }
            3 => Argument::Null,
            4 => Argument::Wanted,
            _ => return None,
        });
    }
    Some((name, Arguments(arguments.into_iter())))
}

impl Arguments {
    fn number(&mut self) -> Result<i32, Fault> {
        match self.0.next() {
            Some(Argument::Number(number)) => Ok(number),
            _ => Err(Fault::parameter("a number is missing", "缺少数字参数")),
        }
    }

    fn given(&mut self) -> Given {
        match self.0.next() {
            Some(Argument::Bytes(bytes)) => Some(bytes),
            _ => None,
        }
    }

    fn bytes(&mut self) -> Result<Bytes, Fault> {
        self.given().ok_or_else(null)
    }

    /// The next `count` results have somewhere to go.
    fn wanted(&mut self, count: usize) -> Result<(), Fault> {
        let all = (0..count).all(|_| matches!(self.0.next(), Some(Argument::Wanted)));
        all.then_some(()).ok_or_else(null)
    }
}

fn null() -> Fault {
    Fault::parameter("a pointer is null", "指针为空")
}

fn one(bytes: impl Into<Vec<u8>>) -> Vec<Bytes> {
    vec![Zeroizing::new(bytes.into())]
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

fn sam_file(device: &mut Device, name: &str, arguments: &mut Arguments) -> Option<Outcome> {
    let (path, digits) = match name {
        "iReader_SAM_Public" => ("MF/0015", true),
        "iReader_SAM_Terminal" => ("MF/0016", true),
        "iReader_SAM_PublicApp" => ("DF01/001A", true),
        "iReader_SAM_OrgCertificate" => ("DF01/001B", false),
        "iReader_SAM_Certificate" => ("DF01/001C", false),
        _ => return None,
    };
    let read = arguments.wanted(1).and_then(|()| sam::file(device, path));
    Some(read.map(|bytes| {
        if digits {
            one(hex::encode_upper(bytes))
        } else {
            one(bytes)
        }
    }))
}

/// `iR_DDF1EF06Info` and its like: path and direction from the name, elements from the profile.
fn file(device: &mut Device, name: &str, arguments: &mut Arguments) -> Option<Outcome> {
    let body = name.strip_suffix("Info")?;
    let (writes, place) = match body.strip_prefix("iW_") {
        Some(place) => (true, place),
        None => (false, body.strip_prefix("iR_")?),
    };
    let (df, ef) = place.split_at_checked(place.len().checked_sub(4)?)?;
    let path = format!("{df}/{ef}");
    let cyclic = match path.as_str() {
        "DF02/EF07" => Some(Cyclic::Allergies),
        "DF02/EF08" => Some(Cyclic::Vaccinations),
        _ => None,
    };
    if let Some(which) = cyclic {
        return Some(entry(device, which, writes, arguments));
    }
    let file = device.profile.file(&path)?;
    if file.kind != FileKind::Variable {
        return None;
    }
    let count = file.elements.len();
    Some(if writes {
        let given: Vec<Given> = (0..count).map(|_| arguments.given()).collect();
        areas::write(device, &path, &given).map(|()| Vec::new())
    } else {
        let wanted = arguments.wanted(count);
        wanted.and_then(|()| areas::read(device, &path))
    })
}

fn entry(device: &mut Device, which: Cyclic, writes: bool, arguments: &mut Arguments) -> Outcome {
    let number = arguments.number()?;
    if writes {
        let given = [arguments.given(), arguments.given()];
        return areas::append(device, which, given).map(|()| Vec::new());
    }
    arguments.wanted(2)?;
    areas::entry(device, which, number).map(Vec::from)
}

/// DF03.
fn visit(device: &mut Device, name: &str, arguments: &mut Arguments) -> Option<Outcome> {
    use VisitKind::{Inpatient, Outpatient};
    let (what, kind) = match name {
        "iR_DF03EF05Info" => ("flag", Inpatient),
        "iR_DF03EF06Info" => ("flag", Outpatient),
        "rhc_Flags_DF03EF05" => ("flags", Inpatient),
        "rhc_Flags_DF03EF06" => ("flags", Outpatient),
        "iW_DF03EF05Info" => ("set", Inpatient),
        "iW_DF03EF06Info" => ("set", Outpatient),
        "iErase_DF03EF05Info" => ("erase", Inpatient),
        "iErase_DF03EF06Info" => ("erase", Outpatient),
        "iR_DF03EEInfo" => ("read", Inpatient),
        "iR_DF03EDInfo" => ("read", Outpatient),
        "iW_DF03EEInfo" => ("write", Inpatient),
        "iW_DF03EDInfo" => ("write", Outpatient),
        "iR_DF03EE_ALLInfo" => ("read all", Inpatient),
        "iR_DF03ED_ALLInfo" => ("read all", Outpatient),
        "iW_DF03EE_ALLInfo" => ("write all", Inpatient),
        "iW_DF03ED_ALLInfo" => ("write all", Outpatient),
        "wsc_GetVerifyData EE" => ("verify data", Inpatient),
        "wsc_GetVerifyData ED" => ("verify data", Outpatient),
        _ => return None,
    };
    Some(in_place(device, (what, kind), arguments))
}

fn in_place(
    device: &mut Device,
    (what, kind): (&str, VisitKind),
    arguments: &mut Arguments,
) -> Outcome {
    if what == "flags" {
        let places = kind.index(device.profile).map_or(0, |file| file.records);
        arguments.wanted(places)?;
        let flags = visits::flags(device, kind)?;
        return Ok(flags.into_iter().map(items::shown_flag).collect());
    }
    let number = arguments.number()?;
    let spot = Spot::new(device, kind, number)?;
    let done = match what {
        "flag" => visits::require_used(device, spot),
        "set" => visits::commit(device, spot),
        "erase" => visits::erase(device, spot),
        "read all" | "verify data" => {
            arguments.wanted(1)?;
            let read = match what {
                "read all" => visits::read_all(device, spot),
                _ => visits::verify_data(device, spot),
            };
            return read.map(|record| vec![record]);
        }
        "write all" => visits::write_all(device, spot, &arguments.bytes()?),
        "read" => {
            arguments.wanted(1)?;
            let (piece, style) = piece(arguments)?;
            return visits::read_piece(device, spot, piece, style).map(|bytes| vec![bytes]);
        }
        _ => {
            let given = arguments.bytes()?;
            let (piece, style) = piece(arguments)?;
            visits::write_piece(device, spot, piece, (style, &given))
        }
    };
    done.map(|()| Vec::new())
}

fn piece(arguments: &mut Arguments) -> Result<((i32, i32), Style), Fault> {
    let (at, len) = (arguments.number()?, arguments.number()?);
    Ok(((at, len), Style::new(arguments.number()?)?))
}

/// Item and record number of each; results: code and value of each.
fn get(device: &mut Device, arguments: &mut Arguments) -> Answer {
    let numbers = match numbers(arguments, |_| Ok(())) {
        Ok(numbers) => numbers,
        Err(fault) => return Err(fault).into(),
    };
    let wanted: Vec<_> = numbers
        .iter()
        .map(|(item, record, ())| (*item, *record))
        .collect();
    let values = match items::get(device, &wanted) {
        Ok(values) => values,
        Err(fault) => return Err(fault).into(),
    };
    told(values)
}

/// Item, record number and value of each; results: code and nothing of each.
fn put(device: &mut Device, arguments: &mut Arguments) -> Answer {
    let given = match numbers(arguments, |arguments| Ok(arguments.given())) {
        Ok(given) => given,
        Err(fault) => return Err(fault).into(),
    };
    match items::put(device, &given) {
        Ok(outcomes) => told(
            outcomes
                .into_iter()
                .map(|it| it.map(|()| Bytes::default()))
                .collect(),
        ),
        Err(fault) => Err(fault).into(),
    }
}

fn numbers<T>(
    arguments: &mut Arguments,
    more: impl Fn(&mut Arguments) -> Result<T, Fault>,
) -> Result<Vec<(u16, u16, T)>, Fault> {
    let count = usize::try_from(arguments.number()?).unwrap_or(0);
    if !(1..=items::MAX_ITEMS).contains(&count) {
        let chinese = "一次可取 1 至 512 项";
        return Err(Fault::parameter(
            "1 to 512 items are taken at a time",
            chinese,
        ));
    }
    let number = |arguments: &mut Arguments| {
        u16::try_from(arguments.number()?).map_err(|_| Fault::parameter("no item", "没有该数据项"))
    };
    let one = |_| Ok((number(arguments)?, number(arguments)?, more(arguments)?));
    (0..count).map(one).collect()
}

fn told(outcomes: Vec<Result<Bytes, Fault>>) -> Answer {
    let mut answer = Answer {
        fault: None,
        results: Vec::with_capacity(2 * outcomes.len()),
    };
    for outcome in outcomes {
        let code = outcome
            .as_ref()
            .map_or_else(|fault| fault.code, |_| Code::Ok);
        answer.results.extend(one((code as i32).to_le_bytes()));
        match outcome {
            Ok(value) => answer.results.push(value),
            Err(fault) => {
                answer.results.push(Bytes::default());
                answer.fault.get_or_insert(fault);
            }
        }
    }
    answer
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
