//! Hand-downs as operations: what a grant signs and exports, what an import must be before the HSM sees it (D27).

use cardlib_card::cert::IssuerCertificate;
use cardlib_card::suite::VerifyingKey;
use kms_core::catalogue::{self, SM2_ROOT, key_id};
use kms_core::certificate;
use kms_core::handdown::{GrantState, Holder, Payload, admit, spoken};
use kms_core::port::Operation;
use kms_core::tier::Tier;
use kms_platform::store::Conn;

use super::Round;
use super::prepare::unhex;
use crate::records::hand_downs::{Grant, Own};
use crate::records::{hand_downs, keys, peers, settings};
use crate::refusal::{self, Refusal, Result};
use crate::refuse;
use crate::service::Service;

impl Service {
    pub(super) async fn prepare_grant(&self, id: &str) -> Result<Round> {
        let mut conn = self.store.pool().acquire().await?;
        let grant = hand_downs::get(&mut conn, id).await?;
        let requesters = vec![grant.requester.clone(), grant.request.requester.clone()];
        if self.package_of(&grant)?.is_some() {
            // Made already; perhaps the service fell before it could note that.
            return Ok(Round {
                operations: vec![],
                requesters,
                paper: false,
            });
        }
        let mut operation = match (&grant.state, &grant.request.from) {
            (GrantState::Granted { .. }, _) => {
                return Ok(Round {
                    operations: vec![],
                    requesters,
                    paper: false,
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
        if let Operation::ExportPackage { entries, .. } = &mut operation {
            *entries = self.still_handed_down(std::mem::take(entries)).await?;
        }
        Ok(Round {
            operations: vec![operation],
            requesters,
            paper: false,
        })
    }

    pub(super) fn issuer_certificate(
        &self,
        grant: &Grant,
        serial: u64,
    ) -> Result<IssuerCertificate<VerifyingKey>> {
        let key = grant
            .request
            .issuer_public_key()
            .ok_or(kms_core::handdown::HandDownError::IssuerKey)?;
        Ok(certificate::issuer(
            &grant.request.from,
            self.profile.crypto.signature,
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

    pub(super) async fn prepare_import(&self, package: &str) -> Result<Round> {
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
        let (payload, own) = self.answered(&mut conn, &label.payload).await?;
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
        // The upper tier keeps back versions that are out of use for good, never the last of a key.
        let name = |id: &str| id.split('/').next().unwrap_or_default().to_owned();
        let given: std::collections::BTreeSet<_> = label.ids.iter().map(|id| name(id)).collect();
        if !expected
            .iter()
            .all(|export| given.contains(&name(&export.id)))
        {
            return Err(refuse!(
                &refusal::PACKAGE,
                "keys are missing in it",
                "密钥包中缺少密钥"
            ));
        }
        self.check_issuer_certificate(&payload)?;
        // The HSM answers the package that it took last once more: perhaps the service fell before it could note that.
        Ok(Round {
            operations: vec![Operation::ImportPackage(package.to_owned())],
            requesters: vec![own.requester],
            paper: false,
        })
    }

    /// What a package carries, and the request of this tier that it answers.
    pub(super) async fn answered(&self, conn: &mut Conn, payload: &[u8]) -> Result<(Payload, Own)> {
        let asked = hand_downs::asked(conn).await?;
        let ids: Vec<_> = asked.iter().map(|own| own.id).collect();
        let payload = Payload::parse(payload, &self.tier, &ids)?;
        let own = asked.into_iter().find(|own| own.id == payload.request);
        let own = own.ok_or_else(|| Refusal::new(&refusal::UNASKED))?;
        Ok((payload, own))
    }

    /// The package of a grant: as it was kept, or as the HSM knows the last one that it made for the receiver.
    pub(crate) async fn made_package(&self, conn: &mut Conn, grant: &Grant) -> Result<String> {
        if let Some(kept) = hand_downs::package(conn, &grant.id).await? {
            return Ok(kept);
        }
        self.package_of(grant)?.ok_or_else(|| {
            refuse!(
                &refusal::STALE,
                "a later package was made for this receiver",
                "已为该接收方生成更新的密钥包"
            )
        })
    }

    /// The package that the HSM made last for this grant's receiver, if it answers this grant.
    pub(crate) fn package_of(&self, grant: &Grant) -> Result<Option<String>> {
        let Ok(package) = self.hsm.last_package(&grant.receiver) else {
            return Ok(None);
        };
        let payload = serde_json::from_slice::<Payload>(&self.desk.inspect(&package)?.payload);
        Ok(payload
            .is_ok_and(|payload| payload.request == grant.request.id)
            .then_some(package))
    }

    /// The certificate that travels with the keys is of this world and signed by the root that travels with it; that the
    /// root is the ministry's follows from the enrolled HSM's signature over both.
    pub(super) fn check_issuer_certificate(&self, payload: &Payload) -> Result<()> {
        let refused = |why: String| {
            refuse!(
                &refusal::PACKAGE,
                "issuer certificate: {why}",
                "发卡机构证书：{why}"
            )
        };
        let algorithm = self.profile.crypto.signature;
        let root = VerifyingKey::from_bytes(algorithm, &payload.root_key)
            .map_err(|e| refused(e.to_string()))?;
        IssuerCertificate::verify(&payload.issuer_certificate, &root, self.mark)
            .map_err(|e| refused(e.to_string()))?;
        Ok(())
    }
}
