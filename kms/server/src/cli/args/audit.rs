//! The record, and backups.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{Signing, person};

#[derive(Subcommand)]
pub(crate) enum AuditCommand {
    /// Walk the record: chain, checkpoints, countersignatures, seals; exit 3 and the first thing that is not right
    Verify {
        /// Directory of the service's store
        #[arg(long)]
        store: PathBuf,
        /// What a witness has seen, from `audit witnessed` there: shows a cut end and an old copy
        #[arg(long, value_name = "FILE")]
        word: Option<PathBuf>,
        /// Leave the seals out, whose key the HSM derives
        #[arg(long)]
        without_hsm: bool,
        /// JSON instead of a table
        #[arg(long)]
        json: bool,
    },
    /// Make the record's two keys in the HSM, by two officers: from then on every commit is sealed and checkpoints are signed
    Keys {
        /// Directory of the service's store
        #[arg(long)]
        store: PathBuf,
        #[command(flatten)]
        signing: Signing,
    },
    /// Sign how far the record has come, now; with --out the file for a witness
    Checkpoint {
        /// Directory of the service's store
        #[arg(long)]
        store: PathBuf,
        /// File for a witness
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
        /// JSON instead of a table
        #[arg(long)]
        json: bool,
    },
    /// As a witness: countersign another service's checkpoints if they continue those seen before
    Countersign {
        /// Directory of the witness's store
        #[arg(long)]
        store: PathBuf,
        /// The other's file
        file: PathBuf,
        /// File to be made, to be sent back
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// Fingerprint of the other's audit key, compared by voice; at its first coming
        #[arg(long, value_name = "HEX")]
        fingerprint: Option<String>,
        /// The other was restored from a backup: rows are lost, and the countersignature says which
        #[arg(long)]
        restored: bool,
        /// Who does it
        #[arg(long, value_name = "PERSON", value_parser = person)]
        by: String,
    },
    /// Keep what a witness countersigned
    Countersigned {
        /// Directory of the service's store
        #[arg(long)]
        store: PathBuf,
        /// The witness's file
        file: PathBuf,
        /// Fingerprint of the witness's audit key, compared by voice; at its first coming
        #[arg(long, value_name = "HEX")]
        fingerprint: Option<String>,
        /// Who does it
        #[arg(long, value_name = "PERSON", value_parser = person)]
        by: String,
    },
    /// Sign a checkpoint and have it countersigned by the upper tier's service on line (`serve --upper` does it all the time)
    Witness {
        /// Directory of the service's store
        #[arg(long)]
        store: PathBuf,
        /// The upper tier's service, like https://host:8441
        #[arg(long, value_name = "URL")]
        upper: String,
        /// Fingerprint of the witness's audit key, compared by voice; at its first coming
        #[arg(long, value_name = "HEX")]
        fingerprint: Option<String>,
        /// Who does it
        #[arg(long, value_name = "PERSON", value_parser = person)]
        by: String,
    },
    /// As a witness: write out what was seen last of another service
    Witnessed {
        /// Directory of the witness's store
        #[arg(long)]
        store: PathBuf,
        /// Whose record: `province 41`
        #[arg(long)]
        tier: String,
        /// File to be made
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
}

#[derive(Args)]
pub(crate) struct BackupArgs {
    /// Directory of the service's store
    #[arg(long)]
    pub store: PathBuf,
    /// Directory of its HSM's store (rhc-hsm init --store), to be saved with it
    #[arg(long)]
    pub hsm_store: Option<PathBuf>,
    /// Directory to be made; as secret as the store
    #[arg(long)]
    pub out: PathBuf,
    /// JSON instead of a table
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
pub(crate) struct RestoreArgs {
    /// The backup
    #[arg(long)]
    pub from: PathBuf,
    /// Directory of the service's store, to be made
    #[arg(long)]
    pub store: PathBuf,
    /// Directory of its HSM's store, to be made
    #[arg(long)]
    pub hsm_store: Option<PathBuf>,
    /// PostgreSQL in place of a file, as for init
    #[arg(long, value_name = "URL", requires = "database_owner")]
    pub database: Option<String>,
    /// The same database as the role that owns the tables
    #[arg(long, value_name = "URL", requires = "database")]
    pub database_owner: Option<String>,
    /// The new epoch, where the witness knows a later one than the backup
    #[arg(long)]
    pub epoch: Option<i64>,
    /// Who does it (not one of the two who approve)
    #[arg(long, value_name = "PERSON", value_parser = person)]
    pub by: String,
    /// An officer's key file; give it twice, for two officers who are in the backup
    #[arg(long = "as", value_name = "KEYFILE")]
    pub officers: Vec<PathBuf>,
    /// JSON instead of a table
    #[arg(long)]
    pub json: bool,
}
