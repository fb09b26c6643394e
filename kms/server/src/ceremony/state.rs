//! The ceremony that is open and the transcripts of those that are over, as facts of the store. At most one is open: two
//! at once would be one chain with two ends.

use kms_core::approval::OfficerSignature;
use kms_core::ceremony::transcript::Done;
use kms_core::ceremony::{Ceremony, Deed, Step};
use kms_platform::store::Conn;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{NAME, Reviewed};
use crate::records::settings;
use crate::refusal::{self, Result};
use crate::refuse;
use crate::service::Service;
use kms_platform::audit::Outcome as Ending;

const OPEN: &str = "ceremony.open";
const HEAD: &str = "ceremony.head";

/// A ceremony between its first step and its seal.
#[derive(Clone, Serialize, Deserialize)]
pub struct Open {
    /// The reviewed file.
    pub file: String,
    /// Its reviews.
    pub reviews: Vec<OfficerSignature>,
    /// When it began.
    pub began: String,
    /// What is done.
    pub done: Vec<Done>,
    /// The transcript's text, once all is done.
    pub body: Option<String>,
    /// The officers' signatures on it.
    pub signatures: Vec<OfficerSignature>,
}

impl Open {
    /// As it was reviewed.
    #[must_use]
    pub fn reviewed(&self) -> Reviewed {
        Reviewed {
            file: self.file.clone().into_bytes(),
            reviews: self.reviews.clone(),
        }
    }
}

/// The last ceremony that is over.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub struct Head {
    /// Its number.
    pub number: u64,
    /// Its transcript.
    #[serde(with = "hex")]
    pub digest: [u8; 32],
}

/// The open one.
///
/// # Errors
/// The store failed.
pub async fn find_open(conn: &mut Conn) -> Result<Option<Open>> {
    Ok(settings::find::<Option<Open>>(conn, OPEN).await?.flatten())
}

pub(super) async fn put_open(conn: &mut Conn, open: Option<&Open>) -> Result<()> {
    settings::put(conn, OPEN, &open).await
}

/// The last one that is over.
///
/// # Errors
/// The store failed.
pub async fn head(conn: &mut Conn) -> Result<Option<Head>> {
    settings::find(conn, HEAD).await
}

/// A transcript by its number.
///
/// # Errors
/// There is none, or the store failed.
pub async fn transcript(conn: &mut Conn, number: u64) -> Result<String> {
    settings::get(conn, &format!("{NAME}.{number}")).await
}

pub(super) async fn put_transcript(conn: &mut Conn, head: Head, text: &str) -> Result<()> {
    settings::put(conn, &format!("{NAME}.{}", head.number), &text).await?;
    settings::put(conn, HEAD, &head).await?;
    put_open(conn, None).await
}

impl Service {
    /// The open ceremony.
    ///
    /// # Errors
    /// None is open.
    pub async fn open_one(&self) -> Result<Open> {
        let mut conn = self.store.pool().acquire().await?;
        find_open(&mut conn).await?.ok_or_else(|| {
            refuse!(
                &refusal::UNKNOWN,
                "no ceremony is open here",
                "本处没有进行中的仪式"
            )
        })
    }

    /// The open ceremony, which is this one.
    pub(super) async fn opened(&self, name: &[u8; 32]) -> Result<Open> {
        let open = self.open_one().await?;
        if kms_core::ceremony::digest(open.file.as_bytes()) == *name {
            return Ok(open);
        }
        Err(refuse!(
            &refusal::EXISTS,
            "another ceremony is open: end it with `ceremony resume` or `ceremony abandon`",
            "另有仪式未结束：请用 ceremony resume 继续或 ceremony abandon 放弃"
        ))
    }

    /// Opens this ceremony, or finds it open. One that has done nothing yet makes way for another.
    pub(super) async fn open_ceremony(
        &self,
        ceremony: &Ceremony,
        name: &[u8; 32],
        reviewed: &Reviewed,
        steps: &[Step],
    ) -> Result<()> {
        let mut tx = self.begin().await?;
        if let Some(open) = find_open(&mut tx).await?
            && !(open.done.is_empty() && open.body.is_none())
        {
            drop(tx);
            return self.opened(name).await.map(drop);
        }
        self.check_fresh(&mut tx, name, steps).await?;
        let text = hex::encode_upper(name);
        let detail =
            json!({ "kind": ceremony.kind(), "title": ceremony.title, "author": ceremony.author });
        let begun = self
            .before(&mut tx, &ceremony.author, NAME, &text, &detail)
            .await?;
        let open = Open {
            file: String::from_utf8_lossy(&reviewed.file).into_owned(),
            reviews: reviewed.reviews.clone(),
            began: self.now(),
            done: Vec::new(),
            body: None,
            signatures: Vec::new(),
        };
        put_open(&mut tx, Some(&open)).await?;
        self.after(&mut tx, begun, &Ending::Done).await?;
        self.commit(tx).await
    }

    /// A ceremony happens once, and makes only keys that are not there.
    async fn check_fresh(&self, conn: &mut Conn, name: &[u8; 32], steps: &[Step]) -> Result<()> {
        let last = head(conn).await?.map_or(0, |head| head.number);
        for number in 1..=last {
            let Some(text) = settings::find::<String>(conn, &format!("{NAME}.{number}")).await?
            else {
                continue;
            };
            if text.contains(&hex::encode(name)) {
                return Err(refuse!(
                    &refusal::EXISTS,
                    "this very ceremony took place as number {number}",
                    "该仪式已作为第 {number} 次举行过"
                ));
            }
        }
        // What an opened ceremony that was cut off in its first step made already is no stranger's.
        if find_open(conn)
            .await?
            .is_some_and(|open| kms_core::ceremony::digest(open.file.as_bytes()) == *name)
        {
            return Ok(());
        }
        let held = self.held_ids()?;
        let made = steps.iter().flat_map(|step| match &step.deed {
            Deed::Generate(specs) | Deed::Combine(specs, _) => {
                specs.iter().map(|spec| spec.id.clone()).collect()
            }
            Deed::TestKeys(keys) => keys.iter().map(|(spec, _)| spec.id.clone()).collect(),
            _ => Vec::new(),
        });
        match made.into_iter().find(|id| held.contains(id)) {
            Some(id) => Err(refuse!(
                &refusal::EXISTS,
                "the HSM holds {id} already; a ceremony of kind destroy comes first",
                "密码机已有密钥 {id}；请先举行销毁仪式"
            )),
            None => Ok(()),
        }
    }
}
