//! What the extension offers beyond the standard, in safe code; JSON is `serde_json` of the types of `hsm-wire`.

use crate::codes::SDR_INARGERR;
use crate::failure::Failure;
use crate::session::Open;
use crate::table::Token;
use crate::types::ExtTicket;
use hsm_wire::Hex;
use hsm_wire::device::{DeviceAnswer, DeviceRequest, FillOutcome};
use hsm_wire::fill::{Factor, FillRequest};
use hsm_wire::info::HsmInfo;
use hsm_wire::operator::{MAX_BATCH, OperatorAnswer, OperatorRequest, SignInput};
use hsm_wire::order::Order;
use hsm_wire::ticket::Target;
use serde::Serialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

/// Longest JSON text that goes in.
pub const MAX_JSON: u32 = 8 << 20;
/// Longest message to be signed or MACed by name.
pub const MAX_MESSAGE: u32 = 65_536;

/// # Errors
/// Never for these types.
pub fn json<T: Serialize>(value: &T) -> Result<Zeroizing<Vec<u8>>, Failure> {
    serde_json::to_vec(value)
        .map(Zeroizing::new)
        .map_err(|_| Failure::unexpected())
}

fn parsed<T: DeserializeOwned>(text: &[u8]) -> Result<T, Failure> {
    // The parser's own words may quote the text; its place is enough.
    serde_json::from_slice(text).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        Failure::new(SDR_INARGERR, &format!("JSON: line {line}, column {column}"))
    })
}

/// An order of officers.
///
/// # Errors
/// The text is none.
pub fn order(text: &[u8]) -> Result<Order, Failure> {
    parsed(text)
}

/// A name: key, ticket, peer.
///
/// # Errors
/// The bytes are none.
pub fn name(bytes: &[u8]) -> Result<String, Failure> {
    std::str::from_utf8(bytes)
        .ok()
        .filter(|name| hsm_wire::valid_name(name))
        .map(str::to_owned)
        .ok_or_else(|| Failure::input("names are 1-64 characters of A-Z a-z 0-9 _ . / @ + -"))
}

/// Ids, each ended by a zero byte.
///
/// # Errors
/// Something else.
pub fn names(bytes: &[u8]) -> Result<Vec<String>, Failure> {
    let text = bytes
        .strip_suffix(&[0])
        .ok_or_else(|| Failure::input("ids, each ended by a zero byte"))?;
    text.split(|byte| *byte == 0).map(name).collect()
}

/// Chains of `levels` factors of 8 bytes.
///
/// # Errors
/// Not so many bytes, or none.
pub fn chains(bytes: &[u8], levels: u32) -> Result<Vec<Vec<Factor>>, Failure> {
    let levels = usize::try_from(levels).unwrap_or(0);
    let (factors, rest) = bytes.as_chunks::<8>();
    if levels == 0
        || factors.is_empty()
        || !rest.is_empty()
        || !factors.len().is_multiple_of(levels)
    {
        return Err(Failure::input(
            "chains of factors of 8 bytes, all equally long",
        ));
    }
    Ok(factors.chunks(levels).map(<[Factor]>::to_vec).collect())
}

macro_rules! ask {
    ($self:ident, $request:expr, $answer:ident) => {
        match $self.link.call($request)? {
            OperatorAnswer::$answer(value) => Ok(value),
            _ => Err(Failure::unexpected()),
        }
    };
}

impl Open {
    pub fn info(&mut self) -> Result<HsmInfo, Failure> {
        ask!(self, OperatorRequest::Info, Info).map(|info| *info)
    }

    pub fn keys_json(&mut self) -> Result<Zeroizing<Vec<u8>>, Failure> {
        json(&ask!(self, OperatorRequest::ListKeys, Keys)?)
    }

    pub fn tickets_json(&mut self) -> Result<Zeroizing<Vec<u8>>, Failure> {
        json(&ask!(self, OperatorRequest::ListTickets, Tickets)?)
    }

    pub fn audit_json(&mut self, from: u64) -> Result<Zeroizing<Vec<u8>>, Failure> {
        json(&ask!(self, OperatorRequest::Audit { from }, Audit)?)
    }

    pub fn last_package(&mut self, peer: String) -> Result<String, Failure> {
        ask!(self, OperatorRequest::LastPackage { peer }, Package)
    }

    pub fn ticket(&mut self, id: String) -> Result<ExtTicket, Failure> {
        let status = ask!(self, OperatorRequest::Ticket { id }, Ticket)?;
        Ok(ExtTicket {
            count: status.spec.count,
            used: status.used,
            answers: status.answers,
            not_after: status.spec.not_after,
            closed: u32::from(status.closed),
            kind: match status.spec.kind {
                Target::Card => 0,
                Target::Sam => 1,
            },
        })
    }

    pub fn sign_by_name(&mut self, key: String, message: &[u8]) -> Result<Hex<64>, Failure> {
        let input = SignInput::Message(message.to_vec());
        ask!(self, OperatorRequest::Sm2Sign { key, input }, Signature)
    }

    pub fn mac_by_name(
        &mut self,
        key: String,
        message: &[u8],
        length: u8,
    ) -> Result<Vec<u8>, Failure> {
        let message = message.to_vec();
        let request = OperatorRequest::Mac {
            key,
            message,
            length,
        };
        let mac = ask!(self, request, Mac)?;
        if mac.len() == usize::from(length) {
            Ok(mac)
        } else {
            Err(Failure::unexpected())
        }
    }

    pub fn diversify(
        &mut self,
        ticket: String,
        key: String,
        factors: Vec<Factor>,
    ) -> Result<(Token, Hex<3>), Failure> {
        let request = DeviceRequest::Diversify {
            ticket,
            key,
            factors,
        };
        match self.link.device(request)? {
            DeviceAnswer::Diversified(key, check) => Ok((self.name(key), check)),
            _ => Err(Failure::unexpected()),
        }
    }

    /// Wrapped keys and check values, one after the other.
    pub fn derive_and_wrap(
        &mut self,
        ticket: String,
        kek: u32,
        keys: Vec<String>,
        chains: Vec<Vec<Factor>>,
    ) -> Result<(Vec<u8>, Vec<u8>), Failure> {
        let count = keys.len() * chains.len();
        let request = DeviceRequest::DeriveAndWrap {
            ticket,
            kek,
            keys,
            chains,
        };
        match self.link.device(request)? {
            DeviceAnswer::Derived(made) if made.len() == count => {
                let wrapped = made.iter().flat_map(|(wrapped, _)| wrapped.0).collect();
                let checks = made.iter().flat_map(|(_, check)| check.0).collect();
                Ok((wrapped, checks))
            }
            _ => Err(Failure::unexpected()),
        }
    }

    /// A batch of scripts, JSON to JSON.
    pub fn fill(&mut self, target: Target, requests: &[u8]) -> Result<Zeroizing<Vec<u8>>, Failure> {
        let requests: Vec<FillRequest> = parsed(requests)?;
        if !(1..=MAX_BATCH).contains(&requests.len()) {
            return Err(Failure::input("1 to 64 requests"));
        }
        let count = requests.len();
        let request = match target {
            Target::Card => OperatorRequest::FillCards(requests),
            Target::Sam => OperatorRequest::FillSams(requests),
        };
        let answers = ask!(self, request, FilledMany)?;
        if answers.len() != count {
            return Err(Failure::unexpected());
        }
        let outcomes: Vec<FillOutcome> = answers.into_iter().map(FillOutcome::from).collect();
        json(&outcomes)
    }
}
