//! SELECT (R1–R6, R35, R41) and GET CHALLENGE (R11, R36; in a bank's directory it is the bank's: P6).

use cardlib_card::status::Status;

use super::UserCard;
use super::memory::Block;
use crate::answer::{Answer, Outcome};
use crate::apdu::{Incoming, require};
use crate::flaw::Flaw;
use crate::tree::Target;

impl UserCard {
    pub(super) fn select(&mut self, command: &Incoming<'_>) -> Answer {
        let memory = self.memory();
        let exists = |target| match target {
            Target::Df(at) => memory.dfs.get(at).is_some_and(|df| df.exists),
            Target::Ef(at) => memory.files.get(at).is_some_and(Option::is_some),
        };
        match self.tree.select(command, self.volatile.df, exists)? {
            Target::Df(at) => self.select_df(at, command.p2 == 0x0C),
            Target::Ef(at) => {
                require(!self.is_blocked(), Status::FUNCTION)?;
                self.volatile.ef = Some(at);
                Ok(Outcome::Done)
            }
        }
    }

    /// A blocked application becomes current too, and says so (R41).
    fn select_df(&mut self, at: usize, quiet: bool) -> Answer {
        if at != self.volatile.df && !self.has(Flaw::RightsSurviveSelect) {
            self.forget_rights();
        }
        self.volatile.df = at;
        self.volatile.ef = None;
        require(self.current_df().blocked() == Block::None, Status::FUNCTION)?;
        if quiet {
            return Ok(Outcome::Done);
        }
        Ok(Outcome::Waiting(self.tree.fci(at)))
    }

    pub(super) fn get_challenge(&mut self, command: &Incoming<'_>) -> Answer {
        command.p1p2_is(|p1, p2| p1 == 0 && p2 == 0)?;
        command.lc_is(|lc| lc == 0)?;
        require(
            command.wanted().is_none_or(|le| le == 8),
            Status::wrong_le(8),
        )?;
        require(!self.is_foreign(), Status::CONDITIONS)?;
        let mut challenge: [u8; 8] = self.random.draw().map_err(|_| Status::MEMORY)?;
        if self.has(Flaw::ChallengeIsKey) && self.df_name() == "DF03" {
            self.leak_into(&mut challenge);
        }
        self.volatile.challenge = Some(challenge);
        Ok(Outcome::Data(challenge.to_vec()))
    }
}
