//! Other HSMs: enrolled by one person, confirmed by two officers.

use kms_core::handdown::PeerFile;
use kms_platform::store::Conn;

use crate::refusal::{self, Result};
use crate::refuse;

/// An enrolled HSM.
#[derive(Clone, Debug)]
pub struct Peer {
    /// `province-41`
    pub name: String,
    /// `upper`, `lower` or `maker`.
    pub kind: String,
    /// Its public keys.
    pub file: PeerFile,
    /// Who enrolled it.
    pub requester: String,
    /// Whether two officers have confirmed the fingerprint.
    pub confirmed: bool,
}

/// Enrols a peer, still waiting; one that waits is replaced, a confirmed one not.
///
/// # Errors
/// It is confirmed already, or the store failed.
pub async fn add(
    conn: &mut Conn,
    name: &str,
    kind: &str,
    file: &PeerFile,
    requester: &str,
) -> Result<()> {
    let done = sqlx::query(
        "INSERT INTO peer (name, kind, file, requester, state) VALUES ($1, $2, $3, $4, 'waiting')
         ON CONFLICT (name) DO UPDATE SET kind = excluded.kind, file = excluded.file, requester = excluded.requester
         WHERE peer.state = 'waiting'",
    )
    .bind(name)
    .bind(kind)
    .bind(serde_json::to_string(file)?)
    .bind(requester)
    .execute(conn)
    .await?;
    match done.rows_affected() {
        1 => Ok(()),
        _ => Err(refuse!(
            &refusal::EXISTS,
            "{name} is confirmed already",
            "{name} 已确认"
        )),
    }
}

/// Marks a peer as confirmed.
///
/// # Errors
/// The store failed.
pub async fn confirm(conn: &mut Conn, name: &str) -> Result<()> {
    sqlx::query("UPDATE peer SET state = 'confirmed' WHERE name = $1")
        .bind(name)
        .execute(conn)
        .await?;
    Ok(())
}

/// All peers.
///
/// # Errors
/// The store failed.
pub async fn all(conn: &mut Conn) -> Result<Vec<Peer>> {
    let rows: Vec<(String, String, String, String, String)> =
        sqlx::query_as("SELECT name, kind, file, requester, state FROM peer ORDER BY name")
            .fetch_all(conn)
            .await?;
    rows.into_iter()
        .map(|(name, kind, file, requester, state)| {
            Ok(Peer {
                name,
                kind,
                file: serde_json::from_str(&file)?,
                requester,
                confirmed: state == "confirmed",
            })
        })
        .collect()
}

/// One peer.
///
/// # Errors
/// Unknown, or the store failed.
pub async fn get(conn: &mut Conn, name: &str) -> Result<Peer> {
    let found = all(conn).await?.into_iter().find(|peer| peer.name == name);
    found.ok_or_else(|| {
        refuse!(
            &refusal::NOT_ENROLLED,
            "no HSM `{name}` was enrolled here",
            "本处未登记密码机 `{name}`"
        )
    })
}
