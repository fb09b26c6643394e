//! From an act to the operations of its next round.

use std::collections::BTreeSet;

use kms_core::approval::Officer;
use kms_core::catalogue;
use kms_core::fill::ticket_base_keys;
use kms_core::handdown::{Holder, admit};
use kms_core::policy::{Role, clash, folded, same_person};
use kms_core::port::{BaseClass, Mark, Operation, Target, TicketOrder};
use kms_core::ticket::{Ticket, TicketKind};

use super::{Act, Round};
use crate::records::{accounts, peers, people, tickets};
use crate::refusal::{self, Result};
use crate::refuse;
use crate::service::Service;

/// Scripts that one chip may ask for under one ticket: a SAM's stage b, and cards pulled and taken up again.
const SCRIPTS_PER_CHIP: u32 = 16;

impl Service {
    /// The next round; no operations when nothing is left to do.
    pub(super) async fn prepare(&self, act: &Act) -> Result<Round> {
        match act {
            Act::SetUp { test_keys } => self
                .only_test(*test_keys)
                .map(|()| Ok(nobody(self.set_up(*test_keys)?)))?,
            Act::AuditKeys => {
                let held = self.held_ids()?;
                let wanted = catalogue::audit_keys().into_iter();
                let missing = wanted.filter(|spec| !held.contains(&spec.id));
                Ok(nobody(missing.map(Operation::Generate).collect()))
            }
            Act::AddOfficer {
                officer,
                requester,
                role,
            } => self.prepare_officer(officer, *role, requester).await,
            Act::RemoveOfficer { name, requester } => {
                let mut conn = self.store.pool().acquire().await?;
                people::person(&mut conn, name).await?;
                let enrolled = self.hsm.identity()?.officers;
                let there = enrolled.iter().any(|officer| officer.name == *name);
                let operation = Operation::RemoveOfficer { name: name.clone() };
                Ok(Round {
                    operations: if there { vec![operation] } else { vec![] },
                    // Nobody signs for or against their own going.
                    requesters: vec![requester.clone(), name.clone()],
                    paper: true,
                })
            }
            Act::SetTerms {
                peer,
                terms,
                requester,
            } => {
                let mut conn = self.store.pool().acquire().await?;
                let known = peers::get(&mut conn, peer).await?;
                if !known.confirmed || known.kind != "lower" {
                    return Err(refuse!(
                        &refusal::NOT_ENROLLED,
                        "{peer} is no lower HSM that two officers confirmed",
                        "{peer} 不是经两名管理员确认的下级密码机"
                    ));
                }
                Ok(Round {
                    operations: vec![Operation::SetTerms {
                        peer: peer.clone(),
                        terms: terms.clone(),
                    }],
                    requesters: vec![requester.clone()],
                    paper: false,
                })
            }
            Act::ReturnOrder { id, requester } => {
                let mut conn = self.store.pool().acquire().await?;
                let ticket = tickets::get(&mut conn, id).await?;
                if accounts::of(&mut conn, id).await?.returned.is_some() {
                    return Ok(nobody(vec![]));
                }
                Ok(Round {
                    operations: vec![Operation::CloseTicket { id: id.clone() }],
                    requesters: vec![requester.clone(), ticket.requester],
                    paper: false,
                })
            }
            Act::UnlockOfficer { name, requester } => {
                let mut conn = self.store.pool().acquire().await?;
                people::person(&mut conn, name).await?;
                Ok(Round {
                    requesters: vec![requester.clone(), name.clone()],
                    paper: true,
                    ..Round::default()
                })
            }
            Act::ConfirmPeer { name } => self.prepare_peer(name).await,
            Act::TestTransport { vendor } => {
                self.only_test(true)?;
                let held = self.held_ids()?;
                Ok(nobody(self.test_transports(vendor_bytes(vendor)?, &held)))
            }
            Act::RawTransport { vendor, key } => {
                self.only_test(true)?;
                let vendor = vendor_bytes(vendor)?;
                let specs = catalogue::transport_classes(&self.tier)
                    .iter()
                    .map(|class| catalogue::transport(*class, vendor));
                Ok(nobody(
                    specs
                        .map(|spec| Operation::ImportRaw(spec, key.clone()))
                        .collect(),
                ))
            }
            Act::MakerPackage { package } => self.prepare_maker_package(package).await,
            Act::Ceremony(ordered) => Ok(Round {
                operations: ordered.operations.clone(),
                requesters: vec![ordered.author.clone()],
                paper: true,
            }),
            Act::ApproveTicket { id } => self.prepare_ticket(id).await,
            Act::Grant { id } => self.prepare_grant(id).await,
            Act::Import { package } => self.prepare_import(package).await,
            Act::KeyState {
                ids, to, requester, ..
            } => Ok(Round {
                operations: self.prepare_state(ids, *to).await?,
                requesters: vec![requester.clone()],
                ..Round::default()
            }),
            Act::OpenRotation { id } => {
                let (operations, requester) = self.prepare_opening(id).await?;
                Ok(Round {
                    operations,
                    requesters: vec![requester],
                    ..Round::default()
                })
            }
            Act::RetireRotation {
                id,
                leave_stragglers,
            } => {
                let retired = self.prepare_retirement(id, *leave_stragglers).await?;
                Ok(Round {
                    operations: retired.0,
                    requesters: vec![retired.1],
                    ..Round::default()
                })
            }
        }
    }

    /// A person who signs orders is enrolled in the HSM too; roles that one person must not have together are refused.
    async fn prepare_officer(
        &self,
        officer: &Officer,
        role: Role,
        requester: &str,
    ) -> Result<Round> {
        let mut conn = self.store.pool().acquire().await?;
        let people = people::persons(&mut conn).await?;
        if !role.is_a_persons() || folded(&officer.name).is_empty() {
            return Err(refuse!(
                &refusal::INVALID,
                "{role} is no role of a person, or the name has no letter",
                "{role} 不是人员角色，或姓名中没有字母"
            ));
        }
        let known = people.iter().find(|p| same_person(&p.name, &officer.name));
        let mut roles = BTreeSet::from([role]);
        if let Some(person) = known {
            if person.name != officer.name || person.public_key != officer.public_key {
                return Err(refuse!(
                    &refusal::EXISTS,
                    "officer {} or their key",
                    "管理员 {} 或其公钥",
                    officer.name
                ));
            }
            if person.roles.contains(&role) {
                return Ok(nobody(vec![]));
            }
            roles.extend(&person.roles);
        }
        if let Some((one, other)) = clash(&roles) {
            return Err(refuse!(
                &refusal::ROLES_APART,
                "{} would be {one} and {other}",
                "{} 将同时担任 {one} 与 {other}",
                officer.name
            ));
        }
        let enrolled = self.hsm.identity()?.officers.contains(officer);
        let operation = Operation::EnrolOfficer {
            name: officer.name.clone(),
            public_key: officer.public_key,
        };
        let wanted = role.signs_orders() && !enrolled;
        Ok(Round {
            operations: if wanted { vec![operation] } else { vec![] },
            requesters: vec![requester.to_owned(), officer.name.clone()],
            paper: true,
        })
    }

    /// Public test keys and keys in the clear exist in TEST stores only.
    fn only_test(&self, wanted: bool) -> Result<()> {
        if wanted && self.mark != Mark::Test {
            return Err(refuse!(
                &refusal::MARK,
                "public test keys and keys in the clear belong into a TEST store",
                "公开测试密钥与明文密钥只能用于测试库"
            ));
        }
        Ok(())
    }

    async fn prepare_peer(&self, name: &str) -> Result<Round> {
        let mut conn = self.store.pool().acquire().await?;
        let peer = peers::get(&mut conn, name).await?;
        let stranger = || {
            refuse!(
                &refusal::WRONG_TIER,
                "{} and {name} exchange no keys",
                "{} 与 {name} 之间不交换密钥",
                self.tier
            )
        };
        let kind = peer.file.kind_at(&self.tier).ok_or_else(stranger)?;
        let operation = Operation::EnrolPeer {
            name: peer.name,
            kind,
            signing_key: peer.file.signing_key,
            encryption_key: peer.file.encryption_key,
            fingerprint: peer.file.fingerprint,
        };
        Ok(Round {
            operations: if peer.confirmed {
                vec![]
            } else {
                vec![operation]
            },
            requesters: vec![peer.requester],
            paper: false,
        })
    }

    /// The orders of a maker's package, for a ceremony.
    pub(crate) async fn maker_package_orders(&self, package: &str) -> Result<Vec<Operation>> {
        Ok(self.prepare_maker_package(package).await?.operations)
    }

    /// A maker's package brings that maker's transport keys and nothing else.
    async fn prepare_maker_package(&self, package: &str) -> Result<Round> {
        let label = self.desk.inspect(package)?;
        admit(self.mark, label.mark)?;
        let mut conn = self.store.pool().acquire().await?;
        let known = peers::all(&mut conn).await?;
        let vendor = known.iter().find_map(|peer| match &peer.file.holder {
            Holder::Maker(vendor) if peer.confirmed && peer.file.fingerprint == label.sender => {
                Some(vendor)
            }
            _ => None,
        });
        let unknown = || {
            refuse!(
                &refusal::NOT_ENROLLED,
                "the package is by no maker's HSM that two officers confirmed",
                "该密钥包并非来自经两名管理员确认的卡商密码机"
            )
        };
        let vendor = vendor_bytes(vendor.ok_or_else(unknown)?)?;
        let classes = [BaseClass::CardTransport, BaseClass::SamTransport];
        let own = classes.map(|class| catalogue::transport_id(class, vendor));
        match label.ids.iter().find(|id| !own.contains(id)) {
            Some(other) => Err(refuse!(
                &refusal::PACKAGE,
                "{other} is no transport key of this maker",
                "{other} 不是该卡商的传输密钥"
            )),
            None => Ok(nobody(vec![Operation::ImportPackage(package.to_owned())])),
        }
    }

    async fn prepare_ticket(&self, id: &str) -> Result<Round> {
        let mut conn = self.store.pool().acquire().await?;
        let ticket: Ticket = tickets::get(&mut conn, id).await?;
        ticket.must_wait()?;
        self.epoch_is_seen(&mut conn).await?;
        let target = if ticket.kind == TicketKind::Card {
            Target::Card
        } else {
            Target::Sam
        };
        let mut base_keys = ticket_base_keys(target, self.hsm.keys()?.into_iter());
        if let Some(maker) = ticket.maker() {
            // The HSM opens no other maker's blanks under it.
            let own = [BaseClass::CardTransport, BaseClass::SamTransport]
                .map(|class| catalogue::transport_id(class, maker));
            base_keys.retain(|id| !id.contains("TRANSPORT_") || own.contains(id));
        }
        if base_keys.is_empty() {
            return Err(refuse!(
                &refusal::KEY_MISSING,
                "no transport or master key to open a chip with",
                "没有可用于打开芯片的传输密钥或主控密钥"
            ));
        }
        let order = TicketOrder {
            id: ticket.id,
            target,
            count: ticket.quantity,
            scripts_per_chip: SCRIPTS_PER_CHIP,
            not_after: u64::try_from(ticket.valid_until.as_second()).unwrap_or(0),
            base_keys,
        };
        Ok(Round {
            operations: vec![Operation::CreateTicket(order)],
            requesters: vec![ticket.requester],
            paper: false,
        })
    }
}

fn nobody(operations: Vec<Operation>) -> Round {
    Round {
        operations,
        ..Round::default()
    }
}

pub(crate) fn vendor_bytes(text: &str) -> Result<[u8; 2]> {
    let mut vendor = [0; 2];
    hex::decode_to_slice(text, &mut vendor).map_err(|_| {
        refuse!(
            &refusal::INVALID,
            "a vendor code is four hex digits",
            "卡商代码须为四位十六进制数字"
        )
    })?;
    Ok(vendor)
}

pub(crate) fn unhex(text: &str) -> Result<Vec<u8>> {
    hex::decode(text).map_err(|_| {
        refuse!(
            &refusal::STORE,
            "a stored value is not hexadecimal",
            "存储值不是十六进制"
        )
    })
}
