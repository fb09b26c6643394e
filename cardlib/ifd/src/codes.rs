//! Numbers of the IFD handler 3.0 interface of pcsc-lite (`ifdhandler.h`).

use std::ffi::{c_long, c_ulong};

/// `DWORD` of pcsc-lite.
pub type Dword = c_ulong;
/// `RESPONSECODE` of pcsc-lite.
pub type Code = c_long;

/// Done.
pub const IFD_SUCCESS: Code = 0;
/// Unknown tag.
pub const IFD_ERROR_TAG: Code = 600;
/// A tag that is not to be written.
pub const IFD_ERROR_VALUE_READ_ONLY: Code = 602;
/// The reader does not do this.
pub const IFD_ERROR_NOT_SUPPORTED: Code = 606;
/// A transmission protocol the reader does not speak.
pub const IFD_PROTOCOL_NOT_SUPPORTED: Code = 607;
/// No usable answer to reset.
pub const IFD_ERROR_POWER_ACTION: Code = 608;
/// A frame was broken, or a call was impossible.
pub const IFD_COMMUNICATION_ERROR: Code = 612;
/// The card did not answer in time.
pub const IFD_RESPONSE_TIMEOUT: Code = 613;
/// A card is in.
pub const IFD_ICC_PRESENT: Code = 615;
/// No card is in, or it left in the middle of a command.
pub const IFD_ICC_NOT_PRESENT: Code = 616;
/// The reader is gone, or was never there.
pub const IFD_NO_SUCH_DEVICE: Code = 617;
/// The caller's buffer is too small.
pub const IFD_ERROR_INSUFFICIENT_BUFFER: Code = 618;

/// Answer to reset of the card.
pub const TAG_IFD_ATR: Dword = 0x0303;
/// Several slots of a reader at once.
pub const TAG_IFD_SLOT_THREAD_SAFE: Dword = 0x0FAC;
/// Several readers at once.
pub const TAG_IFD_THREAD_SAFE: Dword = 0x0FAD;
/// Slots of a reader.
pub const TAG_IFD_SLOTS_NUMBER: Dword = 0x0FAE;
/// Readers of one loaded library.
pub const TAG_IFD_SIMULTANEOUS_ACCESS: Dword = 0x0FAF;
/// Function that ends the waiting of the next one.
pub const TAG_IFD_STOP_POLLING_THREAD: Dword = 0x0FB2;
/// Function that waits for a card to come or go.
pub const TAG_IFD_POLLING_THREAD_WITH_TIMEOUT: Dword = 0x0FB3;
/// `SCARD_ATTR_VENDOR_NAME`, asked by `SCardGetAttrib`.
pub const ATTR_VENDOR_NAME: Dword = 0x0001_0100;
/// `SCARD_ATTR_MAXINPUT`.
pub const ATTR_MAXINPUT: Dword = 0x0007_A007;
/// `SCARD_ATTR_ICC_PRESENCE`.
pub const ATTR_ICC_PRESENCE: Dword = 0x0009_0300;
/// `SCARD_ATTR_ATR_STRING`.
pub const ATTR_ATR_STRING: Dword = 0x0009_0303;

/// `IFDHPowerICC`: power the card up.
pub const IFD_POWER_UP: Dword = 500;
/// `IFDHPowerICC`: power the card down.
pub const IFD_POWER_DOWN: Dword = 501;
/// `IFDHPowerICC`: warm reset.
pub const IFD_RESET: Dword = 502;

/// `SCARD_PROTOCOL_T0` and `SCARD_PROTOCOL_T1`.
pub const PROTOCOLS: [Dword; 2] = [1, 2];
/// `CM_IOCTL_GET_FEATURE_REQUEST`: which PC/SC part 10 features the reader has.
pub const GET_FEATURE_REQUEST: Dword = 0x4200_0000 + 3400;

/// Longest answer to reset (ISO 7816-3).
pub const MAX_ATR: usize = 33;
/// Longest command or answer that pcscd passes on (`MAX_BUFFER_SIZE_EXTENDED`).
pub const MAX_APDU: usize = 65_548;
/// Readers that one pcscd carries.
pub const MAX_READERS: u8 = 16;
