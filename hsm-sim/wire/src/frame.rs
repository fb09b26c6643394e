//! Frames: `length (u32, big-endian) ‖ postcard`.

use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io::{self, Read, Write};
use zeroize::Zeroizing;

/// Longest frame without its length.
pub const MAX_FRAME: usize = 1 << 20;

/// A frame that could not be moved or read.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    #[error("connection: {0}")]
    Io(#[from] io::Error),
    #[error("frame of {0} bytes, {MAX_FRAME} are allowed")]
    TooLarge(usize),
    #[error("frame content cannot be read: other version, or not this protocol")]
    Content,
}

/// Writes one frame. Its bytes are wiped afterwards: requests hold personal data.
///
/// # Errors
/// The connection failed, or the message is too large.
pub fn send<T: Serialize>(to: &mut impl Write, message: &T) -> Result<(), FrameError> {
    let length =
        postcard::experimental::serialized_size(message).map_err(|_| FrameError::Content)?;
    if length > MAX_FRAME {
        return Err(FrameError::TooLarge(length));
    }
    let prefix = u32::try_from(length)
        .map_err(|_| FrameError::TooLarge(length))?
        .to_be_bytes();
    // Made in its full size at once: a growing vector would leave copies behind.
    let mut bytes = Zeroizing::new(vec![0; 4 + length]);
    bytes[..4].copy_from_slice(&prefix);
    postcard::to_slice(message, &mut bytes[4..]).map_err(|_| FrameError::Content)?;
    to.write_all(&bytes)?;
    to.flush()?;
    Ok(())
}

/// Reads one frame of at most `limit` bytes; `None` when the other side closed between two frames.
///
/// # Errors
/// The connection failed, the frame is too large, or its content is no `T`.
pub fn receive<T: DeserializeOwned>(
    from: &mut impl Read,
    limit: usize,
) -> Result<Option<T>, FrameError> {
    let Some(bytes) = receive_bytes(from, limit)? else {
        return Ok(None);
    };
    match postcard::take_from_bytes(&bytes) {
        Ok((message, [])) => Ok(Some(message)),
        _ => Err(FrameError::Content),
    }
}

/// Reads the bytes of one frame; see [`receive`].
///
/// # Errors
/// As [`receive`], without looking at the content.
pub fn receive_bytes(
    from: &mut impl Read,
    limit: usize,
) -> Result<Option<Zeroizing<Vec<u8>>>, FrameError> {
    let mut length = [0; 4];
    if !fill_or_end(from, &mut length)? {
        return Ok(None);
    }
    let length = u32::from_be_bytes(length) as usize;
    if length > limit.min(MAX_FRAME) {
        return Err(FrameError::TooLarge(length));
    }
    let mut bytes = Zeroizing::new(vec![0; length]);
    from.read_exact(&mut bytes)?;
    Ok(Some(bytes))
}

/// Fills `buffer`; false when the stream ended before its first byte.
fn fill_or_end(from: &mut impl Read, buffer: &mut [u8]) -> io::Result<bool> {
    let mut at = 0;
    while at < buffer.len() {
        match from.read(&mut buffer[at..]) {
            Ok(0) if at == 0 => return Ok(false),
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(n) => at += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(true)
}
