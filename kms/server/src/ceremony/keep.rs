//! What became of a step: keys into the table, shares and back-up into files, the step onto the list; all before the
//! transaction that records its end. A file that was written for a step which then is not recorded is written again.

use std::path::{Path, PathBuf};

use cardlib_card::delivery::test_maker_label;
use cardlib_card::gm::sm2::SigningKey;
use kms_core::ceremony::file::Maker;
use kms_core::ceremony::transcript::{Done, FileResult, KeyResult};
use kms_core::ceremony::{Body, Deed, Step, Transcript, digest};
use kms_core::port::{BackedUp, HeldKey, Outcome, Seal};
use kms_platform::identity::secret_file;
use kms_platform::store::Conn;

use super::state::{Head, find_open, put_open, put_transcript};
use super::{Ordered, text};
use crate::records::people;
use crate::refusal::{self, Refusal, Result};
use crate::refuse;
use crate::service::Service;

/// File of a transcript.
#[must_use]
pub fn transcript_path(out: &Path, number: u64) -> PathBuf {
    out.join(format!("ceremony-{number}.transcript.json"))
}

impl Service {
    pub(crate) async fn keep_step(
        &self,
        conn: &mut Conn,
        ordered: &Ordered,
        outcomes: Vec<Outcome>,
        officers: &str,
    ) -> Result<()> {
        let Some(step) = &ordered.step else {
            return self.keep_seal(conn, &ordered.out, outcomes).await;
        };
        let mut open = find_open(conn).await?.ok_or_else(lost)?;
        if let Deed::MakerKey(maker) = &step.deed {
            self.keep_maker(conn, maker, officers).await?;
        }
        let held = self.hsm.keys()?;
        let keys = results(step, &outcomes, &held);
        let mut files = Vec::new();
        for outcome in &outcomes {
            if let Outcome::BackedUp(made) = outcome {
                files = write_backup(&ordered.out, &digest(open.file.as_bytes()), made)?;
            }
        }
        self.sync_keys(conn, held).await?;
        open.done.push(Done {
            number: step.number,
            deed: step.deed.name().to_owned(),
            object: step.deed.object(),
            at: self.now(),
            officers: officers.to_owned(),
            keys,
            files,
        });
        put_open(conn, Some(&open)).await
    }

    async fn keep_maker(&self, conn: &mut Conn, maker: &Maker, officers: &str) -> Result<()> {
        let vendor = maker.vendor.to_ascii_uppercase();
        let mut key = [0; 64];
        match &maker.list_key {
            Some(text) => hex::decode_to_slice(text, &mut key)
                .map_err(|e| Refusal::about(&refusal::CEREMONY, e.to_string()))?,
            None => {
                let label = test_maker_label(&vendor);
                let test = SigningKey::from_label(label.as_bytes())
                    .map_err(|e| Refusal::about(&refusal::CEREMONY, e.to_string()))?;
                key = test.verifying_key().to_bytes();
            }
        }
        match people::maker(conn, &vendor).await? {
            Some(known) if known == key => Ok(()),
            Some(_) => Err(refuse!(
                &refusal::MAKER,
                "maker {vendor} has another key here",
                "本处登记的卡商 {vendor} 公钥不同"
            )),
            None => people::add_maker(conn, &vendor, &key, officers).await,
        }
    }

    /// The seal ends the ceremony: the transcript is written, kept, and the next one may begin.
    async fn keep_seal(&self, conn: &mut Conn, out: &Path, outcomes: Vec<Outcome>) -> Result<()> {
        let open = find_open(conn).await?.ok_or_else(lost)?;
        let Some(Outcome::Sealed(seal)) = outcomes.into_iter().next() else {
            return Err(lost());
        };
        let seal: Seal = *seal;
        let body = open.body.ok_or_else(lost)?;
        let number = serde_json::from_str::<Body>(&body)?.number;
        let head = Head {
            number,
            digest: digest(body.as_bytes()),
        };
        let transcript = Transcript {
            body,
            signatures: open.signatures,
            seal,
        }
        .to_text()?;
        let verified = Transcript::verify(transcript.as_bytes())?;
        write(&transcript_path(out, number), transcript.as_bytes())?;
        let people = out.join(format!("ceremony-{number}.transcript.txt"));
        write(&people, text::both(&verified).as_bytes())?;
        put_transcript(conn, head, &transcript).await
    }
}

fn lost() -> Refusal {
    refuse!(
        &refusal::CEREMONY,
        "the step's ceremony is open no more, or the HSM answered something else",
        "该步骤所属仪式已不在进行，或密码机应答不符"
    )
}

/// Keys that a step was about, as the HSM holds them now; a destroyed one as it was reviewed.
fn results(step: &Step, outcomes: &[Outcome], held: &[HeldKey]) -> Vec<KeyResult> {
    let ids: Vec<String> = match &step.deed {
        Deed::Generate(specs) | Deed::Combine(specs, _) => {
            specs.iter().map(|spec| spec.id.clone()).collect()
        }
        Deed::TestKeys(keys) => keys.iter().map(|(spec, _)| spec.id.clone()).collect(),
        Deed::BackUp(ids) => ids.clone(),
        Deed::Destroy(doomed) => {
            return vec![KeyResult {
                id: doomed.id.clone(),
                check_value: doomed.check_value.to_ascii_uppercase(),
                public_key: None,
            }];
        }
        _ => outcomes.iter().flat_map(brought_ids).collect(),
    };
    let held = held.iter().filter(|key| ids.contains(&key.spec.id));
    held.map(|key| KeyResult {
        id: key.spec.id.clone(),
        check_value: hex::encode_upper(key.check_value),
        public_key: key.public_key.map(hex::encode_upper),
    })
    .collect()
}

fn brought_ids(outcome: &Outcome) -> Vec<String> {
    let id = |key: &HeldKey| key.spec.id.clone();
    match outcome {
        Outcome::Key(key) => vec![id(key)],
        Outcome::Keys(keys) | Outcome::Imported { keys, .. } => keys.iter().map(id).collect(),
        _ => Vec::new(),
    }
}

fn write_backup(out: &Path, ceremony: &[u8; 32], made: &BackedUp) -> Result<Vec<FileResult>> {
    let sm3 = |text: &str| hex::encode_upper(digest(text.as_bytes()));
    let backup = format!("backup-{}.json", hex::encode_upper(&ceremony[..4]));
    write(&out.join(&backup), made.backup.as_bytes())?;
    let mut files = vec![FileResult {
        name: backup,
        custodian: None,
        digest: sm3(&made.backup),
    }];
    for (custodian, share) in &made.shares {
        let name = format!("{custodian}.share");
        secret_file::replace(&out.join(&name), share.as_bytes())
            .map_err(|e| Refusal::about(&refusal::STORE, e.to_string()))?;
        files.push(FileResult {
            name,
            custodian: Some(custodian.clone()),
            digest: sm3(share),
        });
    }
    Ok(files)
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    crate::cli::write_whole(path, bytes)
        .map_err(|e| Refusal::about(&refusal::STORE, format!("{}: {e}", path.display())))
}
