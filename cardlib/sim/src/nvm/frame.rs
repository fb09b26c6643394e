//! The state file's form, written and read back.
//!
//! ```text
//! header  "RHC-SIM-STATE" ‖ format version(1) ‖ kind(1) ‖ slot 0(16) ‖ slot 1(16)
//! slot    generation(8, LE) ‖ left 8 of SM3("RHC-SIM-SLOT" ‖ sum of the snapshot ‖ slot number ‖ generation)
//! frame   len(4, LE) ‖ ~len(4) ‖ sum(8) ‖ payload(len)      sum = left 8 of SM3(previous sum ‖ payload), first previous 0
//! ```
//!
//! The first payload is a snapshot of the memory, every further one the changes of one commit, in postcard's encoding. The
//! *generation* counts the commits since the snapshot. A commit writes its frame and then its generation into slot
//! `generation mod 2`, so whatever a power cut leaves is told apart from a file that somebody cut back:
//!
//! | slots | whole frames | tail | what happened | answer |
//! |---|---|---|---|---|
//! | newest g | g | none | nothing | loads |
//! | newest g | g | cut short | the power went while frame g + 1 was written | loads without it |
//! | newest g | g + 1 | none | it went before slot (g + 1) mod 2 was written | loads with it |
//! | one right, g; one wrong | g + 1 | none | it went while that slot was written | loads with it |
//! | newest g | fewer than g | any | the file was cut back: counters would rise again | refused as rolled back |
//! | anything else | | | bytes were changed | refused as damaged |
//!
//! Two things this cannot see: a whole older copy put in the file's place, and somebody who computes the sums anew. A
//! real chip keeps both out by its casing; here the file's owner could read the keys in it anyway.

use std::path::Path;

use cardlib_card::gm::sm3;
use serde::Serialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use super::Memory;
use super::error::{Kind, StateError};

const MAGIC: &[u8; 13] = b"RHC-SIM-STATE";
const FORMAT: u8 = 2;
/// Bytes of magic, version and kind.
const IDENTITY_LEN: usize = 15;
pub(super) const SLOT_LEN: usize = 16;
pub(super) const HEADER_LEN: usize = IDENTITY_LEN + 2 * SLOT_LEN;
pub(super) const FRAME_HEAD: usize = 16;

/// Where a chain of frames stands.
pub(super) type Sum = [u8; 8];

/// The file's first bytes, for a snapshot with this sum.
pub(super) fn header(kind: Kind, snapshot: Sum) -> Vec<u8> {
    let identity = [MAGIC.as_slice(), &[FORMAT, kind.byte()]].concat();
    [&identity[..], &slot(snapshot, 0, 0), &slot(snapshot, 1, 0)].concat()
}

/// Where a generation's slot stands, and its bytes.
pub(super) fn slot_of(snapshot: Sum, generation: u64) -> (u64, [u8; SLOT_LEN]) {
    let number = generation % 2;
    let at = IDENTITY_LEN as u64 + number * SLOT_LEN as u64;
    (at, slot(snapshot, number, generation))
}

fn slot(snapshot: Sum, number: u64, generation: u64) -> [u8; SLOT_LEN] {
    let mut hash = sm3::Sm3::new();
    hash.update(b"RHC-SIM-SLOT");
    hash.update(&snapshot);
    hash.update(&number.to_le_bytes());
    hash.update(&generation.to_le_bytes());
    let digest = hash.finish();
    let mut slot = [0u8; SLOT_LEN];
    slot[..8].copy_from_slice(&generation.to_le_bytes());
    slot[8..].copy_from_slice(&digest[..8]);
    slot
}

/// The newest generation that the slots name, and whether both are right; `None` if neither is.
fn newest(bytes: &[u8], snapshot: Sum) -> Option<(u64, bool)> {
    let right = [0, 1].map(|number: u64| {
        let at = IDENTITY_LEN + usize::from(number == 1) * SLOT_LEN;
        let found = bytes.get(at..at + SLOT_LEN)?;
        let generation = u64::from_le_bytes(*found.first_chunk()?);
        (slot(snapshot, number, generation) == found).then_some(generation)
    });
    let newest = right.into_iter().flatten().max()?;
    Some((newest, right.iter().all(Option::is_some)))
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
    pub(super) snapshot: Sum,
    pub(super) sum: Sum,
    /// Commits since the snapshot.
    pub(super) generation: u64,
    /// Where the changes begin, and where the last whole frame ends.
    pub(super) changes_from: usize,
    pub(super) end: usize,
    /// The last commit's slot is missing or cut short.
    pub(super) slot_is_due: bool,
}

/// Reads a whole file that nobody writes.
pub(super) fn replay<M: Memory>(bytes: &[u8], path: &Path) -> Result<Replayed<M>, StateError> {
    let (mut read, newest) = read(bytes, path)?;
    let damaged = |at| StateError::Damaged {
        path: path.to_owned(),
        at,
    };
    let (newest, both) = newest.ok_or_else(|| damaged(IDENTITY_LEN))?;
    if read.generation < newest {
        return Err(StateError::RolledBack {
            path: path.to_owned(),
            found: read.generation,
            known: newest,
        });
    }
    let has_tail = read.end < bytes.len();
    match read.generation - newest {
        0 if both => {}
        1 if !has_tail => read.slot_is_due = true,
        _ if !both => return Err(damaged(IDENTITY_LEN)),
        _ => return Err(damaged(read.end)),
    }
    Ok(read)
}

/// Reads a file that a card may be writing at this moment: what is whole counts.
pub(super) fn peek<M: Memory>(bytes: &[u8], path: &Path) -> Result<M, StateError> {
    read(bytes, path).map(|(read, _)| read.memory)
}

type Newest = Option<(u64, bool)>;

fn read<M: Memory>(bytes: &[u8], path: &Path) -> Result<(Replayed<M>, Newest), StateError> {
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
    let (changes_from, snapshot) = (reader.at, reader.sum);
    let mut generation = 0;
    while let Some(changes) = reader.next::<Vec<M::Change>>()? {
        for change in &changes {
            memory.apply(change);
        }
        generation += 1;
    }
    let read = Replayed {
        memory,
        snapshot,
        sum: reader.sum,
        generation,
        changes_from,
        end: reader.at,
        slot_is_due: false,
    };
    Ok((read, newest(bytes, snapshot)))
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
    let foreign = || StateError::Foreign(path.to_owned());
    let head = bytes.first_chunk::<IDENTITY_LEN>().ok_or_else(foreign)?;
    let found = parse_header(head, path)?;
    if found != wanted {
        return Err(StateError::Kind {
            path: path.to_owned(),
            wanted: match found {
                Kind::User => "user",
                Kind::Sam => "sam",
                Kind::Custodian => "custodian",
            },
        });
    }
    if bytes.len() < HEADER_LEN {
        return Err(StateError::Damaged {
            path: path.to_owned(),
            at: bytes.len(),
        });
    }
    Ok(())
}

fn parse_header(head: &[u8; IDENTITY_LEN], path: &Path) -> Result<Kind, StateError> {
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
