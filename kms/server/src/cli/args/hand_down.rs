//! Keys from tier to tier, and orders as files.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{Signing, person};

#[derive(Args)]
pub(crate) struct RequestArgs {
    /// Directory of the service's store
    #[arg(long)]
    pub store: PathBuf,
    /// Who asks (may approve neither above nor here)
    #[arg(long, value_name = "PERSON", value_parser = person)]
    pub by: String,
    /// File to be made
    #[arg(long)]
    pub out: PathBuf,
}

#[derive(Args)]
#[command(group = clap::ArgGroup::new("step").required(true))]
pub(crate) struct GrantArgs {
    /// Directory of the service's store
    #[arg(long)]
    pub store: PathBuf,
    /// Open a grant for this request of a lower tier
    #[arg(long, group = "step", requires = "by")]
    pub request: Option<PathBuf>,
    /// Who brings the request (not one of the two who approve)
    #[arg(long, value_name = "PERSON", value_parser = person)]
    pub by: Option<String>,
    /// Approve this grant and make the package
    #[arg(long, group = "step", requires = "out", value_name = "ID")]
    pub approve: Option<String>,
    /// Package to be made
    #[arg(long)]
    pub out: Option<PathBuf>,
    #[command(flatten)]
    pub signing: Signing,
    /// JSON instead of a table
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
pub(crate) struct ImportArgs {
    /// The package
    pub file: PathBuf,
    /// Directory of the service's store
    #[arg(long)]
    pub store: PathBuf,
    /// File for the receipt, which goes to the upper tier
    #[arg(long, value_name = "FILE")]
    pub receipt: Option<PathBuf>,
    #[command(flatten)]
    pub signing: Signing,
}

#[derive(Subcommand)]
pub(crate) enum OrderCommand {
    /// Print exactly what is signed, and its SM3 hash
    Show {
        /// The order, or the id of a request that waits in --store
        file: PathBuf,
        /// Directory of the service's store
        #[arg(long)]
        store: Option<PathBuf>,
    },
    /// Requests that wait for signatures, and those carried out
    List {
        /// Directory of the service's store
        #[arg(long)]
        store: PathBuf,
        /// JSON instead of a table
        #[arg(long)]
        json: bool,
    },
    /// Add an officer's signature
    Sign {
        /// The order
        file: PathBuf,
        /// The officer's key file
        #[arg(long = "as", value_name = "KEYFILE")]
        officer: PathBuf,
    },
    /// A chip of an order was spoiled
    Spoil(super::SpoilArgs),
    /// Close an order's ticket; what it has left goes back: two approvers
    Return(super::ReturnArgs),
    /// Ordered, good, spoiled, returned: exit 3 unless the difference is zero
    Reconcile {
        /// The order's ticket
        id: String,
        /// Directory of the service's store
        #[arg(long)]
        store: PathBuf,
        /// JSON instead of a table
        #[arg(long)]
        json: bool,
    },
    /// Execute an order that enough officers signed
    Submit {
        /// The order, or the id of a request that waits in --store
        file: PathBuf,
        /// Directory of the service's store
        #[arg(long)]
        store: PathBuf,
        /// Package to be made, when the order is a grant's last
        #[arg(long)]
        out: Option<PathBuf>,
    },
}
