//! The certificate of a SAM's key (D21), signed by the province's issuer key in the HSM.

use cardlib_card::cert::{IssuerCertificate, SamCertificate};
use cardlib_card::suite::VerifyingKey;
use kms_api::SamProvincialFilesRequest;
use kms_core::catalogue::{SM2_ISSUER, key_id};
use kms_core::lifecycle::Purpose;
use kms_core::{certificate, key_proof};
use kms_platform::name::Peer;
use kms_platform::store::Conn;

use super::sam_stage::{Stage, sam_words};
use crate::act::prepare::unhex;
use crate::records::{chips, settings};
use crate::refusal::{self, Refusal, Result};
use crate::refuse;
use crate::service::Service;

impl Service {
    /// The SAM's certificate: the one made before for this very key, or a new one signed in the HSM. A SAM whose key pair
    /// was born again (stage a repeated) gets a new certificate; it is not active yet, so the old one is of no use.
    pub(super) async fn sam_certificate(
        &self,
        peer: &Peer,
        request: &SamProvincialFilesRequest,
        serial: &[u8; 10],
        stage: &Stage<'_>,
    ) -> Result<(Vec<u8>, Vec<u8>)> {
        let mut conn = self.store.pool().acquire().await?;
        let issuer: Option<String> = settings::find(&mut conn, "issuer-certificate").await?;
        let issuer = issuer.ok_or_else(|| {
            refuse!(
                &refusal::KEY_MISSING,
                "no issuer certificate yet: import the hand-down first",
                "尚无发卡机构证书：请先导入上级下发"
            )
        })?;
        let issuer = unhex(&issuer)?;
        self.check_key(&mut conn, request).await?;
        if let Some(known) = chips::certificate(&mut conn, &request.chip_serial).await?
            && SamCertificate::<VerifyingKey>::parse_any(&known)
                .is_ok_and(|c| c.public_key.to_bytes() == request.public_key)
        {
            return Ok((issuer, known));
        }
        drop(conn);
        let body = certificate::sam(
            &issuer,
            serial,
            &request.public_key,
            self.today(),
            self.mark,
        )?;
        let begun = self
            .intend(peer, request.request_id, &self.intent(stage))
            .await
            .map_err(sam_words)?;
        let signed = self.sign_certificate(&issuer, &body).await;
        let certificate = self.close(begun, signed).await?;
        let mut tx = self.begin().await?;
        chips::set_certificate(&mut tx, &request.chip_serial, &certificate).await?;
        self.commit(tx).await?;
        Ok((issuer, certificate))
    }

    /// The key is the one that this chip proved with the challenge of its latest stage a, and no other chip's.
    async fn check_key(&self, conn: &mut Conn, request: &SamProvincialFilesRequest) -> Result<()> {
        let challenge = chips::challenge(conn, &request.chip_serial).await?;
        let challenge = challenge.ok_or_else(|| {
            refuse!(
                &refusal::KEY_UNPROVED,
                "no stage a went out for this SAM",
                "未曾为该SAM卡发出阶段甲脚本"
            )
        })?;
        key_proof::check(
            self.profile.crypto.signature,
            &request.chip_serial,
            &challenge,
            &request.public_key,
            &request.key_proof,
        )
        .map_err(|_| Refusal::new(&refusal::KEY_UNPROVED))?;
        let holder = chips::certified_with(conn, &request.public_key).await?;
        let chip = hex::encode_upper(request.chip_serial);
        if holder.is_some_and(|holder| holder != chip) {
            return Err(refuse!(
                &refusal::KEY_UNPROVED,
                "another SAM has a certificate for this key",
                "另一张SAM卡已有此密钥的证书"
            ));
        }
        Ok(())
    }

    async fn sign_certificate(
        &self,
        issuer: &[u8],
        body: &SamCertificate<VerifyingKey>,
    ) -> Result<Vec<u8>> {
        let issuer_key = key_id(SM2_ISSUER, 0);
        self.must_permit(&issuer_key, Purpose::Sign).await?;
        let message = body.to_be_signed();
        let signature = self
            .in_hsm(move |hsm| hsm.sign(&issuer_key, &message))
            .await?;
        let certificate = body.with_signature(&signature);
        let issuer = IssuerCertificate::<VerifyingKey>::parse_any(issuer)
            .map_err(|e| Refusal::about(&refusal::STORE, e.to_string()))?;
        SamCertificate::verify(&certificate, &issuer.public_key, self.mark).map_err(|e| {
            refuse!(
                &refusal::KEY_MISSING,
                "issuer key and certificate disagree: {e}",
                "发卡机构密钥与证书不符：{e}"
            )
        })?;
        Ok(certificate.to_vec())
    }
}
