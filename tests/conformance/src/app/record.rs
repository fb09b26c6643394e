//! The record of an order, whatever its suite: begun, or gone on with where it was interrupted; closed with reports and
//! signature.

use std::collections::BTreeSet;

use cardlib_card::gm::sm2::SigningKey;

use super::report::conclude;
use super::{Failure, environment, now};
use crate::cli;
use crate::evidence::chain::{self, Writer};
use crate::evidence::record::{CaseEnd, Record, RunHead, Sink};
use crate::evidence::{key, package, resume};
use crate::report::{self, pdf};
use crate::run::Tally;
use crate::suite::Kind;
use crate::words::say;

/// What is written at the head of a record about the suite and the product.
pub(crate) struct Subject {
    pub(crate) suite: Kind,
    /// Edition of the suite.
    pub(crate) edition: String,
    pub(crate) preset: String,
    /// Where the product lies.
    pub(crate) bench: String,
    pub(crate) planned: usize,
    pub(crate) samples: u32,
}

/// A record under way.
pub(crate) struct Open {
    pub(crate) writer: Writer,
    pub(crate) head: RunHead,
    /// Cases that came to an end before an interruption.
    pub(crate) before: Vec<CaseEnd>,
    signer: SigningKey,
}

/// Looks before anything is done whether the order can be closed in the end: no finished run in its folder, a usable key.
///
/// # Errors
/// [`Failure`].
pub(crate) fn signer(order: &cli::Run) -> Result<SigningKey, Failure> {
    let signer = match &order.key {
        Some(path) => key::read(path).map_err(environment)?,
        None => key::rehearsal().map_err(environment)?,
    };
    if package::is_sealed(&order.out) {
        return Err(Failure::Usage(format!(
            "{}: {}",
            order.out.display(),
            say(
                "this run is finished and signed; give another --out",
                "该次检测已完成并签名；请给出其他 --out"
            )
        )));
    }
    Ok(signer)
}

/// A new record, or the interrupted one of the same run.
///
/// # Errors
/// The folder cannot be written, or holds another run.
pub(crate) fn open(
    order: &cli::Run,
    subject: Subject,
    signer: SigningKey,
) -> Result<Open, Failure> {
    std::fs::create_dir_all(&order.out)
        .map_err(|e| environment(format!("{}: {e}", order.out.display())))?;
    let mut head = head(order, subject);
    if order.out.join(chain::FILE).exists() {
        let resumed = resume::resume(&order.out).map_err(environment)?;
        if order.seed.is_none() {
            head.seed.clone_from(&resumed.head.seed);
        }
        resume::same_run(&resumed.head, &head).map_err(|e| Failure::Usage(e.to_string()))?;
        eprintln!(
            "{} {}",
            say("going on after case", "从中断处继续，已完成用例数"),
            resumed.ends.len()
        );
        return Ok(Open {
            writer: resumed.writer,
            head: resumed.head,
            before: resumed.ends,
            signer,
        });
    }
    if order.seed.is_none() {
        let mut drawn = [0u8; 16];
        getrandom::fill(&mut drawn).map_err(environment)?;
        head.seed = hex::encode(drawn);
    }
    let mut writer = Writer::create(&order.out).map_err(environment)?;
    writer.note(&Record::Run(head.clone()));
    Ok(Open {
        writer,
        head,
        before: Vec::new(),
        signer,
    })
}

fn head(order: &cli::Run, subject: Subject) -> RunHead {
    RunHead {
        harness: env!("CARGO_PKG_VERSION").to_owned(),
        suites: subject.edition,
        suite: subject.suite,
        preset: subject.preset,
        seed: order.seed.clone().unwrap_or_default(),
        destructive: order.destructive,
        repeats: order.repeats,
        cases: order.case.clone(),
        product: order.product.clone(),
        bench: subject.bench,
        began: now(),
        planned: subject.planned,
        samples: subject.samples,
    }
}

impl Open {
    /// Names of the cases that were done before.
    pub(crate) fn done(&self) -> BTreeSet<String> {
        self.before.iter().map(|end| end.id.clone()).collect()
    }

    /// The last record, reports, signature; the exit code.
    ///
    /// # Errors
    /// Something cannot be written.
    pub(crate) fn close(mut self, order: &cli::Run, ends: &[CaseEnd]) -> Result<u8, Failure> {
        let mut tally = Tally::default();
        let all = self.before.iter().chain(ends);
        all.for_each(|end| tally.count(end.verdict));
        self.writer.note(&Record::End {
            ended: now(),
            pass: tally.pass,
            fail: tally.fail,
            inconclusive: tally.inconclusive,
            skipped: tally.skipped,
        });
        let head = self.writer.finish().map_err(environment)?;
        let with_pdf = !order.no_pdf && pdf::browser().is_some();
        report::write(&order.out, &order.out, with_pdf).map_err(environment)?;
        package::seal(&order.out, &head, &self.signer).map_err(environment)?;
        conclude(order, tally, with_pdf)
    }
}
