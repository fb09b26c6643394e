//! Carrying a reviewed ceremony out: step by step, each recorded before it is done, so that a power cut leaves nothing
//! half done and the next run goes on where this one stopped.
//!
//! | module | one idea |
//! |---|---|
//! | [`brought`] | what people bring into the room: custodians' entries, packages, back-ups |
//! | [`state`] | the ceremony that is open, and those that are over, in the store |
//! | [`orders`] | a step as orders to the HSM |
//! | [`keep`] | what became of a step, in the transaction that records its end |
//! | [`text`] | a transcript for people, in both languages |

pub mod brought;
pub(crate) mod keep;
mod orders;
pub mod state;
pub mod text;

use std::path::{Path, PathBuf};

use kms_core::approval::{Officer, OfficerSignature};
use kms_core::ceremony::transcript::{FORMAT, Machine};
use kms_core::ceremony::{Body, Ceremony, Step, Transcript, digest, transcript_statement};
use kms_core::handdown::admit;
use kms_core::policy::{DeviceError, Role, Signer};
use kms_core::port::{Keeper, Operation};
use kms_platform::store::Conn;

use crate::act::Act;
use crate::records::people;
use crate::refusal::{self, Refusal, Result};
use crate::refuse;
use crate::service::Service;
use brought::Brought;
use state::Open;

/// Name of everything a ceremony does, in the audit.
pub(crate) const NAME: &str = "ceremony";

/// Orders of one step, or the seal; never in a file, since what custodians confided is in it.
#[derive(Clone)]
pub struct Ordered {
    pub(crate) operations: Vec<Operation>,
    pub(crate) author: String,
    /// `None`: the seal.
    pub(crate) step: Option<Step>,
    pub(crate) out: PathBuf,
}

impl Ordered {
    /// What the officers sign in words, beside the orders.
    pub(crate) fn subject(&self) -> String {
        let step = self.step.as_ref();
        step.map_or_else(
            || "seal".to_owned(),
            |step| {
                format!(
                    "{} {} {}",
                    step.number,
                    step.deed.name(),
                    step.deed.object()
                )
            },
        )
    }
}

/// A ceremony's reviewed text and who reviewed it.
pub struct Reviewed {
    /// Exact bytes.
    pub file: Vec<u8>,
    /// Signatures over [`kms_core::ceremony::review_statement`].
    pub reviews: Vec<OfficerSignature>,
}

/// What is over.
pub struct Concluded {
    /// Its number.
    pub number: u64,
    /// The transcript's text.
    pub transcript: String,
    /// Where it was written.
    pub path: PathBuf,
}

/// Told before each step: its number, how many there are, its name, what it is about.
pub type Progress<'a> = &'a mut dyn FnMut(usize, usize, &str, &str);

impl Service {
    /// Begins or continues a ceremony and carries it to its end.
    ///
    /// # Errors
    /// The file, its reviews, the officers present or what was brought are not right, or the HSM refuses: what was done
    /// before stays done and on record, and the same call goes on from there.
    pub async fn run_ceremony(
        &self,
        reviewed: &Reviewed,
        officers: &[&dyn Signer],
        brought: &Brought,
        progress: Progress<'_>,
    ) -> Result<Concluded> {
        let done = self
            .try_ceremony(reviewed, officers, brought, progress)
            .await;
        match done {
            Ok(done) => Ok(done),
            Err(refusal) => {
                let name = hex::encode_upper(digest(&reviewed.file));
                Err(self.refused("officers", NAME, &name, refusal).await)
            }
        }
    }

    async fn try_ceremony(
        &self,
        reviewed: &Reviewed,
        officers: &[&dyn Signer],
        brought: &Brought,
        progress: Progress<'_>,
    ) -> Result<Concluded> {
        let ceremony = Ceremony::parse(&reviewed.file)?;
        let name = digest(&reviewed.file);
        self.check_place(&ceremony)?;
        self.check_people(&ceremony, &name, reviewed, officers)
            .await?;
        let steps = ceremony.steps(self.profile)?;
        brought.check(&name, &ceremony)?;
        self.open_ceremony(&ceremony, &name, reviewed, &steps)
            .await?;
        for step in &steps {
            let open = self.opened(&name).await?;
            if open.done.iter().any(|done| done.number == step.number) {
                continue;
            }
            let (deed, object) = (step.deed.name(), step.deed.object());
            progress(step.number, steps.len(), deed, &object);
            self.carry_step(&ceremony, &name, step, officers, brought)
                .await?;
        }
        self.conclude(&name, officers, &brought.out, "complete")
            .await
    }

    /// Ends the open ceremony as it stands; what was done is in the transcript, and nothing more will be.
    ///
    /// # Errors
    /// None is open, or the officers are not its officers.
    pub async fn abandon_ceremony(
        &self,
        officers: &[&dyn Signer],
        out: &Path,
    ) -> Result<Concluded> {
        let open = self.open_one().await?;
        let ceremony = Ceremony::parse(open.file.as_bytes())?;
        let name = digest(open.file.as_bytes());
        let reviewed = open.reviewed();
        self.check_people(&ceremony, &name, &reviewed, officers)
            .await?;
        self.conclude(&name, officers, out, "abandoned").await
    }

    /// The file is for this service, this HSM, and an HSM that can.
    fn check_place(&self, ceremony: &Ceremony) -> Result<()> {
        if self.hsm.nature().officers != Keeper::Hsm {
            return Err(refuse!(
                &refusal::CEREMONY,
                "this HSM checks no officers itself and keeps no custodians; make its roots with rhc-kms init",
                "该密码机本身不核对管理员、不支持保管人；请用 rhc-kms init 生成根密钥"
            ));
        }
        if ceremony.tier()? != self.tier {
            return Err(refuse!(
                &refusal::WRONG_TIER,
                "the ceremony is {}'s, this is {}",
                "该仪式属于 {}，本处为 {}",
                ceremony.tier()?,
                self.tier
            ));
        }
        admit(self.mark, ceremony.mark)?;
        let hsm = hex::encode_upper(self.hsm.identity()?.fingerprint);
        if !ceremony.hsm.eq_ignore_ascii_case(&hsm) {
            return Err(refuse!(
                &refusal::RECEIVER,
                "the ceremony was reviewed for another HSM; this one is {hsm}",
                "该仪式是为另一台密码机审定的；本机为 {hsm}"
            ));
        }
        Ok(())
    }

    /// Two who are not the author reviewed the very file; those in the room are the officers it names.
    async fn check_people(
        &self,
        ceremony: &Ceremony,
        name: &[u8; 32],
        reviewed: &Reviewed,
        officers: &[&dyn Signer],
    ) -> Result<()> {
        let mut conn = self.store.pool().acquire().await?;
        let enrolled = key_officers(&mut conn).await?;
        ceremony.check_reviews(name, &reviewed.reviews, &enrolled)?;
        let stranger = officers
            .iter()
            .find(|officer| !ceremony.officers.iter().any(|name| name == officer.name()));
        if let Some(stranger) = stranger {
            return Err(refuse!(
                &refusal::OFFICER,
                "{} is no officer of this ceremony",
                "{} 不是本仪式的管理员",
                stranger.name()
            ));
        }
        Ok(())
    }

    /// One step: through the door, its orders executed, its results kept; also one that needs no order.
    async fn carry_step(
        &self,
        ceremony: &Ceremony,
        name: &[u8; 32],
        step: &Step,
        officers: &[&dyn Signer],
        brought: &Brought,
    ) -> Result<()> {
        let operations = self.step_orders(ceremony, name, step, brought).await?;
        let ordered = Ordered {
            operations,
            author: ceremony.author.clone(),
            step: Some(step.clone()),
            out: brought.out.clone(),
        };
        let act = Act::Ceremony(Box::new(ordered));
        self.carry_out(&act, officers).await.map(drop)
    }

    /// Body, officers' signatures, seal; each of them durable before the next.
    async fn conclude(
        &self,
        name: &[u8; 32],
        officers: &[&dyn Signer],
        out: &Path,
        outcome: &str,
    ) -> Result<Concluded> {
        let mut open = self.opened(name).await?;
        if open.body.is_none() {
            let body = self.body(&open, name, outcome).await?.to_text()?;
            let statement = transcript_statement(&digest(body.as_bytes()));
            for officer in officers {
                open.signatures.push(OfficerSignature {
                    officer: officer.name().to_owned(),
                    signature: officer.sign_message(statement.as_bytes()).map_err(device)?,
                });
            }
            open.body = Some(body);
            let mut tx = self.begin().await?;
            state::put_open(&mut tx, Some(&open)).await?;
            self.commit(tx).await?;
        }
        let body = open.body.unwrap_or_default();
        let said: Body = serde_json::from_str(&body)?;
        let ceremony = Ceremony::parse(said.file.as_bytes())?;
        let ordered = Ordered {
            operations: vec![Operation::Seal {
                ceremony: *name,
                previous: said.previous,
                transcript: digest(body.as_bytes()),
            }],
            author: ceremony.author,
            step: None,
            out: out.to_owned(),
        };
        let act = Act::Ceremony(Box::new(ordered));
        self.carry_out(&act, officers).await?;
        let mut conn = self.store.pool().acquire().await?;
        let transcript = state::transcript(&mut conn, said.number).await?;
        Transcript::verify(transcript.as_bytes())?;
        Ok(Concluded {
            number: said.number,
            transcript,
            path: keep::transcript_path(out, said.number),
        })
    }

    async fn body(&self, open: &Open, name: &[u8; 32], outcome: &str) -> Result<Body> {
        let hsm = self.hsm.identity()?;
        let mut conn = self.store.pool().acquire().await?;
        let known = state::head(&mut conn).await?;
        if known.is_some_and(|head| (head.number, head.digest) != hsm.ceremonies) {
            return Err(refuse!(
                &refusal::CEREMONY_CHAIN,
                "the HSM's last ceremony is not this store's; one of them was put back",
                "密码机的上一次仪式与本库不一致；其中之一被回退过"
            ));
        }
        let (count, previous) = hsm.ceremonies;
        Ok(Body {
            format: FORMAT.to_owned(),
            number: count + 1,
            previous,
            ceremony: *name,
            file: open.file.clone(),
            reviews: open.reviews.clone(),
            profile: self.profile.name.clone(),
            hsm: Machine::of(&hsm),
            officers: key_officers(&mut conn).await?,
            began: open.began.clone(),
            ended: self.now(),
            outcome: outcome.to_owned(),
            steps: open.done.clone(),
        })
    }
}

/// The service's key officers with their keys; who is locked out is none.
async fn key_officers(conn: &mut Conn) -> Result<Vec<Officer>> {
    let persons = people::persons(conn).await?.into_iter();
    let officers = persons.filter(|one| !one.locked && one.roles.contains(&Role::KeyOfficer));
    Ok(officers
        .map(|one| Officer {
            name: one.name,
            public_key: one.public_key,
        })
        .collect())
}

/// An officer's key that does not sign.
fn device(error: DeviceError) -> Refusal {
    Refusal::about(&refusal::BAD_SIGNATURE, error.to_string())
}
