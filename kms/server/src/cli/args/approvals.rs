//! Persons, their keys, and what they sign.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use kms_core::policy::Role;

use super::{Signing, person};

#[derive(Subcommand)]
pub(crate) enum OfficerCommand {
    /// Enrol a person with a role, or give a known one a further role; who signs orders is enrolled in the HSM too
    #[command(after_help = "\
Roles: key-officer (keys), approver (tickets), security-administrator (persons, lock-outs), system-administrator,
audit-administrator, operator. Of the three administrators a person is one at most.

Example: rhc-kms officer add --store kms-41 --name sun --key sun.key.pub --role security-administrator --by wang \\
             --as zhang.key --as li.key")]
    Add {
        /// Directory of the service's store
        #[arg(long)]
        store: PathBuf,
        /// Their name
        #[arg(long)]
        name: String,
        /// Their public key file
        #[arg(long)]
        key: PathBuf,
        /// What they are to be
        #[arg(long, default_value = "key-officer", value_parser = role)]
        role: Role,
        /// Who asks (not one of the two who approve)
        #[arg(long, value_name = "PERSON", value_parser = person)]
        by: String,
        #[command(flatten)]
        signing: Signing,
    },
    /// Strike a person out, here and in the HSM
    Remove {
        /// Their name
        name: String,
        /// Directory of the service's store
        #[arg(long)]
        store: PathBuf,
        /// Who asks (not one of the two who approve)
        #[arg(long, value_name = "PERSON", value_parser = person)]
        by: String,
        #[command(flatten)]
        signing: Signing,
    },
    /// Lift a lock-out: a security administrator and a second person
    Unlock {
        /// Whose
        name: String,
        /// Directory of the service's store
        #[arg(long)]
        store: PathBuf,
        /// Who asks (not one of the two who approve)
        #[arg(long, value_name = "PERSON", value_parser = person)]
        by: String,
        #[command(flatten)]
        signing: Signing,
    },
    /// Everybody, with roles and lock-outs
    List {
        /// Directory of the service's store
        #[arg(long)]
        store: PathBuf,
        /// JSON instead of a table
        #[arg(long)]
        json: bool,
    },
}

#[derive(Subcommand)]
pub(crate) enum KeyCommand {
    /// A new key in a sealed file (0600), its public half in FILE.pub
    New {
        /// The officer's name
        #[arg(long, value_parser = person)]
        name: String,
        /// File to be made
        #[arg(long)]
        out: PathBuf,
        /// Descriptor with the passphrase (default: asked at the terminal)
        #[arg(long, value_name = "FD")]
        passphrase_fd: Option<u32>,
    },
    /// Seal a key file of `rhc-hsm officer-key` under a passphrase; destroy the old file afterwards
    Seal {
        /// The key file
        file: PathBuf,
        /// File to be made
        #[arg(long)]
        out: PathBuf,
        /// Descriptor with the passphrase (default: asked at the terminal)
        #[arg(long, value_name = "FD")]
        passphrase_fd: Option<u32>,
    },
}

#[derive(Args)]
#[command(after_help = "\
Examples:
  rhc-kms approve order.json --key zhang.sealed                  on the officer's own machine, no service near
  rhc-kms approve 6f1c… --store kms-41 --key zhang.sealed        a request that waits in a store
  rhc-kms approve 6f1c… --url https://host:8441 --identity zhang-tls.json --key zhang.sealed          the same on line")]
pub(crate) struct ApproveArgs {
    /// An order file, or the id of a request that waits in --store
    pub request: PathBuf,
    /// The officer's sealed key
    #[arg(long)]
    pub key: PathBuf,
    /// Directory of the service's store
    #[arg(long)]
    pub store: Option<PathBuf>,
    /// A service where the request waits, like https://host:8441
    #[arg(
        long,
        value_name = "URL",
        requires = "identity",
        conflicts_with = "store"
    )]
    pub url: Option<String>,
    /// The officer's own TLS identity, to speak to --url with
    #[arg(long, value_name = "FILE")]
    pub identity: Option<PathBuf>,
    /// Descriptor with the passphrase (default: asked at the terminal)
    #[arg(long, value_name = "FD")]
    pub passphrase_fd: Option<u32>,
}

fn role(word: &str) -> Result<Role, String> {
    Role::parse(word)
        .filter(|role| role.is_a_persons())
        .ok_or_else(|| {
            let all = Role::ALL.into_iter().filter(|role| role.is_a_persons());
            all.map(Role::as_str).collect::<Vec<_>>().join(", ")
        })
}
