//! Blocking (user card 3.3, R39–R47): an application for a time or for ever, its unblocking, and the whole card for ever.
//!
//! Each begins with an external authentication under the lock key (LK of the application, BK of the card) and ends in
//! a command whose MAC covers its header. DDF1 has no lock key: it becomes blocked by wrong MACs only and is
//! unblocked by the MAC alone (R39).

use cardlib_card::profile::{BlockRule, Key, KeyClass};
use cardlib_card::status::Status;

use crate::card::UserCard;
use crate::desk::{Desk, Session};
use crate::error::{FlowError, Part};
use crate::flow::{ENVIRONMENT, Flow};
use crate::sam::{Factors, SamClient};
use crate::secure::{self, Protection};

const APPLICATION_BLOCK: u8 = 0x1E;
const APPLICATION_UNBLOCK: u8 = 0x18;
const CARD_BLOCK: u8 = 0x16;
const MASTER_FILE: &str = "MF";

/// For how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Term {
    /// Until [`Session::unblock_application`].
    Temporary,
    /// No way back.
    ForEver,
}

impl Term {
    const fn p2(self) -> u8 {
        match self {
            Self::Temporary => 0x00,
            Self::ForEver => 0x01,
        }
    }
}

impl Session<'_> {
    /// APPLICATION BLOCK of DF01, DF02 or DF03.
    ///
    /// # Errors
    /// [`FlowError::ApplicationBlocked`] when it is blocked already, [`FlowError::NotPermitted`], [`FlowError::OtherProvince`].
    pub fn block_application(&mut self, df: &str, term: Term) -> Result<(), FlowError> {
        self.flow.require_blockable(df)?;
        self.flow.gain_lock(df)?;
        let header = [0x84, APPLICATION_BLOCK, 0x00, term.p2()];
        self.flow.maintain("APPLICATION BLOCK", df, header)?;
        // R43: a blocked application has no rights left; the next SELECT will say that it is blocked.
        self.flow.current = None;
        self.flow.rights.clear();
        Ok(())
    }

    /// APPLICATION UNBLOCK of DF01, DF02 or DF03.
    ///
    /// # Errors
    /// [`FlowError::NotBlocked`], [`FlowError::BlockedForEver`], [`FlowError::NotPermitted`], [`FlowError::OtherProvince`].
    pub fn unblock_application(&mut self, df: &str) -> Result<(), FlowError> {
        self.flow.require_blockable(df)?;
        self.flow.enter_blocked(df)?;
        self.flow.gain_lock(df)?;
        let header = [0x84, APPLICATION_UNBLOCK, 0x00, 0x00];
        let outcome = self.flow.maintain("APPLICATION UNBLOCK", df, header);
        outcome.map_err(|error| unblock_refusal(error, df))
    }

    /// CARD BLOCK: from then on the card answers nothing, for ever (R46).
    ///
    /// # Errors
    /// [`FlowError::NotPermitted`], [`FlowError::OtherProvince`], [`FlowError::KeyRefused`].
    pub fn block_card(&mut self) -> Result<(), FlowError> {
        self.flow.gain_lock(MASTER_FILE)?;
        self.flow
            .maintain("CARD BLOCK", MASTER_FILE, [0x84, CARD_BLOCK, 0x00, 0x00])?;
        self.flow.current = None;
        self.flow.rights.clear();
        Ok(())
    }
}

impl Desk<'_> {
    /// APPLICATION UNBLOCK of DDF1 after too many wrong MACs there (R39). Neither the card's issuer data nor its
    /// genuineness can be read before: a card of another province answers that the MAC is wrong.
    ///
    /// # Errors
    /// [`FlowError::NotBlocked`], [`FlowError::NotPermitted`].
    pub fn unblock_environment(&mut self) -> Result<(), FlowError> {
        self.exclusively(|mut card, mut sam| unblock_environment(&mut card, &mut sam))
    }
}

fn unblock_environment(card: &mut UserCard<'_>, sam: &mut SamClient<'_>) -> Result<(), FlowError> {
    match card.select_df(ENVIRONMENT) {
        Err(FlowError::ApplicationBlocked(_)) => {}
        Ok(()) => return Err(FlowError::NotBlocked(ENVIRONMENT.into())),
        Err(error) => return Err(error),
    }
    let profile = card.profile();
    let key = lock_of(
        profile.keys_of(ENVIRONMENT),
        KeyClass::Maintenance,
        ENVIRONMENT,
    )?;
    // The card's area cannot be read while DDF1 is blocked; the SAM's province is the only one that could work.
    let factors = Factors::of(profile, card.atr().factor, sam.facts().area())
        .ok_or_else(|| FlowError::Unknown("factor of the SAM's province".into()))?;
    let with = Protection {
        key,
        version: profile.flow_version(key),
        factors,
        challenge: card.challenge()?,
    };
    let command = secure::mac_only(sam, &with, [0x84, APPLICATION_UNBLOCK, 0x00, 0x00])?;
    let outcome = card.send("APPLICATION UNBLOCK", &command).map(drop);
    outcome.map_err(|error| unblock_refusal(error, ENVIRONMENT))
}

impl Flow<'_> {
    fn require_blockable(&self, df: &str) -> Result<(), FlowError> {
        match self.profile.df(df).map(|df| df.block) {
            Some(BlockRule::Command) => Ok(()),
            _ => Err(FlowError::Unknown(format!("way to block {df}"))),
        }
    }

    /// Makes a blocked application current: its SELECT answers 6A81 and takes effect (R41).
    fn enter_blocked(&mut self, df: &str) -> Result<(), FlowError> {
        self.current = None;
        self.rights.clear();
        match self.card.select_df(df) {
            Err(FlowError::ApplicationBlocked(_)) => {
                self.current = Some(df.to_owned());
                Ok(())
            }
            Ok(()) => Err(FlowError::NotBlocked(df.to_owned())),
            Err(error) => Err(error),
        }
    }

    fn gain_lock(&mut self, df: &str) -> Result<(), FlowError> {
        let key = lock_of(self.profile.keys_of(df), KeyClass::Lock, df)?;
        self.external_authentication(&key.name)
    }

    /// A command whose MAC under the directory's STK covers its header.
    fn maintain(&mut self, step: &'static str, df: &str, header: [u8; 4]) -> Result<(), FlowError> {
        let key = lock_of(self.profile.keys_of(df), KeyClass::Maintenance, df)?;
        let with = self.protection(key)?;
        let command = secure::mac_only(&mut self.sam, &with, header)?;
        self.card.send(step, &command).map(drop)
    }
}

fn lock_of<'k>(
    mut keys: impl Iterator<Item = &'k Key>,
    class: KeyClass,
    df: &str,
) -> Result<&'k Key, FlowError> {
    keys.find(|key| key.class == class)
        .ok_or_else(|| FlowError::Unknown(format!("{class:?} key of {df}")))
}

fn unblock_refusal(error: FlowError, df: &str) -> FlowError {
    match error {
        FlowError::Refused {
            part: Part::Card,
            status: Status::PERMANENTLY_BLOCKED,
            ..
        } => FlowError::BlockedForEver(df.to_owned()),
        other => other,
    }
}
