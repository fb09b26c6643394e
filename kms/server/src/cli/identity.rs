//! TLS identities.

use kms_platform::exit::Exit;
use kms_platform::say;
use serde_json::json;

use super::args::IdentityCommand;
use super::{Ran, open};
use crate::authority;
use crate::refusal::Refusal;

pub(super) async fn run(command: IdentityCommand) -> Ran {
    let IdentityCommand::Issue {
        store,
        role,
        name,
        area,
        hosts,
        out,
    } = command;
    let service = open(&store).await?;
    let area = match area {
        Some(text) => authority::parse_area(&text)?,
        None => authority::area(&service.tier)?,
    };
    let party = authority::party(area, &role, &name)?;
    let mut tx = service.begin().await?;
    let begun = service
        .before(
            &mut tx,
            "operator",
            "identity.issue",
            &party.to_string(),
            &json!({}),
        )
        .await?;
    service.commit(tx).await?;
    let issue = || -> Result<(), Refusal> {
        let identity =
            authority::open(&service.dir)?.issue(&party, &hosts, service.store.clock().now())?;
        Ok(identity.write(&out)?)
    };
    let issued = issue();
    service.close(begun, issued).await?;
    let file = out.display();
    println!("{}", say!("{party} → {file}", "{party} → {file}"));
    Ok(Exit::Done)
}
