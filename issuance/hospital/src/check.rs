//! The verification of one card. One exclusive transaction for the card and one for the SAM, both ended by a reset,
//! also on error; the registry is asked when both are over.

use std::time::{Duration, Instant};

use cardlib_card::profile::Profile;
use cardlib_card::visit::Day;
use cardlib_reader::trace::{self, Tally, Traced};
use cardlib_reader::{Card, Transaction};
use cardlib_terminal::sam::require_active;
use cardlib_terminal::snapshot::{Item, Tongue};
use cardlib_terminal::{
    Anchors, CardFacts, Flow, FlowError, Part, Pin, SamClient, SamFacts, SamPapers, UserCard,
    Validity, flow,
};
use issuance_registry_api::CardState;
use kms_platform::lang::{Lang, current};

use crate::certificates::{self, Found, Ground};
use crate::registry::{Registry, Standing};
use crate::trouble::{Stop, Trouble};
use crate::verdict::Verdict;

/// 卡的类别 that a hospital takes: formal and temporary (R23).
const CLASSES: [&str; 2] = ["1", "2"];
const FORMAL: &str = "1";
const HOLDER: &str = "DDF1/EF06";
const IDENTITY_NUMBER: u8 = 15;

/// What a verification needs beside card and SAM.
pub struct Request<'a> {
    pub profile: &'a Profile,
    pub pin: &'a Pin,
    pub today: Day,
    pub registry: Option<&'a dyn Registry>,
    /// The ministry's public keys that the terminal has.
    pub anchors: &'a Anchors,
}

/// Everything that was found, up to the point where the verdict was clear.
pub struct Findings {
    pub verdict: Verdict,
    /// What stopped the flow, where something did.
    pub cause: Option<FlowError>,
    pub sam: SamFacts,
    pub card: Option<CardFacts>,
    /// DDF1/EF06, where it could be read.
    pub holder: Vec<Entry>,
    pub validity: Option<Validity>,
    pub certificates: Option<Found>,
    pub authenticated: bool,
    /// The chip's factor, with which it proves its key.
    pub chip: [u8; 8],
    pub standing: Option<Standing>,
    pub timings: Timings,
}

/// One element of the holder's, as a person reads it. No `Debug`: it is personal.
pub struct Entry {
    pub tag: u8,
    /// In the user's language.
    pub name: String,
    pub value: String,
}

impl Entry {
    fn of(item: &Item<'_, '_>) -> Option<Self> {
        let (tongue, name) = match current() {
            Lang::Zh => (Tongue::Chinese, &item.element.name_zh),
            Lang::En => (Tongue::English, &item.element.name_en),
        };
        Some(Self {
            tag: item.element.tag?,
            name: name.clone(),
            value: item.shown(tongue).ok()?,
        })
    }
}

/// Where the time went. `waited` is the time spent in the readers (card, SAM and PC/SC), the rest is ours.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Timings {
    pub sam: Duration,
    pub authenticate: Duration,
    pub read: Duration,
    pub registry: Duration,
    pub total: Duration,
    pub card_commands: Tally,
    pub sam_commands: Tally,
}

/// Verifies the card.
///
/// # Errors
/// [`Trouble`] when no verdict can be had: reader, SAM or registry failed.
pub fn verify(
    card: &mut dyn Card,
    sam: &mut dyn Card,
    request: &Request<'_>,
) -> Result<Findings, Trouble> {
    let start = Instant::now();
    let mut findings = talk(card, sam, request)?;
    let asked = Instant::now();
    if findings.verdict == Verdict::Genuine
        && let (Some(registry), Some(facts)) = (request.registry, &findings.card)
    {
        let standing = registry.standing(&facts.number, &facts.serial, &findings.chip)?;
        findings.verdict = judged_by_registry(&standing, findings.certificates);
        findings.standing = Some(standing);
    }
    findings.timings.registry = asked.elapsed();
    findings.timings.total = start.elapsed();
    Ok(findings)
}

/// The part with card and SAM; when it returns both have been reset.
fn talk(
    card: &mut dyn Card,
    sam: &mut dyn Card,
    request: &Request<'_>,
) -> Result<Findings, Trouble> {
    let start = Instant::now();
    let at = |part| move |cause| Trouble::Flow(FlowError::Reader { part, cause });
    let sam = Transaction::begin(sam).map_err(at(Part::Sam))?;
    require_active(request.profile, sam.atr()).map_err(Trouble::Flow)?;
    let mut sam = trace::logged(sam);
    let mut client =
        SamClient::open(request.profile, &mut sam, request.pin).map_err(Trouble::Flow)?;
    let papers = SamPapers::read(&mut client).map_err(Trouble::Flow)?;
    let mut findings = Findings::new(client.facts().clone());
    findings.timings.sam = start.elapsed();

    let card = Transaction::begin(card).map_err(at(Part::Card))?;
    let atr = card.atr().to_vec();
    let mut card = trace::logged(card);
    let outcome = examine(&mut card, &atr, client, &papers, request, &mut findings);
    findings.timings.card_commands = card.tally();
    findings.timings.sam_commands = sam.tally();
    end(card, Part::Card);
    end(sam, Part::Sam);
    match outcome {
        Ok(verdict) => findings.verdict = verdict,
        Err(Stop::Verdict(verdict, cause)) => {
            (findings.verdict, findings.cause) = (verdict, Some(cause))
        }
        Err(Stop::Trouble(trouble)) => return Err(trouble),
    }
    Ok(findings)
}

/// The reset at the end. That it failed does not change what was found: a card that is gone has lost its rights too.
fn end<L: FnMut(&trace::Line)>(chip: Traced<Transaction<'_>, L>, part: Part) {
    if let Err(cause) = chip.into_inner().end() {
        tracing::debug!(?part, %cause, "not reset at the end");
    }
}

/// The card step by step: whose is it, is it genuine, do its data agree, is it still valid.
fn examine<'a>(
    channel: &'a mut dyn cardlib_reader::Channel,
    atr: &[u8],
    sam: SamClient<'a>,
    papers: &SamPapers,
    request: &Request<'a>,
    findings: &mut Findings,
) -> Result<Verdict, Stop> {
    let start = Instant::now();
    let mut card = UserCard::new(request.profile, channel, atr)?;
    findings.chip = card.atr().factor;
    let facts = flow::identify(&mut card)?;
    findings.card = Some(facts.clone());
    let mut flow = Flow::with_facts(card, sam, facts.clone())?;
    flow.internal_authentication()?;
    findings.authenticated = true;
    findings.timings.authenticate = start.elapsed();
    if let Some(verdict) = judge_issuer(&facts, papers, request, findings)? {
        return Ok(verdict);
    }
    let start = Instant::now();
    let verdict = judge_data(&mut flow, &facts, request, findings);
    findings.timings.read = start.elapsed();
    verdict
}

/// Class, version and issuer; `None` when all is right.
fn judge_issuer(
    facts: &CardFacts,
    papers: &SamPapers,
    request: &Request<'_>,
    findings: &mut Findings,
) -> Result<Option<Verdict>, Stop> {
    let version = &request.profile.assumed.spec_version.value;
    if !CLASSES.contains(&facts.class.as_str()) || facts.version != *version {
        return Ok(Some(Verdict::Unsupported));
    }
    let ground = Ground {
        profile: request.profile,
        anchors: request.anchors,
        today: request.today,
    };
    let found = certificates::compare(facts, papers, &findings.sam, &ground);
    findings.certificates = Some(found);
    match found {
        Found::Right { .. } => Ok(None),
        Found::Mixed { .. } => Ok(Some(Verdict::MixedMarks)),
        Found::Card => Ok(Some(Verdict::Inconsistent)),
        Found::Sam(cause) => Err(Stop::Trouble(Trouble::SamPapers(cause))),
    }
}

/// The holder's data and the card's validity.
fn judge_data(
    flow: &mut Flow<'_>,
    facts: &CardFacts,
    request: &Request<'_>,
    findings: &mut Findings,
) -> Result<Verdict, Stop> {
    let holder = flow.read(&[HOLDER])?;
    let same_person = holder
        .text(IDENTITY_NUMBER)
        .is_some_and(|number| number == facts.number);
    findings.holder = holder.items().filter_map(|item| Entry::of(&item)).collect();
    let validity = flow.validity(&request.today.to_string())?;
    let expired = matches!(validity, Validity::Expired(_));
    findings.validity = Some(validity);
    Ok(match (expired, same_person || facts.class != FORMAL) {
        (_, false) => Verdict::Inconsistent,
        (true, true) => Verdict::Expired,
        (false, true) => Verdict::Genuine,
    })
}

fn judged_by_registry(standing: &Standing, certificates: Option<Found>) -> Verdict {
    let (state, mark) = match standing {
        Standing::Known { state, mark, .. } => (state, mark),
        Standing::Unknown => return Verdict::UnknownToRegistry,
        Standing::OtherChip => return Verdict::Forged,
    };
    if let Some(Found::Right { mark: ours, .. }) = certificates
        && !ours.to_string().eq_ignore_ascii_case(mark.as_str())
    {
        return Verdict::MixedMarks;
    }
    match state {
        CardState::Active => Verdict::Genuine,
        CardState::Lost => Verdict::Lost,
        CardState::Cancelled | CardState::Voided => Verdict::Cancelled,
        CardState::Reserved => Verdict::UnknownToRegistry,
    }
}

impl Findings {
    fn new(sam: SamFacts) -> Self {
        Self {
            verdict: Verdict::Inconsistent,
            cause: None,
            sam,
            card: None,
            holder: Vec::new(),
            validity: None,
            certificates: None,
            authenticated: false,
            chip: [0; 8],
            standing: None,
            timings: Timings::default(),
        }
    }
}
