//! The decision: may this be done now, by these persons? The first rule that is broken answers, by name.

use cardlib_card::gm::sm2::VerifyingKey;
use thiserror::Error;

use super::{Approval, Person, Request, Role, Rule, Table, folded, same_person, statement};
use crate::approval::OfficerSignature;
use crate::tier::Tier;

/// Why not.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Denied {
    /// What has no row is not done.
    #[error("no-policy: the policy table has no row for {0}; nothing is done without one")]
    NoRule(String),
    /// Not at this tier.
    #[error("wrong-tier: {operation} is not done at the {tier}")]
    Tier {
        /// What.
        operation: String,
        /// Where.
        tier: &'static str,
    },
    /// Nobody is named as the requester, so nobody could be kept from approving.
    #[error("requester-unnamed: name the person who asks (--by NAME)")]
    RequesterUnnamed,
    /// The asker's roles do not include one that may.
    #[error("role-refused: {who} may not ask for {operation}; it takes: {roles}")]
    Asker {
        /// Who.
        who: String,
        /// What.
        operation: String,
        /// Which roles may.
        roles: String,
    },
    /// Too late.
    #[error("approval-expired: request {0} has expired; ask again")]
    Expired(String),
    /// Signed for something else.
    #[error("approval-for-another: {0} signed request {1}, not this one")]
    OtherRequest(String, String),
    /// The requester signed their own request.
    #[error("requester-approves: {0} asked for this and cannot approve it; another officer must")]
    RequesterApproves(String),
    /// One person signed twice.
    #[error("same-officer-twice: {0} signed twice; the second signature must be another officer's")]
    SameOfficer(String),
    /// Not known here.
    #[error("unknown-officer: {0} is no officer here; enrol them with `rhc-kms officer add`")]
    UnknownOfficer(String),
    /// Shut out.
    #[error(
        "officer-locked: {0} is locked out; a security administrator and a second person lift it with `rhc-kms officer unlock`"
    )]
    Locked(String),
    /// Their role does not approve this.
    #[error("role-refused: {who} may not approve {operation}; it takes: {roles}")]
    Approver {
        /// Who.
        who: String,
        /// What.
        operation: String,
        /// Which roles may.
        roles: String,
    },
    /// Not a signature over this text.
    #[error("bad-signature: the signature of {0} does not fit this act; sign the order again")]
    BadSignature(String),
    /// Too few.
    #[error(
        "two-officers-needed: {given} of {needed} signed; another officer must sign the same request"
    )]
    TooFew {
        /// So many.
        given: usize,
        /// Of so many.
        needed: usize,
    },
    /// Nobody of the role that must be among them.
    #[error("role-missing: one of the signatures must be a {0}'s")]
    Among(Role),
}

impl Denied {
    /// Whose signature was refused, when that speaks against the one named: it counts towards a lock-out.
    #[must_use]
    pub fn blames(&self) -> Option<&str> {
        match self {
            Self::OtherRequest(name, _) | Self::BadSignature(name) => Some(name),
            _ => None,
        }
    }
}

/// Proof that the door was passed: only this module makes one.
#[derive(Debug)]
pub struct Permit {
    approvals: Vec<Approval>,
    orders: usize,
}

impl Permit {
    /// Names of those who approved, for the audit.
    #[must_use]
    pub fn names(&self) -> String {
        let names: Vec<&str> = self.approvals.iter().map(|a| a.officer.as_str()).collect();
        names.join(",")
    }

    /// For each order of the request the signatures over it.
    pub fn signatures(&self) -> impl Iterator<Item = Vec<OfficerSignature>> + '_ {
        (0..self.orders).map(|number| {
            let of = self.approvals.iter().filter_map(|a| a.order(number));
            of.collect()
        })
    }
}

impl Table {
    /// Whether somebody of these roles may ask for an operation here; all that is needed where no approver is.
    ///
    /// # Errors
    /// [`Denied`] says why not.
    pub fn may_ask(
        &self,
        operation: &str,
        tier: &Tier,
        who: &str,
        roles: &[Role],
    ) -> Result<&Rule, Denied> {
        let rule = self.rule(operation)?;
        if !rule.tiers.contains(tier.name()) {
            return Err(Denied::Tier {
                operation: operation.to_owned(),
                tier: tier.name(),
            });
        }
        if folded(who).is_empty() {
            return Err(Denied::RequesterUnnamed);
        }
        if !roles.iter().any(|role| rule.ask.contains(role)) {
            return Err(Denied::Asker {
                who: who.to_owned(),
                operation: operation.to_owned(),
                roles: words(rule.ask.iter()),
            });
        }
        Ok(rule)
    }

    /// Whether a request may be carried out with these approvals.
    ///
    /// # Errors
    /// [`Denied`] names the first rule that is broken.
    pub fn admit(
        &self,
        request: &Request,
        approvals: &[Approval],
        people: &[Person],
        now: u64,
    ) -> Result<Permit, Denied> {
        let nobody = String::new();
        let asker = request.requesters.first().unwrap_or(&nobody);
        let rule = self.may_ask(
            &request.operation,
            &request.tier,
            asker,
            &roles_of(people, asker),
        )?;
        if request
            .requesters
            .iter()
            .any(|name| folded(name).is_empty())
        {
            return Err(Denied::RequesterUnnamed);
        }
        if rule.approvers > 0 && now > request.expires {
            return Err(Denied::Expired(request.id.clone()));
        }
        let mut roles = Vec::new();
        for (place, approval) in approvals.iter().enumerate() {
            let person = signer(request, rule, approval, &approvals[..place], people)?;
            check_signatures(request, rule, approval, person)?;
            roles.extend(&person.roles);
        }
        if approvals.len() < rule.approvers {
            return Err(Denied::TooFew {
                given: approvals.len(),
                needed: rule.approvers,
            });
        }
        if let Some(role) = rule.among
            && !roles.contains(&&role)
        {
            return Err(Denied::Among(role));
        }
        Ok(Permit {
            approvals: approvals.to_vec(),
            orders: request.orders.len(),
        })
    }

    /// Whether a person who signed for it themselves may ask for what needs no approver: a name alone proves nobody.
    ///
    /// # Errors
    /// [`Denied`] says why not.
    pub fn asked(
        &self,
        request: &Request,
        signed: &Approval,
        people: &[Person],
    ) -> Result<(), Denied> {
        let (name, rule) = (&signed.officer, self.rule(&request.operation)?);
        if signed.request != request.id {
            return Err(Denied::OtherRequest(name.clone(), signed.request.clone()));
        }
        let person = people.iter().find(|person| person.name == *name);
        let person = person.ok_or_else(|| Denied::UnknownOfficer(name.clone()))?;
        if person.locked {
            return Err(Denied::Locked(name.clone()));
        }
        check_signatures(request, rule, signed, person)?;
        let roles: Vec<Role> = person.roles.iter().copied().collect();
        self.may_ask(&request.operation, &request.tier, name, &roles)?;
        Ok(())
    }

    /// Whether one further approval fits a request that still waits.
    ///
    /// # Errors
    /// As [`Table::admit`], but for what only more signatures can mend.
    pub fn fits(
        &self,
        request: &Request,
        approvals: &[Approval],
        people: &[Person],
        now: u64,
    ) -> Result<bool, Denied> {
        match self.admit(request, approvals, people, now) {
            Ok(_) => Ok(true),
            Err(Denied::TooFew { .. } | Denied::Among(_)) => Ok(false),
            Err(denied) => Err(denied),
        }
    }
}

/// Roles of a name: nobody known by it is the operator.
pub(super) fn roles_of(people: &[Person], name: &str) -> Vec<Role> {
    match people.iter().find(|person| same_person(&person.name, name)) {
        Some(person) if person.locked => Vec::new(),
        Some(person) => person.roles.iter().copied().collect(),
        None => vec![Role::Operator],
    }
}

/// The person behind an approval, who may approve this and has not done so yet.
fn signer<'a>(
    request: &Request,
    rule: &Rule,
    approval: &Approval,
    earlier: &[Approval],
    people: &'a [Person],
) -> Result<&'a Person, Denied> {
    let name = &approval.officer;
    if approval.request != request.id {
        return Err(Denied::OtherRequest(name.clone(), approval.request.clone()));
    }
    if request
        .requesters
        .iter()
        .any(|asked| same_person(asked, name))
    {
        return Err(Denied::RequesterApproves(name.clone()));
    }
    if earlier
        .iter()
        .any(|other| same_person(&other.officer, name))
    {
        return Err(Denied::SameOfficer(name.clone()));
    }
    let person = people
        .iter()
        .find(|person| person.name == *name)
        .ok_or_else(|| Denied::UnknownOfficer(name.clone()))?;
    if person.locked {
        return Err(Denied::Locked(name.clone()));
    }
    if !person.roles.iter().any(|role| rule.approve.contains(role)) {
        return Err(Denied::Approver {
            who: name.clone(),
            operation: rule.name.clone(),
            roles: words(rule.approve.iter()),
        });
    }
    Ok(person)
}

/// Over the request's hash, and over every order.
fn check_signatures(
    request: &Request,
    rule: &Rule,
    approval: &Approval,
    person: &Person,
) -> Result<(), Denied> {
    let bad = || Denied::BadSignature(person.name.clone());
    let key = VerifyingKey::from_bytes(&person.public_key).map_err(|_| bad())?;
    if approval.orders.len() != request.orders.len() {
        return Err(bad());
    }
    key.verify_message(
        statement(&request.hash(rule)).as_bytes(),
        &approval.signature,
    )
    .map_err(|_| bad())?;
    for (text, signature) in request.orders.iter().zip(&approval.orders) {
        key.verify_message(text.as_bytes(), &signature.0)
            .map_err(|_| bad())?;
    }
    Ok(())
}

fn words<'a>(roles: impl Iterator<Item = &'a Role>) -> String {
    roles
        .map(|role| role.as_str())
        .collect::<Vec<_>>()
        .join(", ")
}
