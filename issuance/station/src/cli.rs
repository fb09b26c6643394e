//! The command line of `rhc-station`.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

const EXAMPLES: &str = "\
Examples:
  Make a SAM of type 1, first at the ministry, then at the province:
    rhc-station sam --stage national --type 1 --province 41 --reader 'Virtual PCD 0 00 01' \\
        --kms https://127.0.0.1:8441 --registry https://127.0.0.1:8450 --identity ministry-station.json --ticket T-1
    rhc-station sam --stage provincial --type 1 --reader 'Virtual PCD 0 00 01' --pin-out sam1.pin \\
        --kms https://127.0.0.1:8442 --registry https://127.0.0.1:8450 --identity station-41.json --ticket T-2
  Make cards for the rows of a file:
    rhc-station personalise --applicants applicants.csv --reader 'Virtual PCD 0 00 00' \\
        --sam-reader 'Virtual PCD 0 00 01' --sam-pin-file sam1.pin --kms https://127.0.0.1:8443 \\
        --registry https://127.0.0.1:8450 --identity station-4101.json --ticket T-3 --journal journal
  After a pulled card or a crash: run the same line again, or look and decide:
    rhc-station journal list --journal journal

Exit codes: 0 done, 2 wrong usage, 3 a card, row or request is not right, 4 reader, service or disk failed.
Messages are Chinese with RHC_LANG=zh.";

/// Makes SAMs and resident health cards at PC/SC readers.
#[derive(Debug, Parser)]
#[command(name = "rhc-station", version, after_help = EXAMPLES)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Take a SAM through one of its two stages.
    Sam(SamArgs),
    /// Make cards for the rows of an applicants file.
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

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Stage {
    /// National keys, at the ministry's key service.
    National,
    /// Provincial keys, files, PIN and activation, at the province's.
    Provincial,
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
    /// SAM ticket that pays.
    #[arg(long)]
    pub ticket: String,
    /// National stage: whose SAM it becomes, two digits (default: the identity's province).
    #[arg(long, value_parser = digits::<2>)]
    pub province: Option<String>,
    /// Provincial stage: file for the PIN (mode 0600); an existing one is used again.
    #[arg(long, value_name = "FILE", required_if_eq("stage", "provincial"))]
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
    /// Reader for the cards: its name or a part of it that only it has.
    #[arg(long)]
    pub reader: String,
    /// Reader with the SAM that reads back.
    #[arg(long, value_name = "NAME")]
    pub sam_reader: String,
    /// The SAM's PIN (mode 0600).
    #[arg(long, value_name = "FILE")]
    pub sam_pin_file: PathBuf,
    #[command(flatten)]
    pub services: Services,
    /// Card ticket that pays.
    #[arg(long)]
    pub ticket: String,
    /// Folder of the journal.
    #[arg(long, value_name = "DIR")]
    pub journal: PathBuf,
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
    /// Folder of the journal.
    #[arg(long, value_name = "DIR")]
    pub journal: PathBuf,
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
    /// Folder of the journal.
    #[arg(long, value_name = "DIR")]
    pub journal: PathBuf,
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
    fn a_provincial_stage_needs_a_file_for_its_pin() {
        let line = "rhc-station sam --stage provincial --type 1 --reader R --kms K --registry G --identity I --ticket T";
        assert!(Cli::try_parse_from(line.split(' ')).is_err());
        assert!(Cli::try_parse_from(format!("{line} --pin-out P").split(' ')).is_ok());
    }
}
