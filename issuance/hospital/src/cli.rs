//! The command line of `rhc-hospital`.

mod values;

use std::borrow::Cow;
use std::path::PathBuf;
use std::time::Duration;

use cardlib_card::profile::Profile;
use cardlib_card::visit::Day;
use cardlib_reader::ReaderError;
use cardlib_reader::pcsc::{PcscCard, Readers, Sharing};
use cardlib_terminal::{Anchors, FlowError, Part, Pin};
use clap::{Args, Parser, Subcommand};
use issuance_registry_api::RegistryClient;
use kms_platform::exit::{Exit, Failure};
use kms_platform::identity::Identity;
use kms_platform::{output, say};

use crate::check::{self, Findings, Request};
use crate::registry::Registry;
use crate::report::Report;
use crate::trouble::Trouble;
use values::{anchors, day, pin, today};

const EXAMPLES: &str = "\
Examples:
  rhc-hospital verify --reader 'Virtual PCD 0 00 00' --sam-reader 'Virtual PCD 0 00 01' --sam-pin-file sam.pin
      off line: key, data and validity of the card
  rhc-hospital verify --reader ACR39 --sam-reader Omnikey --sam-pin-file sam.pin \\
      --registry https://127.0.0.1:8600 --identity hospital.json --json
      on line: lost and cancelled cards are found too; part of a reader's name is enough

Exit codes: 0 the card is good, 3 it is not (the verdict says why), 2 wrong usage, 4 no verdict: reader, SAM or
registry failed. RHC_LANG=zh prints Chinese; RHC_LOG=apdu=debug traces headers and lengths, never data.";

/// Verifies resident health cards at a hospital.
#[derive(Parser)]
#[command(name = "rhc-hospital", version, about, after_help = EXAMPLES)]
pub struct Cli {
    #[command(subcommand)]
    command: Act,
}

#[derive(Subcommand)]
enum Act {
    /// Is the card in the reader good? Checks its key, data and validity, and asks the registry
    #[command(after_help = EXAMPLES)]
    Verify(Verify),
}

#[derive(Args)]
struct Verify {
    /// Reader with the user card: its name, or a part that no other reader's name has
    #[arg(long, value_name = "NAME")]
    reader: String,
    /// Reader with the SAM
    #[arg(long, value_name = "NAME")]
    sam_reader: String,
    /// File with the SAM's PIN, six digits, mode 0600
    #[arg(long, value_name = "FILE")]
    sam_pin_file: PathBuf,
    /// Registry to ask, such as https://127.0.0.1:8600
    #[arg(long, value_name = "URL", requires = "identity")]
    registry: Option<String>,
    /// Our identity towards the registry, mode 0600
    #[arg(long, value_name = "FILE", requires = "registry")]
    identity: Option<PathBuf>,
    /// The ministry's public key (128 hexadecimal digits) that issuer certificates are checked against [default: the
    /// public TEST root for what says TEST, none for the rest]
    #[arg(long, value_name = "FILE")]
    root_key: Option<PathBuf>,
    /// Card profile
    #[arg(long, value_name = "NAME", default_value = "rhc-2012")]
    profile: String,
    /// Version of the keys that cards are opened with [default: the profile's]; the new one once a rotation has switched
    #[arg(long, value_name = "N")]
    key_version: Option<u8>,
    /// Day for the check of validity, YYYYMMDD [default: today in China]
    #[arg(long, value_name = "DAY", value_parser = day)]
    date: Option<String>,
    /// Seconds that a chip may take for one command
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=600))]
    time_limit: u64,
    /// Show personal data unmasked
    #[arg(long)]
    full: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command line of this process.
///
/// # Errors
/// [`Failure`] with its exit code when there is no verdict.
pub fn run() -> Result<Exit, Failure> {
    match Cli::parse().command {
        Act::Verify(arguments) => verify(&arguments),
    }
}

fn verify(arguments: &Verify) -> Result<Exit, Failure> {
    let outcome = prepare(arguments).and_then(|setting| setting.check(arguments));
    match outcome {
        Ok(findings) => {
            let report = Report::of(&findings, arguments.full);
            output::print(arguments.json, &report, || report.table(findings.verdict))
                .map_err(|cause| Failure::environment(cause.to_string()))?;
            Ok(findings.verdict.exit())
        }
        Err(NoVerdict { slug, failure }) => {
            if arguments.json {
                print_no_verdict(slug, &failure);
            }
            Err(failure)
        }
    }
}

/// A failure with the stable word that JSON carries.
struct NoVerdict {
    slug: &'static str,
    failure: Failure,
}

impl From<Trouble> for NoVerdict {
    fn from(trouble: Trouble) -> Self {
        Self {
            slug: trouble.slug(),
            failure: trouble.into(),
        }
    }
}

/// A wrong file or argument.
fn setting(failure: Failure) -> NoVerdict {
    NoVerdict {
        slug: "setting",
        failure,
    }
}

fn print_no_verdict(slug: &str, failure: &Failure) {
    let report = serde_json::json!({
        "verdict": "none",
        "exit_code": failure.exit as u8,
        "trouble": slug,
        "reason": failure.message,
        "next": failure.next,
    });
    println!("{report:#}");
}

/// Everything from files and arguments, read before a card is touched.
struct Setting {
    profile: Cow<'static, Profile>,
    pin: Pin,
    today: Day,
    registry: Option<RegistryClient>,
    anchors: Anchors,
}

fn prepare(arguments: &Verify) -> Result<Setting, NoVerdict> {
    let profile = Profile::named(&arguments.profile).ok_or_else(|| {
        let name = &arguments.profile;
        setting(Failure::usage(say!(
            "there is no profile `{name}`; use rhc-2012",
            "没有配置 `{name}`；请用 rhc-2012"
        )))
    })?;
    Ok(Setting {
        profile: arguments
            .key_version
            .map_or(Cow::Borrowed(profile), |version| {
                Cow::Owned(profile.with_flow_version(version))
            }),
        pin: pin(&arguments.sam_pin_file).map_err(setting)?,
        today: arguments
            .date
            .clone()
            .unwrap_or_else(today)
            .parse()
            .map_err(|cause: cardlib_card::visit::ValueError| {
                setting(Failure::usage(cause.to_string()))
            })?,
        registry: registry(arguments).map_err(setting)?,
        anchors: anchors(profile, arguments.root_key.as_deref()).map_err(setting)?,
    })
}

fn registry(arguments: &Verify) -> Result<Option<RegistryClient>, Failure> {
    let (Some(url), Some(path)) = (&arguments.registry, &arguments.identity) else {
        return Ok(None);
    };
    let identity = Identity::read(path).map_err(|cause| {
        Failure::environment(say!(
            "our identity cannot be used: {cause}",
            "身份文件不可用：{cause}"
        ))
    })?;
    Ok(Some(RegistryClient::new(url, &identity)?))
}

impl Setting {
    fn check(&self, arguments: &Verify) -> Result<Findings, NoVerdict> {
        let limit = Duration::from_secs(arguments.time_limit);
        let readers = Readers::open().map_err(at(Part::Card))?.with_limit(limit);
        let connect = |name: &str, part| -> Result<PcscCard, Trouble> {
            readers.connect(name, Sharing::Exclusive).map_err(at(part))
        };
        let (card_in, sam_in) = (
            readers.find(&arguments.reader),
            readers.find(&arguments.sam_reader),
        );
        if card_in.is_ok() && card_in == sam_in {
            return Err(setting(Failure::usage(say!(
                "card and SAM cannot be in the same reader; name two",
                "用户卡与 SAM 不能在同一读卡器中；请分别指定"
            ))));
        }
        let mut sam = connect(&arguments.sam_reader, Part::Sam)?;
        let mut card = connect(&arguments.reader, Part::Card)?;
        let request = Request {
            profile: &self.profile,
            pin: &self.pin,
            today: self.today,
            registry: self.registry.as_ref().map(|client| client as &dyn Registry),
            anchors: &self.anchors,
        };
        Ok(check::verify(&mut card, &mut sam, &request)?)
    }
}

fn at(part: Part) -> impl FnOnce(ReaderError) -> Trouble {
    move |cause| Trouble::Flow(FlowError::Reader { part, cause })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn registry_and_identity_come_together() {
        let line = [
            "rhc-hospital",
            "verify",
            "--reader",
            "a",
            "--sam-reader",
            "b",
            "--sam-pin-file",
            "c",
        ];
        assert!(Cli::try_parse_from(line).is_ok());
        assert!(Cli::try_parse_from([&line[..], &["--registry", "https://x"]].concat()).is_err());
    }
}
