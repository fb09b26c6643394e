//! A first text of a ceremony file: what is known of service and HSM is filled in, people read and correct the rest.

use std::path::Path;

use kms_core::catalogue;
use kms_core::ceremony::file::{ALL, Backup, Doomed, FORMAT, Group, Maker, Opened, Source};
use kms_core::ceremony::{Ceremony, digest};
use kms_core::port::Mark;
use kms_platform::exit::{Exit, Failure};
use kms_platform::lang::pick;
use kms_platform::say;

use crate::cli::args::{DraftArgs, SourceArg};
use crate::cli::order::{read_file, write_file};
use crate::cli::{Ran, open};
use crate::refusal::{self, Refusal};
use crate::refuse;
use crate::service::Service;

pub(super) async fn run(args: DraftArgs) -> Ran {
    let service = open(&args.store).await?;
    let ceremony = drafted(&service, &args)?;
    let text = ceremony.to_toml().map_err(Refusal::from)?;
    // What does not make sense is said now, not in the room.
    Ceremony::parse(text.as_bytes()).map_err(Refusal::from)?;
    write_file(&args.out, text.as_bytes())?;
    let name = args.out.display();
    println!(
        "{}",
        say!(
            "{name}: read it; then two officers who did not write it: rhc-kms ceremony review {name} --as KEYFILE",
            "{name}：请阅读；然后由两名非起草人的管理员执行：rhc-kms ceremony review {name} --as KEYFILE"
        )
    );
    Ok(Exit::Done)
}

fn drafted(service: &Service, args: &DraftArgs) -> Result<Ceremony, Failure> {
    let hsm = service.hsm.identity().map_err(Refusal::from)?;
    let opened = |path: &Path| -> Result<Opened, Failure> {
        Ok(Opened {
            backup: hex::encode_upper(digest(&read_file(path)?)),
            custodians: args.opened_by.clone(),
        })
    };
    let backup = args.threshold.map(|threshold| Backup {
        keys: if args.reshare.is_some() {
            vec![]
        } else {
            vec![ALL.to_owned()]
        },
        threshold,
        custodians: args.custodians.clone(),
        memory_kib: args.memory_kib,
    });
    Ok(Ceremony {
        format: FORMAT.to_owned(),
        title: args.title.clone(),
        tier: service.tier.name().to_owned(),
        area: service.tier.area().to_owned(),
        mark: service.mark,
        rehearsal: service.mark == Mark::Test,
        hsm: hex::encode_upper(hsm.fingerprint),
        author: args.by.clone(),
        officers: args.officers.clone(),
        witnesses: args.witnesses.clone(),
        keys: groups(service, args),
        makers: makers(args)?,
        restore: args.restore.as_deref().map(opened).transpose()?,
        reshare: args.reshare.as_deref().map(opened).transpose()?,
        backup,
        destroy: doomed(service, args)?,
    })
}

/// Components never give a key pair: those are drawn in the HSM.
fn groups(service: &Service, args: &DraftArgs) -> Vec<Group> {
    let all = || vec![ALL.to_owned()];
    let pairs = || {
        let roots = catalogue::roots(service.profile, &service.tier).into_iter();
        let pairs = roots.filter(|root| root.spec.is_key_pair);
        pairs.map(|root| root.spec.id).collect::<Vec<_>>()
    };
    let group = |ids, source, custodians| Group {
        ids,
        source,
        custodians,
    };
    match args.source {
        None => vec![],
        Some(SourceArg::Hsm) => vec![group(all(), Source::Hsm, vec![])],
        Some(SourceArg::TestFormula) => vec![group(all(), Source::TestFormula, vec![])],
        Some(SourceArg::Components) => vec![
            group(all(), Source::Components, args.component_custodians.clone()),
            group(pairs(), Source::Hsm, vec![]),
        ],
    }
}

fn makers(args: &DraftArgs) -> Result<Vec<Maker>, Failure> {
    let usage = |wanted: &str| Failure::usage(format!("{}{wanted}", pick("wanted: ", "格式应为 ")));
    let mut makers = Vec::new();
    for text in &args.test_makers {
        let wrong = || usage("VENDOR:PRODUCT");
        let (vendor, product) = text.split_once(':').ok_or_else(wrong)?;
        makers.push(Maker {
            vendor: vendor.to_owned(),
            product: product.to_owned(),
            package: None,
            list_key: None,
        });
    }
    for text in &args.makers {
        let parts: Vec<&str> = text.splitn(4, ':').collect();
        let [vendor, product, package, list_key] = parts.as_slice() else {
            return Err(usage("VENDOR:PRODUCT:PACKAGE-FILE:LIST-KEY-HEX"));
        };
        let package = read_file(Path::new(package))?;
        makers.push(Maker {
            vendor: (*vendor).to_owned(),
            product: (*product).to_owned(),
            package: Some(hex::encode_upper(digest(&package))),
            list_key: Some((*list_key).to_owned()),
        });
    }
    Ok(makers)
}

fn doomed(service: &Service, args: &DraftArgs) -> Result<Vec<Doomed>, Failure> {
    let keys = service.hsm.keys().map_err(Refusal::from)?;
    let reason = args.reason.clone().unwrap_or_default();
    let doom = |id: &String| {
        let key = keys.iter().find(|key| key.spec.id == *id);
        let key = key.ok_or_else(|| refuse!(&refusal::UNKNOWN, "key {id}", "密钥 {id}"))?;
        Ok(Doomed {
            id: id.clone(),
            check_value: hex::encode_upper(key.check_value),
            reason: reason.clone(),
        })
    };
    args.destroy.iter().map(doom).collect()
}
