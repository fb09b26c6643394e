//! The command line.

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// A hardware security module in software, for tests and demonstrations: NOT FOR PRODUCTION KEYS.
#[derive(Parser)]
#[command(name = "rhc-hsm", version, about, after_help = EXAMPLES)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

const EXAMPLES: &str = "\
Examples:
  rhc-hsm officer-key --name zhang --out zhang.key        (also writes zhang.key.pub)
  rhc-hsm officer-key --name li --out li.key
  rhc-hsm init --store hsm --mark test --officer zhang=zhang.key.pub --officer li=li.key.pub \\
      --operator-cred-out operator.cred --unseal-out elsewhere/unseal
  rhc-hsm serve --store hsm --socket hsm.sock --officer-socket hsm.officer.sock --unseal-fd 3 3<elsewhere/unseal
  rhc-hsm info --officer-socket hsm.officer.sock --json
  rhc-hsm keys --socket hsm.sock --operator-cred operator.cred
  rhc-hsm audit --socket hsm.sock --auditor-cred auditor.cred --json
  rhc-hsm sign --key zhang.key --order o.json --officer-socket hsm.officer.sock --op '{\"close-ticket\":{\"id\":\"t1\"}}'
  rhc-hsm sign --key zhang.key --order o.json --officer-socket hsm.officer.sock \\
      --op \"$(rhc-hsm index-password --index 1 --password index1.pass)\"
  rhc-hsm bench --json
  rhc-hsm share split --store hsm --unseal-fd 3 --threshold 2 --custodian sun=sun.pass --custodian qian=qian.pass \\
      --custodian zhou=zhou.pass --out shares 3<elsewhere/unseal
  rhc-hsm share join --store hsm --share shares/sun.share=sun.pass --share shares/zhou.share=zhou.pass | \\
      rhc-hsm serve --store hsm --socket hsm.sock --officer-socket hsm.officer.sock --unseal-fd 0
  rhc-hsm sign --key li.key --order o.json && rhc-hsm execute --order o.json --officer-socket hsm.officer.sock

Exit codes: 0 done, 2 usage, 3 the store is not right (wrong secret, changed), 4 environment.
Messages are Chinese with RHC_LANG=zh; RHC_LOG sets the log filter (default info).";

#[derive(Subcommand)]
pub enum Command {
    /// Make an officer's SM2 key: FILE (0600) and FILE.pub
    OfficerKey(OfficerKey),
    /// Make a new HSM in a directory
    Init(Init),
    /// Open an HSM and answer on two Unix sockets until SIGTERM or SIGINT
    Serve(Serve),
    /// Fingerprint, mark, next order number and more of a running HSM
    Info(Info),
    /// Keys of a running HSM: attributes and check values, never bytes
    Keys(Operator),
    /// Tickets of a running HSM and what is left of them
    Tickets(Operator),
    /// The HSM's own audit; exit code 3 when its chain is broken
    Audit(Audit),
    /// Sign an order's body as an officer: adds one signature to an order file, or makes one from a body
    Sign(Sign),
    /// Bring a signed order to a running HSM
    Execute(Execute),
    /// Split the unsealing secret among custodians, and join their shares again
    #[command(subcommand)]
    Share(Share),
    /// The operation that sets the password of a key index of the GM/T 0018 library, for rhc-hsm sign --op
    IndexPassword(IndexPassword),
    /// Measure the cipher core on this machine; touches no store
    Bench(Bench),
}

#[derive(Subcommand)]
pub enum Share {
    /// Write one file for each custodian; destroy the secret's own file afterwards
    Split(ShareSplit),
    /// Write the secret to a pipe: rhc-hsm share join … | rhc-hsm serve … --unseal-fd 0
    Join(ShareJoin),
}

#[derive(Args)]
pub struct ShareSplit {
    #[arg(long, value_name = "DIR")]
    pub store: PathBuf,
    /// File descriptor that the unsealing secret is read from
    #[arg(long, value_name = "N")]
    pub unseal_fd: i32,
    /// How many custodians unseal the store together
    #[arg(long, value_name = "M")]
    pub threshold: u8,
    /// Custodian and a file (0600) with a passphrase of at least 12 bytes; 2 to 16 of them
    #[arg(long, value_name = "NAME=FILE", required = true)]
    pub custodian: Vec<String>,
    /// Where NAME.share (0600) are written; not inside the store
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
}

#[derive(Args)]
pub struct ShareJoin {
    #[arg(long, value_name = "DIR")]
    pub store: PathBuf,
    /// Share file and the file (0600) with its custodian's passphrase
    #[arg(long, value_name = "SHARE=FILE", required = true)]
    pub share: Vec<String>,
}

#[derive(Args)]
pub struct IndexPassword {
    /// Index of the keys sdf/N/sign and sdf/N/encrypt
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub index: u32,
    /// File (0600) with the password, 8 to 128 bytes
    #[arg(long, value_name = "FILE")]
    pub password: PathBuf,
}

#[derive(Args)]
pub struct Bench {
    /// One tier only: avx512, aesni or portable; all that this processor has if not given
    #[arg(long, value_name = "NAME", value_parser = parse_tier)]
    pub tier: Option<hsm_engine::sm4::Tier>,
    /// Seconds for each figure
    #[arg(long, default_value_t = 0.5)]
    pub seconds: f64,
    #[arg(long)]
    pub json: bool,
}

fn parse_tier(text: &str) -> Result<hsm_engine::sm4::Tier, String> {
    let found = hsm_engine::sm4::Tier::ALL
        .into_iter()
        .find(|tier| tier.name() == text);
    match found {
        Some(tier) if tier.available() => Ok(tier),
        Some(_) => Err("this processor has not got it".to_owned()),
        None => Err("avx512, aesni or portable".to_owned()),
    }
}

#[derive(Args)]
pub struct OfficerKey {
    /// Name as it will be enrolled
    #[arg(long)]
    pub name: String,
    /// Key file to write; the public half goes to FILE.pub
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
}

#[derive(Clone, Copy, ValueEnum)]
pub enum MarkArg {
    Test,
    Demo,
    Production,
}

#[derive(Args)]
pub struct Init {
    /// New directory
    #[arg(long, value_name = "DIR")]
    pub store: PathBuf,
    /// TEST, DEMO and PRODUCTION never mix
    #[arg(long)]
    pub mark: MarkArg,
    /// First officers: name and public key file, at least two
    #[arg(long, value_name = "NAME=FILE", required = true)]
    pub officer: Vec<String>,
    /// Where the operator's secret goes (0600)
    #[arg(long, value_name = "FILE")]
    pub operator_cred_out: PathBuf,
    /// Where the auditor's secret goes (0600); without it nobody is the auditor until officers order set-auditor
    #[arg(long, value_name = "FILE")]
    pub auditor_cred_out: Option<PathBuf>,
    /// Where the unsealing secret goes (0600); not inside the store
    #[arg(long, value_name = "FILE")]
    pub unseal_out: PathBuf,
    /// Make a PRODUCTION store although this is a simulator
    #[arg(long)]
    pub force_not_for_production: bool,
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
pub struct Serve {
    #[arg(long, value_name = "DIR")]
    pub store: PathBuf,
    /// Operator's socket
    #[arg(long, value_name = "PATH")]
    pub socket: PathBuf,
    /// Officers' socket
    #[arg(long, value_name = "PATH")]
    pub officer_socket: PathBuf,
    /// File descriptor that the unsealing secret is read from; it is closed then
    #[arg(long, value_name = "N")]
    pub unseal_fd: i32,
    /// When started by root: the user to run as; the store becomes this user's
    #[arg(long, value_name = "NAME")]
    pub user: Option<String>,
    /// Who else may open the sockets: 0600 the user alone, 0660 the group too, 0666 everybody here (both sockets
    /// still ask for a secret or two signatures)
    #[arg(long, value_name = "MODE", default_value = "0660", value_parser = parse_mode)]
    pub socket_mode: u32,
    /// Epoch outside the store, best on another disk: a store that is older than it is refused
    #[arg(long, value_name = "FILE")]
    pub epoch_file: Option<PathBuf>,
    /// Make the epoch file, or take the store as it is in spite of it, after comparing the audit's head with what users
    /// of the HSM remember
    #[arg(long, requires = "epoch_file")]
    pub accept_epoch: bool,
    /// Serve a PRODUCTION store although this is a simulator
    #[arg(long)]
    pub force_not_for_production: bool,
    /// Misbehave on purpose (TEST stores only): at=CALL:FAULT or seed=N,rate=PER-1000[,kinds=FAULT+FAULT], and
    /// slow=MS, silent=MS; faults are busy lost lost-after silent slow short entropy power tamper full torn
    #[arg(long, value_name = "SPEC")]
    pub faults: Option<crate::faults::Plan>,
}

fn parse_mode(text: &str) -> Result<u32, String> {
    match u32::from_str_radix(text, 8) {
        Ok(mode) if [0o600, 0o660, 0o666].contains(&mode) => Ok(mode),
        _ => Err("0600, 0660 or 0666".to_owned()),
    }
}

#[derive(Args)]
pub struct Info {
    #[arg(long, value_name = "PATH")]
    pub officer_socket: PathBuf,
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
pub struct Operator {
    /// Operator's socket
    #[arg(long, value_name = "PATH")]
    pub socket: PathBuf,
    /// File with the operator's secret
    #[arg(long, value_name = "FILE")]
    pub operator_cred: PathBuf,
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
pub struct Audit {
    /// Operator's socket
    #[arg(long, value_name = "PATH")]
    pub socket: PathBuf,
    /// File with the auditor's secret
    #[arg(long, value_name = "FILE", required_unless_present = "operator_cred")]
    pub auditor_cred: Option<PathBuf>,
    /// File with the operator's secret, who may read the audit too
    #[arg(long, value_name = "FILE", conflicts_with = "auditor_cred")]
    pub operator_cred: Option<PathBuf>,
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
pub struct Sign {
    /// The officer's key file
    #[arg(long, value_name = "FILE")]
    pub key: PathBuf,
    /// Order file to add a signature to; made when --op is given
    #[arg(long, value_name = "FILE")]
    pub order: PathBuf,
    /// A new order for this HSM: JSON of the operation, such as '"remove-policy"'; asks the HSM for its number
    #[arg(long, value_name = "JSON", requires = "officer_socket")]
    pub op: Option<String>,
    #[arg(long, value_name = "PATH")]
    pub officer_socket: Option<PathBuf>,
    /// How long a new order is valid, in seconds
    #[arg(long, default_value_t = 3600)]
    pub valid: u64,
}

#[derive(Args)]
pub struct Execute {
    #[arg(long, value_name = "FILE")]
    pub order: PathBuf,
    #[arg(long, value_name = "PATH")]
    pub officer_socket: PathBuf,
}
