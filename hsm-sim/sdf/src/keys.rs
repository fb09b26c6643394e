//! Key pairs by index, and session keys.

use crate::codes::{
    SDR_ALGMODNOTSUPPORT, SDR_ALGNOTSUPPORT, SESSION_KEY_BITS, SGD_SM2, SGD_SM2_1, SGD_SM2_3,
    SGD_SM4, SGD_SM4_ECB, SM2_BITS,
};
use crate::failure::Failure;
use crate::session::Open;
use crate::table::Token;
use hsm_wire::Hex;
use hsm_wire::device::{
    AgreementPeer, DeviceAnswer, DeviceRequest, Envelope, MAX_SM2_PLAIN, Pair, Secret,
};

/// A key index, from 1.
///
/// # Errors
/// 0.
pub fn index(index: u32) -> Result<u32, Failure> {
    if index == 0 {
        return Err(Failure::input("key indexes count from 1"));
    }
    Ok(index)
}

/// An SM2 operation under the algorithm's own identifier or the general one.
fn sm2(algorithm: u32, own: u32) -> Result<(), Failure> {
    match algorithm {
        SGD_SM2 => Ok(()),
        _ if algorithm == own => Ok(()),
        _ => Err(Failure::new(SDR_ALGNOTSUPPORT, "SM2 only")),
    }
}

/// # Errors
/// Not a signature algorithm of this device.
pub fn for_signing(algorithm: u32) -> Result<(), Failure> {
    sm2(algorithm, SGD_SM2_1)
}

/// # Errors
/// Not an encryption algorithm of this device.
pub fn for_encryption(algorithm: u32) -> Result<(), Failure> {
    sm2(algorithm, SGD_SM2_3)
}

/// # Errors
/// Session keys have 128 bits.
pub fn session_key_bits(bits: u32) -> Result<(), Failure> {
    if bits == SESSION_KEY_BITS {
        Ok(())
    } else {
        Err(Failure::input("a session key has 128 bits"))
    }
}

/// How a key encryption key is used: ECB, one block.
///
/// # Errors
/// Anything else.
pub fn kek_mode(algorithm: u32) -> Result<(), Failure> {
    if algorithm == SGD_SM4_ECB {
        Ok(())
    } else if algorithm & !0xFF == SGD_SM4 {
        Err(Failure::new(
            SDR_ALGMODNOTSUPPORT,
            "a session key goes under SM4 in ECB",
        ))
    } else {
        Err(Failure::new(SDR_ALGNOTSUPPORT, "SM4 only"))
    }
}

/// The value *e*.
///
/// # Errors
/// Not 32 bytes.
pub fn digest(data: &[u8]) -> Result<Hex<32>, Failure> {
    data.try_into()
        .map(Hex)
        .map_err(|_| Failure::input("SM2 signs and verifies 32 bytes, the value e"))
}

/// What goes under an SM2 key.
///
/// # Errors
/// Nothing, or more than 4096 bytes.
pub fn sm2_plain(data: &[u8]) -> Result<Secret, Failure> {
    if (1..=MAX_SM2_PLAIN).contains(&data.len()) {
        Ok(Secret(data.to_vec()))
    } else {
        Err(Failure::input("1 to 4096 bytes under an SM2 key"))
    }
}

/// # Errors
/// Not a key pair of this device.
pub fn pair_bits(algorithm: u32, bits: u32) -> Result<(), Failure> {
    let any = [
        for_signing(algorithm),
        for_encryption(algorithm),
        sm2(algorithm, crate::codes::SGD_SM2_2),
    ];
    if any.iter().all(Result::is_err) {
        return Err(Failure::new(SDR_ALGNOTSUPPORT, "SM2 only"));
    }
    if bits == SM2_BITS {
        Ok(())
    } else {
        Err(Failure::input("an SM2 key has 256 bits"))
    }
}

macro_rules! expect {
    ($answer:expr, $pattern:pat => $value:expr) => {
        match $answer? {
            $pattern => Ok($value),
            _ => Err(Failure::unexpected()),
        }
    };
}

impl Open {
    pub fn public_key(&mut self, at: u32, pair: Pair) -> Result<Hex<64>, Failure> {
        let request = DeviceRequest::PublicKey {
            index: index(at)?,
            pair,
        };
        expect!(self.link.device(request), DeviceAnswer::Public(key) => key)
    }

    pub fn generate_pair(&mut self) -> Result<(Hex<64>, Secret), Failure> {
        let answer = self.link.device(DeviceRequest::GeneratePair);
        expect!(answer, DeviceAnswer::Pair(public, private) => (public, private))
    }

    /// A session key that was made, with its envelope.
    pub fn generate_enveloped(
        &mut self,
        request: DeviceRequest,
    ) -> Result<(Token, Envelope), Failure> {
        expect!(self.link.device(request), DeviceAnswer::Enveloped(key, envelope) => (self.name(key), envelope))
    }

    /// A session key that came in, or was agreed.
    pub fn take_key(&mut self, request: DeviceRequest) -> Result<Token, Failure> {
        expect!(self.link.device(request), DeviceAnswer::Key(key) => self.name(key))
    }

    pub fn generate_under_kek(&mut self, kek: u32) -> Result<(Token, Hex<16>), Failure> {
        let answer = self.link.device(DeviceRequest::GenerateUnderKek { kek });
        expect!(answer, DeviceAnswer::Wrapped(key, wrapped) => (self.name(key), wrapped))
    }

    pub fn envelope(&mut self, request: DeviceRequest) -> Result<Envelope, Failure> {
        expect!(self.link.device(request), DeviceAnswer::Envelope(envelope) => envelope)
    }

    pub fn bytes(&mut self, request: DeviceRequest) -> Result<Secret, Failure> {
        expect!(self.link.device(request), DeviceAnswer::Bytes(bytes) => bytes)
    }

    /// An agreement begun: its handle, the long-term and the temporary public key.
    pub fn agreement(
        &mut self,
        index: u32,
        identity: Vec<u8>,
    ) -> Result<(Token, Hex<64>, Hex<64>), Failure> {
        let answer = self
            .link
            .device(DeviceRequest::AgreementStart { index, identity });
        expect!(answer, DeviceAnswer::Started { agreement, public_key, temporary }
            => (self.name(agreement), public_key, temporary))
    }

    pub fn agreement_finish(
        &mut self,
        token: Token,
        peer: AgreementPeer,
    ) -> Result<Token, Failure> {
        let agreement = self.handle(token)?;
        let key = self.take_key(DeviceRequest::AgreementFinish { agreement, peer })?;
        self.forget(token);
        Ok(key)
    }

    pub fn agreement_answer(
        &mut self,
        index: u32,
        identity: Vec<u8>,
        peer: AgreementPeer,
    ) -> Result<(Token, Hex<64>, Hex<64>), Failure> {
        let request = DeviceRequest::AgreementAnswer {
            index,
            identity,
            peer,
        };
        expect!(self.link.device(request), DeviceAnswer::Answered { key, public_key, temporary }
            => (self.name(key), public_key, temporary))
    }

    pub fn destroy(&mut self, token: Token) -> Result<(), Failure> {
        let handle = self.handle(token)?;
        self.done(DeviceRequest::Destroy { handle })?;
        self.forget(token);
        Ok(())
    }

    pub fn sign(&mut self, index: u32, e: Hex<32>) -> Result<Hex<64>, Failure> {
        let answer = self.link.device(DeviceRequest::Sign { index, e });
        expect!(answer, DeviceAnswer::Signature(signature) => signature)
    }
}
