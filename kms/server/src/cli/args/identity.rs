//! What can be typed about TLS identities.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::person;
use crate::enrolment::DAYS;

#[derive(Subcommand)]
pub(crate) enum IdentityCommand {
    /// Make key and certificate for a party, in one file of mode 0600
    Issue {
        /// Directory of the service's store
        #[arg(long)]
        store: PathBuf,
        /// station, registry, hospital, clerk, officer, operator or kms
        #[arg(long)]
        role: String,
        /// Name within area and role
        #[arg(long)]
        name: String,
        /// Area, within this tier's (default: this tier's)
        #[arg(long)]
        area: Option<String>,
        /// Further host names or addresses of a server
        #[arg(long = "host")]
        hosts: Vec<String>,
        /// File to be made
        #[arg(long)]
        out: PathBuf,
    },
    /// Make a one-time token with which a party gets its first certificate; its key never leaves its machine
    Token(TokenArgs),
    /// Use a token: make a key here and fetch its certificate from the enrolment listener of a key service
    Enrol {
        /// The token file
        #[arg(long)]
        token: PathBuf,
        /// The enrolment listener, https://HOST:PORT
        #[arg(long)]
        url: String,
        /// File to be made
        #[arg(long)]
        out: PathBuf,
    },
    /// Fetch a new certificate for a new key from the key service, and put both in the file's place
    Renew {
        /// Identity file
        #[arg(long)]
        identity: PathBuf,
        /// The key service, https://HOST:PORT
        #[arg(long)]
        url: String,
        /// Only when less than a third of its life is left
        #[arg(long)]
        if_due: bool,
    },
    /// Take certificates back: writes STORE/revoked.pem, which services are given with --crl and read anew when it changes
    #[command(group = clap::ArgGroup::new("which").required(true))]
    Revoke {
        /// Directory of the service's store
        #[arg(long)]
        store: PathBuf,
        /// Every certificate of this party, as `identity list` names it: rhc://4101/station/st1
        #[arg(long, group = "which", value_name = "rhc://AREA/ROLE/NAME")]
        party: Option<String>,
        /// One certificate, by its serial number in hexadecimal
        #[arg(long, group = "which", value_name = "HEX")]
        serial: Option<String>,
        /// Why
        #[arg(long, value_parser = person, value_name = "TEXT")]
        reason: String,
    },
    /// Every certificate issued here, and which were taken back
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
#[command(after_help = "\
Examples:
  rhc-kms identity token --store kms-41 --role station --name st1 --by wang --out st1.token
  rhc-kms identity enrol --token st1.token --url https://kms.example.cn:8442 --out st1.json")]
pub(crate) struct TokenArgs {
    /// Directory of the service's store
    #[arg(long)]
    pub store: PathBuf,
    /// station, registry, hospital, clerk, officer, operator or kms
    #[arg(long)]
    pub role: String,
    /// Name within area and role
    #[arg(long)]
    pub name: String,
    /// Area, within this tier's (default: this tier's)
    #[arg(long)]
    pub area: Option<String>,
    /// Further host names or addresses of a server
    #[arg(long = "host")]
    pub hosts: Vec<String>,
    /// Minutes for which the token is good, at most a week
    #[arg(long, default_value_t = 60)]
    pub minutes: u32,
    /// Days for which the certificate is good
    #[arg(long, default_value_t = DAYS, value_parser = clap::value_parser!(u16).range(1..=397))]
    pub days: u16,
    /// Who makes it
    #[arg(long, value_name = "PERSON", value_parser = person)]
    pub by: String,
    /// File to be made, mode 0600
    #[arg(long)]
    pub out: PathBuf,
}
