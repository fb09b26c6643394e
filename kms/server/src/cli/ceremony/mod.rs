//! `rhc-kms ceremony`: from a file to a transcript. What people do on machines of their own (review, enter, verify,
//! show) needs no service.

mod draft;
mod enter;

use std::io::{IsTerminal, Write};
use std::path::Path;

use kms_core::approval::OfficerSignature;
use kms_core::ceremony::transcript::Verified;
use kms_core::ceremony::{Ceremony, Transcript, digest, review_statement, words};
use kms_hsm::officer::OfficerFile;
use kms_platform::exit::{Exit, Failure};
use kms_platform::lang::{current, pick};
use kms_platform::output::{self, Table};
use kms_platform::say;
use serde_json::json;

use super::args::{CeremonyCommand, RoomArgs};
use super::order::{read_file, write_file};
use super::{Ran, devices, open};
use crate::ceremony::brought::{Brought, EntryFile};
use crate::ceremony::{Concluded, Reviewed, text};
use crate::refusal::{self, Refusal};
use crate::refuse;

pub(super) async fn run(command: CeremonyCommand) -> Ran {
    match command {
        CeremonyCommand::Draft(args) => draft::run(args).await,
        CeremonyCommand::Plan {
            file,
            profile,
            json,
        } => plan(&file, &profile, json),
        CeremonyCommand::Review { file, officer } => review(&file, &officer),
        CeremonyCommand::Enter(args) => enter::run(&args),
        CeremonyCommand::Run(args) => {
            let reviewed = Reviewed {
                file: read_file(&args.file)?,
                reviews: reviews(&args.file)?,
            };
            carry(Some(reviewed), args.room).await
        }
        CeremonyCommand::Resume(args) => carry(None, args).await,
        CeremonyCommand::Abandon(args) => abandon(args).await,
        CeremonyCommand::Verify {
            transcripts,
            hsm,
            json,
        } => {
            let paths: Vec<&Path> = transcripts.iter().map(AsRef::as_ref).collect();
            verify(&paths, hsm.as_deref(), json)
        }
        CeremonyCommand::Show { transcript, json } => show(&transcript, json),
    }
}

fn plan(file: &Path, profile: &str, json: bool) -> Ran {
    let bytes = read_file(file)?;
    let ceremony = Ceremony::parse(&bytes).map_err(Refusal::from)?;
    let steps = ceremony
        .steps(crate::service::profile(profile)?)
        .map_err(Refusal::from)?;
    let name = digest(&bytes);
    let listed: Vec<_> = steps
        .iter()
        .map(|step| json!({ "number": step.number, "deed": step.deed.name(), "object": step.deed.object() }))
        .collect();
    let value = json!({
        "ceremony": hex::encode_upper(name), "kind": ceremony.kind(), "title": ceremony.title, "tier": ceremony.tier,
        "area": ceremony.area, "mark": ceremony.mark, "rehearsal": ceremony.rehearsal, "steps": listed,
        "custodians": ceremony.custodians(), "words": words::english(&name), "words_zh": words::chinese(&name),
    });
    let table = || {
        let mut table = Table::new(Vec::<String>::new());
        table.row([pick("ceremony", "仪式"), &ceremony.title]);
        table.row([pick("kind", "种类"), text::kind(ceremony.kind()).get()]);
        table.row([pick("mark", "标记"), &ceremony.mark.to_string()]);
        table.row([
            pick("custodians", "保管人"),
            &ceremony.custodians().join(", "),
        ]);
        for step in &steps {
            let deed = text::deed(step.deed.name()).get();
            table.row([
                format!("[{}]", step.number),
                format!("{deed} {}", step.deed.object()),
            ]);
        }
        table.row(["SM3", &hex::encode_upper(name)]);
        table.row([pick("read aloud", "朗读核对"), &aloud(&name)]);
        table
    };
    output::print(json, &value, table).map_err(Refusal::from)?;
    Ok(Exit::Done)
}

/// A digest's words in the language of this process.
fn aloud(digest: &[u8; 32]) -> String {
    match current() {
        kms_platform::lang::Lang::En => words::english(digest),
        kms_platform::lang::Lang::Zh => words::chinese(digest),
    }
}

fn reviews_path(file: &Path) -> std::path::PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".reviews");
    name.into()
}

fn reviews(file: &Path) -> Result<Vec<OfficerSignature>, Failure> {
    let path = reviews_path(file);
    if !path.exists() {
        return Ok(Vec::new());
    }
    serde_json::from_slice(&read_file(&path)?).map_err(|_| {
        let name = path.display();
        refuse!(
            &refusal::CEREMONY,
            "{name} is no list of reviews",
            "{name} 不是审定签名列表"
        )
        .into()
    })
}

fn review(file: &Path, officer: &Path) -> Ran {
    let bytes = read_file(file)?;
    let ceremony = Ceremony::parse(&bytes).map_err(Refusal::from)?;
    let officer = OfficerFile::load(officer).map_err(Refusal::from)?;
    if officer.name().trim().to_lowercase() == ceremony.author.trim().to_lowercase() {
        return Err(refuse!(
            &refusal::REQUESTER,
            "{} wrote this file",
            "{} 是本文件的起草人",
            officer.name()
        )
        .into());
    }
    let name = digest(&bytes);
    let mut signed = reviews(file)?;
    signed.retain(|review| review.officer != officer.name());
    signed.push(
        officer
            .sign(&review_statement(&name))
            .map_err(Refusal::from)?,
    );
    let text = serde_json::to_vec_pretty(&signed).map_err(Refusal::from)?;
    write_file(&reviews_path(file), &text)?;
    let (count, words) = (signed.len(), aloud(&name));
    println!(
        "{}",
        say!(
            "reviewed by {count}; read aloud: {words}",
            "已有 {count} 人审定；朗读核对：{words}"
        )
    );
    Ok(Exit::Done)
}

fn brought(args: &RoomArgs) -> Result<Brought, Failure> {
    let mut brought = Brought {
        out: args.out.clone(),
        ..Brought::default()
    };
    for path in &args.entries {
        brought.entries.push(EntryFile::parse(&read_file(path)?)?);
    }
    for path in &args.files {
        brought.files.push(super::hsm::text(path)?);
    }
    std::fs::create_dir_all(&args.out)
        .map_err(|e| Failure::environment(format!("{}: {e}", args.out.display())))?;
    Ok(brought)
}

fn officers(args: &RoomArgs) -> Result<Vec<OfficerFile>, Refusal> {
    let files = args.officers.iter().map(|path| OfficerFile::load(path));
    Ok(files.collect::<Result<_, _>>()?)
}

async fn carry(reviewed: Option<Reviewed>, args: RoomArgs) -> Ran {
    let service = open(&args.store).await?;
    let brought = brought(&args)?;
    let officers = officers(&args)?;
    let reviewed = match reviewed {
        Some(reviewed) => reviewed,
        None => service.open_one().await?.reviewed(),
    };
    let loud = std::io::stderr().is_terminal();
    let mut progress = |number: usize, all: usize, deed: &str, object: &str| {
        let deed = text::deed(deed).get();
        if loud {
            let _ = writeln!(std::io::stderr(), "[{number}/{all}] {deed} {object}");
        }
    };
    let done = service
        .run_ceremony(&reviewed, &devices(&officers), &brought, &mut progress)
        .await?;
    conclude(&done, args.json)
}

async fn abandon(args: RoomArgs) -> Ran {
    let service = open(&args.store).await?;
    brought(&args)?;
    let done = service
        .abandon_ceremony(&devices(&officers(&args)?), &args.out)
        .await?;
    conclude(&done, args.json)
}

fn conclude(done: &Concluded, json: bool) -> Ran {
    let verified = Transcript::verify(done.transcript.as_bytes()).map_err(Refusal::from)?;
    let path = done.path.display().to_string();
    let value = json!({
        "number": done.number, "outcome": verified.body.outcome, "transcript": hex::encode_upper(verified.digest),
        "file": path, "words": words::english(&verified.digest), "words_zh": words::chinese(&verified.digest),
        "files": verified.body.steps.iter().flat_map(|done| &done.files).collect::<Vec<_>>(),
    });
    let table = || {
        let mut table = Table::new(Vec::<String>::new());
        table.row([pick("ceremony", "仪式"), &done.number.to_string()]);
        table.row([pick("transcript", "记录"), &path]);
        table.row([pick("read aloud", "朗读核对"), &aloud(&verified.digest)]);
        table
    };
    output::print(json, &value, table).map_err(Refusal::from)?;
    Ok(Exit::Done)
}

fn checked(path: &Path) -> Result<Verified, Failure> {
    let bytes = read_file(path)?;
    Transcript::verify(&bytes).map_err(|e| {
        let name = path.display();
        Failure::wrong(format!("{name}: {}", Refusal::from(e)))
    })
}

fn verify(paths: &[&Path], hsm: Option<&str>, json: bool) -> Ran {
    let mut chain: Vec<Verified> = Vec::with_capacity(paths.len());
    for path in paths {
        let verified = checked(path)?;
        if let Some(before) = chain.last() {
            verified.follows(before).map_err(Refusal::from)?;
        }
        let fingerprint = hex::encode_upper(verified.body.hsm.fingerprint);
        if hsm.is_some_and(|hsm| !hsm.replace(' ', "").eq_ignore_ascii_case(&fingerprint)) {
            return Err(refuse!(
                &refusal::FINGERPRINT,
                "the transcript is of HSM {fingerprint}",
                "该记录出自密码机 {fingerprint}"
            )
            .into());
        }
        chain.push(verified);
    }
    let listed: Vec<_> = chain.iter().map(row).collect();
    let table = || {
        let heads = [
            ("number", "序号"),
            ("title", "名称"),
            ("outcome", "结果"),
            ("HSM", "密码机"),
            ("read aloud", "朗读核对"),
        ];
        let mut table = Table::new(heads.map(|(en, zh)| pick(en, zh)));
        for verified in &chain {
            table.row([
                &verified.body.number.to_string(),
                &verified.ceremony.title,
                &verified.body.outcome,
                &hex::encode_upper(&verified.body.hsm.fingerprint[..4]),
                &aloud(&verified.digest),
            ]);
        }
        table
    };
    output::print(json, &json!({ "ok": true, "transcripts": listed }), table)
        .map_err(Refusal::from)?;
    Ok(Exit::Done)
}

fn row(verified: &Verified) -> serde_json::Value {
    json!({
        "number": verified.body.number, "title": verified.ceremony.title, "kind": verified.ceremony.kind(),
        "outcome": verified.body.outcome, "hsm": hex::encode_upper(verified.body.hsm.fingerprint),
        "transcript": hex::encode_upper(verified.digest), "words": words::english(&verified.digest),
        "words_zh": words::chinese(&verified.digest),
    })
}

fn show(path: &Path, json: bool) -> Ran {
    let verified = checked(path)?;
    if json {
        let text = serde_json::to_string_pretty(&verified.body).map_err(Refusal::from)?;
        println!("{text}");
    } else {
        print!("{}", text::page(&verified, current()));
    }
    Ok(Exit::Done)
}
