//! `rhc-kms ceremony …`

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

/// A file with who and what is reviewed by two officers, carried out in one room, and ends as a signed transcript
#[derive(Subcommand)]
#[command(after_help = "\
Examples (docs/operations/ceremony.md goes through all of it):
  rhc-kms ceremony draft --store kms-0 --title 'Root keys 2027' --by wang --officer zhao --officer qian \\
      --source hsm --threshold 3 --custodian chen --custodian chu --custodian wei --custodian jiang --custodian shen \\
      --out root.toml
  rhc-kms ceremony plan root.toml
  rhc-kms ceremony review root.toml --as zhao.key
  rhc-kms ceremony enter root.toml --hsm hsm-0.json --custodian chen --passphrase-file chen.pass --out chen.entry
  rhc-kms ceremony run root.toml --store kms-0 --as zhao.key --as qian.key --entry chen.entry ... --out root
  rhc-kms ceremony resume --store kms-0 --as zhao.key --as qian.key --entry chen.entry ... --out root
  rhc-kms ceremony verify root/ceremony-1.transcript.json --hsm FINGERPRINT
  rhc-kms ceremony show root/ceremony-1.transcript.json")]
pub(crate) enum CeremonyCommand {
    /// Write a ceremony file for a service and its HSM, to be read and corrected by people
    Draft(DraftArgs),
    /// What a file will do, step by step; nothing is done
    Plan {
        /// The ceremony file
        file: PathBuf,
        /// Card profile
        #[arg(long, default_value = "rhc-2012")]
        profile: String,
        /// JSON instead of a table
        #[arg(long)]
        json: bool,
    },
    /// Sign a file as a reviewer (not its author): adds to FILE.reviews
    Review {
        /// The ceremony file
        file: PathBuf,
        /// The reviewer's key file
        #[arg(long = "as", value_name = "KEYFILE")]
        officer: PathBuf,
    },
    /// On a custodian's own machine: passphrase and components in an envelope that only the HSM opens
    Enter(EnterArgs),
    /// Carry a reviewed file out, with its officers in the room
    Run(RunArgs),
    /// Go on with the open ceremony after an interruption
    Resume(RoomArgs),
    /// End the open ceremony as it stands, with a transcript that says so
    Abandon(RoomArgs),
    /// Check transcripts without any service; several, oldest first, as a chain
    Verify {
        /// Transcript files
        #[arg(required = true)]
        transcripts: Vec<PathBuf>,
        /// Fingerprint that the HSM must have
        #[arg(long, value_name = "HEX")]
        hsm: Option<String>,
        /// JSON instead of a table
        #[arg(long)]
        json: bool,
    },
    /// A transcript for people, with the words to read aloud
    Show {
        /// Transcript file
        transcript: PathBuf,
        /// The checked content as JSON
        #[arg(long)]
        json: bool,
    },
}

/// Where keys come from.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum SourceArg {
    /// Drawn in the HSM
    Hsm,
    /// Combined from custodians' components
    Components,
    /// The public test keys D31-D36, in a rehearsal
    TestFormula,
}

#[derive(Args)]
pub(crate) struct DraftArgs {
    /// Directory of the service's store
    #[arg(long)]
    pub store: PathBuf,
    /// In words
    #[arg(long)]
    pub title: String,
    /// Who writes it; neither reviews nor signs
    #[arg(long, value_name = "PERSON")]
    pub by: String,
    /// An officer who signs every step, at least twice
    #[arg(long = "officer", value_name = "NAME")]
    pub officers: Vec<String>,
    /// Somebody else in the room
    #[arg(long = "witness", value_name = "NAME")]
    pub witnesses: Vec<String>,
    /// Make all roots of this tier, from here; key pairs are always drawn in the HSM
    #[arg(long, value_enum)]
    pub source: Option<SourceArg>,
    /// Who enters components, with --source components
    #[arg(long = "component-of", value_name = "NAME")]
    pub component_custodians: Vec<String>,
    /// A maker and its product in a rehearsal: public test keys
    #[arg(long = "test-maker", value_name = "VENDOR:PRODUCT")]
    pub test_makers: Vec<String>,
    /// A maker, its product, its package and the key of its lists
    #[arg(
        long = "maker",
        value_name = "VENDOR:PRODUCT:PACKAGE-FILE:LIST-KEY-HEX"
    )]
    pub makers: Vec<String>,
    /// Back the roots up: so many shares give them back
    #[arg(long, requires = "custodians")]
    pub threshold: Option<u8>,
    /// Who keeps a share
    #[arg(long = "custodian", value_name = "NAME")]
    pub custodians: Vec<String>,
    /// Memory of a passphrase's check in KiB; rehearsals only
    #[arg(long, value_name = "KIB")]
    pub memory_kib: Option<u32>,
    /// Restore this back-up
    #[arg(long, value_name = "BACKUP-FILE", conflicts_with = "reshare")]
    pub restore: Option<PathBuf>,
    /// Give this back-up to the custodians named with --custodian
    #[arg(long, value_name = "BACKUP-FILE")]
    pub reshare: Option<PathBuf>,
    /// Whose shares open it
    #[arg(long = "opened-by", value_name = "NAME")]
    pub opened_by: Vec<String>,
    /// Destroy this key
    #[arg(long = "destroy", value_name = "KEY", requires = "reason")]
    pub destroy: Vec<String>,
    /// Why
    #[arg(long)]
    pub reason: Option<String>,
    /// File to be made
    #[arg(long)]
    pub out: PathBuf,
}

#[derive(Args)]
pub(crate) struct EnterArgs {
    /// The ceremony file
    pub file: PathBuf,
    /// The HSM, as `rhc-kms hsm info --out` wrote it; its fingerprint must be the file's
    #[arg(long, value_name = "FILE")]
    pub hsm: PathBuf,
    /// Who enters
    #[arg(long, value_name = "NAME")]
    pub custodian: String,
    /// Passphrase of the share: a file of mode 0600
    #[arg(long, value_name = "FILE")]
    pub passphrase_file: Option<PathBuf>,
    /// Components: a file of mode 0600 with a line KEY HEX for each
    #[arg(long, value_name = "FILE")]
    pub components: Option<PathBuf>,
    /// Draw the components and write that file first
    #[arg(long, requires = "components")]
    pub draw: bool,
    /// This custodian's share of the back-up that is opened
    #[arg(long, value_name = "FILE")]
    pub share: Option<PathBuf>,
    /// Card profile
    #[arg(long, default_value = "rhc-2012")]
    pub profile: String,
    /// File to be made
    #[arg(long)]
    pub out: PathBuf,
}

#[derive(Args)]
pub(crate) struct RunArgs {
    /// The ceremony file, reviewed
    pub file: PathBuf,
    #[command(flatten)]
    pub room: RoomArgs,
}

/// Who and what is in the room.
#[derive(Args)]
pub(crate) struct RoomArgs {
    /// Directory of the service's store
    #[arg(long)]
    pub store: PathBuf,
    /// An officer's key file; give it twice
    #[arg(long = "as", value_name = "KEYFILE")]
    pub officers: Vec<PathBuf>,
    /// A custodian's entry
    #[arg(long = "entry", value_name = "FILE")]
    pub entries: Vec<PathBuf>,
    /// A package or back-up that the ceremony names
    #[arg(long = "file", value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Folder for back-up, shares and transcript
    #[arg(long)]
    pub out: PathBuf,
    /// JSON instead of a table
    #[arg(long)]
    pub json: bool,
}
