//! The command line of `rhc-card`.

use std::path::PathBuf;

use cardlib_card::cert::Mark;
use cardlib_sim::fault::Order;
use clap::{Parser, Subcommand, ValueEnum};

const EXAMPLES: &str = "\
Examples:
  rhc-card virtual user --vpcd 127.0.0.1:35963 --state card1.state --seed 1
  rhc-card virtual sam --vpcd 127.0.0.1:35964 --state sam1.state --factor 2233445566778899
  rhc-card virtual user --ifd /run/rhc-ifd/reader00 --seed 2
  rhc-card readers
  rhc-card tree
  rhc-card apdu --reader 'RHC Reader 00 00'
  rhc-card info --reader 'Virtual PCD 0 00 00'
  rhc-card delivery-list --maker 5454 --product RHC-SIM --mark test --kind card --sequence 1 \\
      --item 1122334455667788 --out cards.json
  rhc-card custodian put --reader 'Reader 02' --share chen.share --pin-file chen.pin
  rhc-card serve --port 20120 --token-file ~/.rhc-token
  rhc-card forge --from card1.state --out forged.state

Exit codes: 0 done, 2 usage, 3 the card or file is not right, 4 no reader, daemon or disk.
RHC_LANG=zh speaks Chinese.";

/// Look at resident health cards in readers, and be one.
#[derive(Parser)]
#[command(name = "rhc-card", version, after_help = EXAMPLES)]
pub struct Args {
    #[command(subcommand)]
    pub task: Task,
}

#[derive(Subcommand)]
pub enum Task {
    /// Put a virtual card into a reader of the PC/SC daemon (vpcd driver) until the reader goes away
    Virtual {
        #[command(subcommand)]
        kind: VirtualKind,
    },
    /// Test aid: copy a card's data into a new state file, with random keys in place of every key
    Forge(Forge),
    /// Show what a card says of itself without any key
    Info(Info),
    /// Show directories, files and rights of the profile
    Tree(Tree),
    /// Talk to a card: every command, answer and status word decoded; `help` inside
    Apdu(Apdu),
    /// Send a file of commands and compare the answers
    Script(Script),
    /// Decode a recorded conversation or a log of pcscd (--apdu)
    Trace(Trace),
    /// Tell of readers and cards as they come and go
    Watch(Watch),
    /// Read all that a SAM may read from a card, as JSON
    Dump(Dump),
    /// List readers and what is in them
    Readers {
        /// Machine-readable
        #[arg(long)]
        json: bool,
    },
    /// Serve the C interface to programs on this computer that cannot load the library (rhc_reader.dll)
    Serve(Serve),
    /// Carry a custodian's share of a back-up on a card behind a PIN
    Custodian {
        #[command(subcommand)]
        act: CustodianAct,
    },
    /// Write and sign a maker's delivery list: FILE and FILE.sig
    DeliveryList(DeliveryList),
    /// Draw a maker's signature key into a new file and print its public key
    MakerKey {
        /// New file, mode 0600
        #[arg(long)]
        out: PathBuf,
    },
}

#[derive(clap::Args)]
pub struct Serve {
    /// Port on the loopback; 0 takes a free one, which is printed
    #[arg(long, default_value_t = 0)]
    pub port: u16,
    /// Who can read this file may call; drawn anew (mode 0600) when it is not there
    #[arg(long, value_name = "FILE")]
    pub token_file: PathBuf,
    /// Configuration of the readers [default: rhc_reader.toml beside this program, or in /etc/rhc]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

#[derive(Subcommand)]
pub enum VirtualKind {
    /// A user card
    User {
        #[command(flatten)]
        card: Virtual,
        /// Test aid: start as a forgery of this card: its data, random keys (FILE may be in use)
        #[arg(long, value_name = "FILE", conflicts_with_all = ["factor", "vendor", "transport_key_file"])]
        forge_from: Option<PathBuf>,
    },
    /// A SAM
    Sam {
        #[command(flatten)]
        card: Virtual,
    },
    /// A custodian's card (docs/custodian-card.md); a new one has the transport PIN 000000
    Custodian(VirtualCustodian),
}

#[derive(Subcommand)]
pub enum CustodianAct {
    /// Give a new card its custodian and its own PIN in place of the transport PIN
    Format {
        #[command(flatten)]
        at: CustodianAt,
        /// The custodian's name in the ceremony
        #[arg(long, value_name = "NAME")]
        custodian: String,
        /// The transport PIN from the maker's letter, mode 0600
        #[arg(long, value_name = "FILE")]
        transport_pin_file: PathBuf,
    },
    /// Write a share file to its custodian's card and read it back
    Put {
        #[command(flatten)]
        at: CustodianAt,
        /// The share, as the ceremony wrote it
        #[arg(long, value_name = "FILE")]
        share: PathBuf,
        /// The card holds another share, which goes for ever
        #[arg(long)]
        replace: bool,
    },
    /// Read the share from a card into a new file of mode 0600
    Get {
        #[command(flatten)]
        at: CustodianAt,
        /// Whose card it must be; another's is left before its PIN is tried
        #[arg(long, value_name = "NAME")]
        custodian: String,
        /// New file
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Whose card it is and how many tries its PIN has; needs no PIN
    Info {
        /// Reader, by its name or a part of it that fits no other
        #[arg(long, value_name = "NAME")]
        reader: String,
        /// Machine-readable
        #[arg(long)]
        json: bool,
    },
}

#[derive(clap::Args)]
pub struct CustodianAt {
    /// Reader, by its name or a part of it that fits no other
    #[arg(long, value_name = "NAME")]
    pub reader: String,
    /// The card's PIN, 6 to 8 digits, mode 0600
    #[arg(long, value_name = "FILE")]
    pub pin_file: PathBuf,
}

#[derive(clap::Args)]
pub struct VirtualCustodian {
    #[command(flatten)]
    pub place: Place,
    /// State file: continued if it is there, else made; without it the card lives as long as the process
    #[arg(long, value_name = "FILE")]
    pub state: Option<PathBuf>,
    /// Test aid: pull-at:N, pull-after:N, silent-at:N, short-at:N or short-at:N:0, at the Nth command
    #[arg(long, value_name = "FAULT")]
    pub fault: Option<Order>,
}

#[derive(clap::Args)]
pub struct Virtual {
    #[command(flatten)]
    pub place: Place,
    /// State file: continued if it is there, else made; without it the card lives as long as the process
    #[arg(long, value_name = "FILE")]
    pub state: Option<PathBuf>,
    /// Card profile
    #[arg(long, default_value = "rhc-2012")]
    pub profile: String,
    /// Card factor or chip serial of a new blank, 16 hex digits; else drawn (from the seed, if there is one)
    #[arg(long, value_name = "HEX", value_parser = hex_8)]
    pub factor: Option<[u8; 8]>,
    /// Makes every random number of the card follow from N
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Vendor code of a new blank, 4 hex digits [default: 5454 TEST; 4445 with --transport-key-file]
    #[arg(long, value_name = "HEX", value_parser = hex_2)]
    pub vendor: Option<[u8; 2]>,
    /// The maker's transport master key for a new blank: 32 hex digits, mode 0600 [default: the public test key]
    #[arg(long, value_name = "FILE")]
    pub transport_key_file: Option<PathBuf>,
    /// The card works this long on every command
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub delay_ms: u64,
    /// Test aid: pull-at:N, pull-after:N, silent-at:N, short-at:N or short-at:N:0, at the Nth command
    #[arg(long, value_name = "FAULT")]
    pub fault: Option<Order>,
}

/// The reader to put the card into.
#[derive(clap::Args)]
#[group(required = true, multiple = false)]
pub struct Place {
    /// Where the vpcd driver listens
    #[arg(long, value_name = "HOST:PORT")]
    pub vpcd: Option<String>,
    /// Socket of a reader of our own driver (DEVICENAME of libcardlib_ifd.so)
    #[arg(long, value_name = "PATH")]
    pub ifd: Option<PathBuf>,
}

#[derive(clap::Args)]
pub struct Forge {
    /// State file of the card to copy; it may be in use
    #[arg(long, value_name = "FILE")]
    pub from: PathBuf,
    /// New state file
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// Card profile
    #[arg(long, default_value = "rhc-2012")]
    pub profile: String,
    /// Makes the random keys follow from N
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
}

#[derive(clap::Args)]
pub struct Info {
    /// Reader, by its name or a part of it that fits no other
    #[arg(long, value_name = "NAME")]
    pub reader: String,
    /// Card profile
    #[arg(long, default_value = "rhc-2012")]
    pub profile: String,
    /// Machine-readable
    #[arg(long)]
    pub json: bool,
}

#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  rhc-card tree\n  rhc-card tree DDF1 --keys\n  rhc-card tree --json"
)]
pub struct Tree {
    /// Only this directory, such as DDF1
    pub directory: Option<String>,
    /// The directory's keys too
    #[arg(long)]
    pub keys: bool,
    /// Card profile
    #[arg(long, default_value = "rhc-2012")]
    pub profile: String,
    /// Machine-readable
    #[arg(long)]
    pub json: bool,
}

#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  rhc-card apdu --reader 'RHC Reader 00 00'\n  rhc-card apdu --reader 'RHC Reader 00 00' 00A40000023F00 0084000008"
)]
pub struct Apdu {
    /// Reader, by its name or a part of it that fits no other
    #[arg(long, value_name = "NAME")]
    pub reader: String,
    /// Commands in hexadecimal; without any they are asked for, one a line
    #[arg(value_name = "HEX")]
    pub commands: Vec<String>,
    /// The card is a SAM
    #[arg(long)]
    pub sam: bool,
    /// Do not fetch waiting bytes (61xx) nor repeat with the right length (6Cxx)
    #[arg(long)]
    pub raw: bool,
    /// Card profile
    #[arg(long, default_value = "rhc-2012")]
    pub profile: String,
    /// Machine-readable, one object a line
    #[arg(long)]
    pub json: bool,
}

#[derive(clap::Args)]
#[command(
    after_help = "A script, one step a line:\n  # free data of a card\n  reset > 3B6C0002*\n  00A4040C07D1560000010100 > 9000\n  00840000 08 > ????????????????9000   (? is any digit, * at the end anything)\n  raw 0084000008 > *\n\nExample:\n  rhc-card script check.apdu --reader 'RHC Reader 00 00'\n\nExit code 3: an answer was another one."
)]
pub struct Script {
    /// The script
    pub file: PathBuf,
    /// Reader, by its name or a part of it that fits no other
    #[arg(long, value_name = "NAME")]
    pub reader: String,
    /// The card is a SAM
    #[arg(long)]
    pub sam: bool,
    /// Go on after an answer that was not expected
    #[arg(long)]
    pub keep_going: bool,
    /// Card profile
    #[arg(long, default_value = "rhc-2012")]
    pub profile: String,
    /// Machine-readable, one object a line
    #[arg(long)]
    pub json: bool,
}

#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  rhc-card trace desk.conversation\n  pcscd --foreground --apdu 2>pcscd.log; rhc-card trace pcscd.log\n\nExit code 3: the file is neither."
)]
pub struct Trace {
    /// `chip COMMAND > ANSWER` lines, or pcscd's log
    pub file: PathBuf,
    /// Card profile
    #[arg(long, default_value = "rhc-2012")]
    pub profile: String,
    /// Machine-readable, one object a line
    #[arg(long)]
    pub json: bool,
}

#[derive(clap::Args)]
#[command(after_help = "Examples:\n  rhc-card watch\n  rhc-card watch --seconds 10 --json")]
pub struct Watch {
    /// End after this time [default: never]
    #[arg(long, value_name = "N")]
    pub seconds: Option<u64>,
    /// Card profile
    #[arg(long, default_value = "rhc-2012")]
    pub profile: String,
    /// Machine-readable, one object a line
    #[arg(long)]
    pub json: bool,
}

#[derive(clap::Args)]
#[command(
    after_help = "Example:\n  rhc-card dump --reader 'RHC Reader 00 00' --sam-reader 'RHC Reader 01 00' --sam-pin-file pin --out card.json"
)]
pub struct Dump {
    /// Reader with the card
    #[arg(long, value_name = "NAME")]
    pub reader: String,
    /// Reader with the SAM
    #[arg(long, value_name = "NAME")]
    pub sam_reader: String,
    /// The SAM's PIN, six digits, mode 0600
    #[arg(long, value_name = "FILE")]
    pub sam_pin_file: PathBuf,
    /// New file, mode 0600, for the data; else they go to standard output
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Card profile
    #[arg(long, default_value = "rhc-2012")]
    pub profile: String,
    /// JSON is the only form: accepted for symmetry
    #[arg(long)]
    pub json: bool,
}

#[derive(clap::Args)]
pub struct DeliveryList {
    /// Vendor code, 4 hex digits, as in the ATR
    #[arg(long, value_name = "HEX", value_parser = hex_2)]
    pub maker: [u8; 2],
    /// Product name
    #[arg(long)]
    pub product: String,
    /// test, demo or production
    #[arg(long)]
    pub mark: Mark,
    /// Cards or SAMs
    #[arg(long)]
    pub kind: Kind,
    /// Number of this list at this maker, from 1
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub sequence: u64,
    /// Card factor or chip serial, 16 hex digits; give it once for each
    #[arg(long = "item", value_name = "HEX", value_parser = hex_8, required = true)]
    pub items: Vec<[u8; 8]>,
    /// The list; its signature goes to FILE.sig
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// The maker's private key, 64 hex digits, mode 0600; a TEST list may do without (the public test key signs)
    #[arg(long, value_name = "FILE")]
    pub maker_key: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
pub enum Kind {
    Card,
    Sam,
}

fn hex_8(text: &str) -> Result<[u8; 8], String> {
    fixed(text)
}

fn hex_2(text: &str) -> Result<[u8; 2], String> {
    fixed(text)
}

fn fixed<const N: usize>(text: &str) -> Result<[u8; N], String> {
    let mut bytes = [0u8; N];
    hex::decode_to_slice(text, &mut bytes)
        .map(|()| bytes)
        .map_err(|_| format!("{} hex digits are wanted", 2 * N))
}
