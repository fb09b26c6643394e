//! Chips that makers have delivered, and what each is bound to.

use cardlib_card::delivery::{DeliveryList, Kind};
use kms_core::binding::{Binding, ChipKind, DeliveredChip};
use kms_core::tier::Factor;
use kms_platform::store::Conn;
use sqlx::Row;

use crate::refusal::{self, Result};
use crate::refuse;

/// Takes a verified list in: all of it, or nothing. The same list again changes nothing.
///
/// # Errors
/// The number is taken by another list, an item stands on another list, or the store failed.
pub async fn add_list(
    conn: &mut Conn,
    list: &DeliveryList,
    digest: &str,
    at: &str,
) -> Result<bool> {
    let kind = kind_word(list.kind);
    let sequence = i64::try_from(list.sequence)
        .map_err(|_| refuse!(&refusal::DELIVERY, "sequence number", "清单序号"))?;
    let known: Option<String> = sqlx::query_scalar(
        "SELECT digest FROM delivery WHERE maker = $1 AND kind = $2 AND sequence = $3",
    )
    .bind(&list.maker)
    .bind(kind)
    .bind(sequence)
    .fetch_optional(&mut *conn)
    .await?;
    if let Some(known) = known {
        let same = known == digest;
        let other = || {
            refuse!(
                &refusal::DELIVERY,
                "list {sequence} of this maker was imported with other content",
                "该卡商第 {sequence} 号清单已以不同内容导入"
            )
        };
        return if same { Ok(false) } else { Err(other()) };
    }
    sqlx::query("INSERT INTO delivery (maker, kind, sequence, digest, items, imported) VALUES ($1, $2, $3, $4, $5, $6)")
        .bind(&list.maker)
        .bind(kind)
        .bind(sequence)
        .bind(digest)
        .bind(i64::try_from(list.items.len()).unwrap_or(i64::MAX))
        .bind(at)
        .execute(&mut *conn)
        .await?;
    for factor in list.factors() {
        let factor = hex::encode_upper(factor);
        let done = sqlx::query("INSERT INTO chip (factor, kind, maker, mark, sequence) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING")
            .bind(&factor)
            .bind(kind)
            .bind(&list.maker)
            .bind(list.mark.to_string())
            .bind(sequence)
            .execute(&mut *conn)
            .await?;
        if done.rows_affected() == 0 {
            return Err(refuse!(
                &refusal::DELIVERY,
                "{factor} stands on an earlier list",
                "{factor} 已在先前清单上"
            ));
        }
    }
    Ok(true)
}

fn kind_word(kind: Kind) -> &'static str {
    match kind {
        Kind::Card => "card",
        Kind::Sam => "sam",
    }
}

/// What the lists and earlier requests say about a chip.
///
/// # Errors
/// The store failed.
pub async fn find(conn: &mut Conn, factor: &Factor) -> Result<Option<DeliveredChip>> {
    let row = sqlx::query("SELECT kind, maker, mark, subject, data FROM chip WHERE factor = $1")
        .bind(hex::encode_upper(factor))
        .fetch_optional(conn)
        .await?;
    let Some(row) = row else { return Ok(None) };
    let damaged = || {
        refuse!(
            &refusal::STORE,
            "a chip's record cannot be read",
            "芯片记录无法读取"
        )
    };
    let (kind, maker, mark): (String, String, String) =
        (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
    let mut vendor = [0; 2];
    hex::decode_to_slice(&maker, &mut vendor).map_err(|_| damaged())?;
    let hash = |index: usize| -> Result<Option<[u8; 32]>> {
        let bytes: Option<Vec<u8>> = row.try_get(index)?;
        bytes
            .map(|bytes| bytes.try_into().map_err(|_| damaged()))
            .transpose()
    };
    let binding = hash(3)?
        .zip(hash(4)?)
        .map(|(subject, data)| Binding { subject, data });
    let kind = if kind == "sam" {
        ChipKind::Sam
    } else {
        ChipKind::Card
    };
    Ok(Some(DeliveredChip {
        factor: *factor,
        kind,
        maker: vendor,
        mark: mark.parse().map_err(|_| damaged())?,
        binding,
    }))
}

/// Number of the maker's list that a chip stands on.
///
/// # Errors
/// The store failed.
pub async fn list_of(conn: &mut Conn, factor: &Factor) -> Result<Option<u64>> {
    let found: Option<i64> = sqlx::query_scalar("SELECT sequence FROM chip WHERE factor = $1")
        .bind(hex::encode_upper(factor))
        .fetch_optional(conn)
        .await?;
    Ok(found.and_then(|number| u64::try_from(number).ok()))
}

/// Binds a chip; the table refuses a second time.
///
/// # Errors
/// The store failed.
pub async fn bind(conn: &mut Conn, factor: &Factor, binding: &Binding, at: &str) -> Result<()> {
    sqlx::query("UPDATE chip SET subject = $1, data = $2, bound = $3 WHERE factor = $4")
        .bind(binding.subject.as_slice())
        .bind(binding.data.as_slice())
        .bind(at)
        .bind(hex::encode_upper(factor))
        .execute(conn)
        .await?;
    Ok(())
}

/// The certificate made for a SAM.
///
/// # Errors
/// The store failed.
pub async fn certificate(conn: &mut Conn, factor: &Factor) -> Result<Option<Vec<u8>>> {
    let found: Option<Option<Vec<u8>>> =
        sqlx::query_scalar("SELECT certificate FROM chip WHERE factor = $1")
            .bind(hex::encode_upper(factor))
            .fetch_optional(conn)
            .await?;
    Ok(found.flatten())
}

/// Keeps the certificate made for a SAM.
///
/// # Errors
/// The store failed.
pub async fn set_certificate(conn: &mut Conn, factor: &Factor, certificate: &[u8]) -> Result<()> {
    sqlx::query("UPDATE chip SET certificate = $1 WHERE factor = $2")
        .bind(certificate)
        .bind(hex::encode_upper(factor))
        .execute(conn)
        .await?;
    Ok(())
}

/// The challenge that a SAM's key pair has to be proved with, of its latest stage a.
///
/// # Errors
/// The store failed.
pub async fn challenge(conn: &mut Conn, factor: &Factor) -> Result<Option<[u8; 32]>> {
    let found: Option<Option<Vec<u8>>> =
        sqlx::query_scalar("SELECT challenge FROM chip WHERE factor = $1")
            .bind(hex::encode_upper(factor))
            .fetch_optional(conn)
            .await?;
    Ok(found.flatten().and_then(|bytes| bytes.try_into().ok()))
}

/// Keeps the challenge that went out with stage a.
///
/// # Errors
/// The store failed.
pub async fn set_challenge(conn: &mut Conn, factor: &Factor, challenge: &[u8; 32]) -> Result<()> {
    sqlx::query("UPDATE chip SET challenge = $1 WHERE factor = $2")
        .bind(challenge.as_slice())
        .bind(hex::encode_upper(factor))
        .execute(conn)
        .await?;
    Ok(())
}

/// The SAM that has a certificate for this key (bytes 62–125 of a certificate, D21).
///
/// # Errors
/// The store failed.
pub async fn certified_with(conn: &mut Conn, public_key: &[u8; 64]) -> Result<Option<String>> {
    let sql = "SELECT factor FROM chip WHERE certificate IS NOT NULL AND substr(certificate, 63, 64) = $1";
    Ok(sqlx::query_scalar(sql)
        .bind(public_key.as_slice())
        .fetch_optional(conn)
        .await?)
}

/// The ticket with which a chip's latest script was made.
///
/// # Errors
/// The store failed.
pub async fn ticket(conn: &mut Conn, factor: &Factor) -> Result<Option<String>> {
    let found: Option<Option<String>> =
        sqlx::query_scalar("SELECT ticket FROM chip WHERE factor = $1")
            .bind(hex::encode_upper(factor))
            .fetch_optional(conn)
            .await?;
    Ok(found.flatten())
}

/// Notes the ticket of a chip's script.
///
/// # Errors
/// The store failed.
pub async fn set_ticket(conn: &mut Conn, factor: &Factor, ticket: &str) -> Result<()> {
    sqlx::query("UPDATE chip SET ticket = $1 WHERE factor = $2")
        .bind(ticket)
        .bind(hex::encode_upper(factor))
        .execute(conn)
        .await?;
    Ok(())
}
