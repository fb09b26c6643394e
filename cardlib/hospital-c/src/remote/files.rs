//! The SAM's files, the card's files of records, the visits: function and file from the name.

use cardlib_card::profile::FileKind;
use cardlib_card::visit::VisitKind;

use super::Outcome;
use super::frame::{Arguments, one};
use crate::areas::{self, Cyclic, Given};
use crate::code::Fault;
use crate::device::Device;
use crate::items;
use crate::sam;
use crate::visits::{self, Spot, Style};

pub(super) fn sam_file(
    device: &mut Device,
    name: &str,
    arguments: &mut Arguments,
) -> Option<Outcome> {
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
pub(super) fn file(device: &mut Device, name: &str, arguments: &mut Arguments) -> Option<Outcome> {
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
pub(super) fn visit(device: &mut Device, name: &str, arguments: &mut Arguments) -> Option<Outcome> {
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
