//! `Idempotency-Key`, and what a repeated request means here.
//!
//! A script holds a person's data in wrapped form, so the service stores none. Its natural key is the chip: bound once, to one
//! person and one data hash, for ever. The key of a single request is its `request_id`: the HSM keeps the sealed answer of
//! an id for a while, gives it again to the same content (also after a restart of either), and refuses the id with other
//! content (`request-id-reused`). The header is allowed and must then say the same; anything else is refused by name.
//! Requests whose answer is public (a certificate) are natural the same way: one token, one key, one certificate.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use kms_platform::problem::Problem;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::{KnownFormat, ObjectBuilder, Required, SchemaFormat, Type};
use uuid::Uuid;

use crate::refusal::{self, Refusal};
use crate::refuse;

const HEADER: &str = "idempotency-key";

/// The header, if it came.
pub(super) struct Key(Option<String>);

impl Key {
    /// It names this very request.
    pub(super) fn is(&self, request: Uuid) -> Result<(), Problem> {
        let same = |text: &str| {
            // RFC 8941 has a string in quotation marks; many clients leave them out.
            let bare = text.trim().trim_matches('"');
            bare.parse::<Uuid>().is_ok_and(|id| id == request)
        };
        match &self.0 {
            Some(text) if !same(text) => Err(Problem::from(refuse!(
                &refusal::INVALID,
                "Idempotency-Key is not the request_id of the body",
                "Idempotency-Key 与请求体中的 request_id 不符"
            ))),
            _ => Ok(()),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Key {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let Some(value) = parts.headers.get(HEADER) else {
            return Ok(Self(None));
        };
        let text = value
            .to_str()
            .map_err(|_| Problem::from(Refusal::about(&refusal::INVALID, "Idempotency-Key")))?;
        Ok(Self(Some(text.to_owned())))
    }
}

impl utoipa::IntoParams for Key {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let uuid = ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Uuid)));
        let header = ParameterBuilder::new()
            .name("Idempotency-Key")
            .parameter_in(ParameterIn::Header)
            .required(Required::False)
            .description(Some("The request_id of the body, or left out"))
            .schema(Some(uuid));
        vec![header.build()]
    }
}
