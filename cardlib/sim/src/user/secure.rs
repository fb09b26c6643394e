//! MAC and cipher of commands (§3.4 of the card's description, D9, D10, R28, R36, R40, R45, R70).
//!
//! One challenge serves one command; it enters through the session key, not through the IV. A wrong MAC costs one of
//! three tries of the application, counted before the comparison.

use cardlib_card::profile::{BlockRule, Key as KeyInfo, KeyClass};
use cardlib_card::status::Status;
use zeroize::Zeroizing;

use super::UserCard;
use super::memory::{Block, Change};
use crate::apdu::{Incoming, require};
use crate::crypto::{BLOCK, Key, is_padding, pad, same};

/// Bytes of a command MAC.
pub(super) const MAC_LEN: usize = 4;

/// Whether wrong MACs of a command count against the application.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Counting {
    /// They do (D10).
    Counted,
    /// APPLICATION UNBLOCK and CARD BLOCK: they do not (R40, R44).
    Free,
}

impl UserCard {
    /// Checks the MAC at the end of a command with the maintenance key of the current directory; the session key for
    /// what was encrypted under it.
    pub(super) fn check_mac(
        &mut self,
        command: &Incoming<'_>,
        counting: Counting,
    ) -> Result<Key, Status> {
        let challenge = self.volatile.challenge.take().ok_or(Status::NO_CHALLENGE)?;
        let single = self.profile.assumed.single_version.value;
        let maintenance = |key: &KeyInfo| key.class == KeyClass::Maintenance;
        let (_, _, memory) = self.find_key(maintenance, single).ok_or(Status::NO_KEY)?;
        let session = memory.key.session(&challenge);
        let at = command.data.len().checked_sub(MAC_LEN);
        let (body, mac) = command.data.split_at(at.ok_or(Status::LENGTH)?);
        let header = [command.cla, command.ins, command.p1, command.p2, command.lc];
        let message = pad(&[&header, body].concat());

        let left = self.spend_mac_try(counting)?;
        let right = session.cbc_mac([0; BLOCK], &message);
        if !same(&right[..MAC_LEN], mac) {
            if left == Some(0) {
                self.forget_rights();
            }
            return Err(Status::SM_WRONG);
        }
        if left.is_some() {
            self.restore_mac_tries()?;
        }
        Ok(session)
    }

    /// Takes a try away before the comparison (R70); how many are left, if they are counted here at all. Without
    /// any left the application counts as blocked, so that power cut during the comparison gives nobody a further try.
    fn spend_mac_try(&mut self, counting: Counting) -> Result<Option<u8>, Status> {
        let at = self.volatile.df;
        if counting == Counting::Free || self.profile.dfs[at].block == BlockRule::Card {
            return Ok(None);
        }
        let left = self.current_df().mac_tries.saturating_sub(1);
        self.commit(&[Change::MacTries(at, left)])?;
        Ok(Some(left))
    }

    /// After a right MAC, or an unblocking one: all tries again, and no block (R43, R45).
    pub(super) fn restore_mac_tries(&mut self) -> Result<(), Status> {
        let (at, limit) = (self.volatile.df, self.profile.assumed.mac_error_limit.value);
        self.commit(&[Change::Block(at, Block::None), Change::MacTries(at, limit)])
    }

    /// From now on the application answers 6A81 (R43).
    pub(super) fn block_application(&mut self, block: Block) -> Result<(), Status> {
        self.commit(&[Change::Block(self.volatile.df, block)])?;
        self.forget_rights();
        Ok(())
    }
}

/// Takes the content out of `E(SK, len ‖ content ‖ 80 00…)` (R28).
pub(super) fn decrypt(session: &Key, sent: &[u8]) -> Result<Zeroizing<Vec<u8>>, Status> {
    let plain = Zeroizing::new(session.decrypt_ecb(sent));
    let (len, rest) = plain.split_first().ok_or(Status::DATA)?;
    let len = usize::from(*len);
    let (content, padding) = rest.split_at_checked(len).ok_or(Status::DATA)?;
    require(len > 0 && is_padding(padding), Status::DATA)?;
    Ok(Zeroizing::new(content.to_vec()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // a failed unwrap here is the failed assertion
mod tests {
    use cardlib_card::content::CardContent;
    use cardlib_card::profile::Profile;

    use super::*;
    use crate::random::Random;
    use crate::stage::Chip;

    #[test]
    fn power_cut_during_the_last_comparison_leaves_the_application_blocked() {
        let profile = Profile::rhc_2012();
        let chip = Chip::test(profile, [1; 8]);
        let random = Random::from_seed(Some(1));
        let mut card =
            UserCard::minted(profile, chip, &CardContent::default(), |_| [7; 16], random).unwrap();
        card.volatile.df = 1;
        for left in [2, 1, 0] {
            assert!(!card.is_blocked());
            assert_eq!(card.spend_mac_try(Counting::Counted), Ok(Some(left)));
        }
        // Here the power goes: nothing was compared, nothing answered.
        assert!(card.is_blocked());
        card.restore_mac_tries().unwrap();
        assert!(!card.is_blocked());
    }
}
