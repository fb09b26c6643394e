//! The chained MACs of many sessions side by side.

use super::{Draft, Session, lc, left8};
use crate::algorithms::modes::double;
use crate::algorithms::{Cipher, ManyKeys};
use crate::cipher::{Block, pad, xor};
use crate::sm4::LANES;
use zeroize::{Zeroize, Zeroizing};

/// The MACs of every command of every session, in the sessions' order.
pub(super) fn chained(sessions: &[Session]) -> Vec<Vec<[u8; 8]>> {
    let mut macs: Vec<Vec<[u8; 8]>> = vec![Vec::new(); sessions.len()];
    for cipher in [Cipher::Sm4, Cipher::Aes128] {
        // Sessions of about the same length run together, so that few lanes stand idle.
        let mut order: Vec<usize> = (0..sessions.len())
            .filter(|&n| sessions[n].cipher == cipher)
            .collect();
        order.sort_by_key(|&n| std::cmp::Reverse(tape_length(&sessions[n])));
        for chunk in order.chunks(LANES) {
            let together: Vec<&Session> = chunk.iter().map(|&n| &sessions[n]).collect();
            for (&n, found) in chunk.iter().zip(chains(cipher, &together)) {
                macs[n] = found;
            }
        }
    }
    macs
}

/// Blocks of `CLA INS P1 P2 Lc ‖ data`.
fn message_blocks(draft: &Draft) -> usize {
    (5 + draft.data.len()).div_ceil(16)
}

fn tape_length(session: &Session) -> usize {
    session.drafts.iter().map(|d| 1 + message_blocks(d)).sum()
}

/// The chained CMACs of up to [`LANES`] sessions, the longest first, left 8 bytes of each.
///
/// `chain(i) = CMAC(S_MAC, chain(i−1) ‖ command)`, and CMAC starts from zero: so a session is one CBC-MAC over a tape
/// that has, for each command, a block of zeros (it leaves chain(i−1) as the input) and the command's own blocks, the
/// last of them padded and with CMAC's subkey in it.
fn chains(cipher: Cipher, sessions: &[&Session]) -> Vec<Vec<[u8; 8]>> {
    let keys: Zeroizing<Vec<Block>> = Zeroizing::new(sessions.iter().map(|s| *s.mac).collect());
    let lanes = ManyKeys::of(cipher, &keys);
    let mut subkeys = Zeroizing::new(vec![[0; 16]; sessions.len()]);
    lanes.encrypt(&mut subkeys);
    let tapes: Vec<Tape> = sessions
        .iter()
        .zip(subkeys.iter())
        .map(|(session, zero)| Tape::of(session, zero))
        .collect();
    let mut states = vec![[0; 16]; sessions.len()];
    let mut macs: Vec<Vec<[u8; 8]>> = vec![Vec::new(); sessions.len()];
    let longest = tapes.first().map_or(0, |tape| tape.blocks.len());
    for at in 0..longest {
        let busy = tapes.partition_point(|tape| tape.blocks.len() > at);
        for (state, tape) in states.iter_mut().zip(&tapes[..busy]) {
            xor(state, &tape.blocks[at]);
        }
        lanes.encrypt(&mut states[..busy]);
        for ((state, tape), macs) in states.iter().zip(&tapes[..busy]).zip(&mut macs) {
            if tape.ends.get(macs.len()) == Some(&at) {
                macs.push(left8(state));
            }
        }
    }
    states.zeroize();
    macs
}

/// What one session's CBC-MAC runs over.
struct Tape {
    blocks: Zeroizing<Vec<Block>>,
    /// Where each command's MAC comes out.
    ends: Vec<usize>,
}

impl Tape {
    /// `zero` is the encryption of a zero block under the session's MAC key.
    fn of(session: &Session, zero: &Block) -> Self {
        let whole = Zeroizing::new(double(zero));
        let padded = Zeroizing::new(double(&whole));
        let mut blocks = Zeroizing::new(Vec::with_capacity(tape_length(session)));
        let mut ends = Vec::with_capacity(session.drafts.len());
        let mut message = Zeroizing::new(Vec::with_capacity(5 + 256 + 16));
        for draft in &session.drafts {
            message.clear();
            message.extend_from_slice(&draft.header);
            message.push(lc(draft));
            message.extend_from_slice(&draft.data);
            let subkey = if message.len() % 16 == 0 {
                &whole
            } else {
                pad(&mut message);
                &padded
            };
            blocks.push([0; 16]);
            blocks.extend_from_slice(message.as_chunks::<16>().0);
            if let Some(last) = blocks.last_mut() {
                xor(last, &subkey[..]);
            }
            ends.push(blocks.len() - 1);
        }
        Self { blocks, ends }
    }
}
