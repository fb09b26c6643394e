//! Blocking clients of the two sockets. One connection serves one request at a time; pool them for more.

mod officer;
mod operator;

pub use officer::{AuditorClient, OfficerClient};
pub use operator::OperatorClient;

use crate::HsmError;
use crate::frame::{self, FrameError, MAX_FRAME};
use crate::operator::{OperatorAnswer, OperatorRequest, OperatorResult};
use std::io;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// How long a client waits for one answer unless told otherwise.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);

/// A call that brought no result. Only `Refused` is an answer of the HSM; after any other error the connection is of
/// no use any more, and whether the HSM did the work is not known: repeat a fill with the same request id.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    #[error(
        "HSM at {path}: {source}; is rhc-hsm serving there, and may this user open the socket?"
    )]
    Connect { path: String, source: io::Error },
    #[error(transparent)]
    Frame(#[from] FrameError),
    #[error("the HSM closed the connection without an answer")]
    Closed,
    #[error("the HSM answered something else than was asked")]
    Unexpected,
    #[error(transparent)]
    Refused(#[from] HsmError),
}

fn connect(path: &Path) -> Result<UnixStream, ClientError> {
    let open = || {
        let stream = UnixStream::connect(path)?;
        stream.set_read_timeout(Some(DEFAULT_TIMEOUT))?;
        stream.set_write_timeout(Some(DEFAULT_TIMEOUT))?;
        Ok(stream)
    };
    open().map_err(|source| ClientError::Connect {
        path: path.display().to_string(),
        source,
    })
}

/// One request on the operator's socket, one answer.
fn exchange(
    stream: &mut UnixStream,
    request: &OperatorRequest,
) -> Result<OperatorAnswer, ClientError> {
    frame::send(stream, request)?;
    let answer: OperatorResult = frame::receive(stream, MAX_FRAME)?.ok_or(ClientError::Closed)?;
    Ok(answer?)
}
