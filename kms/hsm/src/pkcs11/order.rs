//! Officers' orders: the text that two sign, and its execution in one transaction of the book.
//!
//! A token knows no officers, so their signatures are verified here. Objects of the token that an order made before it
//! failed are taken away when it comes again.

use std::time::{SystemTime, UNIX_EPOCH};

use cardlib_card::suite::VerifyingKey;
use kms_core::approval::{self, ApprovalError, Officer, OfficerSignature};
use kms_core::port::{
    HeldKey, Hsm, HsmError, HsmIdentity, KeySpec, KeyUse, Mark, Operation, OrderDesk, Outcome,
    PackageLabel,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::book::{Peer, Policy, Rows};
use super::fill::{test_label, test_scalar};
use super::prepare::fingerprint;
use super::token::{Lasting, Role};
use super::{ALGORITHM, Pkcs11Hsm, package, refused, rules, unavailable};

/// The text that officers read and sign.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    /// Fingerprint of the HSM.
    #[serde(with = "hex")]
    hsm: [u8; 32],
    /// Its next order's number.
    sequence: u64,
    /// Seconds since 1970.
    expires: u64,
    operation: Operation,
}

impl OrderDesk for Pkcs11Hsm {
    fn identity(&self) -> Result<HsmIdentity, HsmError> {
        Hsm::identity(self)
    }

    fn draft(&self, operations: &[Operation], expires: u64) -> Result<Vec<String>, HsmError> {
        let (hsm, next) = self.book.read(|rows| {
            let next: u64 = rows.needed("next-order")?;
            Ok((rows.identity()?.fingerprint, next))
        })?;
        let numbered = (next..).zip(operations);
        numbered
            .map(|(sequence, operation)| {
                let operation = operation.clone();
                let body = Body {
                    hsm,
                    sequence,
                    expires,
                    operation,
                };
                serde_json::to_string(&body).map_err(|e| unavailable(e.to_string()))
            })
            .collect()
    }

    fn inspect(&self, text: &str) -> Result<PackageLabel, HsmError> {
        package::label(text)
    }

    fn is_signed_by(&self, text: &str, signing_key: &[u8; 64]) -> bool {
        package::is_signed_by(text, signing_key)
    }

    fn execute(&self, text: &str, signatures: &[OfficerSignature]) -> Result<Outcome, HsmError> {
        let body: Body = serde_json::from_str(text)
            .map_err(|_| refused("BadRequest", "the order cannot be read"))?;
        self.book.write(|rows| {
            admit(rows, &body, text, signatures)?;
            rows.set_fact("next-order", &(body.sequence + 1))?;
            self.carry_out(rows, body.operation)
        })
    }
}

/// This HSM's next order, in time, by two of its officers.
fn admit(
    rows: &Rows<'_>,
    body: &Body,
    text: &str,
    signatures: &[OfficerSignature],
) -> Result<(), HsmError> {
    if body.hsm != rows.identity()?.fingerprint {
        return Err(refused("WrongHsm", "the order names another HSM"));
    }
    if body.sequence != rows.needed::<u64>("next-order")? {
        return Err(refused(
            "OrderReplayed",
            "the order's number is not the next",
        ));
    }
    if now() > body.expires {
        return Err(refused("OrderExpired", "sign a new order"));
    }
    approval::approve(text.as_bytes(), &[], signatures, &rows.officers()?).map_err(|error| {
        let rule = match &error {
            ApprovalError::SameOfficer(_) => "SameOfficer",
            ApprovalError::UnknownOfficer(_) => "NoSuchOfficer",
            ApprovalError::BadSignature(_) => "BadSignature",
            _ => "NeedTwoOfficers",
        };
        refused(rule, error.to_string())
    })?;
    Ok(())
}

pub(super) fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(u64::MAX, |passed| passed.as_secs())
}

impl Pkcs11Hsm {
    fn carry_out(&self, rows: &Rows<'_>, operation: Operation) -> Result<Outcome, HsmError> {
        match operation {
            Operation::Generate(spec) => self.new_key(rows, spec, &Source::Random),
            Operation::TestKey(spec, label) => {
                test_label(rows.mark()?, &label)?;
                let source = Source::Label(label, rows.mark()?);
                self.new_key(rows, spec, &source)
            }
            Operation::ImportRaw(spec, text) => {
                if rows.mark()? != Mark::Test {
                    return Err(refused("TestOnly", "keys in the clear"));
                }
                let mut bytes = Zeroizing::new([0; 16]);
                hex::decode_to_slice(text.as_bytes(), &mut bytes[..])
                    .map_err(|_| refused("BadRequest", "a raw key is 32 hexadecimal digits"))?;
                self.new_key(rows, spec, &Source::Raw(bytes))
            }
            Operation::EnrolOfficer { name, public_key } => {
                rows.add_officer(&Officer { name, public_key })?;
                Ok(Outcome::Done)
            }
            Operation::CloseTicket { id } => {
                rows.close_ticket(&id)?;
                Ok(Outcome::Done)
            }
            Operation::SetTerms { .. } => {
                Err(refused("NotSupported", "this machine knows no leases"))
            }
            Operation::RemoveOfficer { name } => {
                rows.remove_officer(&name)?;
                Ok(Outcome::Done)
            }
            Operation::EnrolPeer {
                name,
                kind,
                signing_key,
                encryption_key,
                fingerprint: told,
            } => {
                if fingerprint(&signing_key, &encryption_key) != told {
                    return Err(refused(
                        "BadRequest",
                        "the fingerprint is not that of the keys",
                    ));
                }
                for key in [&signing_key, &encryption_key] {
                    VerifyingKey::from_bytes(ALGORITHM, key).map_err(|_| {
                        refused("BadRequest", "the peer's keys are of another curve")
                    })?;
                }
                rows.add_peer(&Peer {
                    name,
                    kind,
                    signing_key,
                    encryption_key,
                    fingerprint: told,
                    sent: 0,
                    sent_hash: [0; 32],
                    package: None,
                    received: 0,
                    received_hash: [0; 32],
                })?;
                Ok(Outcome::Done)
            }
            Operation::LoadPolicy {
                name,
                mechanism,
                rules,
            } => {
                let policy = Policy {
                    name,
                    mechanism,
                    rules,
                };
                rules::policy(&policy, rows.mark()?)?;
                rows.set_fact("policy", &policy)?;
                Ok(Outcome::Done)
            }
            Operation::CreateTicket(spec) => {
                rows.add_ticket(&spec)?;
                Ok(Outcome::Done)
            }
            Operation::ExportPackage {
                receiver,
                purpose,
                entries,
                payload,
            } => {
                let order = package::Order {
                    receiver,
                    purpose,
                    entries,
                    payload,
                };
                package::export(&self.token, rows, order).map(Outcome::Package)
            }
            Operation::ImportPackage(text) => package::import(&self.token, rows, &text),
            Operation::HoldKey { id, hold } => rows.hold_key(&id, hold).map(|()| Outcome::Done),
            Operation::DestroyKey(id) => {
                rows.remove_key(&id)?;
                self.token.with(|work| work.remove(&id))?;
                Ok(Outcome::Done)
            }
            Operation::Sign { key, message } => {
                let usage = rows.usable(&key)?.spec.usage;
                if !matches!(usage, KeyUse::Sign | KeyUse::SignByOrder) {
                    return Err(refused("NotPermitted", key));
                }
                let signature = self.token.with(|work| work.sign(&key, &message))?;
                Ok(Outcome::Signature(signature))
            }
            Operation::Combine { .. }
            | Operation::BackUp { .. }
            | Operation::Restore { .. }
            | Operation::Reshare { .. }
            | Operation::Seal { .. } => Err(refused(
                "NotSupported",
                "a token keeps no custodians and seals no transcripts; back it up with its maker's tool",
            )),
        }
    }

    fn new_key(
        &self,
        rows: &Rows<'_>,
        spec: KeySpec,
        source: &Source,
    ) -> Result<Outcome, HsmError> {
        free(rows, &spec.id)?;
        let key = if spec.is_key_pair {
            self.new_pair(spec, source)?
        } else {
            self.new_secret(spec, source)?
        };
        rows.add_key(&key)?;
        Ok(Outcome::Key(Box::new(key)))
    }

    fn new_secret(&self, spec: KeySpec, source: &Source) -> Result<HeldKey, HsmError> {
        let lasts = lasting(&spec);
        let check_value = self.token.with(|work| {
            work.remove(&spec.id)?;
            let handle = match source {
                Source::Random => work.generate(&spec.id, lasts)?,
                Source::Raw(bytes) => work.plant(&spec.id, lasts, bytes)?,
                Source::Label(label, _) => {
                    let digest = Zeroizing::new(<[u8; 32]>::from(Sha256::digest(label)));
                    let mut bytes = Zeroizing::new([0; 16]);
                    bytes.copy_from_slice(&digest[..16]);
                    work.plant(&spec.id, lasts, &bytes)?
                }
            };
            work.check_value_of(&handle, lasts)
        })?;
        Ok(HeldKey {
            spec,
            check_value,
            public_key: None,
        })
    }

    fn new_pair(&self, spec: KeySpec, source: &Source) -> Result<HeldKey, HsmError> {
        let public = match source {
            Source::Random => self.token.with(|work| {
                work.remove(&spec.id)?;
                work.pair(&spec.id, true)
            })?,
            Source::Label(label, mark) => {
                let d = test_scalar(*mark, label)?;
                self.token.with(|work| {
                    work.remove(&spec.id)?;
                    work.plant_pair(&spec.id, &d)
                })?;
                let key = cardlib_card::suite::SigningKey::from_bytes(ALGORITHM, &d[..]);
                key.map_err(|e| unavailable(e.to_string()))?
                    .verifying_key()
                    .to_bytes()
            }
            Source::Raw(_) => return Err(refused("NotPermitted", "a key pair in the clear")),
        };
        let digest = Sha256::digest(public);
        let check_value = [digest[0], digest[1], digest[2]];
        Ok(HeldKey {
            spec,
            check_value,
            public_key: Some(public),
        })
    }
}

/// Where the bytes of a new key come from.
enum Source {
    Random,
    /// The public test key of this label, in a TEST store.
    Label(String, Mark),
    Raw(Zeroizing<[u8; 16]>),
}

/// Refuses an id that is taken.
pub(super) fn free(rows: &Rows<'_>, id: &str) -> Result<(), HsmError> {
    match rows.key(id) {
        Ok(_) => Err(refused("KeyExists", id)),
        Err(error) if error.is("NoSuchKey") => Ok(()),
        Err(error) => Err(error),
    }
}

/// What the token is told of a held key: it derives or makes the MAC of texts, and is wrapped only if it may leave as it is.
pub(super) fn lasting(spec: &KeySpec) -> Lasting {
    let as_it_is = |least: Option<u8>| least.is_some_and(|least| least <= spec.depth);
    Lasting {
        role: if spec.usage == KeyUse::Mac {
            Role::Encrypt
        } else {
            Role::Parent
        },
        leaves: as_it_is(spec.ways.hsm) || as_it_is(spec.ways.sam),
    }
}
