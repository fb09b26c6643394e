//! Pointers of C programs: read within limits, written to the documented size.

use std::ffi::c_char;

use zeroize::Zeroizing;

use crate::code::Fault;
use crate::text::Bytes;

/// Longest value of one element as characters: a certificate in hexadecimal is 360.
pub(super) const ELEMENT: usize = 512;
/// Longest whole record as characters.
pub(super) const RECORD: usize = 16 << 10;

/// The bytes of a string, without its zero byte; `None` for null.
///
/// # Safety
/// `from` is null, or readable up to its zero byte or for `most + 1` bytes.
pub(super) unsafe fn text(from: *const c_char, most: usize) -> Result<Option<Bytes>, Fault> {
    if from.is_null() {
        return Ok(None);
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(64));
    for at in 0..=most {
        // SAFETY: no byte before `at` was the zero byte and `at <= most`, so this one is readable by the caller's promise.
        match unsafe { from.cast::<u8>().add(at).read() } {
            0 => return Ok(Some(bytes)),
            _ if at == most => break,
            byte => bytes.push(byte),
        }
    }
    Err(Fault::parameter(
        format!("a string is longer than {most} bytes or has no end"),
        format!("字符串超过 {most} 字节或没有结束符"),
    ))
}

/// As [`text`], where null is a fault.
///
/// # Safety
/// As [`text`].
pub(super) unsafe fn required(from: *const c_char, most: usize) -> Result<Bytes, Fault> {
    // SAFETY: the caller's promise is handed on.
    unsafe { text(from, most) }?.ok_or_else(null)
}

/// At most `most` bytes of a text that may have no zero byte.
///
/// # Safety
/// `from` is null, or readable up to its zero byte or for `most` bytes.
pub(super) unsafe fn text_within(from: *const c_char, most: usize) -> Result<Bytes, Fault> {
    if from.is_null() {
        return Err(null());
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(64));
    while bytes.len() < most {
        // SAFETY: no byte before this one was the zero byte and fewer than `most` were read: readable by the promise.
        match unsafe { from.cast::<u8>().add(bytes.len()).read() } {
            0 => break,
            byte => bytes.push(byte),
        }
    }
    Ok(bytes)
}

/// `len` bytes.
///
/// # Safety
/// `from` is null or readable for `len` bytes.
pub(super) unsafe fn bytes(from: *const u8, len: usize) -> Result<Bytes, Fault> {
    if len == 0 {
        return Ok(Bytes::default());
    }
    if from.is_null() {
        return Err(null());
    }
    let mut copy = Zeroizing::new(vec![0; len]);
    // SAFETY: not null and readable for `len` bytes by the caller's promise; the copy is new memory of that size, so the
    // two do not overlap.
    unsafe { copy.as_mut_ptr().copy_from_nonoverlapping(from, len) };
    Ok(copy)
}

/// Memory of the caller that is to be written; not null.
#[derive(Clone, Copy)]
pub(super) struct Out(*mut u8);

impl Out {
    pub(super) fn new<T>(to: *mut T) -> Result<Self, Fault> {
        if to.is_null() {
            return Err(null());
        }
        Ok(Self(to.cast()))
    }

    /// All of these, none of them null.
    pub(super) fn all<T, const N: usize>(to: [*mut T; N]) -> Result<[Self; N], Fault> {
        let mut all = [Self(std::ptr::null_mut()); N];
        for (out, to) in all.iter_mut().zip(to) {
            *out = Self::new(to)?;
        }
        Ok(all)
    }

    /// Writes bytes and a zero byte.
    ///
    /// # Safety
    /// Valid for `bytes.len() + 1` bytes of writing.
    pub(super) unsafe fn text(self, bytes: &[u8]) {
        // SAFETY: the caller's promise covers the bytes and the zero byte behind them.
        unsafe {
            self.bytes(bytes);
            self.0.add(bytes.len()).write(0);
        }
    }

    /// Writes bytes.
    ///
    /// # Safety
    /// Valid for `bytes.len()` bytes of writing.
    pub(super) unsafe fn bytes(self, bytes: &[u8]) {
        // SAFETY: not null; valid by the caller's promise; `bytes` is memory of ours, so the two do not overlap.
        unsafe { self.0.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
    }

    /// Writes a number of any alignment.
    ///
    /// # Safety
    /// Valid for writing a `T`.
    pub(super) unsafe fn number<T>(self, value: T) {
        // SAFETY: not null and valid by the caller's promise; unaligned writes ask for no alignment.
        unsafe { self.0.cast::<T>().write_unaligned(value) };
    }
}

pub(super) fn null() -> Fault {
    Fault::parameter("a pointer is null", "指针为空")
}
