//! Card and SAM in one exclusive transaction each, that ends in a reset whatever happened: rights gained on a card never
//! outlive the work for which they were gained.
//!
//! [`Desk`] is the only way to a [`Session`], and a session is the only way to the flows that write, block or settle, so
//! no program can leave a card open by forgetting something: the reset stands in [`Desk`], behind the session's closure.
//! Should a reset fail although all else went well, that is an error of its own ([`FlowError::NotReset`]).

use cardlib_card::profile::Profile;
use cardlib_card::visit::Day;
use cardlib_reader::trace::{self, Line, Traced};
use cardlib_reader::{Card, Channel, ReaderError, Transaction};

use crate::anchors::Anchors;
use crate::card::UserCard;
use crate::error::{FlowError, Part};
use crate::facts::{CardFacts, SamFacts, Validity};
use crate::flow::Flow;
use crate::papers::{Chain, SamPapers};
use crate::pin::Pin;
use crate::sam::{SamClient, require_active};

/// Two readers and what a terminal knows: profile, PIN, day.
pub struct Desk<'r> {
    profile: &'r Profile,
    card: &'r mut dyn Card,
    sam: &'r mut dyn Card,
    pin: &'r Pin,
    today: Day,
    anchors: Anchors,
}

/// A genuine card and a SAM at work; lives inside [`Desk::serve`] or [`Desk::maintain`] only.
pub struct Session<'a> {
    pub(crate) flow: Flow<'a>,
    pub(crate) today: Day,
    pub(crate) anchors: Anchors,
    validity: Validity,
}

impl<'r> Desk<'r> {
    #[must_use]
    pub fn new(
        profile: &'r Profile,
        card: &'r mut dyn Card,
        sam: &'r mut dyn Card,
        pin: &'r Pin,
        today: Day,
    ) -> Self {
        Self {
            profile,
            card,
            sam,
            pin,
            today,
            anchors: Anchors::shipped(),
        }
    }

    /// The same with other keys of the ministry than those that are shipped.
    #[must_use]
    pub fn trusting(mut self, anchors: Anchors) -> Self {
        self.anchors = anchors;
        self
    }

    /// The overall operation (user card 3.3): reset, DDF1, EF05, internal authentication, validity; then `act`; then
    /// reset. An expired card is refused (R30); where the SAM cannot read the date [`Session::validity`] says so.
    ///
    /// # Errors
    /// [`FlowError`] of what stopped it; card and SAM are reset then too.
    pub fn serve<T>(
        &mut self,
        act: impl FnOnce(&mut Session<'_>) -> Result<T, FlowError>,
    ) -> Result<T, FlowError> {
        let (today, anchors) = (self.today, self.anchors.clone());
        self.exclusively(|card, sam| {
            let mut session = Session::open(card, sam, today, anchors)?;
            session.validity = session.flow.validity(&today.to_string())?;
            match &session.validity {
                Validity::Expired(until) => Err(FlowError::Expired(until.clone())),
                _ => act(&mut session),
            }
        })
    }

    /// As [`Desk::serve`] for any card that is genuine, expired or not: blocking and unblocking.
    ///
    /// # Errors
    /// [`FlowError`] of what stopped it; card and SAM are reset then too.
    pub fn maintain<T>(
        &mut self,
        act: impl FnOnce(&mut Session<'_>) -> Result<T, FlowError>,
    ) -> Result<T, FlowError> {
        let (today, anchors) = (self.today, self.anchors.clone());
        self.exclusively(|card, sam| act(&mut Session::open(card, sam, today, anchors)?))
    }

    /// Card and SAM for a work that cannot begin with DDF1 (it may be blocked).
    pub(crate) fn exclusively<T>(
        &mut self,
        act: impl for<'a> FnOnce(UserCard<'a>, SamClient<'a>) -> Result<T, FlowError>,
    ) -> Result<T, FlowError> {
        let at = |part| move |cause| FlowError::Reader { part, cause };
        let sam = Transaction::begin(self.sam).map_err(at(Part::Sam))?;
        require_active(self.profile, sam.atr())?;
        let card = Transaction::begin(self.card).map_err(at(Part::Card))?;
        let atr = card.atr().to_vec();
        let (mut card, mut sam) = (trace::logged(card), trace::logged(sam));
        let outcome = converse(self.profile, (&mut card, &atr), (&mut sam, self.pin), act);
        let (card, sam) = (reset(card, Part::Card), reset(sam, Part::Sam));
        let outcome = outcome?;
        card.and(sam).map(|()| outcome)
    }
}

fn converse<'a, T>(
    profile: &'a Profile,
    (card, atr): (&'a mut dyn Channel, &[u8]),
    (sam, pin): (&'a mut dyn Channel, &Pin),
    act: impl FnOnce(UserCard<'a>, SamClient<'a>) -> Result<T, FlowError>,
) -> Result<T, FlowError> {
    let card = UserCard::new(profile, card, atr)?;
    let sam = SamClient::open(profile, sam, pin)?;
    act(card, sam)
}

/// The reset at the end. A chip that is gone has no power and no rights any more.
fn reset<L: FnMut(&Line)>(chip: Traced<Transaction<'_>, L>, part: Part) -> Result<(), FlowError> {
    match chip.into_inner().end() {
        Ok(()) | Err(ReaderError::CardLost | ReaderError::NoCard(_)) => Ok(()),
        Err(cause) => Err(FlowError::NotReset { part, cause }),
    }
}

impl<'a> Session<'a> {
    fn open(
        card: UserCard<'a>,
        sam: SamClient<'a>,
        today: Day,
        anchors: Anchors,
    ) -> Result<Self, FlowError> {
        let mut flow = Flow::open(card, sam)?;
        flow.internal_authentication()?;
        Ok(Self {
            flow,
            today,
            anchors,
            validity: Validity::NotChecked,
        })
    }

    /// Who issued the card, for whom.
    #[must_use]
    pub fn card(&self) -> &CardFacts {
        self.flow.card_facts()
    }

    /// Serial, type and province of the SAM.
    #[must_use]
    pub fn sam(&self) -> &SamFacts {
        self.flow.sam_facts()
    }

    /// What is known of the card's validity; [`Validity::NotChecked`] where the SAM has no key for it, and in
    /// [`Desk::maintain`].
    #[must_use]
    pub const fn validity(&self) -> &Validity {
        &self.validity
    }

    /// Reads the SAM's papers and checks them: certificates up to the ministry's key where the desk has it, serial,
    /// province, and the dates of certificates and application data on the desk's day.
    ///
    /// # Errors
    /// [`FlowError::Papers`] naming the paper that is not right.
    pub fn check_papers(&mut self) -> Result<Chain, FlowError> {
        self.papers().map(|(_, chain)| chain)
    }

    /// The papers with what they say.
    pub(crate) fn papers(&mut self) -> Result<(SamPapers, Chain), FlowError> {
        let papers = SamPapers::read(&mut self.flow.sam)?;
        let facts = self.flow.sam.facts();
        let chain = papers.check(self.flow.profile, facts, &self.anchors, self.today)?;
        Ok((papers, chain))
    }

    /// The layer below, for reading by path or tag.
    pub fn flow(&mut self) -> &mut Flow<'a> {
        &mut self.flow
    }
}
