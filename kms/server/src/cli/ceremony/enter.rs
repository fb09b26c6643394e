//! A custodian's entry, made on the custodian's own machine: nobody else's program sees passphrase or components.

use std::path::Path;

use kms_core::ceremony::{Ceremony, Deed, digest};
use kms_core::handdown::PeerFile;
use kms_hsm::custody::{self, Part};
use kms_platform::exit::{Exit, Failure};
use kms_platform::identity::secret_file;
use kms_platform::lang::pick;
use kms_platform::output::Table;
use zeroize::Zeroizing;

use crate::ceremony::brought::EntryFile;
use crate::cli::Ran;
use crate::cli::args::EnterArgs;
use crate::cli::order::{read_file, write_file};
use crate::refusal::{self, Refusal};
use crate::refuse;

/// Shortest passphrase, in bytes, as the HSM wants it.
const LEAST_PASSPHRASE: usize = 12;

pub(super) fn run(args: &EnterArgs) -> Ran {
    let file = read_file(&args.file)?;
    let ceremony = Ceremony::parse(&file).map_err(Refusal::from)?;
    let hsm = PeerFile::parse(&read_file(&args.hsm)?, ceremony.mark).map_err(Refusal::from)?;
    if !ceremony
        .hsm
        .eq_ignore_ascii_case(&hex::encode(hsm.fingerprint))
    {
        return Err(refuse!(
            &refusal::FINGERPRINT,
            "the ceremony names another HSM than this file",
            "仪式文件所指的密码机与此文件不符"
        )
        .into());
    }
    if !ceremony.custodians().contains(&args.custodian.as_str()) {
        return Err(refuse!(
            &refusal::ENTRY,
            "{} is no custodian of this ceremony",
            "{} 不是本仪式的保管人",
            args.custodian
        )
        .into());
    }
    let passphrase = args
        .passphrase_file
        .as_deref()
        .map(passphrase)
        .transpose()?;
    let parts = match &args.components {
        Some(path) => components(args, &ceremony, path)?,
        None => Vec::new(),
    };
    let share = args
        .share
        .as_deref()
        .map(super::super::hsm::text)
        .transpose()?;
    let words = passphrase.as_ref().map(|text| text.as_str());
    let name = digest(&file);
    let entry = custody::seal(&hsm.encryption_key, name, &args.custodian, words, &parts)
        .map_err(|e| Failure::environment(e.to_string()))?;
    let text =
        serde_json::to_vec_pretty(&EntryFile::new(name, entry, share)).map_err(Refusal::from)?;
    write_file(&args.out, &text)?;
    let mut table = Table::new(["key", "check value"].map(|head| match head {
        "key" => pick("component of", "分量"),
        _ => pick("check value", "校验值"),
    }));
    for part in &parts {
        table.row([part.key.clone(), hex::encode_upper(part.check_value)]);
    }
    if !parts.is_empty() {
        print!("{table}");
    }
    println!(
        "{}",
        pick("entered; only the HSM opens it", "已录入；仅密码机可打开")
    );
    Ok(Exit::Done)
}

fn secret(path: &Path) -> Result<Zeroizing<String>, Failure> {
    let bytes = secret_file::read(path)
        .map_err(kms_platform::identity::IdentityError::from)
        .map_err(Refusal::from)?;
    let text = std::str::from_utf8(&bytes).map(|text| Zeroizing::new(text.to_owned()));
    text.map_err(|_| Failure::wrong(format!("{}: UTF-8", path.display())))
}

fn passphrase(path: &Path) -> Result<Zeroizing<String>, Failure> {
    let text = secret(path)?;
    let text = Zeroizing::new(text.trim_end_matches(['\n', '\r']).to_owned());
    if text.len() < LEAST_PASSPHRASE {
        return Err(refuse!(
            &refusal::ENTRY,
            "a passphrase has at least {LEAST_PASSPHRASE} bytes",
            "口令至少 {LEAST_PASSPHRASE} 字节"
        )
        .into());
    }
    Ok(text)
}

/// The file's lines, each `KEY HEX`; drawn first where the custodian wants that.
fn components(args: &EnterArgs, ceremony: &Ceremony, path: &Path) -> Result<Vec<Part>, Failure> {
    let steps = ceremony
        .steps(crate::service::profile(&args.profile)?)
        .map_err(Refusal::from)?;
    let mine = steps.iter().flat_map(|step| match &step.deed {
        Deed::Combine(specs, people) if people.contains(&args.custodian) => specs.as_slice(),
        _ => &[],
    });
    let wanted: Vec<&str> = mine.map(|spec| spec.id.as_str()).collect();
    if args.draw {
        draw(path, &wanted)?;
    }
    let text = secret(path)?;
    let mut parts = Vec::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let part = line.split_once(' ').and_then(|(key, hex)| {
            custody::part(key, hex.trim()).filter(|_| wanted.contains(&key))
        });
        // The line itself is a secret: its number must do.
        let at = parts.len() + 1;
        parts.push(part.ok_or_else(|| {
            refuse!(
                &refusal::ENTRY,
                "component {at}: KEY HEX, 32 digits, of a key of this ceremony",
                "第 {at} 个分量：格式为 密钥 十六进制（32 位），且属于本仪式"
            )
        })?);
    }
    Ok(parts)
}

fn draw(path: &Path, wanted: &[&str]) -> Result<(), Failure> {
    let mut text = Zeroizing::new(String::with_capacity(wanted.len() * 64));
    for id in wanted {
        let mut bytes = Zeroizing::new([0u8; 16]);
        getrandom::fill(bytes.as_mut_slice())
            .map_err(|_| Failure::environment(pick("no random numbers", "无法取得随机数")))?;
        let digits = Zeroizing::new(hex::encode_upper(bytes.as_slice()));
        text.push_str(id);
        text.push(' ');
        text.push_str(&digits);
        text.push('\n');
    }
    secret_file::create(path, text.as_bytes())
        .map_err(kms_platform::identity::IdentityError::from)
        .map_err(Refusal::from)?;
    Ok(())
}
