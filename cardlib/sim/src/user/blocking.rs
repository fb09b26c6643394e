//! APPLICATION BLOCK, APPLICATION UNBLOCK and CARD BLOCK (R39–R47): a MAC over the header, after the lock key.

use cardlib_card::profile::BlockRule;
use cardlib_card::status::Status;

use super::UserCard;
use super::memory::{Block, Change};
use super::secure::{Counting, MAC_LEN};
use crate::answer::{Answer, Outcome};
use crate::apdu::{Incoming, require};
use crate::stage::Stage;

impl UserCard {
    /// `84 1E 00 P2 04 MAC`, P2 = 00 temporary, 01 for ever.
    pub(super) fn application_block(&mut self, command: &Incoming<'_>) -> Answer {
        command.p1p2_is(|p1, p2| p1 == 0 && p2 <= 1)?;
        command.lc_is(|lc| lc == MAC_LEN)?;
        require(!self.is_blocked(), Status::FUNCTION)?;
        require(self.block_rule() == BlockRule::Command, Status::CONDITIONS)?;
        self.check_lock_right()?;
        self.check_mac(command, Counting::Counted)?;
        self.block_application(if command.p2 == 1 {
            Block::Permanent
        } else {
            Block::Temporary
        })?;
        Ok(Outcome::Done)
    }

    /// `84 18 00 00 04 MAC`. DDF1 has no lock key: its MAC alone counts (R39).
    pub(super) fn application_unblock(&mut self, command: &Incoming<'_>) -> Answer {
        command.p1p2_is(|p1, p2| p1 == 0 && p2 == 0)?;
        command.lc_is(|lc| lc == MAC_LEN)?;
        match self.current_df().blocked() {
            Block::Permanent => return Err(Status::PERMANENTLY_BLOCKED),
            Block::None => return Err(Status::CONDITIONS),
            Block::Temporary => {}
        }
        if self.block_rule() == BlockRule::Command {
            self.check_lock_right()?;
        }
        self.check_mac(command, Counting::Free)?;
        self.restore_mac_tries()?;
        Ok(Outcome::Done)
    }

    /// `84 16 00 00 04 MAC` in the MF: the card answers nothing else any more (R46).
    pub(super) fn card_block(&mut self, command: &Incoming<'_>) -> Answer {
        command.p1p2_is(|p1, p2| p1 == 0 && p2 == 0)?;
        command.lc_is(|lc| lc == MAC_LEN)?;
        require(!self.is_blocked(), Status::FUNCTION)?;
        require(self.block_rule() == BlockRule::Card, Status::CONDITIONS)?;
        self.check_lock_right()?;
        self.check_mac(command, Counting::Free)?;
        self.commit(&[Change::Stage(Stage::Blocked)])?;
        self.forget_rights();
        Ok(Outcome::Done)
    }

    fn block_rule(&self) -> BlockRule {
        self.profile.dfs[self.volatile.df].block
    }
}
