//! The state file's form, written and read back.
//!
//! ```text
//! header  "RHC-SIM-STATE" ‖ format version(1) ‖ kind(1)
//! frame   len(4, LE) ‖ ~len(4) ‖ sum(8) ‖ payload(len)      sum = left 8 of SM3(previous sum ‖ payload), first previous 0
//! ```
//!
//! The first payload is a snapshot of the memory, every further one a list of changes, in postcard's encoding. A last
//! frame that is cut short is a command whose answer never left the card: it is left out. Anything else that does not fit
//! is damage, and the file is refused by name rather than half believed.

use std::path::Path;

use cardlib_card::gm::sm3;
use serde::Serialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use super::Memory;
use super::error::{Kind, StateError};

const MAGIC: &[u8; 13] = b"RHC-SIM-STATE";
const FORMAT: u8 = 1;
pub(super) const HEADER_LEN: usize = 15;
pub(super) const FRAME_HEAD: usize = 16;

/// Where a chain of frames stands.
pub(super) type Sum = [u8; 8];

/// The file's first bytes.
pub(super) fn header(kind: Kind) -> Vec<u8> {
    [MAGIC.as_slice(), &[FORMAT, kind.byte()]].concat()
}

/// A frame with this value, and the sum that the chain then stands at.
pub(super) fn frame<T: Serialize + ?Sized>(
    previous: Sum,
    value: &T,
) -> Result<(Zeroizing<Vec<u8>>, Sum), StateError> {
    let payload = postcard::to_stdvec(value)
        .map(Zeroizing::new)
        .map_err(StateError::Encode)?;
    let too_long = StateError::Encode(postcard::Error::SerializeBufferFull);
    let len = u32::try_from(payload.len()).map_err(|_| too_long)?;
    let sum = chain(previous, &payload);
    let mut frame = Zeroizing::new(Vec::with_capacity(FRAME_HEAD + payload.len()));
    frame.extend_from_slice(&len.to_le_bytes());
    frame.extend_from_slice(&(!len).to_le_bytes());
    frame.extend_from_slice(&sum);
    frame.extend_from_slice(&payload);
    Ok((frame, sum))
}

/// What a file said.
pub(super) struct Replayed<M> {
    pub(super) memory: M,
    /// Where the changes begin, and where the last whole frame ends.
    pub(super) changes_from: usize,
    pub(super) end: usize,
    pub(super) sum: Sum,
}

/// Reads a whole file.
pub(super) fn replay<M: Memory>(bytes: &[u8], path: &Path) -> Result<Replayed<M>, StateError> {
    check_header(bytes, path, M::KIND)?;
    let mut reader = Reader {
        bytes,
        at: HEADER_LEN,
        sum: [0; 8],
        path,
    };
    let mut memory: M = reader.next()?.ok_or(StateError::Damaged {
        path: path.to_owned(),
        at: HEADER_LEN,
    })?;
    let changes_from = reader.at;
    while let Some(changes) = reader.next::<Vec<M::Change>>()? {
        for change in &changes {
            memory.apply(change);
        }
    }
    Ok(Replayed {
        memory,
        changes_from,
        end: reader.at,
        sum: reader.sum,
    })
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    sum: Sum,
    path: &'a Path,
}

impl Reader<'_> {
    /// The next whole frame; `None` at the end or at a frame that is cut short.
    fn next<T: DeserializeOwned>(&mut self) -> Result<Option<T>, StateError> {
        let damaged = || StateError::Damaged {
            path: self.path.to_owned(),
            at: self.at,
        };
        let rest = &self.bytes[self.at..];
        let Some((head, body)) = rest.split_first_chunk::<FRAME_HEAD>() else {
            return Ok(None);
        };
        let [len, inverse] =
            [0, 4].map(|i| u32::from_le_bytes([head[i], head[i + 1], head[i + 2], head[i + 3]]));
        if len != !inverse {
            return Err(damaged());
        }
        let Some(payload) = usize::try_from(len).ok().and_then(|len| body.get(..len)) else {
            return Ok(None);
        };
        let sum = chain(self.sum, payload);
        if sum != head[8..] {
            return Err(damaged());
        }
        let value = postcard::from_bytes(payload).map_err(|_| damaged())?;
        self.sum = sum;
        self.at += FRAME_HEAD + payload.len();
        Ok(Some(value))
    }
}

fn chain(previous: Sum, payload: &[u8]) -> Sum {
    let mut hash = sm3::Sm3::new();
    hash.update(&previous);
    hash.update(payload);
    let digest = hash.finish();
    std::array::from_fn(|i| digest[i])
}

fn check_header(bytes: &[u8], path: &Path, wanted: Kind) -> Result<(), StateError> {
    let head = bytes
        .first_chunk::<HEADER_LEN>()
        .ok_or_else(|| StateError::Foreign(path.to_owned()))?;
    let found = parse_header(head, path)?;
    if found == wanted {
        return Ok(());
    }
    Err(StateError::Kind {
        path: path.to_owned(),
        wanted: match found {
            Kind::User => "user",
            Kind::Sam => "sam",
        },
    })
}

fn parse_header(head: &[u8; HEADER_LEN], path: &Path) -> Result<Kind, StateError> {
    if head[..13] != *MAGIC {
        return Err(StateError::Foreign(path.to_owned()));
    }
    if head[13] != FORMAT {
        return Err(StateError::Format {
            path: path.to_owned(),
            found: head[13],
        });
    }
    Kind::from_byte(head[14]).ok_or_else(|| StateError::Foreign(path.to_owned()))
}
