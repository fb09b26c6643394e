//! User card and SAM as simulators: what a chip of each kind does with every command, by the rules of
//! `docs/decisions.md` (R1–R79) and the personalisation dialect of `docs/cos-dialect.md`.
//!
//! Made independently of the terminal side: key formulas, padding and MACs stand here a second time
//! ([`crypto`], [`channel`]), and nothing is imported from `cardlib-terminal`. What both share is the profile, which
//! is data.
//!
//! | module | one idea |
//! |---|---|
//! | [`user`] | the user card |
//! | [`sam`] | the SAM |
//! | [`custodian`] | the card of a ceremony's custodian |
//! | [`gate`], [`channel`] | the personalisation dialect's session |
//! | [`nvm`] | memory that survives power cuts, and its state file |
//! | [`body`] | what both are made of, and the way of a command to its answer |
//! | [`tree`], [`apdu`], [`answer`] | SELECT, the check order, T=0 |
//! | [`crypto`], [`random`], [`transport`], [`stage`] | keys and formulas, random numbers, blanks, life cycle |
//! | [`vpcd`], [`fault`] | attachment to the PC/SC daemon, and misbehaviour on order |
//! | [`flaw`] | broken rules on order, for those who look for them |

pub mod answer;
pub mod apdu;
pub mod body;
pub mod channel;
pub mod crypto;
pub mod custodian;
pub mod fault;
pub mod flaw;
pub mod gate;
pub mod nvm;
pub mod random;
pub mod sam;
pub mod stage;
pub mod transport;
pub mod tree;
pub mod user;
pub mod vpcd;

pub use custodian::CustodianCard;
pub use flaw::Flaw;
pub use nvm::StateError;
pub use random::Random;
pub use sam::SamCard;
pub use stage::{Chip, Stage};
pub use transport::TransportMaster;
pub use user::UserCard;

/// A chip in a reader: powered by [`reset`](VirtualCard::reset), then spoken to.
pub trait VirtualCard {
    /// Powers the chip on, or resets it; the answer to reset.
    fn reset(&mut self) -> Vec<u8>;

    /// One command, one answer (at least a status word).
    fn handle(&mut self, apdu: &[u8]) -> Vec<u8>;

    /// Lets the power go inside the next command: before its commit number `moment` to the non-volatile memory, counted from
    /// 0, or directly before its answer when it makes fewer. Chips that cannot be cut go on.
    fn cut_at(&mut self, moment: usize) {
        let _ = moment;
    }
}
