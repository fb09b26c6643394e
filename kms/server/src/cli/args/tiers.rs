//! Terms, leases and receipts between two tiers; what became of an order's chips.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{Signing, person};

#[derive(Subcommand)]
pub(crate) enum TermsCommand {
    /// Say what a lower tier may do from its next lease on: two officers
    #[command(after_help = "\
Examples:
  rhc-kms terms set --store kms-41 --peer prefecture-4101 --lease 900 --by wang --as zhang.key --as li.key
  rhc-kms terms set --store kms-41 --peer prefecture-4101 --lease 900 --suspend --by wang --as zhang.key --as li.key

A suspended tier stops when it hears of it, and after --lease seconds if it does not.")]
    Set {
        /// Directory of the service's store
        #[arg(long)]
        store: PathBuf,
        /// The lower HSM's name, as `hsm enrol` printed it
        #[arg(long)]
        peer: String,
        /// Seconds that each lease lasts
        #[arg(long, value_name = "SECONDS")]
        lease: u64,
        #[command(flatten)]
        standing: StandingArgs,
        /// A key that it may use no more; may be given more than once
        #[arg(long = "withdraw", value_name = "KEY")]
        withdrawn: Vec<String>,
        /// Chips that it may fill in all, counted from its first lease
        #[arg(long)]
        quota: Option<u64>,
        /// Who asks (not one of the two who approve)
        #[arg(long, value_name = "PERSON", value_parser = person)]
        by: String,
        #[command(flatten)]
        signing: Signing,
    },
    /// Leases that this tier's HSM gives and keeps to
    List {
        /// Directory of the service's store
        #[arg(long)]
        store: PathBuf,
        /// JSON instead of a table
        #[arg(long)]
        json: bool,
    },
}

#[derive(Args)]
#[group(multiple = false)]
pub(crate) struct StandingArgs {
    /// It works (the default)
    #[arg(long)]
    pub resume: bool,
    /// It stops until resumed
    #[arg(long)]
    pub suspend: bool,
    /// It stops for ever
    #[arg(long)]
    pub revoke: bool,
}

#[derive(Subcommand)]
pub(crate) enum LeaseCommand {
    /// Sign a lease for a lower tier, to be carried there
    Issue {
        /// Directory of the service's store
        #[arg(long)]
        store: PathBuf,
        /// The lower HSM's name
        #[arg(long)]
        peer: String,
        /// File to be made
        #[arg(long)]
        out: PathBuf,
    },
    /// Take the upper tier's lease
    Take {
        /// The lease
        file: PathBuf,
        /// Directory of the service's store
        #[arg(long)]
        store: PathBuf,
    },
    /// Fetch and take a lease on line (`serve --upper` does it all the time)
    Renew {
        /// Directory of the service's store
        #[arg(long)]
        store: PathBuf,
        /// The upper tier's service, like https://host:8441
        #[arg(long, value_name = "URL")]
        upper: String,
    },
}

/// How the upper tier is spoken to.
#[derive(Args)]
pub(crate) struct UpperArgs {
    /// Directory of the service's store
    #[arg(long)]
    pub store: PathBuf,
    /// The upper tier's service, like https://host:8441
    #[arg(long, value_name = "URL")]
    pub upper: String,
    /// An identity of this tier's service that the upper tier gave (default: the service's own)
    #[arg(long, value_name = "FILE")]
    pub identity: Option<PathBuf>,
}

#[derive(Subcommand)]
pub(crate) enum HanddownCommand {
    /// Hand-downs both ways; which receipts are outstanding
    List {
        /// Directory of the service's store
        #[arg(long)]
        store: PathBuf,
        /// JSON instead of a table
        #[arg(long)]
        json: bool,
    },
    /// Take the receipt of a lower tier's HSM
    Receipt {
        /// The receipt, as `import --receipt` wrote it
        file: PathBuf,
        /// Directory of the service's store
        #[arg(long)]
        store: PathBuf,
    },
    /// Send a receipt to the upper tier on line
    Acknowledge {
        /// The receipt (default: the one that is outstanding)
        file: Option<PathBuf>,
        #[command(flatten)]
        at: UpperArgs,
    },
    /// Ask the upper tier for keys on line
    #[command(after_help = "\
Before its first package a service has no certificate of its own house. The upper tier makes a one-time token for it, after the
HSMs were compared by voice:
  rhc-kms identity token --store kms-41 --role kms --area 4101 --name first --by wang --out first.token      (above)
  rhc-kms identity enrol --token first.token --url https://host:8442 --out first.json                        (below)
  rhc-kms handdown request --store kms-4101 --by li --upper https://host:8441 --identity first.json")]
    Request {
        /// Who asks (may approve neither above nor here)
        #[arg(long, value_name = "PERSON", value_parser = person, required_unless_present = "request")]
        by: Option<String>,
        /// A request that was made before (`rhc-kms request`, or --out)
        #[arg(long, value_name = "FILE", conflicts_with = "by")]
        request: Option<PathBuf>,
        /// File for the request, to send it again if the upper tier does not answer
        #[arg(long, value_name = "FILE", conflicts_with = "request")]
        out: Option<PathBuf>,
        #[command(flatten)]
        at: UpperArgs,
    },
    /// Fetch the package that answers the request that waits; `rhc-kms import` takes it
    Fetch {
        /// Package to be made
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// Id of the request (default: of those that wait, the one whose package is next)
        #[arg(long)]
        id: Option<String>,
        #[command(flatten)]
        at: UpperArgs,
    },
}

#[derive(Args)]
pub(crate) struct SpoilArgs {
    /// The order's ticket
    pub id: String,
    /// Directory of the service's store
    #[arg(long)]
    pub store: PathBuf,
    /// Factor of the card, or serial of the SAM's chip, in hexadecimal
    #[arg(long, value_name = "HEX")]
    pub chip: String,
    /// Who says so
    #[arg(long, value_name = "PERSON", value_parser = person)]
    pub by: String,
}

#[derive(Args)]
pub(crate) struct ReturnArgs {
    /// The order's ticket
    pub id: String,
    /// Directory of the service's store
    #[arg(long)]
    pub store: PathBuf,
    /// Who asks (not one of the two who approve)
    #[arg(long, value_name = "PERSON", value_parser = person)]
    pub by: String,
    #[command(flatten)]
    pub signing: Signing,
}
