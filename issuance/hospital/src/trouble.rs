//! Why there is no answer: the environment failed, and the card may be as good as any. Exit code 4.

use cardlib_terminal::papers::PapersError;
use cardlib_terminal::{FlowError, Part};
use kms_platform::client::ClientError;
use kms_platform::exit::Failure;
use kms_platform::lang::{Lang, current};
use kms_platform::say;

use crate::verdict::Verdict;

/// What a step's failure means for the verification.
pub enum Stop {
    /// It is an answer: the card is not good.
    Verdict(Verdict, FlowError),
    /// It is no answer.
    Trouble(Trouble),
}

/// What failed around the card.
#[derive(Debug)]
pub enum Trouble {
    Flow(FlowError),
    Registry(ClientError),
    /// The card's number or serial has a form that no registry takes.
    Form(&'static str),
    /// The SAM's certificates or its application data do not hold.
    SamPapers(PapersError),
}

impl From<FlowError> for Stop {
    fn from(error: FlowError) -> Self {
        match verdict_of(&error) {
            Some(verdict) => Self::Verdict(verdict, error),
            None => Self::Trouble(Trouble::Flow(error)),
        }
    }
}

/// Failures that say something about the card rather than about reader or SAM.
fn verdict_of(error: &FlowError) -> Option<Verdict> {
    use cardlib_card::profile::LifeCycle;
    use cardlib_card::status::Status;
    Some(match error {
        FlowError::Atr {
            part: Part::Card, ..
        } => Verdict::Foreign,
        FlowError::NotActive {
            part: Part::Card,
            state: LifeCycle::Blocked,
        } => Verdict::Blocked,
        FlowError::NotActive {
            part: Part::Card, ..
        } => Verdict::NotIssued,
        FlowError::NotGenuine | FlowError::KeyRefused { .. } => Verdict::Forged,
        FlowError::NotPermitted { .. } | FlowError::OtherProvince { .. } => {
            Verdict::NotPermittedWithThisSam
        }
        FlowError::KeyBlocked(_) | FlowError::ApplicationBlocked(_) => Verdict::Blocked,
        FlowError::Refused {
            part: Part::Card,
            status: Status::NO_FILE,
            ..
        } => Verdict::Foreign,
        // INTERNAL AUTHENTICATE without the key: not one of our cards.
        FlowError::Refused {
            part: Part::Card,
            status: Status::NO_KEY,
            ..
        } => Verdict::Forged,
        FlowError::Refused {
            part: Part::Card,
            status: Status::FUNCTION,
            ..
        } => Verdict::Blocked,
        FlowError::Refused {
            part: Part::Card, ..
        }
        | FlowError::Malformed {
            part: Part::Card, ..
        } => Verdict::Inconsistent,
        _ => return None,
    })
}

/// A flow error in the user's language.
#[must_use]
pub fn said(error: &FlowError) -> String {
    match current() {
        Lang::En => error.to_string(),
        Lang::Zh => error.chinese(),
    }
}

impl Trouble {
    /// A stable word for programs.
    #[must_use]
    pub fn slug(&self) -> &'static str {
        use cardlib_reader::ReaderError as R;
        match self {
            Self::Registry(ClientError::Problem(_)) => "registry-refused",
            Self::Registry(ClientError::Unreachable { .. }) => "registry-unreachable",
            Self::Registry(_) => "registry-failed",
            Self::Form(_) => "card-number-form",
            Self::SamPapers(_) => "sam-certificates",
            Self::Flow(FlowError::PinWrong { .. }) => "sam-pin-wrong",
            Self::Flow(FlowError::PinBlocked) => "sam-pin-blocked",
            Self::Flow(FlowError::Atr { .. } | FlowError::NotActive { .. }) => "sam-not-usable",
            Self::Flow(FlowError::Reader { cause, .. }) => match cause {
                R::NoReader { .. } | R::ManyReaders { .. } => "no-reader",
                R::NoCard(_) => "no-card",
                R::Mute(_) => "card-mute",
                R::InUse(_) => "card-in-use",
                R::CardLost => "card-lost",
                R::Silent(_) => "card-silent",
                R::Reset => "card-reset",
                R::DaemonGone => "pcsc-down",
                _ => "reader-failed",
            },
            Self::Flow(_) => "sam-failed",
        }
    }
}

impl From<Trouble> for Failure {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Flow(error) => Failure::environment(said(&error)),
            Trouble::Registry(error) => {
                let next = error.next_step();
                let said = say!(
                    "the registry was not heard: {error}",
                    "登记库未能答复：{error}"
                );
                let failure = Failure::environment(said);
                match next {
                    Some(next) => failure.next(next),
                    None => failure,
                }
            }
            // The cause says what to do next.
            Trouble::SamPapers(cause) => Failure::environment(said(&FlowError::Papers(cause))),
            Trouble::Form(what) => Failure::environment(say!(
                "the card's {what} has a form that no registry takes",
                "卡上的 {what} 形式不符，无法查询登记库"
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use cardlib_card::profile::{AtrError, LifeCycle};
    use cardlib_reader::ReaderError;

    use super::*;

    #[test]
    fn the_same_failure_is_an_answer_for_the_card_and_trouble_for_the_sam() {
        let foreign = |part| FlowError::Atr {
            part,
            cause: AtrError::Foreign,
        };
        assert_eq!(verdict_of(&foreign(Part::Card)), Some(Verdict::Foreign));
        assert_eq!(verdict_of(&foreign(Part::Sam)), None);
        let half = |part| FlowError::NotActive {
            part,
            state: LifeCycle::Initialised,
        };
        assert_eq!(verdict_of(&half(Part::Card)), Some(Verdict::NotIssued));
        assert_eq!(verdict_of(&half(Part::Sam)), None);
    }

    #[test]
    fn a_lost_card_or_wrong_pin_is_never_a_verdict() {
        let lost = FlowError::Reader {
            part: Part::Card,
            cause: ReaderError::CardLost,
        };
        assert_eq!(verdict_of(&lost), None);
        assert_eq!(Trouble::Flow(lost).slug(), "card-lost");
        assert_eq!(
            Trouble::Flow(FlowError::PinWrong { tries_left: 3 }).slug(),
            "sam-pin-wrong"
        );
    }
}
