//! The life of keys: states, rotation, losses, alarms.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{Signing, person};

#[derive(Subcommand)]
pub(crate) enum KeysCommand {
    /// The catalogue with states and dates; --timeline draws the lives
    Life {
        /// Directory of the service's store
        #[arg(long)]
        store: PathBuf,
        /// Only this key, or only this version: RK1_DDF1 or RK1_DDF1/1
        #[arg(long, value_name = "KEY")]
        key: Option<String>,
        /// Only keys in this state
        #[arg(long, value_name = "STATE")]
        state: Option<String>,
        /// A line for each key: one column a month, a letter for each state
        #[arg(long)]
        timeline: bool,
        /// JSON instead of a table
        #[arg(long, conflicts_with = "timeline")]
        json: bool,
    },
    /// Which steps there are from state to state, and what each state permits
    States {
        /// JSON instead of a table
        #[arg(long)]
        json: bool,
    },
    /// Take keys from one state to another, by two officers other than who asks
    State {
        /// Keys: RK1_DDF1/2
        #[arg(required = true, value_name = "KEY")]
        ids: Vec<String>,
        /// active, suspended, retired, compromised or destroyed
        #[arg(long, value_name = "STATE")]
        to: String,
        /// Why
        #[arg(long, value_parser = person, value_name = "TEXT")]
        reason: String,
        /// Who asks (not one of the two who approve)
        #[arg(long, value_name = "PERSON", value_parser = person)]
        by: String,
        /// Directory of the service's store
        #[arg(long)]
        store: PathBuf,
        #[command(flatten)]
        signing: Signing,
    },
}

#[derive(Subcommand)]
pub(crate) enum RotationCommand {
    /// Plan a rotation of this tier's keys from one version to another
    Plan {
        /// The version that is left behind
        #[arg(long)]
        from: u8,
        /// The version that takes over
        #[arg(long)]
        to: u8,
        /// Who asks (not one of the two who open and retire)
        #[arg(long, value_name = "PERSON", value_parser = person)]
        by: String,
        #[command(flatten)]
        at: At,
    },
    /// Open a planned rotation, by two officers: packages can be made, the new version is in use
    Open {
        /// The rotation
        id: String,
        /// Directory of the service's store
        #[arg(long)]
        store: PathBuf,
        #[command(flatten)]
        signing: Signing,
    },
    /// Make packages for SAMs: one file for each, good for one SAM, once
    Packages {
        /// The rotation
        id: String,
        /// rekey (new version in, old one out), add, retire, lock, unlock or destroy
        #[arg(long, default_value = "rekey")]
        action: String,
        /// Only this SAM, by its chip serial; wanted for lock, unlock and destroy
        #[arg(long, value_name = "SERIAL")]
        chip: Option<String>,
        /// What stations saw of SAMs (rhc-station sam probe), one JSON object a file; may be given more than once
        #[arg(long = "seen", value_name = "FILE")]
        seen: Vec<PathBuf>,
        /// Folder for the packages; made if need be
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
        /// Who makes them
        #[arg(long, value_name = "PERSON", value_parser = person)]
        by: String,
        #[command(flatten)]
        at: At,
    },
    /// Take SAMs' receipts in
    Receipts {
        /// Receipts that stations wrote
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// Who brings them
        #[arg(long, value_name = "PERSON", value_parser = person)]
        by: String,
        #[command(flatten)]
        at: At,
    },
    /// Where a rotation stands: progress, and stragglers that still open cards with the old version (exit 3 while there are any)
    Status {
        /// The rotation (default: the latest)
        id: Option<String>,
        #[command(flatten)]
        at: At,
    },
    /// Say that terminals use the new version now
    Switch {
        /// The rotation
        id: String,
        /// Who says so
        #[arg(long, value_name = "PERSON", value_parser = person)]
        by: String,
        #[command(flatten)]
        at: At,
    },
    /// Retire the old version, by two officers
    Retire {
        /// The rotation
        id: String,
        /// Although some SAMs still hold it: they open cards made before today until they are recalled
        #[arg(long)]
        leave_stragglers: bool,
        /// Directory of the service's store
        #[arg(long)]
        store: PathBuf,
        #[command(flatten)]
        signing: Signing,
    },
}

/// Which store, and how to tell.
#[derive(Args)]
pub(crate) struct At {
    /// Directory of the service's store
    #[arg(long)]
    pub store: PathBuf,
    /// JSON instead of a table
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
#[command(group = clap::ArgGroup::new("lost").required(true))]
pub(crate) struct CompromiseArgs {
    /// A key: RK1_DDF1/1
    #[arg(long, group = "lost", value_name = "KEY")]
    pub key: Option<String>,
    /// A SAM, by its serial or chip serial
    #[arg(long, group = "lost", value_name = "SERIAL")]
    pub sam: Option<String>,
    /// The HSM of a prefecture: four digits
    #[arg(long, group = "lost", value_name = "AREA")]
    pub prefecture: Option<String>,
    /// The HSM of a province: two digits
    #[arg(long, group = "lost", value_name = "AREA")]
    pub province: Option<String>,
    /// The transport keys of a card maker, by vendor code
    #[arg(long, group = "lost", value_name = "VENDOR")]
    pub maker: Option<String>,
    /// What a registry exported (rhc-registry population); one for each province, may be given more than once
    #[arg(long = "population", value_name = "FILE")]
    pub population: Vec<PathBuf>,
    /// Who asks
    #[arg(long, value_name = "PERSON", value_parser = person)]
    pub by: String,
    #[command(flatten)]
    pub at: At,
}

#[derive(Subcommand)]
pub(crate) enum AlarmsCommand {
    /// Alarms that wait; --all shows the acknowledged ones too (exit 3 while one waits)
    List {
        /// Acknowledged ones too
        #[arg(long)]
        all: bool,
        #[command(flatten)]
        at: At,
    },
    /// A security administrator has looked into an alarm
    Ack {
        /// The alarm
        id: String,
        /// The security administrator's own key
        #[arg(long = "as", value_name = "KEYFILE")]
        officer: PathBuf,
        /// Descriptor with its passphrase (default: asked at the terminal)
        #[arg(long, value_name = "FD")]
        passphrase_fd: Option<u32>,
        /// What was found
        #[arg(long, value_parser = person, value_name = "TEXT")]
        note: String,
        /// Directory of the service's store
        #[arg(long)]
        store: PathBuf,
    },
}
