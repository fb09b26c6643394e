//! From an act to the operations of its next round.

use std::collections::BTreeSet;

use cardlib_card::cert::IssuerCertificate;
use cardlib_card::gm::sm2::VerifyingKey;
use kms_core::catalogue::{self, SM2_ROOT, key_id};
use kms_core::certificate;
use kms_core::fill::ticket_base_keys;
use kms_core::handdown::{GrantState, Holder, Payload, admit, spoken};
use kms_core::port::{BaseClass, Mark, Operation, Target, TicketOrder};
use kms_core::ticket::{Ticket, TicketKind};
use kms_core::tier::Tier;

use super::{Act, Round};
use crate::records::hand_downs::Grant;
use crate::records::{hand_downs, keys, peers, people, settings, tickets};
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
            Act::AddOfficer { officer, requester } => {
                let mut conn = self.store.pool().acquire().await?;
                let known = people::officers(&mut conn).await?.contains(officer);
                let operation = Operation::EnrolOfficer {
                    name: officer.name.clone(),
                    public_key: officer.public_key,
                };
                Ok(Round {
                    operations: if known { vec![] } else { vec![operation] },
                    requesters: vec![requester.clone()],
                })
            }
            Act::ConfirmPeer { name } => self.prepare_peer(name).await,
            Act::TestTransport { vendor } => {
                self.only_test(true)?;
                let held: BTreeSet<String> = self
                    .hsm
                    .keys()?
                    .into_iter()
                    .map(|key| key.spec.id)
                    .collect();
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
            Act::ApproveTicket { id } => self.prepare_ticket(id).await,
            Act::Grant { id } => self.prepare_grant(id).await,
            Act::Import { package } => self.prepare_import(package).await,
        }
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
        })
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
        let target = if ticket.kind == TicketKind::Card {
            Target::Card
        } else {
            Target::Sam
        };
        let base_keys = ticket_base_keys(target, self.hsm.keys()?.into_iter());
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
        })
    }

    async fn prepare_grant(&self, id: &str) -> Result<Round> {
        let mut conn = self.store.pool().acquire().await?;
        let grant = hand_downs::get(&mut conn, id).await?;
        let requesters = vec![grant.requester.clone(), grant.request.requester.clone()];
        if self.package_of(&grant)?.is_some() {
            // Made already; perhaps the service fell before it could note that.
            return Ok(Round {
                operations: vec![],
                requesters,
            });
        }
        let operation = match (&grant.state, &grant.request.from) {
            (GrantState::Granted { .. }, _) => {
                return Ok(Round {
                    operations: vec![],
                    requesters,
                });
            }
            (GrantState::Requested, Tier::Province(_)) => {
                let position = hand_downs::position(&mut conn, id).await?;
                let message = self
                    .issuer_certificate(&grant, position)?
                    .to_be_signed()
                    .to_vec();
                Operation::Sign {
                    key: key_id(SM2_ROOT, 0),
                    message,
                }
            }
            (GrantState::Certified { issuer_certificate }, _) => {
                let root_key = keys::public_key(&mut conn, &key_id(SM2_ROOT, 0)).await?;
                let root_key = root_key.ok_or_else(|| {
                    refuse!(&refusal::KEY_MISSING, "the root key pair", "根密钥对")
                })?;
                self.export(&grant, issuer_certificate.clone(), root_key.to_vec())?
            }
            (GrantState::Requested, _) => {
                let certificate: String = settings::get(&mut conn, "issuer-certificate").await?;
                let root_key: String = settings::get(&mut conn, "root-key").await?;
                self.export(&grant, unhex(&certificate)?, unhex(&root_key)?)?
            }
        };
        Ok(Round {
            operations: vec![operation],
            requesters,
        })
    }

    pub(super) fn issuer_certificate(
        &self,
        grant: &Grant,
        serial: u64,
    ) -> Result<IssuerCertificate> {
        let key = grant
            .request
            .issuer_public_key()
            .ok_or(kms_core::handdown::HandDownError::IssuerKey)?;
        Ok(certificate::issuer(
            &grant.request.from,
            &key,
            serial,
            self.today(),
            self.mark,
        )?)
    }

    fn export(
        &self,
        grant: &Grant,
        issuer_certificate: Vec<u8>,
        root_key: Vec<u8>,
    ) -> Result<Operation> {
        let anchors = crate::authority::open(&self.dir)?
            .identity()
            .anchors_pem()
            .to_owned();
        let payload = Payload::new(
            &grant.request,
            self.tier.clone(),
            grant.ca_chain.clone(),
            anchors,
            issuer_certificate,
            root_key,
        );
        let text = serde_json::to_vec(&grant.request)?;
        Ok(Operation::ExportPackage {
            receiver: grant.receiver.clone(),
            purpose: format!(
                "hand-down {} request {}",
                grant.id,
                &spoken(&kms_core::handdown::file_fingerprint(&text))[..19]
            ),
            entries: catalogue::hand_down(self.profile, &self.tier, &grant.request.from),
            payload: serde_json::to_vec(&payload)?,
        })
    }

    async fn prepare_import(&self, package: &str) -> Result<Round> {
        let label = self.desk.inspect(package)?;
        admit(self.mark, label.mark)?;
        if label.receiver != self.hsm.identity()?.fingerprint {
            return Err(refuse!(
                &refusal::RECEIVER,
                "it was made for another HSM",
                "该密钥包为另一台密码机生成"
            ));
        }
        let mut conn = self.store.pool().acquire().await?;
        let known = peers::all(&mut conn).await?;
        let upper = known
            .iter()
            .find(|peer| {
                peer.confirmed && peer.kind == "upper" && peer.file.fingerprint == label.sender
            })
            .ok_or_else(|| {
                refuse!(
                    &refusal::NOT_ENROLLED,
                    "the package is by no upper HSM that two officers confirmed",
                    "该密钥包并非来自经两名管理员确认的上级密码机"
                )
            })?;
        if !self.desk.is_signed_by(package, &upper.file.signing_key) {
            return Err(refuse!(
                &refusal::PACKAGE,
                "it was changed after {} signed it",
                "该密钥包在 {} 签名后被改动",
                upper.name
            ));
        }
        let outstanding = hand_downs::outstanding(&mut conn).await?;
        let payload = Payload::parse(
            &label.payload,
            &self.tier,
            outstanding.as_ref().map(|(id, _)| *id),
        )?;
        let expected = match &upper.file.holder {
            Holder::Tier(tier) if *tier == payload.from && tier.is_directly_above(&self.tier) => {
                catalogue::hand_down(self.profile, tier, &self.tier)
            }
            _ => {
                return Err(refuse!(
                    &refusal::PACKAGE,
                    "it speaks for {}, but {} signed it",
                    "该密钥包自称来自 {}，却由 {} 签名",
                    payload.from,
                    upper.name
                ));
            }
        };
        if let Some(other) = label
            .ids
            .iter()
            .find(|id| !expected.iter().any(|export| export.id == **id))
        {
            return Err(refuse!(
                &refusal::PACKAGE,
                "{other} is no key of a hand-down to this tier",
                "{other} 不属于对本级的下发密钥"
            ));
        }
        if label.ids.len() != expected.len() {
            return Err(refuse!(
                &refusal::PACKAGE,
                "keys are missing in it",
                "密钥包中缺少密钥"
            ));
        }
        self.check_issuer_certificate(&payload)?;
        let requesters = outstanding
            .into_iter()
            .map(|(_, requester)| requester)
            .collect();
        let held: BTreeSet<String> = self
            .hsm
            .keys()?
            .into_iter()
            .map(|key| key.spec.id)
            .collect();
        let operations = if label.ids.iter().all(|id| held.contains(id)) {
            // The HSM has taken it; perhaps the service fell before it could note that.
            vec![]
        } else {
            vec![Operation::ImportPackage(package.to_owned())]
        };
        Ok(Round {
            operations,
            requesters,
        })
    }

    /// The package that the HSM made last for this grant's receiver, if it answers this grant.
    pub(super) fn package_of(&self, grant: &Grant) -> Result<Option<String>> {
        let Ok(package) = self.hsm.last_package(&grant.receiver) else {
            return Ok(None);
        };
        let payload = serde_json::from_slice::<Payload>(&self.desk.inspect(&package)?.payload);
        Ok(payload
            .is_ok_and(|payload| payload.request == grant.request.id)
            .then_some(package))
    }
}

/// The certificate that travels with the keys is of this world and signed by the root that travels with it; that the
/// root is the ministry's follows from the enrolled HSM's signature over both.
impl Service {
    pub(super) fn check_issuer_certificate(&self, payload: &Payload) -> Result<()> {
        let refused = |why: String| {
            refuse!(
                &refusal::PACKAGE,
                "issuer certificate: {why}",
                "发卡机构证书：{why}"
            )
        };
        let root =
            VerifyingKey::from_bytes(&payload.root_key).map_err(|e| refused(e.to_string()))?;
        IssuerCertificate::verify(&payload.issuer_certificate, &root, self.mark)
            .map_err(|e| refused(e.to_string()))?;
        Ok(())
    }
}

fn nobody(operations: Vec<Operation>) -> Round {
    Round {
        operations,
        requesters: Vec::new(),
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
