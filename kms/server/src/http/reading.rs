//! Status and lists: read-only, without key bytes and persons.

use std::collections::HashMap;

use axum::extract::State;
use kms_api::{
    AuditHead, HandDownRow, IdentityRow, KeyTable, Page, PageQuery, PeerRow, ServiceStatus,
    TicketRow, paths,
};
use kms_core::handdown::GrantState;
use kms_core::ticket::TicketState;
use kms_platform::audit;
use kms_platform::clock::stamp;
use kms_platform::name::{Peer, Role};
use kms_platform::problem::{Json, Query};

use super::pages::page;
use super::{Answer, Shared, answer};
use crate::cli::tables;
use crate::records::{alarms, enrolments, hand_downs, identities, peers, tickets};
use crate::refusal::Result;
use crate::service::Service;

/// Alarms that wait, for the metric.
pub(super) async fn alarms_open(service: &Service) -> Result<i64> {
    alarms::open(&mut *service.store.pool().acquire().await?).await
}

type Connection = kms_platform::sqlx::pool::PoolConnection<kms_platform::sqlx::Any>;

/// Who may read what concerns the office only.
pub(super) const OFFICE: [Role; 3] = [Role::Officer, Role::Clerk, Role::Operator];

#[utoipa::path(
    get, path = paths::STATUS, tag = "reading", operation_id = "status",
    responses((status = 200, body = ServiceStatus), (status = "default", response = super::openapi::Refused))
)]
/// Tier, mark, HSM, numbers. For everybody with a certificate.
pub(super) async fn status(State(service): Shared, _peer: Peer) -> Answer<ServiceStatus> {
    answer(tables::status(&service).await)
}

#[utoipa::path(
    get, path = paths::KEYS, tag = "reading", operation_id = "keys", params(PageQuery),
    responses((status = 200, body = KeyTable), (status = "default", response = super::openapi::Refused))
)]
/// The key table, never key bytes. For officers and clerks.
pub(super) async fn keys(
    State(service): Shared,
    peer: Peer,
    Query(query): Query<PageQuery>,
) -> Answer<KeyTable> {
    peer.require(&[Role::Officer, Role::Clerk])?;
    let whole = tables::key_table(&service).await?;
    let part = page(whole.keys, |row| &row.id, &query)?;
    Ok(Json(KeyTable {
        mark: whole.mark,
        keys: part.items,
        next: part.next,
    }))
}

#[utoipa::path(
    get, path = paths::TICKETS, tag = "reading", operation_id = "tickets", params(PageQuery),
    responses((status = 200, body = Page<TicketRow>), (status = "default", response = super::openapi::Refused))
)]
/// Tickets, oldest first. For officers, clerks, operators.
pub(super) async fn tickets(
    State(service): Shared,
    peer: Peer,
    Query(query): Query<PageQuery>,
) -> Answer<Page<TicketRow>> {
    peer.require(&OFFICE)?;
    let rows = ticket_rows(&service).await?;
    answer(page(rows, |row| &row.id, &query))
}

async fn acquire(service: &Service) -> Result<Connection> {
    Ok(service.store.pool().acquire().await?)
}

pub(super) async fn ticket_rows(service: &Service) -> Result<Vec<TicketRow>> {
    let mut conn = acquire(service).await?;
    let mut rows = Vec::new();
    for ticket in tickets::all(&mut conn).await? {
        let left = tickets::left(&mut conn, &ticket.id).await?;
        rows.push(TicketRow {
            left: left.and_then(|left| u64::try_from(left).ok()),
            kind: ticket.kind.as_str().to_owned(),
            quantity: ticket.quantity,
            requester: ticket.requester,
            valid_until: stamp(ticket.valid_until),
            state: match ticket.state {
                TicketState::Requested => "requested".to_owned(),
                TicketState::Approved { .. } => "approved".to_owned(),
            },
            id: ticket.id,
        });
    }
    Ok(rows)
}

#[utoipa::path(
    get, path = paths::HAND_DOWNS, tag = "reading", operation_id = "handDowns", params(PageQuery),
    responses((status = 200, body = Page<HandDownRow>), (status = "default", response = super::openapi::Refused))
)]
/// Hand-downs to lower tiers, oldest first. For officers, clerks, operators.
pub(super) async fn hand_downs(
    State(service): Shared,
    peer: Peer,
    Query(query): Query<PageQuery>,
) -> Answer<Page<HandDownRow>> {
    peer.require(&OFFICE)?;
    let mut conn = acquire(&service).await?;
    let grants = hand_downs::all(&mut conn).await?;
    let rows = grants.into_iter().map(|grant| HandDownRow {
        id: grant.id,
        receiver: grant.receiver,
        requester: grant.requester,
        state: match grant.state {
            GrantState::Requested => "requested".to_owned(),
            GrantState::Certified { .. } => "certified".to_owned(),
            GrantState::Granted { .. } => "granted".to_owned(),
        },
    });
    answer(page(rows.collect(), |row| &row.id, &query))
}

#[utoipa::path(
    get, path = paths::PEERS, tag = "reading", operation_id = "peers", params(PageQuery),
    responses((status = 200, body = Page<PeerRow>), (status = "default", response = super::openapi::Refused))
)]
/// Other HSMs known here, by name. For officers, clerks, operators.
pub(super) async fn peers(
    State(service): Shared,
    peer: Peer,
    Query(query): Query<PageQuery>,
) -> Answer<Page<PeerRow>> {
    peer.require(&OFFICE)?;
    let mut conn = acquire(&service).await?;
    let rows = peers::all(&mut conn).await?;
    let rows = rows.into_iter().map(|known| PeerRow {
        name: known.name,
        kind: known.kind,
        fingerprint: hex::encode_upper(known.file.fingerprint),
        confirmed: known.confirmed,
    });
    answer(page(rows.collect(), |row| &row.name, &query))
}

#[utoipa::path(
    get, path = paths::IDENTITIES, tag = "reading", operation_id = "identities", params(PageQuery),
    responses((status = 200, body = Page<IdentityRow>), (status = "default", response = super::openapi::Refused))
)]
/// Certificates issued here, in the order of issue. For officers, clerks, operators.
pub(super) async fn identities(
    State(service): Shared,
    peer: Peer,
    Query(query): Query<PageQuery>,
) -> Answer<Page<IdentityRow>> {
    peer.require(&OFFICE)?;
    let mut conn = acquire(&service).await?;
    let ends: HashMap<_, _> = enrolments::ends(&mut conn).await?.into_iter().collect();
    let rows = identities::all(&mut conn).await?;
    let rows = rows.into_iter().map(|one| IdentityRow {
        expires: ends.get(&one.serial).cloned().unwrap_or_default(),
        serial: one.serial,
        name: one.name,
        issued: one.issued,
        revoked: one.revoked,
        reason: one.reason,
    });
    answer(page(rows.collect(), |row| &row.serial, &query))
}

#[utoipa::path(
    get, path = paths::AUDIT_HEAD, tag = "reading", operation_id = "auditHead",
    responses((status = 200, body = AuditHead), (status = "default", response = super::openapi::Refused))
)]
/// The last row of the audit chain, for a witness to keep. For everybody with a certificate.
pub(super) async fn audit_head(State(service): Shared, _peer: Peer) -> Answer<AuditHead> {
    let mut conn = acquire(&service).await?;
    let head = audit::head(&mut conn).await?;
    Ok(Json(AuditHead {
        rows: u64::try_from(head.seq).unwrap_or(0),
        hash: hex::encode_upper(head.hash),
    }))
}
