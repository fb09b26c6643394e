//! The files of DDF1, DF01 and DF02: a table of functions, one line per file with its parameters in the order of its
//! elements.

use std::ffi::{c_char, c_int};

use crate::areas::{self, Cyclic, Given, PHOTO_HEAD, PHOTO_MAX};
use crate::code::{Code, Fault};
use crate::ffi::pointer::{self, ELEMENT, Out};
use crate::ffi::{Handle, on};

/// # Safety
/// Each pointer is null or valid for the documented size of its element.
unsafe fn read<const N: usize>(handle: Handle, path: &str, to: [*mut c_char; N]) -> c_int {
    on(handle, |device| {
        let to = Out::all(to)?;
        let values = areas::read(device, path)?;
        for (out, value) in to.into_iter().zip(&values) {
            // SAFETY: the documented size of an element is its longest value with a zero byte; the value was decoded from
            // an element of that length.
            unsafe { out.text(value) };
        }
        Ok(())
    })
}

/// # Safety
/// Each pointer is null or a string that ends in a zero byte.
unsafe fn write<const N: usize>(handle: Handle, path: &str, from: [*const c_char; N]) -> c_int {
    on(handle, |device| {
        // SAFETY: the caller's promise is handed on.
        let given = unsafe { strings(from) }?;
        areas::write(device, path, &given)
    })
}

/// # Safety
/// As [`write`].
unsafe fn strings<const N: usize>(from: [*const c_char; N]) -> Result<Vec<Given>, Fault> {
    let strings = from.iter().map(|from| {
        // SAFETY: the caller's promise is handed on.
        unsafe { pointer::text(*from, ELEMENT) }
    });
    strings.collect()
}

macro_rules! files {
    ($($path:literal: $read:ident, $write:ident ($($element:ident),*);)*) => {$(
        #[doc = concat!("Reads ", $path, ".")]
        ///
        /// # Safety
        /// Each pointer is null or valid for the documented size of its element.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $read(hDev: Handle, $($element: *mut c_char),*) -> c_int {
            // SAFETY: the caller's promise is handed on.
            unsafe { read(hDev, $path, [$($element),*]) }
        }

        #[doc = concat!("Updates ", $path, ": null and empty leave an element as it is, one blank empties it.")]
        ///
        /// # Safety
        /// Each pointer is null or a string that ends in a zero byte.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $write(hDev: Handle, $($element: *const c_char),*) -> c_int {
            // SAFETY: the caller's promise is handed on.
            unsafe { write(hDev, $path, [$($element),*]) }
        }
    )*};
}

files! {
    "DDF1/EF05": iR_DDF1EF05Info, iW_DDF1EF05Info
        (KLB, GFBB, FKJGMC, FKJGDM, FKJGZS, FKSJ, KH, AQM, XPXLH, YYCSDM);
    "DDF1/EF06": iR_DDF1EF06Info, iW_DDF1EF06Info (XM, XB, MZ, CSRQ, SFZH);
    "DDF1/EF08": iR_DDF1EF08Info, iW_DDF1EF08Info
        (KYXQ, BRDH1, BRDH2, YLFYZFFS1, YLFYZFFS2, YLFYZFFS3);
    "DF01/EF05": iR_DF01EF05Info, iW_DF01EF05Info (DZLB1, DZ1, DZLB2, DZ2);
    "DF01/EF06": iR_DF01EF06Info, iW_DF01EF06Info
        (LXRXM1, LXRGX1, LXRDH1, LXRXM2, LXRGX2, LXRDH2, LXRXM3, LXRGX3, LXRDH3);
    "DF01/EF07": iR_DF01EF07Info, iW_DF01EF07Info (WHCD, HYZK, ZY);
    "DF01/EF08": iR_DF01EF08Info, iW_DF01EF08Info (ZJLB, ZJHM, JKDAH, XNHZH);
    "DF02/EF05": iR_DF02EF05Info, iW_DF02EF05Info
        (ABOXX, RHXX, XCBZ, XZBBZ, XNXGBBZ, DXBBZ, NXWLBZ, TNBBZ, QGYBZ, TXBZ, QGYZBZ, QGQSBZ,
         KZXYZBZ, XZQBQBZ, QTYXJSMC);
    "DF02/EF06": iR_DF02EF06Info, iW_DF02EF06Info (JSBBZ);
}

/// Reads the photo: two bytes of length, then the JPEG.
///
/// # Safety
/// `ZHAOPIAN` is null or valid for 3074 bytes of writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn iR_DDF1EF07Info(hDev: Handle, ZHAOPIAN: *mut u8) -> c_int {
    on(hDev, |device| {
        let out = Out::new(ZHAOPIAN)?;
        let photo = areas::photo(device)?;
        // SAFETY: valid for 3074 bytes by the caller's promise; the file holds no more.
        unsafe { out.bytes(&photo) };
        Ok(())
    })
}

/// Replaces the photo: two bytes of length, then the JPEG; length 0 removes it.
///
/// # Safety
/// `ZHAOPIAN` is null or readable for two bytes and as many as these say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn iW_DDF1EF07Info(hDev: Handle, ZHAOPIAN: *const u8) -> c_int {
    on(hDev, |device| {
        // SAFETY: readable for the two bytes of the length by the caller's promise.
        let head = unsafe { pointer::bytes(ZHAOPIAN, PHOTO_HEAD) }?;
        let len = head
            .iter()
            .fold(0, |len, byte| len << 8 | usize::from(*byte));
        if len > PHOTO_MAX {
            return Err(Fault::new(
                Code::Photo,
                "the photo is larger than the card has room for (3072 bytes); compress it more",
                "照片超过 3072 字节；请压缩",
            ));
        }
        // SAFETY: readable for as many more bytes as the length says.
        let all = unsafe { pointer::bytes(ZHAOPIAN, PHOTO_HEAD + len) }?;
        areas::write_photo(device, all.get(PHOTO_HEAD..).unwrap_or_default())
    })
}

/// # Safety
/// Both pointers are null or valid for the documented sizes.
unsafe fn read_entry(handle: Handle, which: Cyclic, number: c_int, to: [*mut c_char; 2]) -> c_int {
    on(handle, |device| {
        let to = Out::all(to)?;
        let values = areas::entry(device, which, number)?;
        for (out, value) in to.into_iter().zip(&values) {
            // SAFETY: the documented size of an element is its longest value with a zero byte.
            unsafe { out.text(value) };
        }
        Ok(())
    })
}

/// # Safety
/// Both pointers are null or strings that end in a zero byte.
unsafe fn append(handle: Handle, which: Cyclic, from: [*const c_char; 2]) -> c_int {
    on(handle, |device| {
        // SAFETY: the caller's promise is handed on.
        let given = unsafe { strings(from) }?;
        let given = <[Given; 2]>::try_from(given).map_err(|_| pointer::null())?;
        areas::append(device, which, given)
    })
}

macro_rules! cyclic {
    ($($path:literal $which:ident: $read:ident, $write:ident, $append:ident ($a:ident, $b:ident);)*) => {$(
        #[doc = concat!("Reads a record of ", $path, "; 1 is the newest.")]
        ///
        /// # Safety
        /// Both pointers are null or valid for the documented sizes.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $read(
            hDev: Handle,
            nRecorderNo: c_int,
            $a: *mut c_char,
            $b: *mut c_char,
        ) -> c_int {
            // SAFETY: the caller's promise is handed on.
            unsafe { read_entry(hDev, Cyclic::$which, nRecorderNo, [$a, $b]) }
        }

        #[doc = concat!("Appends a record to ", $path, "; it becomes number 1 whatever number is given.")]
        ///
        /// # Safety
        /// Both pointers are null or strings that end in a zero byte.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $write(
            hDev: Handle,
            _nRecorderNo: c_int,
            $a: *const c_char,
            $b: *const c_char,
        ) -> c_int {
            // SAFETY: the caller's promise is handed on.
            unsafe { append(hDev, Cyclic::$which, [$a, $b]) }
        }

        #[doc = concat!("The same without a number: how the DLL's header declares the writing of ", $path, ".")]
        ///
        /// # Safety
        /// Both pointers are null or strings that end in a zero byte.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $append(
            hDev: Handle,
            $a: *const c_char,
            $b: *const c_char,
        ) -> c_int {
            // SAFETY: the caller's promise is handed on.
            unsafe { append(hDev, Cyclic::$which, [$a, $b]) }
        }
    )*};
}

cyclic! {
    "DF02/EF07" Allergies: iR_DF02EF07Info, iW_DF02EF07Info, rhc_Append_DF02EF07 (GMWZMC, GMFY);
    "DF02/EF08" Vaccinations: iR_DF02EF08Info, iW_DF02EF08Info, rhc_Append_DF02EF08 (MYJZMC, MYJZSJ);
}
