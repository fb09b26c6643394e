//! The API description (OpenAPI 3.1), made from the very handlers and types: served, printed, and what tests generate
//! requests from.

use axum::Json as Plain;
use kms_api::paths;
use kms_platform::problem::Problem;
use utoipa::openapi::OpenApi;
use utoipa::openapi::security::{SecurityRequirement, SecurityScheme};
use utoipa::{OpenApi as _, ToResponse};

/// A refusal, on every route.
#[derive(ToResponse)]
#[response(
    description = "Refused, with the reason by name (RFC 9457)",
    content_type = "application/problem+json"
)]
pub(crate) struct Refused(#[allow(dead_code)] /* only its form matters */ Problem);

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "RHC key service",
        description = "Scripts for health cards and SAMs, and what an office may read. Every route is over mutual TLS 1.3; \
                       roles stand in the certificate. A refusal is a problem document with a stable type.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    components(responses(Refused)),
    tags(
        (name = "making", description = "Scripts, for stations"),
        (name = "reading", description = "Status and lists"),
        (name = "approving", description = "Requests that wait for signatures"),
        (name = "tiers", description = "Between the services of two tiers"),
        (name = "identities", description = "TLS certificates"),
        (name = "health", description = "For monitoring"),
    )
)]
struct Head;

#[derive(utoipa::OpenApi)]
#[openapi(paths(super::identities::enrol))]
struct Enrolment;

/// The description without its routes, which bring themselves in.
pub(super) fn head() -> OpenApi {
    let mut head = Head::openapi();
    let components = head.components.get_or_insert_default();
    let scheme = SecurityScheme::MutualTls {
        description: Some("A certificate of the house's authority".into()),
        deprecated: None,
        extensions: None,
    };
    components.add_security_scheme("mutualTLS", scheme);
    head.security = Some(vec![SecurityRequirement::new(
        "mutualTLS",
        Vec::<String>::new(),
    )]);
    head
}

/// The whole description.
pub(crate) fn description() -> OpenApi {
    let mut whole = super::described().into_openapi();
    // On a listener of its own, so registered there; described here all the same.
    whole.merge(Enrolment::openapi());
    whole
}

#[utoipa::path(
    get, path = paths::OPENAPI, tag = "reading", operation_id = "openapi",
    responses((status = 200, body = serde_json::Value, description = "OpenAPI 3.1"))
)]
/// This description.
pub(super) async fn serve() -> Plain<OpenApi> {
    Plain(description())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_of_the_interface_is_described_with_a_default_refusal() {
        let text = serde_json::to_value(description()).expect("JSON");
        assert_eq!(text["openapi"], "3.1.0");
        for path in [
            paths::PERSONALISATIONS,
            paths::PERSONALISATION_BATCH,
            paths::SAM_NATIONAL,
            paths::SAM_PROVINCIAL_KEYS,
            paths::SAM_PROVINCIAL_FILES,
            paths::STATUS,
            paths::KEYS,
            paths::TICKETS,
            paths::HAND_DOWNS,
            paths::PEERS,
            paths::IDENTITIES,
            paths::AUDIT_HEAD,
            paths::RENEWALS,
            paths::LEASES,
            paths::RECEIPTS,
            paths::HAND_DOWN_REQUESTS,
            paths::HAND_DOWN_PACKAGE,
            paths::COUNTERSIGNATURES,
            paths::APPROVALS,
            paths::APPROVAL,
            paths::APPROVAL_SIGNATURES,
            paths::ENROLMENTS,
            paths::READY,
        ] {
            let operations = text["paths"][path].as_object().expect(path);
            for (method, operation) in operations {
                let refused = &operation["responses"]["default"];
                assert!(refused.is_object(), "{method} {path}");
            }
        }
    }

    /// A reference that leads nowhere would make every client generator stop.
    #[test]
    fn every_reference_leads_somewhere() {
        fn walk(value: &serde_json::Value, root: &serde_json::Value, seen: &mut usize) {
            if let Some(target) = value.get("$ref").and_then(|to| to.as_str()) {
                let pointer = target.strip_prefix('#').expect("a local reference");
                assert!(root.pointer(pointer).is_some(), "{target}");
                *seen += 1;
            }
            match value {
                serde_json::Value::Object(members) => {
                    members.values().for_each(|member| walk(member, root, seen));
                }
                serde_json::Value::Array(items) => {
                    items.iter().for_each(|item| walk(item, root, seen));
                }
                _ => {}
            }
        }
        let text = serde_json::to_value(description()).expect("JSON");
        let mut seen = 0;
        walk(&text, &text, &mut seen);
        assert!(seen > 20, "{seen} references");
    }
}
