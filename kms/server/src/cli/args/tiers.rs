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
        /// The receipt
        file: PathBuf,
        /// Directory of the service's store
        #[arg(long)]
        store: PathBuf,
        /// The upper tier's service
        #[arg(long, value_name = "URL")]
        upper: String,
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
