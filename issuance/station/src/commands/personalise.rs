//! `rhc-station personalise` and `journal resume`.

use std::borrow::Cow;
use std::fs;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::time::Duration;

use cardlib_card::profile::Profile;
use cardlib_reader::Card;
use issuance_application::photo::PhotoFolder;
use issuance_application::{Applicant, Context, Fault as RowFault, Layout, table};
use kms_platform::clock::SystemClock;
use kms_platform::exit::{Exit, Failure};
use kms_platform::identity::{Identity, secret_file};
use kms_platform::lang::pick;
use kms_platform::output;
use kms_platform::say;
use zeroize::Zeroize;

use super::progress::Bar;
use super::reader::PcscSlot;
use super::{clients, identity, journal_folder};
use crate::cli::PersonaliseArgs;
use crate::clients::{KeyClient, RegistryPort};
use crate::engine::{Station, today};
use crate::fault::Fault;
use crate::issuer;
use crate::journal::Journal;
use crate::pin_file;
use crate::readback::{SamExaminer, SamFound};
use crate::report::{Report, table_error};
use crate::run::{self, Ended, Plan};

/// People whose row is right and chosen, and what is wrong with the others.
struct People {
    applicants: Vec<Applicant>,
    faults: Vec<RowFault>,
}

pub(super) fn run(args: &PersonaliseArgs, only_half_made: bool) -> Result<Exit, Failure> {
    let profile = args.profile;
    let identity = identity(&args.services.identity)?;
    let desk = Desk {
        args,
        profile,
        reading: args.key_version.map_or(Cow::Borrowed(profile), |version| {
            Cow::Owned(profile.with_flow_version(version))
        }),
        area: area(args, &identity)?,
        clients: clients(&args.services, &identity)?,
        only_half_made,
        journal: journal_folder(&args.journal)?,
    };
    let people = people(args, profile)?;
    let mut mark = String::new();
    let ended = desk
        .work(&people.applicants, &mut mark)
        .unwrap_or_else(|fault| Ended {
            fault: Some(fault),
            not_reached: (0..people.applicants.len()).collect(),
            ..Ended::default()
        });
    tell(
        args,
        &Report::of(&ended, &mark, &people.applicants, &people.faults),
    )
}

/// What is at hand before a card is seen.
struct Desk<'a> {
    args: &'a PersonaliseArgs,
    profile: &'static Profile,
    /// The same with the version that finished cards are read with.
    reading: Cow<'static, Profile>,
    area: String,
    clients: (KeyClient, RegistryPort),
    only_half_made: bool,
    journal: PathBuf,
}

impl Desk<'_> {
    fn work(&self, applicants: &[Applicant], mark: &mut String) -> Result<Ended, Fault> {
        let (args, (keys, registry)) = (self.args, &self.clients);
        let mut journal = Journal::open(&self.journal)?;
        if applicants.is_empty() && journal.open_jobs().next().is_none() {
            return Ok(Ended::default());
        }
        let (wait, silence) = (
            Duration::from_secs(args.wait),
            Duration::from_secs(args.silence),
        );
        let mut slot = PcscSlot::open(&args.reader, wait, silence)?;
        let mut sam_slot =
            PcscSlot::open(&args.sam_reader, wait, silence).map_err(Fault::SamReader)?;
        let pin = pin_file::kept(&args.sam_pin_file)?;
        let mut sam = sam_slot.connect().map_err(Fault::SamReader)?;
        let mut sam = sam.transaction().map_err(Fault::SamReader)?;
        let atr = sam.atr().to_vec();
        let (mut examiner, found) = SamExaminer::open(&self.reading, &mut sam, &atr, &pin)?;
        *mark = self.same_mark(&found)?;
        let mut station = Station {
            profile: self.profile,
            keys,
            registry,
            journal: &mut journal,
            clock: &SystemClock,
            issuer: issuer::of(found.certificate, &self.area, args.issuer_name.as_deref())?,
            ticket: args.ticket.clone(),
        };
        let persons = if self.only_half_made {
            station.held(applicants).len()
        } else {
            applicants.len()
        };
        // Somebody at the reader can put a failed card in again or take another; a script gets its exit code at once.
        let default = if std::io::stderr().is_terminal() {
            usize::MAX
        } else {
            persons
        };
        let plan = Plan {
            applicants,
            only_half_made: self.only_half_made,
            cards: args.cards.unwrap_or(default),
        };
        let mut bar = Bar::new(persons);
        Ok(run::run(
            &mut station,
            &mut slot,
            &mut examiner,
            &plan,
            &mut bar,
        ))
    }

    /// Asks both services before the first card: that they answer, that the SAM is registered, that they have one mark
    /// (D38). The connections stay open for the cards.
    fn same_mark(&self, sam: &SamFound) -> Result<String, Fault> {
        let (keys, registry) = &self.clients;
        let ours = keys.status()?.mark;
        let theirs = registry.sam(&sam.serial)?.mark.to_string();
        if ours == theirs {
            Ok(ours)
        } else {
            Err(Fault::Marks(ours, theirs))
        }
    }
}

/// 应用城市代码: as given, or the identity's area filled with zeros.
fn area(args: &PersonaliseArgs, identity: &Identity) -> Result<String, Failure> {
    let own = identity.peer().area.as_str();
    match &args.area {
        Some(area) => Ok(area.clone()),
        None if own != "0" => Ok(format!("{own:0<6}")),
        None => Err(Failure::usage(pick(
            "this identity is of the whole country; give --area, the six digits of 应用城市代码",
            "该身份属全国级，请用 --area 给出六位应用城市代码",
        ))),
    }
}

fn people(args: &PersonaliseArgs, profile: &Profile) -> Result<People, Failure> {
    let path = &args.applicants;
    let mut file = fs::read(path).map_err(|error| unreadable(path, &error))?;
    let folder = path.parent().unwrap_or(Path::new(".")).to_owned();
    let layout = Layout::new(profile);
    let photos = PhotoFolder(folder);
    let context = Context {
        layout: &layout,
        today: today(&SystemClock),
        photos: &photos,
    };
    let table = table::read(&file, &context);
    file.zeroize();
    let table = table.map_err(|error| {
        let (name, error) = (path.display().to_string(), table_error(&error));
        Failure::wrong(say!("{name}: {error}", "{name}:{error}"))
    })?;
    let last = table.rows as u64;
    if let Some(row) = args.row.iter().find(|row| **row == 0 || **row > last) {
        return Err(Failure::usage(say!(
            "there is no row {row}; the file has {last}",
            "没有第 {row} 行，文件共 {last} 行"
        )));
    }
    let chosen = |row: u64| args.row.is_empty() || args.row.contains(&row);
    let faults = table
        .faults
        .into_iter()
        .filter(|fault| chosen(fault.row))
        .collect();
    let applicants: Vec<Applicant> = table
        .applicants
        .into_iter()
        .filter(|applicant| chosen(applicant.row()))
        .collect();
    Ok(People { applicants, faults })
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    let path = path.display().to_string();
    Failure::environment(say!(
        "{path} cannot be read: {error}",
        "无法读取 {path}：{error}"
    ))
}

fn tell(args: &PersonaliseArgs, report: &Report) -> Result<Exit, Failure> {
    let json = |error: serde_json::Error| Failure::environment(error.to_string());
    if let Some(path) = &args.report {
        let text = serde_json::to_vec_pretty(report).map_err(json)?;
        secret_file::replace(path, &text)
            .map_err(|error| Failure::environment(error.to_string()))?;
    }
    output::print(args.json, report, || report.table()).map_err(json)?;
    if let (Some(message), false) = (&report.message, args.json) {
        eprintln!("{}{message}", pick("error: ", "错误："));
    }
    if let (false, Some(next)) = (args.json, report.next_step()) {
        eprintln!("  → {next}");
    }
    Ok(report.exit())
}
