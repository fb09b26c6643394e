//! What can be typed.

mod approvals;
mod audit;
mod ceremony;
mod hand_down;
mod hsm;
mod identity;
mod life;
mod tickets;
mod tiers;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use kms_platform::lang::pick;

pub(crate) use approvals::{ApproveArgs, KeyCommand, OfficerCommand};
pub(crate) use audit::{AuditCommand, BackupArgs, RestoreArgs};
pub(crate) use ceremony::{CeremonyCommand, DraftArgs, EnterArgs, RoomArgs, SourceArg};
pub(crate) use hand_down::{GrantArgs, ImportArgs, OrderCommand, RequestArgs};
pub(crate) use hsm::{HsmCommand, TransportCommand};
pub(crate) use identity::{IdentityCommand, TokenArgs};
pub(crate) use life::{AlarmsCommand, CompromiseArgs, KeysCommand, RotationCommand};
pub(crate) use tickets::{DeliveryCommand, TicketCommand};
pub(crate) use tiers::{
    HanddownCommand, LeaseCommand, ReturnArgs, SpoilArgs, TermsCommand, UpperArgs,
};

/// The key service of a tier: keys for health cards and SAMs, made and moved by two officers, used by stations.
#[derive(Parser)]
#[command(
    name = "rhc-kms",
    version,
    after_help = "\
Examples:
  rhc-kms init --tier ministry --hsm hsm0.sock --hsm-officer hsm0.officer --operator-cred op0.cred \\
      --officer zhang=zhang.key.pub --officer li=li.key.pub --store kms-0 --mark test
  rhc-kms ceremony --help
  rhc-kms request --store kms-41 --by wang --out req-41.json
  rhc-kms grant --store kms-0 --request req-41.json --by sun
  rhc-kms grant --store kms-0 --approve ID --as zhang.key --as li.key --out pkg-41.json
  rhc-kms import --store kms-41 pkg-41.json --as zhang.key --as li.key
  rhc-kms serve --store kms-41 --listen 127.0.0.1:8441

RHC_LANG=zh gives Chinese messages. Exit codes: 0 done, 2 usage, 3 not right, 4 environment."
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Make a store for a tier and name the first two officers; its keys come by ceremony
    Init(InitArgs),
    /// Keys made, kept, restored and destroyed by a reviewed file, with a signed transcript
    #[command(subcommand)]
    Ceremony(CeremonyCommand),
    /// TLS identities of services, stations, hospitals and people
    #[command(subcommand)]
    Identity(IdentityCommand),
    /// Persons: roles, lock-outs
    #[command(subcommand)]
    Officer(OfficerCommand),
    /// This tier's HSM and those it exchanges keys with
    #[command(subcommand)]
    Hsm(HsmCommand),
    /// Transport keys of card makers
    #[command(subcommand)]
    Transport(TransportCommand),
    /// Makers' signed lists of delivered chips
    #[command(subcommand)]
    Delivery(DeliveryCommand),
    /// Counted permissions to make cards and SAMs
    #[command(subcommand)]
    Ticket(TicketCommand),
    /// Ask the upper tier for keys
    Request(RequestArgs),
    /// Hand keys down: open a grant with --request, approve it with --approve by two officers
    Grant(GrantArgs),
    /// Take the upper tier's package in, by two officers
    Import(ImportArgs),
    /// Keys held here: id, name, version, tier, factor, check value, state; never key bytes. Their lives: keys life
    #[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
    Keys {
        /// Directory of the service's store
        #[arg(long, required = true)]
        store: Option<PathBuf>,
        /// JSON instead of a table
        #[arg(long)]
        json: bool,
        #[command(subcommand)]
        life: Option<KeysCommand>,
    },
    /// Rotation of keys to the next version, SAM by SAM (D12)
    #[command(subcommand)]
    Rotation(RotationCommand),
    /// What the loss of a key, SAM, prefecture, province or maker touches, and what replaces it
    Compromise(CompromiseArgs),
    /// Attempts to clone cards, to be looked into by a security administrator
    #[command(subcommand)]
    Alarms(AlarmsCommand),
    /// The issuer certificate (D20) of this province, 360 hex digits: what the registry is configured with
    IssuerCertificate {
        /// Directory of the service's store
        #[arg(long)]
        store: PathBuf,
        /// File to be made
        #[arg(long)]
        out: PathBuf,
    },
    /// X.509 certificates of issuer and SAMs, for OpenSSL and whatever else reads them
    #[command(subcommand)]
    Certificate(super::certificate::CertificateCommand),
    /// The record of everything done
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Save the service's store, and its HSM's, in a directory
    Backup(BackupArgs),
    /// Put a backup back, in a new epoch: all tickets are closed, and what was lost stays known to the witness
    Restore(RestoreArgs),
    /// An officer's own key, sealed under a passphrase
    #[command(subcommand)]
    Key(KeyCommand),
    /// Read what is asked, and sign it with the own key: a request that waits in a store, or an order file
    Approve(ApproveArgs),
    /// What a lower tier may do, and for how long at a time
    #[command(subcommand)]
    Terms(TermsCommand),
    /// Leases, by which an upper tier lets a lower one work
    #[command(subcommand)]
    Lease(LeaseCommand),
    /// Hand-downs, and their receipts
    #[command(subcommand)]
    Handdown(HanddownCommand),
    /// Orders that travel from one officer to the next
    #[command(subcommand)]
    Order(OrderCommand),
    /// Bring a PostgreSQL database to the present schema, as its owner
    Upgrade {
        /// Directory of the service's store
        #[arg(long)]
        store: PathBuf,
        /// The database as the role that owns the tables
        #[arg(long, value_name = "URL")]
        database_owner: String,
    },
    /// Answer stations over mutual TLS
    Serve(super::serve::ServeArgs),
    /// The description of the HTTP interface (OpenAPI 3.1), as the service also serves it at /v1/openapi.json
    Openapi,
    /// The HSM: what it is, which rules it keeps itself, how fast it is, what is missing (exit 3)
    Doctor {
        /// Directory of the service's store
        #[arg(long)]
        store: PathBuf,
        /// JSON instead of a table
        #[arg(long)]
        json: bool,
    },
    /// Tier, mark, HSM, numbers
    Status {
        /// Directory of the service's store
        #[arg(long)]
        store: PathBuf,
        /// JSON instead of a table
        #[arg(long)]
        json: bool,
    },
}

/// How two officers sign.
#[derive(Args)]
pub(crate) struct Signing {
    /// An officer's key file (rhc-hsm officer-key); give it twice, for two officers
    #[arg(long = "as", value_name = "KEYFILE")]
    pub officers: Vec<PathBuf>,
    /// Write the order to a file instead, to be signed with `rhc-kms order sign`
    #[arg(long, value_name = "FILE", conflicts_with = "officers")]
    pub order_out: Option<PathBuf>,
}

#[derive(Args)]
pub(crate) struct InitArgs {
    /// ministry, province or prefecture
    #[arg(long)]
    pub tier: String,
    /// Area digits: none for the ministry, two for a province, four for a prefecture
    #[arg(long, default_value = "")]
    pub area: String,
    /// Operator's socket of rhc-hsm, or a .toml file that names the adapter (see `rhc-kms hsm prepare --help`)
    #[arg(long)]
    pub hsm: PathBuf,
    /// Card profile: rhc-2012, or rhc-aes (AES-128, SHA-256, P-256), which a PKCS#11 token wants
    #[arg(long, default_value = "rhc-2012")]
    pub profile: String,
    /// Officers' socket of the HSM (default: the operator's with .officer appended)
    #[arg(long)]
    pub hsm_officer: Option<PathBuf>,
    /// File of the operator's secret, mode 0600 (default: the operator's socket with .cred appended)
    #[arg(long)]
    pub operator_cred: Option<PathBuf>,
    /// A first officer: NAME=PUBLIC-KEY-FILE, at least twice
    #[arg(long = "officer", value_name = "NAME=FILE")]
    pub first_officers: Vec<String>,
    /// Directory to be made
    #[arg(long)]
    pub store: PathBuf,
    /// PostgreSQL in place of a file in the directory: postgres://ROLE@HOST/DATABASE?host=/SOCKET&passfile=FILE; never a password
    #[arg(long, value_name = "URL", requires = "database_owner")]
    pub database: Option<String>,
    /// The same database as the role that owns the tables; the service's role only uses them
    #[arg(long, value_name = "URL", requires = "database")]
    pub database_owner: Option<String>,
    /// test, demo or production; must be the HSM's (default: the HSM's)
    #[arg(long)]
    pub mark: Option<String>,
    /// Make the roots at once, the public test keys D31-D36 (TEST only): for an HSM that knows no ceremonies
    #[arg(long, conflicts_with = "random_keys")]
    pub test_keys: bool,
    /// Make the roots at once, drawn in the HSM: for an HSM that knows no ceremonies
    #[arg(long)]
    pub random_keys: bool,
    /// A PRODUCTION store on a software HSM all the same
    #[arg(long)]
    pub force_not_for_production: bool,
    #[command(flatten)]
    pub signing: Signing,
    /// JSON instead of a table
    #[arg(long)]
    pub json: bool,
}

/// A person's name as it stands in requests and in the audit: nobody can be kept from approving under no name.
fn person(text: &str) -> Result<String, String> {
    let name = text.trim();
    if name.is_empty() || name.chars().count() > 64 || name.chars().any(char::is_control) {
        return Err(pick(
            "a person's name is wanted, at most 64 characters on one line",
            "须为人名，一行，最多 64 个字符",
        )
        .to_owned());
    }
    Ok(name.to_owned())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn somebody_asks() {
        assert_eq!(super::person(" 王芳 ").as_deref(), Ok("王芳"));
        for nobody in ["", "  ", "a\nb", &"x".repeat(65)] {
            assert!(super::person(nobody).is_err(), "{nobody:?}");
        }
    }

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
