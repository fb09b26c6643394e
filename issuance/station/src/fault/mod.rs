//! What can go wrong at a station: each with its kind, its exit code, its words and the step that helps.

mod words;

use cardlib_card::content::ContentError;
use cardlib_reader::ReaderError;
use kms_platform::exit::{Exit, Failure};

use crate::journal::JournalError;
use crate::ports::{Service, ServiceFault};

/// Why a card, or the whole run, came to nothing.
#[derive(Debug)]
pub enum Fault {
    /// The transport to a reader or card failed.
    Reader(ReaderError),
    /// The transport to the SAM failed.
    SamReader(ReaderError),
    /// Not a card of this profile.
    Foreign,
    /// An active card of somebody's.
    AlreadyPersonalised,
    /// A blocked card.
    Blocked,
    /// The card was begun, but not in this journal.
    HalfMadeElsewhere,
    /// The card was given up; half made as it is, it can serve nobody.
    Voided,
    /// All that is left to do waits for cards that are half made.
    OnlyHalfMade,
    /// The card was not taken out in time.
    NotRemoved,
    /// The journal knows the card, but its person is not among the rows.
    PersonNotInFile {
        /// Serial in the journal.
        serial: String,
    },
    /// The card says one thing in its reset answer and another to the probe.
    Contradiction,
    /// The card refused a command.
    Refused {
        /// Phase of the script.
        phase: &'static str,
        /// Place of the command in the phase, from 1.
        step: usize,
        /// Its status word.
        status: String,
    },
    /// The card does not hold the key it should.
    Cryptogram,
    /// The script of the key service cannot be used.
    Script(&'static str),
    /// What was read is not what was meant.
    ReadBack(String),
    /// The SAM cannot be used.
    Sam(String),
    /// The SAM is at another stage than the one asked for (D43): English, Chinese.
    SamStage(&'static str, &'static str),
    /// A package for SAMs that cannot be run here: English, Chinese.
    Package(&'static str, &'static str),
    /// TEST, DEMO and PRODUCTION met (D38): marks of key service and registry.
    Marks(String, String),
    /// A service.
    Service(ServiceFault),
    /// The journal.
    Journal(JournalError),
    /// The applicant's data do not fit the profile together.
    Content(ContentError),
}

impl From<JournalError> for Fault {
    fn from(error: JournalError) -> Self {
        Self::Journal(error)
    }
}

impl From<ServiceFault> for Fault {
    fn from(fault: ServiceFault) -> Self {
        Self::Service(fault)
    }
}

impl From<ReaderError> for Fault {
    fn from(error: ReaderError) -> Self {
        Self::Reader(error)
    }
}

impl From<ContentError> for Fault {
    fn from(error: ContentError) -> Self {
        Self::Content(error)
    }
}

impl Fault {
    /// Its name in reports and the journal.
    #[must_use]
    pub fn kind(&self) -> String {
        match self {
            Self::Reader(error) => reader_kind(error).into(),
            Self::SamReader(error) => format!("sam-{}", reader_kind(error)),
            Self::Foreign => "foreign-card".into(),
            Self::AlreadyPersonalised => "already-personalised".into(),
            Self::Blocked => "blocked-card".into(),
            Self::HalfMadeElsewhere => "half-made-elsewhere".into(),
            Self::Voided => "voided-card".into(),
            Self::NotRemoved => "card-not-removed".into(),
            Self::OnlyHalfMade => "only-half-made-left".into(),
            Self::PersonNotInFile { .. } => "person-not-in-file".into(),
            Self::Contradiction => "card-contradicts-itself".into(),
            Self::Refused { .. } => "card-refused".into(),
            Self::Cryptogram => "wrong-card-key".into(),
            Self::Script(_) => "bad-script".into(),
            Self::ReadBack(_) => "read-back-differs".into(),
            Self::Sam(_) => "sam-unusable".into(),
            Self::SamStage(..) => "sam-stage".into(),
            Self::Package(..) => "sam-package".into(),
            Self::Marks(..) => "mark-mismatch".into(),
            Self::Service(fault) => match (&fault.slug, fault.service) {
                (Some(slug), _) => slug.clone(),
                (None, Service::Kms) => "kms-unreachable".into(),
                (None, Service::Registry) => "registry-unreachable".into(),
            },
            Self::Journal(_) => "journal-unusable".into(),
            Self::Content(_) => "content-does-not-fit".into(),
        }
    }

    /// 3 where something was looked at and is not right, 4 where the surroundings failed.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::Reader(_) | Self::SamReader(_) | Self::Journal(_) | Self::NotRemoved => {
                Exit::Environment
            }
            Self::Service(fault) => fault.exit,
            _ => Exit::Wrong,
        }
    }

    /// Whether the next card would fail the same way.
    #[must_use]
    pub fn ends_the_run(&self) -> bool {
        match self {
            Self::Reader(error) => {
                matches!(
                    error,
                    ReaderError::NoReader { .. }
                        | ReaderError::ManyReaders { .. }
                        | ReaderError::DaemonGone
                )
            }
            Self::Service(fault) => {
                fault.is_down()
                    || fault.slug.as_deref().is_some_and(|slug| {
                        slug.starts_with("ticket-") || slug.ends_with("-refused")
                    })
            }
            Self::SamReader(_) | Self::Sam(_) | Self::Journal(_) | Self::Marks(..) => true,
            _ => false,
        }
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        let failure = match fault.exit() {
            Exit::Environment => Failure::environment(fault.message()),
            _ => Failure::wrong(fault.message()),
        };
        match fault.next() {
            Some(next) => failure.next(next),
            None => failure,
        }
    }
}

fn reader_kind(error: &ReaderError) -> &'static str {
    match error {
        ReaderError::NoReader { .. } | ReaderError::ManyReaders { .. } => "no-reader",
        ReaderError::NoCard(_) => "no-card",
        ReaderError::Mute(_) => "mute-card",
        ReaderError::InUse(_) => "card-in-use",
        ReaderError::CardLost => "card-lost",
        ReaderError::Silent(_) => "silent-card",
        ReaderError::Reset => "card-reset",
        ReaderError::DaemonGone => "no-pcsc",
        _ => "reader-failed",
    }
}
