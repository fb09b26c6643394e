//! Numbers of GM/T 0018 (error codes) and GM/T 0006 (algorithms), and of the extension.

pub const SDR_OK: u32 = 0;
const BASE: u32 = 0x0100_0000;
pub const SDR_UNKNOWERR: u32 = BASE + 0x01;
pub const SDR_NOTSUPPORT: u32 = BASE + 0x02;
pub const SDR_COMMFAIL: u32 = BASE + 0x03;
pub const SDR_HARDFAIL: u32 = BASE + 0x04;
pub const SDR_OPENDEVICE: u32 = BASE + 0x05;
pub const SDR_OPENSESSION: u32 = BASE + 0x06;
pub const SDR_PARDENY: u32 = BASE + 0x07;
pub const SDR_KEYNOTEXIST: u32 = BASE + 0x08;
pub const SDR_ALGNOTSUPPORT: u32 = BASE + 0x09;
pub const SDR_ALGMODNOTSUPPORT: u32 = BASE + 0x0A;
pub const SDR_VERIFYERR: u32 = BASE + 0x0E;
pub const SDR_STEPERR: u32 = BASE + 0x10;
pub const SDR_FILESIZEERR: u32 = BASE + 0x11;
pub const SDR_FILENOEXIST: u32 = BASE + 0x12;
pub const SDR_FILEOFSERR: u32 = BASE + 0x13;
pub const SDR_KEYTYPEERR: u32 = BASE + 0x14;
pub const SDR_KEYERR: u32 = BASE + 0x15;
pub const SDR_ENCDATAERR: u32 = BASE + 0x16;
pub const SDR_RANDERR: u32 = BASE + 0x17;
pub const SDR_PRKRERR: u32 = BASE + 0x18;
pub const SDR_FILEEXISTS: u32 = BASE + 0x1A;
pub const SDR_NOBUFFER: u32 = BASE + 0x1C;
pub const SDR_INARGERR: u32 = BASE + 0x1D;
pub const SDR_OUTARGERR: u32 = BASE + 0x1E;

/// The machine refused for a reason that the standard has no code for.
pub const SDFE_REFUSED: u32 = BASE + 0xE001;
/// The machine is busy and did nothing.
pub const SDFE_BUSY: u32 = BASE + 0xE002;
/// Version of the extension.
pub const SDFE_VERSION: u32 = 1;
/// Room that the answer to an order may take.
pub const SDFE_ORDER_ROOM: u32 = 0x0020_0000;

pub const SGD_SM4: u32 = 0x400;
pub const SGD_SM4_ECB: u32 = 0x401;
pub const SGD_SM4_CBC: u32 = 0x402;
pub const SGD_SM4_CFB: u32 = 0x404;
pub const SGD_SM4_OFB: u32 = 0x408;
pub const SGD_SM4_MAC: u32 = 0x410;
pub const SGD_SM2: u32 = 0x2_0100;
pub const SGD_SM2_1: u32 = 0x2_0200;
pub const SGD_SM2_2: u32 = 0x2_0400;
pub const SGD_SM2_3: u32 = 0x2_0800;
pub const SGD_SM3: u32 = 0x1;
pub const SGD_SHA256: u32 = 0x4;

/// Bits of an SM2 key, and of a session key.
pub const SM2_BITS: u32 = 256;
pub const SESSION_KEY_BITS: u32 = 128;
/// Most bytes of data in one call; `BufferSize` of the device's information.
pub const MAX_CALL: u32 = 1 << 20;
