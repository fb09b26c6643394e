//! Requests that wait for signatures: listed, read exactly as they are signed, and signed on each officer's own device. The
//! signature, the roles, the rate and the lock-out are checked at the one door ([`crate::door`]); here only who speaks.

use axum::extract::State;
use kms_api::{
    ApprovalRequest, ApprovalRow, ApprovalStanding, Page, PageQuery, SignedApproval, paths,
};
use kms_core::policy::{Approval, same_person};
use kms_platform::name::{Peer, Role};
use kms_platform::problem::{Json, Path, Query};

use super::openapi::Refused;
use super::pages::page;
use super::reading::OFFICE;
use super::{Answer, Shared, answer};
use crate::door;
use crate::records::approvals;
use crate::refusal::{self, Result};
use crate::refuse;
use crate::service::Service;

#[utoipa::path(
    get, path = paths::APPROVALS, tag = "approving", operation_id = "approvals", params(PageQuery),
    responses((status = 200, body = Page<ApprovalRow>), (status = "default", response = Refused))
)]
/// Requests that wait for signatures and those carried out, oldest first. For officers, clerks, operators.
pub(super) async fn approvals(
    State(service): Shared,
    peer: Peer,
    Query(query): Query<PageQuery>,
) -> Answer<Page<ApprovalRow>> {
    peer.require(&OFFICE)?;
    answer(rows(&service, &query).await)
}

async fn rows(service: &Service, query: &PageQuery) -> Result<Page<ApprovalRow>> {
    let mut conn = service.store.pool().acquire().await?;
    let all = approvals::all(&mut conn).await?.into_iter();
    let rows = all.map(|one| ApprovalRow {
        id: one.id,
        operation: one.operation,
        asked_by: one.asked_by,
        state: one.state,
        created: one.created,
        expires: one.expires,
        signed: one.signed,
    });
    page(rows.collect(), |row| &row.id, query)
}

#[utoipa::path(
    get, path = paths::APPROVAL, tag = "approving", operation_id = "approval",
    params(("id" = String, Path, description = "Id of the request")),
    responses((status = 200, body = ApprovalRequest), (status = "default", response = Refused))
)]
/// A request that waits, as its approvers read and sign it. For officers, clerks, operators.
pub(super) async fn approval(
    State(service): Shared,
    peer: Peer,
    Path(id): Path<String>,
) -> Answer<ApprovalRequest> {
    peer.require(&OFFICE)?;
    answer(shown(&service, &id).await)
}

async fn shown(service: &Service, id: &str) -> Result<ApprovalRequest> {
    let order = {
        let mut conn = service.store.pool().acquire().await?;
        approvals::get(&mut conn, printable(id)?).await?
    };
    let rule = door::rule(&order.request().operation)?;
    Ok(ApprovalRequest {
        text: order.request().text(rule),
        sm3: hex::encode_upper(order.request().hash(rule)),
        order: order.to_json()?,
    })
}

#[utoipa::path(
    post, path = paths::APPROVAL_SIGNATURES, tag = "approving", operation_id = "approve",
    params(("id" = String, Path, description = "Id of the request")), request_body = SignedApproval,
    responses((status = 200, body = ApprovalStanding), (status = "default", response = Refused))
)]
/// An officer's own signature for a request that waits. The certificate must be that officer's, so nobody can lock out another.
pub(super) async fn approve(
    State(service): Shared,
    peer: Peer,
    Path(id): Path<String>,
    Json(body): Json<SignedApproval>,
) -> Answer<ApprovalStanding> {
    peer.require(&[Role::Officer])?;
    let enough = match own_approval(&peer, &id, &body) {
        Ok(approval) => service.approve(&id, approval).await?,
        Err(refusal) => {
            let actor = peer.to_string();
            return Err(service
                .refused(&actor, "approval.give", "", refusal)
                .await
                .into());
        }
    };
    Ok(Json(ApprovalStanding { enough }))
}

fn own_approval(peer: &Peer, id: &str, body: &SignedApproval) -> Result<Approval> {
    printable(id)?;
    if !same_person(&peer.name, &body.officer) {
        return Err(refuse!(
            &refusal::ROLE,
            "{peer} gives its own signature only",
            "{peer} 只能提交本人的签名"
        ));
    }
    serde_json::from_value::<Approval>(serde_json::to_value(body)?)
        .map_err(|_| refuse!(&refusal::INVALID, "the signature", "签名"))
}

/// Ids are ours: no character that a database would stumble over.
pub(super) fn printable(id: &str) -> Result<&str> {
    if id.len() <= 64 && id.bytes().all(|b| b.is_ascii_graphic()) {
        Ok(id)
    } else {
        Err(refuse!(&refusal::UNKNOWN, "no such id", "无此编号"))
    }
}
