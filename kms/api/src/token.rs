//! A one-time token as a file, and what its holder does with it.

use std::path::Path;

use kms_platform::ca::Request;
use kms_platform::client::{ClientError, HttpClient};
use kms_platform::identity::{Identity, secret_file};
use kms_platform::name::{Peer, Role};
use serde::{Deserialize, Serialize};

use crate::{EnrolmentRequest, IdentityAnswer, Secret, paths};

/// The only format so far.
pub const TOKEN_FORMAT: &str = "rhc-enrolment-1";

/// What `rhc-kms identity token` writes, mode 0600, for one party and one use. No `Debug`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenFile {
    /// [`TOKEN_FORMAT`].
    pub format: String,
    /// Whom it is for: `rhc://4101/station/st1`.
    pub name: String,
    /// The token.
    pub token: Secret,
    /// The roots to be trusted, PEM: whoever enrols knows the service by them.
    pub anchors: String,
    /// Until when it can be used, UTC.
    pub until: String,
}

/// Makes a key, asks for its certificate, and writes both to `out`, mode 0600. The key does not leave this machine.
///
/// # Errors
/// The token file cannot be used, or the service refuses.
pub fn enrol(base: &str, token: &Path, out: &Path) -> Result<Peer, ClientError> {
    let setup = |error: &dyn std::fmt::Display| ClientError::Setup {
        why: error.to_string(),
    };
    let text = secret_file::read(token).map_err(|e| setup(&e))?;
    let file: TokenFile = serde_json::from_slice(&text)
        .map_err(|_| setup(&format!("{}: no token file", token.display())))?;
    if file.format != TOKEN_FORMAT {
        return Err(setup(&format!(
            "{}: format is not {TOKEN_FORMAT}",
            token.display()
        )));
    }
    let peer: Peer = file.name.parse().map_err(|e| setup(&e))?;
    // The waiting key is kept until the answer is there: asking again with it brings the same certificate.
    let waiting = out.with_extension("waiting");
    let request = if waiting.exists() {
        Request::read(&waiting).map_err(|e| setup(&e))?
    } else {
        let request = Request::new(&peer).map_err(|e| setup(&e))?;
        request.write(&waiting).map_err(|e| setup(&e))?;
        request
    };
    let body = EnrolmentRequest {
        token: file.token.clone(),
        csr: request.csr_pem().to_owned(),
    };
    let http = HttpClient::anonymous(base, &file.anchors, &peer.area, Role::Kms)?;
    let answer: IdentityAnswer = http.post(paths::ENROLMENTS, &body)?;
    let identity: Identity = request
        .complete(answer.chain, file.anchors.clone())
        .map_err(|e| setup(&e))?;
    identity.write(out).map_err(|e| setup(&e))?;
    std::fs::remove_file(&waiting).map_err(|e| setup(&e))?;
    Ok(peer)
}
