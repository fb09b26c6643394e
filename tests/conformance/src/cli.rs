//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::suite::Kind;
use crate::words::Lang;

/// Conformance suites for health cards, SAMs and terminals.
#[derive(Debug, Parser)]
#[command(name = "rhc-conformance", version, about, after_help = EXAMPLES)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Order,
}

const EXAMPLES: &str = "\
Examples:
  rhc-conformance list --suite user-card
  rhc-conformance run --suite user-card --virtual --out out/rehearsal        a rehearsal on a virtual card
  rhc-conformance run --suite user-card --reader 'ACS ACR39U' --sam-reader 'ACS ACR38' \\
      --product 'Maker X, COS 2.1' --key lab.key --out out/x21
  rhc-conformance run --suite sam --sam-reader ACR38 --destructive --next-sample ask --out out/sam
  rhc-conformance run --suite terminal --library ./librhc_reader.so --library-config rhc_reader.toml \\
      --card-vpcd localhost:35963 --sam-vpcd localhost:35964 --out out/terminal
  rhc-conformance verify out/x21
  rhc-conformance report out/x21 --out out/x21-again --picture out/x21.png
  rhc-conformance trial --generated 100              what the suites catch, and that they raise no false alarm
Exit codes: 0 conformant, 2 usage, 3 not conformant, 4 environment. Language: RHC_LANG=zh|en.";

#[derive(Debug, Subcommand)]
pub enum Order {
    /// Shows the cases.
    List(List),
    /// Runs a suite on a product.
    Run(Box<Run>),
    /// Checks a package: every byte, by digest, chain and signature.
    Verify {
        dir: PathBuf,
        /// Accept this signer only: X and Y, 128 hexadecimal digits.
        #[arg(long)]
        public: Option<String>,
        #[arg(long)]
        json: bool,
    },
    /// Makes the reports again from a package's evidence.
    Report(Report),
    /// Tries the suites themselves: what they catch of seeded faults, and whether they raise false alarms.
    Trial(Trial),
    /// Shows the requirements and the cases that show each.
    Requirements {
        #[arg(long, conflicts_with = "json")]
        markdown: bool,
        #[arg(long)]
        json: bool,
    },
    /// Shows the seeded faults on which the suites are tried.
    Mutants {
        #[arg(long)]
        markdown: bool,
    },
    /// Puts a virtual test product into a virtual reader, sound or with a seeded fault, until the reader goes away.
    Virtual {
        /// HOST:PORT where the vpcd driver listens.
        #[arg(long, required_unless_present = "ifd")]
        vpcd: Option<String>,
        /// Socket of a reader of this project's own driver.
        #[arg(long, conflicts_with = "vpcd")]
        ifd: Option<PathBuf>,
        /// A SAM instead of a user card.
        #[arg(long)]
        sam: bool,
        #[arg(long, default_value = "rhc-2012")]
        preset: String,
        /// Id of a seeded fault (`rhc-conformance mutants`).
        #[arg(long)]
        mutant: Option<String>,
        /// Seed of the chip's random numbers.
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
    /// Loads a library and makes the calls on standard input: the child process of the terminal suite.
    #[command(hide = true)]
    TerminalCalls {
        #[arg(long)]
        library: PathBuf,
        #[arg(long)]
        library_config: Option<PathBuf>,
    },
    /// Draws a laboratory's signature key into a new file (mode 0600).
    Key {
        #[arg(long)]
        out: PathBuf,
    },
}

#[derive(Debug, Args)]
pub struct List {
    #[arg(long)]
    pub suite: Option<Kind>,
    /// Case files of a folder instead of the built-in ones.
    #[arg(long)]
    pub suites: Option<PathBuf>,
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct Run {
    #[arg(long)]
    pub suite: Kind,
    /// PC/SC reader with the user card: its name, or a part that fits one reader only.
    #[arg(long)]
    pub reader: Option<String>,
    /// PC/SC reader with the SAM.
    #[arg(long)]
    pub sam_reader: Option<String>,
    /// Terminal: the library under test, with the C interface of 2012.
    #[arg(long)]
    pub library: Option<PathBuf>,
    /// Terminal: the library's configuration, for its function rhc_Configure.
    #[arg(long, requires = "library")]
    pub library_config: Option<PathBuf>,
    /// Terminal: the library verifies signatures itself before it settles a visit.
    #[arg(long, requires = "library")]
    pub library_verifies: bool,
    /// Terminal: HOST:PORT of the vpcd reader that the library takes for its card reader.
    #[arg(long, requires = "library")]
    pub card_vpcd: Option<String>,
    /// Terminal: HOST:PORT of the vpcd reader that the library takes for its SAM reader.
    #[arg(long, requires = "library")]
    pub sam_vpcd: Option<String>,
    /// A virtual card and SAM in this process instead of readers.
    #[arg(long, conflicts_with_all = ["reader", "sam_reader"])]
    pub r#virtual: bool,
    /// With --virtual: a product with this seeded fault (`rhc-conformance mutants`).
    #[arg(long, requires = "virtual")]
    pub mutant: Option<String>,
    /// What the product claims to be: rhc-2012, rhc-2012-bank, rhc-three-level, rhc-aes.
    #[arg(long, default_value = "rhc-2012")]
    pub preset: String,
    /// One case, a group, or a beginning with *; may be given again.
    #[arg(long)]
    pub case: Vec<String>,
    /// Where all chance comes from: as given by the server, or drawn when left out.
    #[arg(long)]
    pub seed: Option<String>,
    /// Runs each case (without scar) this often; a product that answers otherwise is unstable.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub repeats: u32,
    /// Also run cases that block keys, applications or the card for ever.
    #[arg(long)]
    pub destructive: bool,
    /// How further samples come into the reader: `ask`, or a program that gets the sample's number.
    #[arg(long)]
    pub next_sample: Option<PathBuf>,
    /// What the laboratory calls the product.
    #[arg(long, default_value = "unnamed")]
    pub product: String,
    /// The laboratory's SM2 key (mode 0600); without it the package is signed with the public test key.
    #[arg(long)]
    pub key: Option<PathBuf>,
    /// Folder of the package; an interrupted run in it goes on.
    #[arg(long)]
    pub out: PathBuf,
    /// Case files of a folder instead of the built-in ones.
    #[arg(long)]
    pub suites: Option<PathBuf>,
    /// Longest time of one case, seconds.
    #[arg(long, default_value_t = 1800)]
    pub case_limit: u64,
    /// Longest time of one command, seconds. A reader that is lost may take twice as long to come back.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=600))]
    pub command_limit: u64,
    /// No PDF (it needs a Chromium).
    #[arg(long)]
    pub no_pdf: bool,
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct Report {
    pub dir: PathBuf,
    /// Where to: a folder beside the package.
    #[arg(long)]
    pub out: PathBuf,
    #[arg(long)]
    pub pdf: bool,
    /// Also take a picture of the HTML.
    #[arg(long)]
    pub picture: Option<PathBuf>,
    #[arg(long, default_value = "en")]
    pub picture_lang: Lang,
}

#[derive(Debug, Args)]
pub struct Trial {
    /// Faults drawn by chance, beside those of the table.
    #[arg(long, default_value_t = 100)]
    pub generated: u32,
    /// Where chance comes from; drawn and shown when left out.
    #[arg(long)]
    pub seed: Option<String>,
    /// Every fault of the table against every case, not only until the first case of its clause that catches it.
    #[arg(long)]
    pub all: bool,
    /// Only faults of the table whose id begins so; no false alarms are looked for.
    #[arg(long)]
    pub fault: Option<String>,
    /// Case files of a folder instead of the built-in ones.
    #[arg(long)]
    pub suites: Option<PathBuf>,
    #[arg(long)]
    pub json: bool,
}
