//! Elements by number.

use std::ffi::{c_char, c_int, c_void};

use crate::code::{Code, Fault};
use crate::ffi::pointer::{self, ELEMENT, Out};
use crate::ffi::{Handle, on};
use crate::items::{self, MAX_ITEMS};

/// `ITEMSELECT`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ItemSelect {
    /// Number of the element.
    pub item: u16,
    /// Number of the record or place, where there are several.
    pub rec_id: u16,
    /// The value's characters.
    pub value: *mut c_void,
    /// Size of `value`.
    pub len: u16,
    /// Where this item's code goes; may be null.
    pub err: *mut u32,
}

/// # Safety
/// `select` is null or readable for `count` items.
unsafe fn selection(select: *const c_void, count: c_int) -> Result<Vec<ItemSelect>, Fault> {
    let count = usize::try_from(count).ok();
    let count = count
        .filter(|n| (1..=MAX_ITEMS).contains(n))
        .ok_or_else(|| {
            Fault::parameter("1 to 512 items are read at a time", "一次可取 1 至 512 项")
        })?;
    if select.is_null() {
        return Err(pointer::null());
    }
    let items = select.cast::<ItemSelect>();
    let read = |n| {
        // SAFETY: readable for `count` items by the caller's promise, and `n < count`; no alignment is asked for.
        unsafe { items.add(n).read_unaligned() }
    };
    Ok((0..count).map(read).collect())
}

/// Tells an item's outcome; gives it on.
///
/// # Safety
/// `item.err` is null or valid.
unsafe fn tell<T>(item: &ItemSelect, outcome: Result<T, Fault>) -> Result<T, Fault> {
    let code = outcome
        .as_ref()
        .map_or_else(|fault| fault.code, |_| Code::Ok);
    if let Ok(err) = Out::new(item.err) {
        // SAFETY: not null and valid by the caller's promise.
        unsafe { err.number(code as u32) };
    }
    outcome
}

/// The first fault of all, once every item has been told.
fn first(outcomes: impl Iterator<Item = Result<(), Fault>>) -> Result<(), Fault> {
    outcomes.fold(Ok(()), Result::and)
}

/// Reads elements by number in one flow; gives the first fault, and each item its own.
///
/// # Safety
/// `pvSelect` is null or readable for `nItem` items, whose values and codes are null or valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsc_GetCardInfo(
    hCard: Handle,
    pvSelect: *mut c_void,
    nItem: c_int,
) -> u32 {
    let code = on(hCard, |device| {
        // SAFETY: the caller's promise is handed on.
        let wanted = unsafe { selection(pvSelect, nItem) }?;
        if wanted.iter().any(|item| item.value.is_null()) {
            return Err(pointer::null());
        }
        let numbers: Vec<_> = wanted.iter().map(|item| (item.item, item.rec_id)).collect();
        let values = items::get(device, &numbers)?;
        first(wanted.iter().zip(values).map(|(item, value)| {
            let put = value.and_then(|value| {
                // SAFETY: the caller's promise is handed on.
                unsafe { give(item, &value) }
            });
            // SAFETY: the caller's promise is handed on.
            unsafe { tell(item, put) }
        }))
    });
    code as u32
}

/// # Safety
/// `item.value` is null or valid for `item.len` bytes of writing.
unsafe fn give(item: &ItemSelect, value: &[u8]) -> Result<(), Fault> {
    let out = Out::new(item.value)?;
    let room = usize::from(item.len);
    if value.len() > room {
        return Err(Fault::parameter(
            format!(
                "the buffer of item {} is too small: {} bytes are needed",
                item.item,
                value.len() + 1
            ),
            format!(
                "数据项 {} 的缓冲区太小：需要 {} 字节",
                item.item,
                value.len() + 1
            ),
        ));
    }
    // SAFETY: valid for `len` bytes by the caller's promise; the zero byte is written only where it has room.
    unsafe {
        if value.len() < room {
            out.text(value);
        } else {
            out.bytes(value);
        }
    }
    Ok(())
}

/// Writes elements by number; gives the first fault, and each item its own. Null and empty values leave an element as it is.
///
/// # Safety
/// `pvSelect` is null or readable for `nItem` items, whose values are null or readable up to a zero byte or for their
/// length, and whose codes are null or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsc_PutCardInfo(
    hCard: Handle,
    pvSelect: *mut c_void,
    nItem: c_int,
) -> u32 {
    let code = on(hCard, |device| {
        // SAFETY: the caller's promise is handed on.
        let wanted = unsafe { selection(pvSelect, nItem) }?;
        let mut given = Vec::with_capacity(wanted.len());
        for item in &wanted {
            let most = usize::from(item.len).min(ELEMENT);
            let value = item.value.cast_const().cast::<c_char>();
            let bytes = match value.is_null() {
                true => None,
                // SAFETY: the caller's promise is handed on.
                false => Some(unsafe { pointer::text_within(value, most) }?),
            };
            given.push((item.item, item.rec_id, bytes));
        }
        let outcomes = items::put(device, &given)?;
        first(wanted.iter().zip(outcomes).map(|(item, outcome)| {
            // SAFETY: the caller's promise is handed on.
            unsafe { tell(item, outcome) }
        }))
    });
    code as u32
}
