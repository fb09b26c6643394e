//! TLS certificates for who asks: the first one by a one-time token, the next by the one that is held.
//!
//! A token is 32 random bytes, kept here as a hash, for one name, one use, a short time. Who presents an unknown one is
//! nobody, so nothing is recorded of it (a stranger must not fill the audit); every other refusal is. One key gets one
//! certificate: asking again with the same request brings the same chain, also with a token that this very request used up.

use jiff::SignedDuration;
use kms_api::{IdentityAnswer, TOKEN_FORMAT, TokenFile};
use kms_platform::audit::Outcome;
use kms_platform::ca::{Applicant, CaError, Request};
use kms_platform::clock::stamp;
use kms_platform::identity::{Certificate, Identity};
use kms_platform::name::{Peer, Role};
use serde_json::json;
use zeroize::Zeroizing;

use crate::authority;
use crate::records::enrolments::{self, Made, Token};
use crate::records::identities;
use crate::refusal::{self, Refusal, Result};
use crate::refuse;
use crate::service::Service;

/// Days of a certificate unless told otherwise.
pub const DAYS: u16 = 397;
/// A token lives at most a week.
const MOST_MINUTES: u32 = 7 * 24 * 60;

/// What a token is to be for.
pub struct Wanted {
    /// For whom.
    pub party: Peer,
    /// Host names of a server.
    pub hosts: Vec<String>,
    /// Minutes for which the token is good.
    pub minutes: u32,
    /// Days for which the certificate is good.
    pub days: u16,
}

impl Service {
    /// A one-time token for a party.
    ///
    /// # Errors
    /// This authority may not name that party, or the store failed.
    pub async fn make_token(&self, wanted: &Wanted, by: &str) -> Result<TokenFile> {
        self.may("identity.issue", by).await?;
        let party = &wanted.party;
        let authority = authority::open(&self.dir)?;
        if party.role == Role::Ca || !authority.identity().peer().area.contains(&party.area) {
            return Err(refuse!(
                &refusal::AREA,
                "{party} cannot be named by the authority of {}",
                "{party} 不能由 {} 的证书机构签发",
                self.tier
            ));
        }
        if wanted.minutes == 0 || wanted.minutes > MOST_MINUTES {
            return Err(refuse!(
                &refusal::INVALID,
                "a token is good for 1 to {MOST_MINUTES} minutes",
                "令牌有效期须为 1 至 {MOST_MINUTES} 分钟"
            ));
        }
        let mut bytes = Zeroizing::new([0u8; 32]);
        getrandom::fill(bytes.as_mut_slice())
            .map_err(|_| refuse!(&refusal::STORE, "no random numbers", "无法取得随机数"))?;
        let text = hex::encode(bytes.as_slice());
        let now = self.store.clock().now();
        let until = now.saturating_add(SignedDuration::from_mins(i64::from(wanted.minutes)));
        let until = stamp(until.map_err(|e| Refusal::about(&refusal::INVALID, e.to_string()))?);
        let token = Token {
            name: party.to_string(),
            hosts: serde_json::to_string(&wanted.hosts)?,
            days: i64::from(wanted.days),
            until: until.clone(),
            used_by: None,
        };
        let mut tx = self.begin().await?;
        let detail = json!({ "until": until });
        let begun = self
            .before(&mut tx, by, "identity.token", &token.name, &detail)
            .await?;
        enrolments::add(&mut tx, &hash(&text), &token, &self.now()).await?;
        self.after(&mut tx, begun, &Outcome::Done).await?;
        self.commit(tx).await?;
        Ok(TokenFile {
            format: TOKEN_FORMAT.to_owned(),
            name: token.name,
            token: kms_api::Secret::new(text),
            anchors: authority.identity().anchors_pem().to_owned(),
            until,
        })
    }

    /// The first certificate, for a token.
    ///
    /// # Errors
    /// Token, name or request are not right.
    pub async fn enrol(&self, token: &str, csr: &str) -> Result<IdentityAnswer> {
        let hash = hash(token);
        let mut conn = self.store.pool().acquire().await?;
        let known = enrolments::find(&mut conn, &hash).await?;
        drop(conn);
        let Some(known) = known else {
            return Err(Refusal::new(&refusal::TOKEN));
        };
        let done = self.try_enrol(&hash, &known, csr).await;
        match done {
            Ok(answer) => Ok(answer),
            Err(refusal) => Err(self
                .refused(&known.name, "identity.enrol", &known.name, refusal)
                .await),
        }
    }

    async fn try_enrol(&self, hash: &str, token: &Token, csr: &str) -> Result<IdentityAnswer> {
        let applicant = applicant(csr)?;
        let request = applicant.fingerprint();
        let until: jiff::Timestamp = token
            .until
            .parse()
            .map_err(|_| refuse!(&refusal::STORE, "a stored time is none", "存储的时间无效"))?;
        if applicant.peer.to_string() != token.name {
            return Err(refuse!(
                &refusal::TOKEN,
                "the request names somebody else than the token",
                "证书申请中的名称与令牌不符"
            ));
        }
        if self.store.clock().now() > until {
            return Err(refuse!(&refusal::TOKEN, "it has expired", "令牌已过期"));
        }
        match &token.used_by {
            Some(by) if *by != request => {
                return Err(refuse!(
                    &refusal::TOKEN,
                    "it was used, with another key",
                    "令牌已被使用（其他密钥）"
                ));
            }
            Some(_) => {
                return self
                    .given_before(&request, &token.name)
                    .await?
                    .ok_or_else(spent);
            }
            None => {}
        }
        let wanted = Wish {
            csr,
            request,
            hosts: serde_json::from_str(&token.hosts)?,
            days: u16::try_from(token.days).unwrap_or(DAYS),
        };
        self.certify(&applicant.peer, "identity.enrol", &wanted, Some(hash))
            .await
    }

    /// The next certificate for who holds one.
    ///
    /// # Errors
    /// The request names somebody else, or this authority may not name them.
    pub async fn renew(&self, peer: &Peer, csr: &str) -> Result<IdentityAnswer> {
        match self.try_renew(peer, csr).await {
            Ok(answer) => Ok(answer),
            Err(refusal) => {
                let name = peer.to_string();
                Err(self.refused(&name, "identity.renew", &name, refusal).await)
            }
        }
    }

    async fn try_renew(&self, peer: &Peer, csr: &str) -> Result<IdentityAnswer> {
        let applicant = applicant(csr)?;
        let name = peer.to_string();
        if applicant.peer.to_string() != name {
            return Err(refuse!(
                &refusal::ROLE,
                "a certificate is renewed for its own name",
                "证书只能为自身名称续期"
            ));
        }
        let request = applicant.fingerprint();
        if let Some(answer) = self.given_before(&request, &name).await? {
            return Ok(answer);
        }
        let mut conn = self.store.pool().acquire().await?;
        let last = enrolments::newest(&mut conn, &name).await?;
        drop(conn);
        let (hosts, days) = match last {
            Some(last) => (
                serde_json::from_str(&last.hosts)?,
                u16::try_from(last.days).unwrap_or(DAYS),
            ),
            None => (Vec::new(), DAYS),
        };
        let wanted = Wish {
            csr,
            request,
            hosts,
            days,
        };
        self.certify(peer, "identity.renew", &wanted, None).await
    }

    /// A new certificate for the service itself when less than a third of the old one's life is left; it is in the file
    /// then. With another instance on the same directory the second finds a fresh file and does nothing.
    ///
    /// # Errors
    /// There is no authority, or the store failed.
    pub async fn renew_own(&self) -> Result<Option<Identity>> {
        let path = authority::service_file(&self.dir);
        let present = Identity::read(&path)?;
        let now = self.store.clock().now();
        if !present.validity()?.is_due(now) {
            return Ok(None);
        }
        let (peer, hosts) = (present.peer(), present.hosts()?);
        let request = Request::new(peer).map_err(unmade)?;
        let wish = Wish {
            csr: request.csr_pem(),
            request: applicant(request.csr_pem())?.fingerprint(),
            hosts,
            days: DAYS,
        };
        let answer = self.certify(peer, "identity.renew", &wish, None).await?;
        let fresh = request.complete(answer.chain, answer.anchors)?;
        fresh.replace(&path)?;
        self.counts.set_certificate_until(fresh.validity()?.until);
        Ok(Some(fresh))
    }

    /// The certificate that this very key was given, if it was and is still believed.
    async fn given_before(&self, request: &str, name: &str) -> Result<Option<IdentityAnswer>> {
        let mut conn = self.store.pool().acquire().await?;
        let Some(made) = enrolments::by_request(&mut conn, request).await? else {
            return Ok(None);
        };
        let taken_back = identities::all(&mut conn)
            .await?
            .into_iter()
            .any(|one| one.serial == made.serial && one.revoked.is_some());
        if made.name != name || taken_back {
            return Err(refuse!(
                &refusal::TOKEN,
                "the certificate of this key was taken back; make a new key",
                "此密钥的证书已被吊销；请生成新密钥"
            ));
        }
        Ok(Some(IdentityAnswer {
            chain: made.chain,
            anchors: authority::open(&self.dir)?
                .identity()
                .anchors_pem()
                .to_owned(),
            expires: made.expires,
        }))
    }

    /// Makes and keeps a certificate, in one transaction with its record and the token's end.
    async fn certify(
        &self,
        peer: &Peer,
        act: &str,
        wish: &Wish<'_>,
        token: Option<&str>,
    ) -> Result<IdentityAnswer> {
        let authority = authority::open(&self.dir)?.with_days(wish.days);
        let now = self.store.clock().now();
        let chain = authority
            .sign_leaf(wish.csr, &wish.hosts, now)
            .map_err(unmade)?;
        let certificate = Certificate::first_of(&chain)?;
        let (serial, name) = (certificate.serial, peer.to_string());
        let expires = stamp(certificate.validity.until);
        let mut tx = self.begin().await?;
        let detail = json!({ "serial": serial, "expires": expires });
        let begun = self.before(&mut tx, &name, act, &name, &detail).await?;
        if let Some(hash) = token
            && !enrolments::spend(&mut tx, hash, &wish.request, &self.now()).await?
        {
            return Err(spent());
        }
        identities::add(&mut tx, &serial, &name, &self.now()).await?;
        let made = Made {
            serial,
            name,
            request: wish.request.clone(),
            hosts: serde_json::to_string(&wish.hosts)?,
            days: i64::from(wish.days),
            expires: expires.clone(),
            chain: chain.clone(),
        };
        enrolments::keep(&mut tx, &made).await?;
        self.after(&mut tx, begun, &Outcome::Done).await?;
        self.commit(tx).await?;
        Ok(IdentityAnswer {
            chain,
            anchors: authority.identity().anchors_pem().to_owned(),
            expires,
        })
    }
}

/// A certificate to be made.
struct Wish<'a> {
    csr: &'a str,
    request: String,
    hosts: Vec<String>,
    days: u16,
}

fn spent() -> Refusal {
    refuse!(&refusal::TOKEN, "it was used", "令牌已被使用")
}

fn applicant(csr: &str) -> Result<Applicant> {
    Applicant::from_pem(csr).map_err(unmade)
}

fn unmade(error: CaError) -> Refusal {
    Refusal::about(&refusal::CERTIFICATE, error.to_string())
}

/// A token is random enough to be hashed plainly; whoever reads the store learns no token.
fn hash(token: &str) -> String {
    let text = Zeroizing::new(format!("{TOKEN_FORMAT} {token}"));
    hex::encode(cardlib_card::gm::sm3::digest(text.as_bytes()))
}
