//! What a card holds after it was made, read as its users will read it: through a SAM, with internal authentication and
//! every right that reading needs. No card is registered that was not read back.

use std::time::Duration;

use cardlib_card::content::CardContent;
use cardlib_card::profile::{AtrFacts, LifeCycle, Profile};
use cardlib_reader::{Card, Channel, Transaction};
use cardlib_terminal::{Flow, FlowError, Part, Pin, SamClient, UserCard};
use kms_platform::lang::{Lang, current};
use kms_platform::say;

use crate::engine::{Evidence, Examiner, data_hash};
use crate::fault::Fault;
use crate::timing::Timed;

/// Directories that are read: everything but the visit files.
const DIRECTORIES: [&str; 4] = ["DDF1", "DF01", "DF02", "DF03"];
/// 安全码, made by the HSM.
const SECURITY_CODE: u8 = 9;

/// An examiner with a SAM that stays in its reader, in one transaction for the whole run.
pub struct SamExaminer<'s> {
    profile: &'s Profile,
    sam: &'s mut dyn Channel,
    pin: Pin,
    spent: Duration,
}

/// What the SAM says of itself.
#[derive(Clone, Debug)]
pub struct SamFound {
    /// SAM serial (D19).
    pub serial: String,
    /// The issuer's certificate (D20), file 001B.
    pub certificate: Vec<u8>,
}

impl<'s> SamExaminer<'s> {
    /// Opens the SAM once, so that a wrong PIN or a SAM of another kind is told before the first card.
    ///
    /// # Errors
    /// The SAM cannot be used.
    pub fn open(
        profile: &'s Profile,
        sam: &'s mut dyn Channel,
        atr: &[u8],
        pin: &str,
    ) -> Result<(Self, SamFound), Fault> {
        match profile.parse_atr(atr).map(|facts| facts.state) {
            Ok(LifeCycle::Active) => {}
            Ok(_) => {
                return Err(Fault::Sam(say!(
                    "it is not active: its stages are not finished",
                    "尚未激活：发卡阶段未完成"
                )));
            }
            Err(error) => return Err(Fault::Sam(error.to_string())),
        }
        let pin = Pin::new(pin).map_err(|error| sam_fault(&error))?;
        let found = {
            let mut client =
                SamClient::open(profile, &mut *sam, &pin).map_err(|error| sam_fault(&error))?;
            let serial = client.facts().serial.clone();
            let certificate = client
                .issuer_certificate()
                .map_err(|error| sam_fault(&error))?;
            SamFound {
                serial,
                certificate,
            }
        };
        let examiner = Self {
            profile,
            sam,
            pin,
            spent: Duration::ZERO,
        };
        Ok((examiner, found))
    }
}

impl Examiner for SamExaminer<'_> {
    fn examine(
        &mut self,
        card: &mut dyn Channel,
        facts: &AtrFacts,
        content: &CardContent,
        is_code: &dyn Fn(&str) -> bool,
    ) -> Result<Evidence, Fault> {
        let mut sam = Timed::new(&mut *self.sam);
        let result = compare(
            self.profile,
            card,
            facts,
            &mut sam,
            &self.pin,
            content,
            is_code,
        );
        self.spent += sam.spent;
        result
    }

    fn spent(&self) -> Duration {
        self.spent
    }
}

fn compare(
    profile: &Profile,
    card: &mut dyn Channel,
    facts: &AtrFacts,
    sam: &mut dyn Channel,
    pin: &Pin,
    content: &CardContent,
    is_code: &dyn Fn(&str) -> bool,
) -> Result<Evidence, Fault> {
    // The card was activated in this very transaction, so its last reset answer does not say so yet (R73). That it
    // answers below proves it: before ACTIVATE every command used here answers 6985 (R72).
    let atr = profile.build_atr(&AtrFacts {
        state: LifeCycle::Active,
        ..*facts
    });
    let card = UserCard::new(profile, card, &atr).map_err(fault)?;
    let sam = SamClient::open(profile, sam, pin).map_err(fault)?;
    let mut flow = Flow::open(card, sam).map_err(fault)?;
    flow.internal_authentication().map_err(fault)?;
    let code = flow.card_facts().security_code.clone();
    if !is_code(&code) {
        return Err(Fault::ReadBack("DDF1/EF05 tag 9".into()));
    }
    let mut meant = content.clone();
    meant.set_text(profile, SECURITY_CODE, &code)?;
    let read = flow.read_all(&DIRECTORIES).map_err(fault)?;
    let differences = read.differences(&meant);
    if !differences.is_empty() {
        return Err(Fault::ReadBack(differences.join(", ")));
    }
    let sam_serial = flow.sam_facts().serial.clone();
    Ok(Evidence {
        sam_serial,
        digest: data_hash(&read.project(content)),
    })
}

/// What a flow's end means for the station.
fn fault(error: FlowError) -> Fault {
    match error {
        FlowError::Reader {
            part: Part::Card,
            cause,
        } => Fault::Reader(cause),
        FlowError::NotGenuine => Fault::Cryptogram,
        FlowError::NotActive {
            part: Part::Card, ..
        }
        | FlowError::Atr {
            part: Part::Card, ..
        }
        | FlowError::Refused {
            part: Part::Card, ..
        }
        | FlowError::Malformed {
            part: Part::Card, ..
        }
        | FlowError::KeyRefused { .. }
        | FlowError::KeyBlocked(_)
        | FlowError::ApplicationBlocked(_) => Fault::ReadBack(text(&error)),
        other => sam_fault(&other),
    }
}

fn sam_fault(error: &FlowError) -> Fault {
    match error {
        FlowError::Reader { cause, .. } => Fault::SamReader(cause.clone()),
        other => Fault::Sam(text(other)),
    }
}

fn text(error: &FlowError) -> String {
    match current() {
        Lang::Zh => error.chinese(),
        Lang::En => error.to_string(),
    }
}

/// What an active SAM shows to its users: opens it with its PIN and gives its certificate in hexadecimal.
///
/// # Errors
/// Another serial or type than meant, a wrong PIN, or the transport.
pub fn sam(
    card: &mut dyn Card,
    profile: &Profile,
    serial: &str,
    sam_type: u8,
    pin: &str,
) -> Result<String, Fault> {
    let mut transaction = Transaction::begin(card)?;
    let state = profile
        .parse_atr(transaction.atr())
        .map(|facts| facts.state);
    if state != Ok(LifeCycle::Active) {
        return Err(Fault::ReadBack(say!(
            "the SAM's reset answer does not say active",
            "SAM 卡复位应答未显示已激活"
        )));
    }
    let pin = Pin::new(pin).map_err(|error| sam_fault(&error))?;
    let mut client =
        SamClient::open(profile, &mut transaction, &pin).map_err(|error| sam_fault(&error))?;
    let facts = client.facts();
    if facts.serial != serial || facts.sam_type != sam_type {
        return Err(Fault::ReadBack("MF/0015".into()));
    }
    let certificate = client.certificate().map_err(|error| sam_fault(&error))?;
    drop(client);
    transaction.end()?;
    Ok(hex::encode_upper(certificate))
}
