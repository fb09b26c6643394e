//! Pointers of C, checked once and then used as values. All memory accesses of the crate are here.

use crate::codes::SDR_ENCDATAERR;
use crate::failure::Failure;
use crate::types::EccCipherHead;
use hsm_wire::device::{Envelope, MAX_SM2_PLAIN};
use std::marker::PhantomData;
use std::ptr::{self, NonNull};
use std::slice;
use zeroize::{Zeroize, Zeroizing};

/// Data that go in; an empty slice may have any pointer.
///
/// # Safety
/// `data` is null or valid for reading `length` bytes, which nobody writes, for as long as the slice is used.
pub unsafe fn bytes<'a>(
    data: *const u8,
    length: u32,
    limit: u32,
    what: &str,
) -> Result<&'a [u8], Failure> {
    if length > limit {
        return Err(Failure::input(&format!("{what}: at most {limit} bytes")));
    }
    if length == 0 {
        return Ok(&[]);
    }
    if data.is_null() {
        return Err(Failure::input(&format!("{what}: null")));
    }
    let length = usize::try_from(length).map_err(|_| Failure::input(what))?;
    // SAFETY: not null; readable for `length` bytes, at most `limit`, and not written, by the caller's promise.
    Ok(unsafe { slice::from_raw_parts(data, length) })
}

/// A structure that goes in.
///
/// # Safety
/// `value` is null or valid for reading a `T`; every bit pattern is a `T`.
pub unsafe fn value<T: Copy>(value: *const T, what: &str) -> Result<T, Failure> {
    if value.is_null() {
        return Err(Failure::input(&format!("{what}: null")));
    }
    // SAFETY: not null, readable by the caller's promise; no alignment is asked for.
    Ok(unsafe { value.read_unaligned() })
}

/// An SM2 cipher text that goes in: its head, then as many bytes as the head says.
///
/// # Safety
/// `cipher` is null or valid for reading a head and the `L` bytes after it.
pub unsafe fn envelope(cipher: *const EccCipherHead) -> Result<Envelope, Failure> {
    // SAFETY: the caller's promise.
    let head = unsafe { value(cipher, "cipher text") }?;
    let length = usize::try_from(head.l).unwrap_or(usize::MAX);
    if !(1..=MAX_SM2_PLAIN).contains(&length) {
        return Err(Failure::new(
            SDR_ENCDATAERR,
            "an SM2 cipher text of 1 to 4096 bytes",
        ));
    }
    // SAFETY: the head is inside the object; one past it is where `C` begins.
    let follows = unsafe { cipher.cast::<u8>().add(size_of::<EccCipherHead>()) };
    // SAFETY: readable for `L` bytes by the caller's promise; copied at once.
    let bytes = unsafe { slice::from_raw_parts(follows, length) }.to_vec();
    head.envelope(bytes)
}

/// A place for one value.
pub struct Out<T> {
    place: NonNull<T>,
}

impl<T: Copy> Out<T> {
    /// # Safety
    /// `place` is null or valid for writing a `T` until [`Out::put`].
    pub unsafe fn new(place: *mut T) -> Result<Self, Failure> {
        NonNull::new(place)
            .map(|place| Self { place })
            .ok_or_else(|| Failure::output("a place for an answer is null"))
    }

    pub fn put(self, value: T) {
        // SAFETY: valid for writing by the promise of `new`; no alignment is asked for.
        unsafe { self.place.write_unaligned(value) };
    }
}

impl Out<EccCipherHead> {
    /// Head and bytes; the caller of C allocated as many as he asked to be encrypted.
    ///
    /// # Safety
    /// The place is valid for the cipher text's bytes after the head too.
    pub unsafe fn put_envelope(self, envelope: &Envelope) {
        // SAFETY: the head is inside the object; one past it is where `C` begins.
        let follows = unsafe { self.place.cast::<u8>().add(size_of::<EccCipherHead>()) };
        // SAFETY: writable for the cipher text by the caller's promise; the source is memory of ours.
        unsafe {
            ptr::copy_nonoverlapping(
                envelope.cipher.as_ptr(),
                follows.as_ptr(),
                envelope.cipher.len(),
            );
        }
        self.put(EccCipherHead::new(envelope));
    }
}

/// A buffer whose size is given beside it, and not in and out.
pub struct Buffer {
    place: NonNull<u8>,
    size: usize,
}

impl Buffer {
    /// # Safety
    /// `place` is null or valid for writing `size` bytes until [`Buffer::put`].
    pub unsafe fn new(place: *mut u8, size: usize) -> Result<Self, Failure> {
        NonNull::new(place)
            .map(|place| Self { place, size })
            .ok_or_else(|| Failure::output("a buffer is null"))
    }

    /// # Errors
    /// Not of the buffer's size; nothing is written.
    pub fn put(self, bytes: &[u8]) -> Result<(), Failure> {
        if bytes.len() != self.size {
            return Err(Failure::unexpected());
        }
        // SAFETY: valid for writing `size` bytes by the promise of `new`; `bytes` is memory of ours.
        unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), self.place.as_ptr(), bytes.len()) };
        Ok(())
    }
}

/// A buffer with an in-out length: room before, bytes written after.
pub struct Room<'a> {
    place: *mut u8,
    length: NonNull<u32>,
    room: usize,
    _call: PhantomData<&'a ()>,
}

impl Room<'_> {
    /// # Safety
    /// `length` is null or valid for reading and writing, `place` null or valid for writing `*length` bytes, for the call.
    pub unsafe fn new(place: *mut u8, length: *mut u32) -> Result<Self, Failure> {
        if place.is_null() {
            return Err(Failure::output("a buffer is null"));
        }
        // SAFETY: the caller's promise.
        unsafe { Self::or_query(place, length) }
    }

    /// The same where a null buffer asks for the length.
    ///
    /// # Safety
    /// See [`Room::new`].
    pub unsafe fn or_query(place: *mut u8, length: *mut u32) -> Result<Self, Failure> {
        let length =
            NonNull::new(length).ok_or_else(|| Failure::output("a buffer's length is null"))?;
        // SAFETY: not null, readable by the caller's promise.
        let room = unsafe { length.read_unaligned() };
        let room = if place.is_null() { 0 } else { room };
        Ok(Self {
            place,
            length,
            room: usize::try_from(room).unwrap_or(usize::MAX),
            _call: PhantomData,
        })
    }

    fn say(&self, length: usize) {
        let length = u32::try_from(length).unwrap_or(u32::MAX);
        // SAFETY: not null, writable by the promise of `new`.
        unsafe { self.length.write_unaligned(length) };
    }

    /// # Errors
    /// Too little room; the length then says how much is needed.
    pub fn needs(&self, length: usize) -> Result<(), Failure> {
        if length > self.room {
            self.say(length);
            return Err(Failure::room(length));
        }
        Ok(())
    }

    /// # Errors
    /// Too little room.
    pub fn put(self, bytes: &[u8]) -> Result<(), Failure> {
        self.needs(bytes.len())?;
        if !bytes.is_empty() {
            // SAFETY: `place` is not null (there is room) and writable for `room` bytes by the promise of `new`, and
            // `bytes`, which fits, is memory of ours.
            unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), self.place, bytes.len()) };
        }
        self.say(bytes.len());
        Ok(())
    }

    /// Moves data from a buffer of the caller's that may overlap this one here, and works on them in place. A work that
    /// fails leaves zeros and no length.
    ///
    /// # Safety
    /// `data` is valid for reading `length` bytes.
    ///
    /// # Errors
    /// Too little room; or the work's.
    pub unsafe fn work(
        self,
        data: NonNull<u8>,
        length: usize,
        work: impl FnOnce(&mut [u8]) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        self.needs(length)?;
        if length == 0 {
            return Err(Failure::input("no data"));
        }
        if data.as_ptr() != self.place {
            // SAFETY: readable by the caller's promise, writable and not null as in `put`; `copy` allows an overlap.
            unsafe { ptr::copy(data.as_ptr(), self.place, length) };
        }
        // SAFETY: writable as above, holding the data; `data` is not looked at any more, and no other reference exists.
        let here = unsafe { slice::from_raw_parts_mut(self.place, length) };
        work(here).inspect_err(|_| here.zeroize())?;
        self.say(length);
        Ok(())
    }
}

/// An IV that goes in and comes out.
pub struct Iv {
    place: Option<NonNull<u8>>,
    pub value: Zeroizing<[u8; 16]>,
}

impl Iv {
    /// Sixteen zeros, and nothing comes out: for ECB.
    pub fn none() -> Self {
        Self {
            place: None,
            value: Zeroizing::default(),
        }
    }

    /// # Safety
    /// `place` is null or valid for reading and writing 16 bytes until [`Iv::put`].
    pub unsafe fn new(place: *mut u8) -> Result<Self, Failure> {
        // SAFETY: the caller's promise.
        let value = unsafe { value(place.cast::<[u8; 16]>(), "IV") }?;
        Ok(Self {
            place: NonNull::new(place),
            value: Zeroizing::new(value),
        })
    }

    pub fn put(self) {
        if let Some(place) = self.place {
            // SAFETY: writable for 16 bytes by the promise of `new`; no alignment is asked for.
            unsafe { place.cast::<[u8; 16]>().write_unaligned(*self.value) };
        }
    }
}
