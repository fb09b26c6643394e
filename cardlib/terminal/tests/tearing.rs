//! A card torn from its reader at every command of a visit and of a settlement, before the command works or after it worked
//! unheard: the index decides, a torn visit leaves no trace, and the next desk goes on.

mod support;

use std::cell::{Cell, RefCell};

use cardlib_card::visit::{Visit, VisitKind};
use cardlib_reader::inprocess::{InProcess, Signal};
use cardlib_sim::{UserCard, VirtualCard};
use cardlib_terminal::{Anchors, Desk, FlowError, Office, Session};
use support::{Papers, card, outpatient, pin, powered, profile, sam, today};

/// When a command is the last that happens.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Cut {
    /// It does not reach the card.
    Before,
    /// The card works on it; nobody hears the answer.
    After,
}

/// One card that lives through several desks.
struct Torn {
    card: RefCell<UserCard>,
    /// Commands until the cut.
    left: Cell<Option<usize>>,
    cut: Cut,
    heard: Cell<usize>,
}

impl Torn {
    fn new(cut: Cut) -> Self {
        Self {
            card: RefCell::new(card()),
            left: Cell::new(None),
            cut,
            heard: Cell::new(0),
        }
    }

    fn answer(&self, command: &[u8]) -> Vec<u8> {
        self.heard.set(self.heard.get() + 1);
        match self.left.get() {
            Some(0) => Vec::new(),
            Some(1) => {
                self.left.set(Some(0));
                if self.cut == Cut::After {
                    self.card.borrow_mut().handle(command);
                }
                Vec::new()
            }
            left => {
                self.left.set(left.map(|left| left - 1));
                self.card.borrow_mut().handle(command)
            }
        }
    }

    /// Served by a desk; from command `at` on the card is gone.
    fn served<T>(
        &self,
        at: Option<usize>,
        sam_type: u8,
        act: impl FnOnce(&mut Session<'_>) -> Result<T, FlowError>,
    ) -> Result<T, FlowError> {
        self.left.set(at);
        self.heard.set(0);
        let mut reader = InProcess::new(|signal: Signal<'_>| match signal {
            Signal::Reset => self.card.borrow_mut().reset(),
            Signal::Command(command) => self.answer(command),
        });
        let (mut sam, pin) = (powered(sam(sam_type)), pin());
        Desk::new(profile(), &mut reader, &mut sam, &pin, today()).serve(act)
    }

    fn visits(&self) -> Vec<u8> {
        self.served(None, 1, |session| session.visits(VisitKind::Outpatient))
            .unwrap_or_else(|error| panic!("{error}"))
    }
}

fn record(session: &mut Session<'_>) -> Result<u8, FlowError> {
    session.record_visit(&outpatient())
}

fn office() -> Office<'static> {
    let mut office = Office::new(profile(), Anchors::shipped(), today());
    let issuer = Papers::default().issuer();
    office.keep(&issuer).expect("the ministry's");
    office
}

fn settle(session: &mut Session<'_>) -> Result<Visit, FlowError> {
    let settled = session.settle(VisitKind::Outpatient, 1, &mut office())?;
    Ok(settled.visit)
}

#[test]
fn a_torn_visit_leaves_no_trace() {
    let whole = Torn::new(Cut::Before);
    whole.served(None, 5, record).expect("a whole one");
    let commands = whole.heard.get();
    assert!(commands > 50, "{commands}");
    for cut in [Cut::Before, Cut::After] {
        for at in 1..=commands {
            let card = Torn::new(cut);
            let torn = card.served(Some(at), 5, record);
            assert!(
                matches!(torn, Err(FlowError::Reader { .. })),
                "{cut:?} {at}"
            );
            // Only a WRITE RECORD that the card worked on makes the visit count.
            let counts = cut == Cut::After && at == commands;
            let (there, next) = if counts { (vec![1], 2) } else { (vec![], 1) };
            assert_eq!(card.visits(), there, "{cut:?} {at}");
            assert_eq!(
                card.served(None, 5, record),
                Ok(next),
                "{cut:?} {at}: the next desk"
            );
            let read = card.served(None, 5, settle);
            assert!(
                read.is_ok_and(|visit| visit == outpatient()),
                "{cut:?} {at}"
            );
        }
    }
}

#[test]
fn a_torn_settlement_is_finished_by_the_next() {
    let whole = Torn::new(Cut::Before);
    whole.served(None, 5, record).expect("recorded");
    whole.served(None, 5, settle).expect("a whole one");
    let commands = whole.heard.get();
    for cut in [Cut::Before, Cut::After] {
        // The last ten commands: from the reading's end over the erasing right to ERASE RECORD.
        for at in commands - 9..=commands {
            let card = Torn::new(cut);
            card.served(None, 5, record).expect("recorded");
            let torn = card.served(Some(at), 5, settle);
            assert!(torn.is_err(), "{cut:?} {at}");
            let freed = cut == Cut::After && at == commands;
            assert_eq!(
                card.visits(),
                if freed { vec![] } else { vec![1] },
                "{cut:?} {at}"
            );
            let again = card.served(None, 5, settle).map(drop);
            let number = 1;
            let kind = VisitKind::Outpatient;
            let wanted = if freed {
                Err(FlowError::NoVisit { kind, number })
            } else {
                Ok(())
            };
            assert_eq!(again, wanted, "{cut:?} {at}");
        }
    }
}
