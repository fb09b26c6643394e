//! DF03: flags, pieces and whole records of inpatient (EF05, EE) and outpatient (EF06, ED) places.

use std::ffi::{c_char, c_int};

use cardlib_card::visit::VisitKind::{self, Inpatient, Outpatient};

use crate::code::Fault;
use crate::device::Device;
use crate::ffi::pointer::{self, Out, RECORD};
use crate::ffi::{Handle, on};
use crate::items::shown_flag;
use crate::visits::{self, Spot, Style};

fn at_spot(
    handle: Handle,
    kind: VisitKind,
    number: c_int,
    call: impl FnOnce(&mut Device, Spot) -> Result<(), Fault>,
) -> c_int {
    on(handle, |device| {
        let spot = Spot::new(device, kind, number)?;
        call(device, spot)
    })
}

/// # Safety
/// Each pointer is null or valid for 3 bytes of writing.
unsafe fn flags<const N: usize>(handle: Handle, kind: VisitKind, to: [*mut c_char; N]) -> c_int {
    on(handle, |device| {
        let to = Out::all(to)?;
        let flags = visits::flags(device, kind)?;
        for (out, used) in to.into_iter().zip(flags) {
            // SAFETY: two digits and a zero byte; valid for 3 bytes by the caller's promise.
            unsafe { out.text(&shown_flag(used)) };
        }
        Ok(())
    })
}

/// # Safety
/// `to` is null or valid for the documented size.
unsafe fn read_piece(
    handle: Handle,
    (kind, number): (VisitKind, c_int),
    to: *mut c_char,
    (at, len, style): (c_int, c_int, c_int),
) -> c_int {
    at_spot(handle, kind, number, |device, spot| {
        let (out, style) = (Out::new(to)?, Style::new(style)?);
        let text = visits::read_piece(device, spot, (at, len), style)?;
        // SAFETY: the documented size is that of the piece's characters with a zero byte.
        unsafe { out.text(&text) };
        Ok(())
    })
}

/// # Safety
/// `from` is null, or readable up to its zero byte or for the characters of the piece.
unsafe fn write_piece(
    handle: Handle,
    (kind, number): (VisitKind, c_int),
    from: *const c_char,
    (at, len, style): (c_int, c_int, c_int),
) -> c_int {
    at_spot(handle, kind, number, |device, spot| {
        let style = Style::new(style)?;
        let most = style.characters(usize::try_from(len).unwrap_or(0).min(RECORD));
        // SAFETY: the caller's promise is handed on.
        let given = unsafe { pointer::text_within(from, most) }?;
        visits::write_piece(device, spot, (at, len), (style, &given))
    })
}

/// # Safety
/// `to` is null or valid for the documented size.
unsafe fn read_all(handle: Handle, kind: VisitKind, number: c_int, to: *mut c_char) -> c_int {
    at_spot(handle, kind, number, |device, spot| {
        let out = Out::new(to)?;
        let text = visits::read_all(device, spot)?;
        // SAFETY: the documented size holds the longest record with a zero byte.
        unsafe { out.text(&text) };
        Ok(())
    })
}

/// # Safety
/// `from` is null or a string that ends in a zero byte.
unsafe fn write_all(handle: Handle, kind: VisitKind, number: c_int, from: *const c_char) -> c_int {
    at_spot(handle, kind, number, |device, spot| {
        // SAFETY: the caller's promise is handed on.
        let given = unsafe { pointer::required(from, RECORD) }?;
        visits::write_all(device, spot, &given)
    })
}

macro_rules! records {
    ($($kind:ident: $check:ident, $flags:ident ($($flag:ident),*), $set:ident, $erase:ident,
       $read:ident, $write:ident, $read_all:ident, $write_all:ident;)*) => {$(
        #[doc = concat!(stringify!($kind), ": 0 when the flag of a place is 00 (a record), 112 when it is FF.")]
        #[unsafe(no_mangle)]
        pub extern "C" fn $check(hDev: Handle, nRecorderNo: c_int) -> c_int {
            at_spot(hDev, $kind, nRecorderNo, visits::require_used)
        }

        #[doc = concat!(stringify!($kind), ": all flags, `00` or `FF`: the other form of the function above.")]
        ///
        /// # Safety
        /// Each pointer is null or valid for 3 bytes of writing.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $flags(hDev: Handle, $($flag: *mut c_char),*) -> c_int {
            // SAFETY: the caller's promise is handed on.
            unsafe { flags(hDev, $kind, [$($flag),*]) }
        }

        #[doc = concat!(stringify!($kind), ": signs and writes the record that was given for a place, and sets its flag.")]
        #[unsafe(no_mangle)]
        pub extern "C" fn $set(hDev: Handle, nRecorderNo: c_int) -> c_int {
            at_spot(hDev, $kind, nRecorderNo, visits::commit)
        }

        #[doc = concat!(stringify!($kind), ": frees a place whose record the back office accepted.")]
        #[unsafe(no_mangle)]
        pub extern "C" fn $erase(hDev: Handle, nRecorderNo: c_int) -> c_int {
            at_spot(hDev, $kind, nRecorderNo, visits::erase)
        }

        #[doc = concat!(stringify!($kind), ": a piece of a record.")]
        ///
        /// # Safety
        /// `szData` is null or valid for the piece's characters and a zero byte.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $read(
            hDev: Handle,
            nRecorderNo: c_int,
            szData: *mut c_char,
            nPos: c_int,
            nLen: c_int,
            nStyle: c_int,
        ) -> c_int {
            // SAFETY: the caller's promise is handed on.
            unsafe { read_piece(hDev, ($kind, nRecorderNo), szData, (nPos, nLen, nStyle)) }
        }

        #[doc = concat!(stringify!($kind), ": gives a piece of a record that will be written when its flag is set.")]
        ///
        /// # Safety
        /// `szData` is null, or readable up to its zero byte or for the piece's characters.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $write(
            hDev: Handle,
            nRecorderNo: c_int,
            szData: *const c_char,
            nPos: c_int,
            nLen: c_int,
            nStyle: c_int,
        ) -> c_int {
            // SAFETY: the caller's promise is handed on.
            unsafe { write_piece(hDev, ($kind, nRecorderNo), szData, (nPos, nLen, nStyle)) }
        }

        #[doc = concat!(stringify!($kind), ": a whole record, elements separated by `|`.")]
        ///
        /// # Safety
        /// `szData` is null or valid for 8192 bytes of writing.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $read_all(
            hDev: Handle,
            nRecorderNo: c_int,
            szData: *mut c_char,
        ) -> c_int {
            // SAFETY: the caller's promise is handed on.
            unsafe { read_all(hDev, $kind, nRecorderNo, szData) }
        }

        #[doc = concat!(stringify!($kind), ": gives a whole record that will be written when its flag is set.")]
        ///
        /// # Safety
        /// `szData` is null or a string that ends in a zero byte.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $write_all(
            hDev: Handle,
            nRecorderNo: c_int,
            szData: *const c_char,
        ) -> c_int {
            // SAFETY: the caller's promise is handed on.
            unsafe { write_all(hDev, $kind, nRecorderNo, szData) }
        }
    )*};
}

records! {
    Inpatient: iR_DF03EF05Info, rhc_Flags_DF03EF05 (ZYJLBS1, ZYJLBS2, ZYJLBS3),
        iW_DF03EF05Info, iErase_DF03EF05Info,
        iR_DF03EEInfo, iW_DF03EEInfo, iR_DF03EE_ALLInfo, iW_DF03EE_ALLInfo;
    Outpatient: iR_DF03EF06Info, rhc_Flags_DF03EF06 (MZJLBS1, MZJLBS2, MZJLBS3, MZJLBS4, MZJLBS5),
        iW_DF03EF06Info, iErase_DF03EF06Info,
        iR_DF03EDInfo, iW_DF03EDInfo, iR_DF03ED_ALLInfo, iW_DF03ED_ALLInfo;
}

/// A record with its signature and the SAM's certificate: what a back office verifies. `nFile` is 0xEE or 0xED; `*pdwLen` is
/// the buffer's size and becomes the number of bytes, also when the buffer is too small (101).
///
/// # Safety
/// `pdwLen` is null or valid; `pbData` is null or valid for `*pdwLen` bytes of writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsc_GetVerifyData(
    hCard: Handle,
    nFile: c_int,
    nRecorderNo: c_int,
    pbData: *mut u8,
    pdwLen: *mut u32,
) -> u32 {
    let kind = match nFile {
        0xEE => Ok(Inpatient),
        0xED => Ok(Outpatient),
        _ => Err(Fault::parameter(
            "no such file: 0xEE is inpatient, 0xED outpatient",
            "没有该文件：0xEE 为住院，0xED 为门诊",
        )),
    };
    let code = on(hCard, |device| {
        let (out, len, spot) = (
            Out::new(pbData)?,
            Out::new(pdwLen)?,
            Spot::new(device, kind?, nRecorderNo)?,
        );
        let needed = visits::file_size(device, spot.kind)?;
        // SAFETY: not null and valid by the caller's promise.
        let room = unsafe { pdwLen.read_unaligned() };
        // SAFETY: as above; a file is shorter than 32 KiB.
        unsafe { len.number(needed as u32) };
        if usize::try_from(room).unwrap_or(usize::MAX) < needed {
            return Err(Fault::parameter(
                format!("the buffer is too small: {needed} bytes are needed"),
                format!("缓冲区太小：需要 {needed} 字节"),
            ));
        }
        let bytes = visits::verify_data(device, spot)?;
        // SAFETY: valid for `room` bytes by the caller's promise; the file has `needed`, no more than `room`.
        unsafe { out.bytes(&bytes) };
        Ok(())
    });
    code as u32
}
