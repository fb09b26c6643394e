//! A station's surroundings in one process: simulated card and SAM, a key service and a registry that stand in for the
//! real ones, and a reader with a finger on the card.

pub mod keys;
pub mod reader;
pub mod registry;
pub mod scp;

use std::path::Path;

use cardlib_card::profile::Profile;
use cardlib_reader::Card;
use issuance_application::photo::PhotoFolder;
use issuance_application::{Applicant, Context, Layout, table};
use issuance_station::engine::{Issuer, Outcome, Station};
use issuance_station::journal::Journal;
use issuance_station::readback::SamExaminer;
use kms_platform::clock::{Clock, ManualClock};
use std::sync::Arc;

use keys::TestKeys;
use reader::TestSam;
use registry::TestRegistry;

/// Factor of the first card; the vector file has its keys.
pub const FACTOR: [u8; 8] = [0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88];

/// The only profile.
pub fn profile() -> &'static Profile {
    Profile::rhc_2012()
}

/// The three residents of the examples.
pub fn applicants() -> Vec<Applicant> {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/applicants.csv");
    applicants_in(&std::fs::read_to_string(file).expect("in the repository"))
}

/// The residents of this file.
pub fn applicants_in(file: &str) -> Vec<Applicant> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/examples");
    let layout = Layout::new(profile());
    let photos = PhotoFolder(folder.into());
    let today = jiff::civil::date(2026, 11, 22);
    let context = Context {
        layout: &layout,
        today,
        photos: &photos,
    };
    let table = table::read(file.as_bytes(), &context).unwrap_or_else(|error| panic!("{error}"));
    assert!(table.faults.is_empty());
    table.applicants
}

/// Everything that outlives a station's process.
pub struct World {
    pub keys: TestKeys,
    pub registry: TestRegistry,
    pub applicants: Vec<Applicant>,
    pub clock: Arc<ManualClock>,
    pub folder: tempfile::TempDir,
}

impl World {
    pub fn new() -> Self {
        let noon: jiff::Timestamp = "2026-11-22T04:00:00Z".parse().expect("a time");
        Self {
            keys: TestKeys::new(),
            registry: TestRegistry::default(),
            applicants: applicants(),
            clock: ManualClock::at(noon),
            folder: tempfile::tempdir().expect("a folder"),
        }
    }

    pub fn journal(&self) -> &Path {
        self.folder.path()
    }

    /// One process of a station: opens the journal and the SAM, does something, ends.
    pub fn station<T>(&self, work: impl FnOnce(&mut Station<'_>, &mut SamExaminer<'_>) -> T) -> T {
        let mut sam = TestSam::new(1);
        let mut sam = sam.card();
        let mut sam = cardlib_reader::Transaction::begin(&mut sam).expect("a SAM");
        let atr = sam.atr().to_vec();
        let (mut examiner, found) = SamExaminer::open(profile(), &mut sam, &atr, "123456")
            .unwrap_or_else(|fault| panic!("{}", fault.message()));
        let mut journal = Journal::open(self.journal()).expect("a journal");
        let clock: &dyn Clock = self.clock.as_ref();
        let mut station = Station {
            profile: profile(),
            keys: &self.keys,
            registry: &self.registry,
            journal: &mut journal,
            clock,
            issuer: Issuer {
                name: "河南省卫生健康委员会".into(),
                code: "4100002000000018".into(),
                certificate: found.certificate,
                area: "410100".into(),
            },
            ticket: "T1".into(),
        };
        work(&mut station, &mut examiner)
    }

    /// One process that takes one card for the applicant at `next`.
    pub fn card(&self, card: &mut dyn Card, next: Option<usize>) -> Outcome {
        self.station(|station, examiner| station.card(card, examiner, &self.applicants, next))
    }

    /// Half-made cards in the journal.
    pub fn half_made(&self) -> usize {
        Journal::open(self.journal())
            .expect("a journal")
            .open_jobs()
            .count()
    }
}

/// The kind of a failed outcome.
pub fn kind(outcome: &Outcome) -> String {
    outcome
        .result
        .as_ref()
        .err()
        .map_or_else(|| "no failure".into(), issuance_station::fault::Fault::kind)
}
