//! The HSM and those it exchanges keys with; makers' transport keys.

use std::path::PathBuf;

use clap::Subcommand;

use super::{Signing, person};

#[derive(Subcommand)]
pub(crate) enum HsmCommand {
    /// Give a new PKCS#11 token its key pairs, its mark and its first officers
    #[command(after_help = "\
The file names token and book, for example:
  adapter = \"pkcs11\"
  library = \"/usr/lib/softhsm/libsofthsm2.so\"
  token = \"rhc-41\"            # label, as softhsm2-util --init-token --label gave it
  pin-file = \"pin\"            # user PIN, mode 0600
  book = \"book.sqlite\"        # attributes, officers, quotas: made by this command

Then: rhc-kms init --hsm FILE.toml --profile rhc-aes ...")]
    Prepare {
        /// The .toml file
        #[arg(long)]
        hsm: PathBuf,
        /// test, demo or production
        #[arg(long)]
        mark: String,
        /// A first officer: NAME=PUBLIC-KEY-FILE, at least twice
        #[arg(long = "officer", value_name = "NAME=FILE")]
        officers: Vec<String>,
        /// JSON instead of a table
        #[arg(long)]
        json: bool,
    },
    /// Show this tier's HSM, or export its public keys for another tier
    Info {
        /// Directory of the service's store
        #[arg(long)]
        store: PathBuf,
        /// File to be made
        #[arg(long)]
        out: Option<PathBuf>,
        /// JSON instead of a table
        #[arg(long)]
        json: bool,
    },
    /// Enrol another tier's HSM from its file; it waits for two officers
    Enrol {
        /// Directory of the service's store
        #[arg(long)]
        store: PathBuf,
        /// What `hsm info --out` made there
        #[arg(long)]
        peer_info: PathBuf,
        /// The HSM is a card maker's, of this vendor code; the file is what `rhc-hsm info --json` printed there
        #[arg(long, value_name = "VENDOR")]
        maker: Option<String>,
        /// Who asks (not one of the two who confirm)
        #[arg(long, value_name = "PERSON", value_parser = person)]
        by: String,
        /// JSON instead of a table
        #[arg(long)]
        json: bool,
    },
    /// Two officers confirm the fingerprint that they compared by voice
    Confirm {
        /// Directory of the service's store
        #[arg(long)]
        store: PathBuf,
        /// Name that `hsm enrol` printed
        #[arg(long)]
        peer: String,
        #[command(flatten)]
        signing: Signing,
    },
}

#[derive(Subcommand)]
pub(crate) enum TransportCommand {
    /// Take a maker's transport key in
    Import {
        /// Directory of the service's store
        #[arg(long)]
        store: PathBuf,
        /// Vendor code, four hex digits
        #[arg(long)]
        vendor: String,
        /// The public test transport key (TEST only)
        #[arg(long, group = "source")]
        test_key: bool,
        /// A file of 32 hex digits (TEST only)
        #[arg(long, group = "source")]
        key_file: Option<PathBuf>,
        /// The maker's package (D27)
        #[arg(long, group = "source")]
        package: Option<PathBuf>,
        #[command(flatten)]
        signing: Signing,
    },
}
