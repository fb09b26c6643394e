//! Makers' lists, and counted permissions.

use std::path::PathBuf;

use clap::Subcommand;

use super::{Signing, person};

#[derive(Subcommand)]
pub(crate) enum DeliveryCommand {
    /// Take a list in; FILE.sig stands beside it
    Import {
        /// The list
        file: PathBuf,
        /// Directory of the service's store
        #[arg(long)]
        store: PathBuf,
        /// The maker's public key: 128 hex digits or a file of them
        #[arg(long)]
        maker_key: Option<String>,
        /// Officers who vouch for a maker's key seen for the first time; twice
        #[arg(long = "as", value_name = "KEYFILE")]
        officers: Vec<PathBuf>,
        /// JSON instead of a table
        #[arg(long)]
        json: bool,
    },
}

#[derive(Subcommand)]
pub(crate) enum TicketCommand {
    /// Ask for a ticket
    Request {
        /// Directory of the service's store
        #[arg(long)]
        store: PathBuf,
        /// card, sam-national or sam-provincial
        #[arg(long)]
        kind: String,
        /// How many cards or SAMs
        #[arg(long)]
        quantity: u64,
        /// Who asks (not one of the two who approve)
        #[arg(long, value_name = "PERSON", value_parser = person)]
        by: String,
        /// What for
        #[arg(long, default_value = "")]
        purpose: String,
        /// Days of validity
        #[arg(long, default_value_t = 30)]
        days: u16,
        /// Which product the chips are: maker and COS version, 5454-01, or the maker alone, 5454
        #[arg(long, default_value = "")]
        product: String,
        /// Number of the maker's delivery list that the order is for
        #[arg(long)]
        delivery: Option<u64>,
        /// Own id instead of a drawn one
        #[arg(long)]
        id: Option<String>,
        /// JSON instead of a table
        #[arg(long)]
        json: bool,
    },
    /// Approve a ticket, by two officers other than the requester
    Approve {
        /// The ticket
        id: String,
        /// Directory of the service's store
        #[arg(long)]
        store: PathBuf,
        #[command(flatten)]
        signing: Signing,
    },
    /// All tickets
    List {
        /// Directory of the service's store
        #[arg(long)]
        store: PathBuf,
        /// JSON instead of a table
        #[arg(long)]
        json: bool,
    },
}
