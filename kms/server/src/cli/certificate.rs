//! `rhc-kms certificate`: X.509 certificates over the SM2 keys of issuer and SAMs.

use std::path::PathBuf;

use clap::Subcommand;
use kms_platform::exit::{Exit, Failure};
use kms_platform::say;

use super::{Ran, open};
use crate::x509::Whose;

#[derive(Subcommand)]
#[command(after_help = "\
Examples:
  rhc-kms certificate issuer --x509 --store kms-41 --out issuer.pem
  rhc-kms certificate sam --x509 --store kms-41 --chip 5A5A5A5A5A5A5A5A --out sam.pem
  openssl verify -vfyopt distid:1234567812345678 -CAfile issuer.pem sam.pem")]
pub(crate) enum CertificateCommand {
    /// The issuer's, signed by its own key in the HSM; carries the ministry's certificate of that key (D20)
    Issuer {
        /// Directory of the service's store
        #[arg(long)]
        store: PathBuf,
        /// As X.509 (the short form is `rhc-kms issuer-certificate`)
        #[arg(long, required = true)]
        x509: bool,
        /// File to be made, PEM
        #[arg(long)]
        out: PathBuf,
    },
    /// A SAM's, signed by the issuer key in the HSM
    Sam {
        /// Directory of the service's store
        #[arg(long)]
        store: PathBuf,
        /// As X.509
        #[arg(long, required = true)]
        x509: bool,
        /// Chip serial, 16 hexadecimal digits
        #[arg(long, value_name = "HEX")]
        chip: String,
        /// File to be made, PEM
        #[arg(long)]
        out: PathBuf,
    },
}

pub(super) async fn run(command: CertificateCommand) -> Ran {
    let (store, whose, out) = match command {
        CertificateCommand::Issuer { store, out, .. } => (store, Whose::Issuer, out),
        CertificateCommand::Sam {
            store, chip, out, ..
        } => {
            let mut serial = [0; 8];
            hex::decode_to_slice(&chip, &mut serial).map_err(|_| {
                Failure::usage(say!(
                    "--chip {chip}: 16 hexadecimal digits are wanted",
                    "--chip {chip}：须为 16 位十六进制数"
                ))
            })?;
            (store, Whose::Sam(serial), out)
        }
    };
    let text = open(&store).await?.x509(&whose, "operator").await?;
    std::fs::write(&out, text)
        .map_err(|e| Failure::environment(format!("{}: {e}", out.display())))?;
    println!("{}", out.display());
    Ok(Exit::Done)
}
