//! The blocking client of our services: JSON in, JSON out, problem details understood.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::exit::Exit;
use crate::identity::Identity;
use crate::lang::pick;
use crate::name::{Area, Role};
use crate::problem::Problem;
use crate::say;
use crate::tls::{TlsError, anonymous_agent, client_agent};

/// Answers beyond this are not ours (a card's script is some tens of KiB).
const MAX_ANSWER: u64 = 8 * 1024 * 1024;

/// A connection that was closed long ago fails sooner.
const AT_ONCE: Duration = Duration::from_secs(1);

/// Why a request to a service brought no answer to use.
#[derive(Clone, Debug)]
pub enum ClientError {
    /// The service answered and refused.
    Problem(Problem),
    /// Nobody answered at that address, or the connection broke.
    Unreachable { url: String, why: String },
    /// The two sides do not trust each other.
    Untrusted { url: String, why: String },
    /// Something answered, but not in our language.
    Strange { url: String, status: u16 },
    /// The own identity or the address cannot be used.
    Setup { why: String },
}

impl ClientError {
    /// The problem, when the service gave one.
    #[must_use]
    pub fn problem(&self) -> Option<&Problem> {
        match self {
            ClientError::Problem(problem) => Some(problem),
            _ => None,
        }
    }

    /// 3 when the service said that something is not right, 4 when it could not say anything.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            ClientError::Problem(problem) if problem.status < 500 => Exit::Wrong,
            _ => Exit::Environment,
        }
    }

    /// What the user can do.
    #[must_use]
    pub fn next_step(&self) -> Option<String> {
        Some(match self {
            ClientError::Problem(problem) => problem.next_step().to_owned(),
            ClientError::Unreachable { .. } => pick(
                "Check that the service runs and that the address is right, then repeat",
                "请确认服务已启动、地址正确，然后重试",
            )
            .into(),
            ClientError::Untrusted { .. } => pick(
                "Check with which identity file you asked, and that both sides trust the same root",
                "请核对所用身份文件，并确认双方信任同一根证书",
            )
            .into(),
            ClientError::Strange { .. } => pick(
                "Check that the address is that of the service meant",
                "请确认该地址确为所需服务",
            )
            .into(),
            ClientError::Setup { .. } => return None,
        })
    }
}

impl std::fmt::Display for ClientError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            ClientError::Problem(problem) => problem.fmt(f),
            ClientError::Unreachable { url, why } => f.write_str(&say!(
                "no answer from {url} ({why})",
                "{url} 无应答（{why}）"
            )),
            ClientError::Untrusted { url, why } => f.write_str(&say!(
                "no trust between us and {url} ({why})",
                "与 {url} 之间互信失败（{why}）"
            )),
            ClientError::Strange { url, status } => f.write_str(&say!(
                "{url} answered with status {status}, but not as our services do",
                "{url} 返回状态 {status}，但不是本系统服务的应答"
            )),
            ClientError::Setup { why } => f.write_str(why),
        }
    }
}

impl std::error::Error for ClientError {}

impl From<TlsError> for ClientError {
    fn from(error: TlsError) -> Self {
        ClientError::Setup {
            why: error.to_string(),
        }
    }
}

/// One service at one address, asked with one identity. Cloning shares the connections.
#[derive(Clone)]
pub struct HttpClient {
    base: Arc<str>,
    agent: ureq::Agent,
}

impl HttpClient {
    /// `base` is like `https://127.0.0.1:8443`; the server must hold a certificate of role `server`.
    pub fn new(base: &str, identity: &Identity, server: Role) -> Result<Self, ClientError> {
        Ok(Self {
            base: https(base)?,
            agent: client_agent(identity, server)?,
        })
    }

    /// For somebody of this area who has no certificate yet and trusts these roots (PEM).
    pub fn anonymous(
        base: &str,
        anchors_pem: &str,
        area: &Area,
        server: Role,
    ) -> Result<Self, ClientError> {
        let anchors = CertificateDer::pem_slice_iter(anchors_pem.as_bytes())
            .collect::<Result<Vec<_>, _>>()
            .map_err(|_| ClientError::Setup {
                why: pick("the roots cannot be read", "无法读取根证书").to_owned(),
            })?;
        Ok(Self {
            base: https(base)?,
            agent: anonymous_agent(&anchors, area, server)?,
        })
    }

    /// The address that is asked.
    #[must_use]
    pub fn base(&self) -> &str {
        &self.base
    }

    /// GET a path with query values (encoded here).
    pub fn get<A: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, &str)],
    ) -> Result<A, ClientError> {
        let url = self.url(path);
        let ask = || {
            let request = self.agent.get(&url).query_pairs(query.iter().copied());
            self.answer(request.call())
        };
        // A connection kept from before may be one that the service has just closed, which shows at once; asking changes
        // nothing, so ask again.
        let begun = Instant::now();
        match ask() {
            Err(ClientError::Unreachable { .. }) if begun.elapsed() < AT_ONCE => ask(),
            answered => answered,
        }
    }

    /// POST a JSON body.
    pub fn post<A: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<A, ClientError> {
        let url = self.url(path);
        self.answer(self.agent.post(&url).send_json(body))
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    fn answer<A: DeserializeOwned>(
        &self,
        result: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
    ) -> Result<A, ClientError> {
        // The address without its path: a path may hold a person's number, and errors are shown and logged.
        let url = &*self.base;
        let mut response = result.map_err(|error| transport_error(url, &error))?;
        let status = response.status().as_u16();
        let body = response
            .body_mut()
            .with_config()
            .limit(MAX_ANSWER)
            .read_to_vec();
        let body = zeroize::Zeroizing::new(body.map_err(|error| transport_error(url, &error))?);
        let strange = || ClientError::Strange {
            url: url.to_owned(),
            status,
        };
        if (200..300).contains(&status) {
            return serde_json::from_slice(&body).map_err(|_| strange());
        }
        let problem: Problem = serde_json::from_slice(&body).map_err(|_| strange())?;
        Err(ClientError::Problem(problem))
    }
}

fn https(base: &str) -> Result<Arc<str>, ClientError> {
    if base.starts_with("https://") {
        return Ok(base.trim_end_matches('/').into());
    }
    Err(ClientError::Setup {
        why: say!(
            "`{base}` is no https:// address",
            "`{base}` 不是 https:// 地址"
        ),
    })
}

/// Sorts "the line failed" from "the certificate was refused" (by either side: an alert arrives as an I/O error).
fn transport_error(url: &str, error: &ureq::Error) -> ClientError {
    let url = url.to_owned();
    let why = error.to_string();
    let tls = match error {
        ureq::Error::Rustls(_) | ureq::Error::Tls(_) => true,
        ureq::Error::Io(io) => io
            .get_ref()
            .is_some_and(|inner| inner.is::<rustls::Error>()),
        _ => false,
    };
    if tls {
        ClientError::Untrusted { url, why }
    } else {
        ClientError::Unreachable { url, why }
    }
}

/// Encodes one path segment (a card number, a serial): everything but letters, digits and `-._~`.
#[must_use]
pub fn segment(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_cannot_climb() {
        assert_eq!(segment("../v1?x=1"), "..%2Fv1%3Fx%3D1");
        assert_eq!(segment("41010219900101123X"), "41010219900101123X");
    }
}
