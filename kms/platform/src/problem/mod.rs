//! Errors on the wire: RFC 9457 problem details with a stable type, both languages, and the next step.
//!
//! A service declares each of its refusals once, as a constant [`Kind`]; a [`Problem`] is one occurrence. Causes
//! (SQL, I/O) are logged, not returned; nothing that a request carried is echoed.

mod extract;

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

use crate::lang::{Lang, Text, current};
pub use extract::{Json, Path, Query};

/// Every type is this prefix and the kind's slug.
pub const TYPE_PREFIX: &str = "urn:rhc:problem:";

/// One way in which a request can fail; `next` says what the asker can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    pub slug: &'static str,
    pub status: u16,
    pub title: Text,
    pub next: Text,
}

impl Kind {
    #[must_use]
    pub const fn new(slug: &'static str, status: u16, title: Text, next: Text) -> Self {
        Self {
            slug,
            status,
            title,
            next,
        }
    }
}

/// The request's form is wrong: JSON, types, missing members, query.
pub const MALFORMED: Kind = Kind::new(
    "malformed-request",
    400,
    Text::new("The request is malformed", "请求格式有误"),
    Text::new(
        "Correct the request at the place named",
        "请按所指位置更正请求",
    ),
);
/// Well formed, but a value cannot be.
pub const INVALID: Kind = Kind::new(
    "invalid-value",
    422,
    Text::new("A value in the request is not possible", "请求中的值无效"),
    Text::new("Correct the value named", "请更正所指的值"),
);
pub const TOO_LARGE: Kind = Kind::new(
    "request-too-large",
    413,
    Text::new("The request is too large", "请求过大"),
    Text::new("Send less than 2 MiB", "请求须小于 2 MiB"),
);
pub const NO_SUCH_PATH: Kind = Kind::new(
    "no-such-path",
    404,
    Text::new("There is nothing at this path", "该路径不存在"),
    Text::new(
        "Compare the path with the service's description",
        "请对照服务说明核对路径",
    ),
);
pub const NO_SUCH_METHOD: Kind = Kind::new(
    "method-not-allowed",
    405,
    Text::new("This path does not take this method", "该路径不支持此方法"),
    Text::new(
        "Compare the method with the service's description",
        "请对照服务说明核对方法",
    ),
);
pub const ROLE_REFUSED: Kind = Kind::new(
    "role-refused",
    403,
    Text::new("Your role may not do this", "您的角色无权执行此操作"),
    Text::new("Use an identity of a role that may", "请使用有权角色的身份"),
);
pub const AREA_REFUSED: Kind = Kind::new(
    "area-refused",
    403,
    Text::new("This lies outside your area", "超出您的辖区"),
    Text::new(
        "Ask the party responsible for that area",
        "请联系该辖区的责任方",
    ),
);
pub const REVOKED: Kind = Kind::new(
    "identity-revoked",
    401,
    Text::new("Your identity was revoked", "您的身份已被吊销"),
    Text::new(
        "Ask your authority for a new identity: rhc-kms identity issue",
        "请向上级机构申请新的身份文件：rhc-kms identity issue",
    ),
);
pub const TOO_MANY_REFUSALS: Kind = Kind::new(
    "too-many-refusals",
    429,
    Text::new(
        "Too many of your requests were refused; this one was not looked at",
        "您的请求被拒绝次数过多；本次请求未予处理",
    ),
    Text::new(
        "Find out why they were refused, wait as Retry-After says, then ask again",
        "请查明被拒原因，按 Retry-After 所示时间等待后再试",
    ),
);
pub const TIMED_OUT: Kind = Kind::new(
    "timed-out",
    503,
    Text::new("The service could not finish in time", "服务未能按时完成"),
    Text::new(
        "Repeat the same request; it is not carried out twice",
        "请重发同一请求，不会重复执行",
    ),
);
pub const INTERNAL: Kind = Kind::new(
    "internal-error",
    500,
    Text::new("The service failed", "服务内部错误"),
    Text::new(
        "Tell the operator the time of this request; the log names the cause",
        "请将请求时间告知运维人员，日志中有原因",
    ),
);

/// One occurrence of a [`Kind`], as sent and received; its members are reached by dereference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(transparent)]
pub struct Problem(Box<Members>);

/// The slug of a problem, beside the answer that carries it: for metrics and logs.
#[derive(Clone)]
pub(crate) struct Slug(pub(crate) String);

/// The members of a problem document (RFC 9457 §3), with our extensions `…_zh` and `next`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = ProblemMembers)]
pub struct Members {
    #[serde(rename = "type")]
    pub type_uri: String,
    pub title: String,
    #[serde(default)]
    pub title_zh: String,
    pub status: u16,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail_zh: Option<String>,
    #[serde(default)]
    pub next: String,
    #[serde(default)]
    pub next_zh: String,
}

impl Problem {
    #[must_use]
    pub fn new(kind: &Kind) -> Self {
        Self(Box::new(Members {
            type_uri: format!("{TYPE_PREFIX}{}", kind.slug),
            title: kind.title.en.into(),
            title_zh: kind.title.zh.into(),
            status: kind.status,
            detail: None,
            detail_zh: None,
            next: kind.next.en.into(),
            next_zh: kind.next.zh.into(),
        }))
    }

    /// Adds what is particular to this occurrence, in both languages.
    #[must_use]
    pub fn detail(mut self, en: impl Into<String>, zh: impl Into<String>) -> Self {
        self.0.detail = Some(en.into());
        self.0.detail_zh = Some(zh.into());
        self
    }

    /// A failure of ours: the cause goes to the log, the asker learns that it happened.
    #[must_use]
    pub fn internal(cause: &(impl std::fmt::Display + ?Sized)) -> Self {
        tracing::error!(%cause, "request failed");
        Self::new(&INTERNAL)
    }

    /// The last part of the type: what code compares.
    #[must_use]
    pub fn slug(&self) -> &str {
        self.type_uri
            .strip_prefix(TYPE_PREFIX)
            .unwrap_or(&self.type_uri)
    }

    #[must_use]
    pub fn is(&self, kind: &Kind) -> bool {
        self.slug() == kind.slug
    }

    /// The next step in the language of this process.
    #[must_use]
    pub fn next_step(&self) -> &str {
        localised(&self.next, &self.next_zh)
    }
}

fn localised<'a>(en: &'a str, zh: &'a str) -> &'a str {
    if current() == Lang::Zh && !zh.is_empty() {
        zh
    } else {
        en
    }
}

impl std::ops::Deref for Problem {
    type Target = Members;

    fn deref(&self) -> &Members {
        &self.0
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(localised(&self.title, &self.title_zh))?;
        if let Some(detail) = &self.detail {
            let zh = self.detail_zh.as_deref().unwrap_or_default();
            write!(
                f,
                "{}{}",
                crate::lang::pick(": ", "："),
                localised(detail, zh)
            )?;
        }
        Ok(())
    }
}

impl std::error::Error for Problem {}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let slug = Slug(self.slug().to_owned());
        let mut response = (
            status,
            [(header::CONTENT_TYPE, "application/problem+json")],
            body,
        )
            .into_response();
        response.extensions_mut().insert(slug);
        response
    }
}

impl From<crate::audit::AuditError> for Problem {
    fn from(error: crate::audit::AuditError) -> Self {
        Self::internal(&error)
    }
}

impl From<sqlx::Error> for Problem {
    fn from(error: sqlx::Error) -> Self {
        Self::internal(&error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_back_as_written_and_tolerates_foreign_problems() {
        let problem = Problem::new(&ROLE_REFUSED).detail("a station", "制卡点");
        let text = serde_json::to_string(&problem).unwrap();
        assert!(
            text.contains(r#""type":"urn:rhc:problem:role-refused""#),
            "{text}"
        );
        assert_eq!(serde_json::from_str::<Problem>(&text).unwrap(), problem);
        let foreign = r#"{"type":"about:blank","title":"Gone","status":410}"#;
        assert_eq!(
            serde_json::from_str::<Problem>(foreign).unwrap().slug(),
            "about:blank"
        );
    }
}
