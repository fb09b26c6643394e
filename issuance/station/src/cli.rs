//! The command line of `rhc-station`.

use std::path::PathBuf;

use cardlib_card::profile::Profile;
use clap::{ArgMatches, Args, FromArgMatches, Parser, Subcommand, ValueEnum};

const EXAMPLES: &str = "\
Examples:
  Make a SAM of type 1, first at the ministry, then at the province:
    rhc-station sam --stage national --type 1 --province 41 --reader 'Virtual PCD 0 00 01' \\
        --kms https://127.0.0.1:8441 --registry https://127.0.0.1:8450 --identity ministry-station.json
    rhc-station sam --stage provincial --type 1 --reader 'Virtual PCD 0 00 01' --pin-out sam1.pin \\
        --kms https://127.0.0.1:8442 --registry https://127.0.0.1:8450 --identity station-41.json
  Run a package of a rotation on the SAM it was made for, and bring the receipt back:
    rhc-station sam rekey 5A4D5A4D5A4D3120-rekey.json --reader 'Virtual PCD 0 00 01' --identity station-41.json
  Make cards for the rows of a file:
    rhc-station personalise --applicants applicants.csv --reader 'Virtual PCD 0 00 00' \\
        --sam-reader 'Virtual PCD 0 00 01' --sam-pin-file sam1.pin --kms https://127.0.0.1:8443 \\
        --registry https://127.0.0.1:8450 --identity station-4101.json
  After a pulled card or a crash: run the same line again, or look and decide:
    rhc-station journal list

Exit codes: 0 done, 2 wrong usage, 3 a card, row or request is not right, 4 reader, service or disk failed.
Messages are Chinese with RHC_LANG=zh.";

const COLUMNS: &str = "\
Columns, in any order (* must be there): name* sex* ethnic* birth_date* id_number* valid_until phone1-2 payment1-3
address_type1-2 address1-2 contact1-3_name contact1-3_relation contact1-3_phone education marriage occupation
document_type document_number health_record ncms_number abo rh alerts other_alert psychiatric allergies vaccinations
photo. Codes or their Chinese or English words; dates such as 1990-03-07; lists separated by |, as in
alerts 1|7, allergies substance:reaction|..., vaccinations name:date|...; photo: a JPEG file of at most 3,072 bytes.
A faulty row is told with line, column and reason; the others are issued.";

/// Makes SAMs and resident health cards at PC/SC readers.
#[derive(Debug, Parser)]
#[command(name = "rhc-station", version, after_help = EXAMPLES)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Take a SAM through one of its two stages; look at one in use, or run a key service's package on it.
    Sam(Box<SamCommand>),
    /// Make cards for the rows of an applicants file.
    #[command(after_help = COLUMNS)]
    Personalise(Box<PersonaliseArgs>),
    /// Half-made cards: list, void, finish.
    #[command(subcommand)]
    Journal(JournalCommand),
}

#[derive(Debug, Subcommand)]
pub enum JournalCommand {
    /// Show half-made cards.
    List(ListArgs),
    /// Give a half-made card up, in the registry and here.
    Void(VoidArgs),
    /// Finish half-made cards only; register those that were read back already.
    Resume(Box<PersonaliseArgs>),
}

/// The services and who asks them.
#[derive(Debug, Args)]
pub struct Services {
    /// Address of the key service.
    #[arg(long, value_name = "URL")]
    pub kms: String,
    /// Address of the registry.
    #[arg(long, value_name = "URL")]
    pub registry: String,
    /// Identity file of this station (mode 0600).
    #[arg(long, value_name = "FILE")]
    pub identity: PathBuf,
}

/// Where the journal lies.
#[derive(Debug, Args)]
pub struct JournalFolder {
    /// Folder of the journal (default: $XDG_STATE_HOME/rhc-station, else ~/.local/state/rhc-station).
    #[arg(long = "journal", value_name = "DIR")]
    named: Option<PathBuf>,
}

impl JournalFolder {
    /// Whether the folder was named: then it must be there to be listed.
    #[must_use]
    pub fn is_named(&self) -> bool {
        self.named.is_some()
    }

    /// The folder named, or the user's own; none where the system names no home.
    #[must_use]
    pub fn path(&self) -> Option<PathBuf> {
        let of = |name: &str| {
            std::env::var_os(name)
                .filter(|value| !value.is_empty())
                .map(PathBuf::from)
        };
        let state = || of("XDG_STATE_HOME").or_else(|| Some(of("HOME")?.join(".local/state")));
        self.named
            .clone()
            .or_else(|| Some(state()?.join("rhc-station")))
    }
}

/// An embedded profile by its name.
fn profile(name: &str) -> Result<&'static Profile, String> {
    let names = || Profile::names().collect::<Vec<_>>().join(", ");
    Profile::named(name).ok_or_else(|| format!("there is no profile `{name}`: {}", names()))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Stage {
    /// National keys, at the ministry's key service.
    National,
    /// Provincial keys, files, PIN and activation, at the province's.
    Provincial,
}

/// A SAM that is being made, or one in use.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct SamCommand {
    #[command(flatten)]
    pub make: Making,
    #[command(subcommand)]
    pub in_use: Option<SamUse>,
}

/// The arguments of a SAM that is being made, when there are any. An `Option` would never be filled: clap knows that a
/// flattened struct was given by its group, and the group of a struct that flattens another has no members.
#[derive(Debug)]
pub struct Making(pub Option<SamArgs>);

impl FromArgMatches for Making {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let given = matches.contains_id("stage");
        let args = given.then(|| SamArgs::from_arg_matches(matches));
        args.transpose().map(Self)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Args for Making {
    fn augment_args(command: clap::Command) -> clap::Command {
        SamArgs::augment_args(command)
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        SamArgs::augment_args_for_update(command)
    }
}

#[derive(Debug, Subcommand)]
pub enum SamUse {
    /// What the SAM in the reader says of itself: chip serial, serial, type, counter.
    Probe(ProbeArgs),
    /// Run a package (rhc-kms rotation packages) on the SAM it was made for; writes the receipt.
    Rekey(RekeyArgs),
}

#[derive(Debug, Args)]
pub struct ProbeArgs {
    /// Reader with the SAM: its name or a part of it that only it has.
    #[arg(long)]
    pub reader: String,
    /// Also write what it says to this file, for rhc-kms rotation packages --seen.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Card profile of the SAM.
    #[arg(long, default_value = "rhc-2012", value_parser = profile)]
    pub profile: &'static Profile,
    /// How long to wait for the SAM.
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    pub wait: u64,
    /// JSON instead of text.
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct RekeyArgs {
    /// The package.
    pub package: PathBuf,
    /// Reader with the SAM: its name or a part of it that only it has.
    #[arg(long)]
    pub reader: String,
    /// Identity file of this station (mode 0600): whose key services it believes.
    #[arg(long, value_name = "FILE")]
    pub identity: PathBuf,
    /// Where the receipt goes (default: PACKAGE.receipt).
    #[arg(long, value_name = "FILE")]
    pub receipt: Option<PathBuf>,
    /// Card profile of the SAM.
    #[arg(long, default_value = "rhc-2012", value_parser = profile)]
    pub profile: &'static Profile,
    /// How long to wait for the SAM.
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    pub wait: u64,
    /// JSON instead of text.
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct SamArgs {
    #[arg(long)]
    pub stage: Stage,
    /// SAM type: 1 check, 2 and 3 institution, 4 unlock, 5 issuer.
    #[arg(long = "type", value_parser = clap::value_parser!(u8).range(1..=5))]
    pub sam_type: u8,
    /// Reader with the SAM: its name or a part of it that only it has.
    #[arg(long)]
    pub reader: String,
    #[command(flatten)]
    pub services: Services,
    /// Card profile of chips and key service.
    #[arg(long, default_value = "rhc-2012", value_parser = profile)]
    pub profile: &'static Profile,
    /// SAM ticket that pays (default: the latest approved one at the key service).
    #[arg(long, value_name = "ID", default_value = "", hide_default_value = true)]
    pub ticket: String,
    /// National stage: whose SAM it becomes, two digits (default: the identity's province).
    #[arg(long, value_parser = digits::<2>)]
    pub province: Option<String>,
    /// Provincial stage: file for the PIN, mode 0600 (default: sam-SERIAL.pin here); an existing one is used again.
    #[arg(long, value_name = "FILE")]
    pub pin_out: Option<PathBuf>,
    /// Provincial stage: prefecture in file 0016, two digits (default: the identity's, or 00).
    #[arg(long, value_parser = digits::<2>)]
    pub city: Option<String>,
    /// Provincial stage: terminal number in file 0016 (default: from the serial).
    #[arg(long, value_parser = clap::value_parser!(u32).range(0..=999_999))]
    pub terminal: Option<u32>,
    /// How long to wait for the SAM.
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    pub wait: u64,
    /// JSON instead of text.
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct PersonaliseArgs {
    /// Applicants file, CSV in UTF-8.
    #[arg(long, value_name = "FILE")]
    pub applicants: PathBuf,
    /// Card profile of chips and key service.
    #[arg(long, default_value = "rhc-2012", value_parser = profile)]
    pub profile: &'static Profile,
    /// Reader for the cards: its name or a part of it that only it has.
    #[arg(long)]
    pub reader: String,
    /// Reader with the SAM that reads back.
    #[arg(long, value_name = "NAME")]
    pub sam_reader: String,
    /// The SAM's PIN (mode 0600).
    #[arg(long, value_name = "FILE")]
    pub sam_pin_file: PathBuf,
    /// Key version with which cards are read back (default: the profile's): the new one once a rotation has switched.
    #[arg(long, value_name = "N")]
    pub key_version: Option<u8>,
    #[command(flatten)]
    pub services: Services,
    /// Card ticket that pays (default: the latest approved one at the key service).
    #[arg(long, value_name = "ID", default_value = "", hide_default_value = true)]
    pub ticket: String,
    #[command(flatten)]
    pub journal: JournalFolder,
    /// Only this data row (1 is the first below the header); may be repeated.
    #[arg(long, value_name = "N")]
    pub row: Vec<u64>,
    /// Take at most this many cards (default: one per person; no limit at a terminal).
    #[arg(long, value_name = "N")]
    pub cards: Option<usize>,
    /// 应用城市代码, six digits (default: the identity's area).
    #[arg(long, value_parser = digits::<6>)]
    pub area: Option<String>,
    /// 发卡机构名称 (default: the health commission of the issuer's area).
    #[arg(long, value_name = "TEXT")]
    pub issuer_name: Option<String>,
    /// How long to wait for a card, or for its removal.
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    pub wait: u64,
    /// Longest silence of a card within one command.
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    pub silence: u64,
    /// Also write the report, as JSON, to this file (mode 0600).
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
    /// JSON instead of a table.
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct ListArgs {
    #[command(flatten)]
    pub journal: JournalFolder,
    /// Finished and voided ones too.
    #[arg(long)]
    pub all: bool,
    /// JSON instead of a table.
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct VoidArgs {
    /// Job, serial or factor of the card.
    pub card: String,
    /// Why.
    #[arg(long)]
    pub reason: String,
    #[command(flatten)]
    pub journal: JournalFolder,
    /// Address of the registry.
    #[arg(long, value_name = "URL")]
    pub registry: String,
    /// Identity file of this station (mode 0600).
    #[arg(long, value_name = "FILE")]
    pub identity: PathBuf,
}

fn digits<const N: usize>(text: &str) -> Result<String, String> {
    let right = text.len() == N && text.bytes().all(|byte| byte.is_ascii_digit());
    if right {
        Ok(text.to_owned())
    } else {
        Err(format!("must be {N} digits"))
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
        assert!(
            digits::<2>("41").is_ok() && digits::<2>("4a").is_err() && digits::<6>("41").is_err()
        );
    }

    #[test]
    fn the_commands_of_the_project_brief_run_as_written() {
        let services = "--kms K --registry G --identity I";
        for line in [
            format!("rhc-station sam --stage national --type 1 --reader R {services}"),
            format!("rhc-station sam --stage provincial --type 5 --reader R {services}"),
            "rhc-station sam rekey PACKAGE --reader R --identity I".to_owned(),
            "rhc-station sam probe --reader R --out F".to_owned(),
            format!(
                "rhc-station personalise --applicants F --reader R --sam-reader S --sam-pin-file P {services} --json"
            ),
        ] {
            let cli = Cli::try_parse_from(line.split(' ')).expect(&line);
            let Command::Sam(sam) = cli.command else {
                continue;
            };
            let staged = line.contains("--stage");
            assert_eq!(
                (sam.make.0.is_some(), sam.in_use.is_none()),
                (staged, staged)
            );
        }
    }

    #[test]
    fn a_named_journal_counts_before_the_users_own() {
        let named = JournalFolder {
            named: Some("j".into()),
        };
        assert_eq!(named.path(), Some("j".into()));
        let own = JournalFolder { named: None }.path();
        assert!(own.is_none_or(|path| path.ends_with("rhc-station")));
    }
}
