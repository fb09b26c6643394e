//! The keyed side of the record: each transaction that adds rows ends with a MAC over the chain's head, under a key that the
//! HSM derives. Who writes the database and does not command the HSM can continue the plain chain, and not this.
//!
//! `K = MAC(AUDIT_CHAIN, "rhc-audit-seal-1 0") ‖ MAC(AUDIT_CHAIN, "… 1")`, 16 bytes; seal = HMAC-SM3(K, number(8) ‖ head).

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use hmac::{Hmac, KeyInit, Mac};
use kms_core::catalogue::{AUDIT_CHAIN, key_id};
use kms_platform::audit;
use kms_platform::store::{Conn, Tx};
use sm3::Sm3;
use zeroize::Zeroizing;

use crate::refusal::Result;
use crate::service::Service;

/// After an HSM gave no key, rows go unsealed for this long before it is asked again; the next seal covers them.
const ASK_AGAIN: Duration = Duration::from_secs(5);

/// The key, once the HSM has derived it.
#[derive(Clone)]
pub struct ChainKey(Arc<Zeroizing<[u8; 16]>>);

/// What a service knows of its key.
#[derive(Default)]
pub struct Sealing(Mutex<State>);

#[derive(Default)]
struct State {
    key: Option<ChainKey>,
    failed: Option<Instant>,
}

impl ChainKey {
    pub(super) fn mac(&self, number: i64, head: &[u8]) -> Hmac<Sm3> {
        // A key of any length is one for HMAC.
        let keyed = Hmac::<Sm3>::new_from_slice(self.0.as_slice());
        let mut mac = keyed.unwrap_or_else(|_| Hmac::new(&Default::default()));
        mac.update(&number.to_be_bytes());
        mac.update(head);
        mac
    }
}

impl Service {
    /// Seals what this transaction added, if the service has its audit keys.
    pub(crate) async fn seal(&self, tx: &mut Tx) -> Result<()> {
        let Some(key) = self.chain_key(tx).await? else {
            return Ok(());
        };
        let head = audit::head(tx).await?;
        let mac = key.mac(head.seq, &head.hash).finalize().into_bytes();
        sqlx::query("INSERT INTO audit_seal (seq, mac) VALUES ($1, $2) ON CONFLICT DO NOTHING")
            .bind(head.seq)
            .bind(mac.as_slice())
            .execute(&mut **tx)
            .await?;
        Ok(())
    }

    /// None: the audit keys were not made yet, or the HSM does not answer.
    pub(crate) async fn chain_key(&self, conn: &mut Conn) -> Result<Option<ChainKey>> {
        {
            let known = self
                .sealing
                .0
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            if known.key.is_some() {
                return Ok(known.key.clone());
            }
            if known.failed.is_some_and(|at| at.elapsed() < ASK_AGAIN) {
                return Ok(None);
            }
        }
        let id = key_id(AUDIT_CHAIN, 0);
        let held: i64 = sqlx::query_scalar("SELECT count(*) FROM held_key WHERE id = $1")
            .bind(&id)
            .fetch_one(conn)
            .await?;
        if held == 0 {
            return Ok(None);
        }
        let derived = self
            .in_hsm(move |hsm| {
                let mut key = Zeroizing::new([0; 16]);
                for (part, text) in key.chunks_exact_mut(8).zip(["0", "1"]) {
                    let message = format!("rhc-audit-seal-1 {text}");
                    part.copy_from_slice(&hsm.mac(&id, message.as_bytes())?);
                }
                Ok(key)
            })
            .await;
        let mut known = self
            .sealing
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        match derived {
            Ok(key) => known.key = Some(ChainKey(Arc::new(key))),
            Err(error) => {
                tracing::warn!(%error, "audit rows go unsealed until the HSM answers");
                known.failed = Some(Instant::now());
            }
        }
        Ok(known.key.clone())
    }
}
