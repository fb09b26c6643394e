//! SM4 with session keys, hashes, random numbers.

use crate::codes::{
    SDR_ALGMODNOTSUPPORT, SDR_ALGNOTSUPPORT, SDR_RANDERR, SGD_SHA256, SGD_SM3, SGD_SM4,
    SGD_SM4_CBC, SGD_SM4_CFB, SGD_SM4_ECB, SGD_SM4_MAC, SGD_SM4_OFB,
};
use crate::failure::Failure;
use crate::session::Open;
use hsm_wire::device::{DeviceRequest, Hash, MAX_DATA, Mode, Secret};
use hsm_wire::operator::{OperatorAnswer, OperatorRequest};

/// Most random bytes of one request to the HSM.
const RANDOM_PIECE: usize = 1024;

/// The mode of a cipher identifier.
///
/// # Errors
/// Another algorithm, or a mode that SM4 has not got here.
pub fn mode(algorithm: u32) -> Result<Mode, Failure> {
    match algorithm {
        SGD_SM4_ECB => Ok(Mode::Ecb),
        SGD_SM4_CBC => Ok(Mode::Cbc),
        SGD_SM4_CFB => Ok(Mode::Cfb),
        SGD_SM4_OFB => Ok(Mode::Ofb),
        other => Err(unsupported(other)),
    }
}

/// # Errors
/// Not SM4's MAC.
pub fn mac_mode(algorithm: u32) -> Result<(), Failure> {
    if algorithm == SGD_SM4_MAC {
        Ok(())
    } else {
        Err(unsupported(algorithm))
    }
}

fn unsupported(algorithm: u32) -> Failure {
    if algorithm & !0xFF == SGD_SM4 {
        Failure::new(SDR_ALGMODNOTSUPPORT, "not a mode of SM4 for this call")
    } else {
        Failure::new(SDR_ALGNOTSUPPORT, "SM4 only")
    }
}

/// # Errors
/// Neither SM3 nor SHA-256.
pub fn hash(algorithm: u32) -> Result<Hash, Failure> {
    match algorithm {
        SGD_SM3 => Ok(Hash::Sm3),
        SGD_SHA256 => Ok(Hash::Sha256),
        _ => Err(Failure::new(SDR_ALGNOTSUPPORT, "SM3 or SHA-256")),
    }
}

/// # Errors
/// Not whole blocks, or none.
pub fn whole_blocks(length: u32) -> Result<(), Failure> {
    if length == 0 || !length.is_multiple_of(16) {
        return Err(Failure::input(
            "SM4 takes whole blocks of 16 bytes, at least one",
        ));
    }
    Ok(())
}

impl Open {
    /// Random numbers of the HSM, in pieces.
    pub fn random(&mut self, out: &mut [u8]) -> Result<(), Failure> {
        for piece in out.chunks_mut(RANDOM_PIECE) {
            let length = u16::try_from(piece.len()).map_err(|_| Failure::unexpected())?;
            match self.link.call(OperatorRequest::Random { length })? {
                OperatorAnswer::Random(bytes) if bytes.len() == piece.len() => {
                    piece.copy_from_slice(&bytes);
                }
                _ => {
                    return Err(Failure::new(
                        SDR_RANDERR,
                        "fewer random bytes than asked for",
                    ));
                }
            }
        }
        Ok(())
    }

    pub fn hash_update(&mut self, data: &[u8]) -> Result<(), Failure> {
        for piece in data.chunks(MAX_DATA) {
            self.done(DeviceRequest::HashUpdate {
                data: Secret(piece.to_vec()),
            })?;
        }
        Ok(())
    }
}
