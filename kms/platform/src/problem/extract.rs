//! Extractors whose refusals are problem details and never repeat what the request carried.
//!
//! The standard messages quote the offending value, which may be somebody's name; here a place (line and column)
//! and, for a missing member, its own name suffice.

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroize;

use super::{MALFORMED, Problem, TOO_LARGE};

/// A JSON body, in or out.
pub struct Json<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        if !is_json(request.headers()) {
            return Err(Problem::new(&MALFORMED).detail(
                "Content-Type is not application/json",
                "Content-Type 不是 application/json",
            ));
        }
        let bytes = Bytes::from_request(request, state)
            .await
            .map_err(|rejection| {
                if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
                    Problem::new(&TOO_LARGE)
                } else {
                    Problem::new(&MALFORMED).detail("the body ended early", "请求体不完整")
                }
            })?;
        let parsed = serde_json::from_slice(&bytes)
            .map(Json)
            .map_err(|error| json_problem(&error));
        wipe(bytes);
        parsed
    }
}

/// Requests carry persons. The body is wiped where nobody else holds it, which is so unless it came in one piece out of
/// the connection's own buffer; that one is overwritten by the next request on the connection.
fn wipe(bytes: Bytes) {
    if let Ok(mut owned) = bytes.try_into_mut() {
        owned.as_mut().zeroize();
    }
}

fn is_json(headers: &axum::http::HeaderMap) -> bool {
    let value = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    value
        .split(';')
        .next()
        .is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}

fn json_problem(error: &serde_json::Error) -> Problem {
    let (line, column) = (error.line(), error.column());
    let text = error.to_string();
    // `missing field` names a member of ours; every other message may quote the request.
    let missing = text
        .strip_prefix("missing field `")
        .and_then(|rest| rest.split('`').next());
    match missing {
        Some(field) => Problem::new(&MALFORMED).detail(
            format!("missing member `{field}`"),
            format!("缺少成员 `{field}`"),
        ),
        None => Problem::new(&MALFORMED).detail(
            format!("JSON body, line {line}, column {column}"),
            format!("JSON 请求体第 {line} 行第 {column} 列"),
        ),
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self.0) {
            Ok(body) => ([(header::CONTENT_TYPE, "application/json")], body).into_response(),
            Err(error) => Problem::internal(&error).into_response(),
        }
    }
}

/// The query part of the address.
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        axum::extract::Query::try_from_uri(&parts.uri)
            .map(|axum::extract::Query(value)| Query(value))
            .map_err(|_| Problem::new(&MALFORMED).detail("the query part", "查询部分"))
    }
}

/// The variable parts of the path.
pub struct Path<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        axum::extract::Path::from_request_parts(parts, state)
            .await
            .map(|axum::extract::Path(value)| Path(value))
            .map_err(|_| Problem::new(&MALFORMED).detail("the path", "路径"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(serde::Deserialize)]
    struct Form {
        #[allow(dead_code)] // only its parsing matters here
        number: u8,
    }

    fn problem(text: &str) -> String {
        serde_json::from_str::<Form>(text)
            .map(|_| ())
            .map_err(|error| json_problem(&error))
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn a_refusal_never_quotes_the_request() {
        assert!(problem(r#"{"number":"SECRET"}"#).contains('1'));
        assert!(!problem(r#"{"number":"SECRET"}"#).contains("SECRET"));
        assert!(!problem(r#"{"number":1,"SECRET"}"#).contains("SECRET"));
        assert!(problem("{}").contains("number"));
    }
}
