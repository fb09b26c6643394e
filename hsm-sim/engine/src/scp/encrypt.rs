//! The data of commands: CBC with IV = E(S_ENC, number), all commands of a session side by side, and two sessions.

use super::{Draft, Session};
use crate::algorithms::{Schedule, encrypt_two};
use crate::cipher::{Block, pad, xor};
use hsm_wire::fill::Level;

/// Pads and encrypts the data of every command after EXTERNAL AUTHENTICATE, where the session's level says so.
pub(super) fn data(sessions: &mut [Session]) {
    let mut secret = sessions.iter_mut().filter(|s| s.level == Level::MacEnc);
    while let Some(first) = secret.next() {
        let mut ivs = numbers(first);
        match secret.next() {
            Some(second) => {
                let mut more = numbers(second);
                encrypt_two([&first.enc, &second.enc], [&mut ivs, &mut more]);
                run_two(&mut Chains::of(first, ivs), &mut Chains::of(second, more));
            }
            None => {
                first.enc.encrypt_each(&mut ivs);
                Chains::of(first, ivs).run();
            }
        }
    }
}

/// The commands' numbers.
fn numbers(session: &Session) -> Vec<Block> {
    (1..session.drafts.len() as u128)
        .map(u128::to_be_bytes)
        .collect()
}

/// The chains of one session.
struct Chains<'a> {
    key: &'a Schedule,
    /// With data, the longest first: those that still have a block are then the front.
    open: Vec<&'a mut Draft>,
    /// Where each chain is.
    state: Vec<Block>,
}

impl<'a> Chains<'a> {
    fn of(session: &'a mut Session, ivs: Vec<Block>) -> Self {
        let key = &session.enc;
        let drafts = session.drafts.iter_mut().skip(1).zip(ivs);
        let mut open: Vec<(&mut Draft, Block)> =
            drafts.filter(|(d, _)| !d.data.is_empty()).collect();
        for (draft, _) in &mut open {
            pad(&mut draft.data);
        }
        open.sort_by_key(|(draft, _)| std::cmp::Reverse(draft.data.len()));
        let (open, state) = open.into_iter().unzip();
        Self { key, open, state }
    }

    fn longest(&self) -> usize {
        self.open.first().map_or(0, |draft| draft.data.len())
    }

    /// The chains that have a block at `at`, with it added.
    fn before(&mut self, at: usize) -> &mut [Block] {
        let busy = self.open.partition_point(|draft| draft.data.len() > at);
        let state = &mut self.state[..busy];
        for (state, draft) in state.iter_mut().zip(&self.open) {
            xor(state, &draft.data[at..at + 16]);
        }
        state
    }

    /// What came out, into the data.
    fn after(&mut self, at: usize) {
        let busy = self.open.partition_point(|draft| draft.data.len() > at);
        for (state, draft) in self.state.iter().zip(&mut self.open[..busy]) {
            draft.data[at..at + 16].copy_from_slice(state);
        }
    }

    fn run(&mut self) {
        for at in (0..self.longest()).step_by(16) {
            let key = self.key;
            key.encrypt_each(self.before(at));
            self.after(at);
        }
    }
}

fn run_two(first: &mut Chains<'_>, second: &mut Chains<'_>) {
    let keys = [first.key, second.key];
    for at in (0..first.longest().max(second.longest())).step_by(16) {
        encrypt_two(keys, [first.before(at), second.before(at)]);
        first.after(at);
        second.after(at);
    }
}
