//! How fast the cipher core and the fills are, for `rhc-hsm bench` and the house's bars. Random keys, nothing kept.

use crate::algorithms::Cipher;
use crate::cipher::{BlockKey, diversify_all, factor_block};
use crate::scp::{Session, seal};
use crate::sm4::{self, Block, Sm4, Tier};
use hsm_wire::fill::{Factor, Level};
use std::hint::black_box;
use std::time::{Duration, Instant};
use zeroize::{Zeroize, Zeroizing};

/// Keys of one card in the profile of this house.
pub const PARENTS: usize = 57;
/// Factors of one round of the measurement.
const FACTORS: usize = 1024;

/// Runs `work` until the time is over; units of work per second that this thread ran: one core, and like with
/// `openssl speed` others on the machine do not count.
fn rate(time: Duration, units: usize, mut work: impl FnMut()) -> f64 {
    work();
    let (start, before, mut rounds) = (Instant::now(), ran(), 0_u32);
    while start.elapsed() < time {
        work();
        rounds += 1;
    }
    let spent = match (before, ran()) {
        (Some(before), Some(now)) if now > before => Duration::from_nanos(now - before),
        // The system does not tell.
        _ => start.elapsed(),
    };
    #[allow(clippy::cast_precision_loss)]
    let units = units as f64;
    f64::from(rounds) * units / spent.as_secs_f64()
}

/// Nanoseconds that this thread has run.
fn ran() -> Option<u64> {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    told.split_whitespace().next()?.parse().ok()
}

fn numbered(count: usize) -> Vec<Block> {
    (0..count as u64)
        .map(|n| {
            let mut block = [0xA5; 16];
            block[..8].copy_from_slice(&n.to_be_bytes());
            block
        })
        .collect()
}

/// Keys derived per second, each with its check value: 57 parents × 1024 factors, one core, on one tier.
#[must_use]
pub fn derivations(tier: Tier, time: Duration) -> f64 {
    let parents = numbered(PARENTS);
    let inputs: Vec<Block> = (0..FACTORS as u64)
        .map(|n| factor_block(&n.to_be_bytes()))
        .collect();
    let mut keys = inputs.clone();
    let mut checks = vec![[0; 16]; FACTORS];
    let measured = rate(time, PARENTS * FACTORS, || {
        for parent in &parents {
            keys.copy_from_slice(&inputs);
            Sm4::on(tier, parent).encrypt_each(&mut keys);
            checks.fill([0; 16]);
            sm4::encrypt_own_on(tier, &keys, &mut checks);
            black_box(&checks);
        }
    });
    keys.zeroize();
    measured
}

/// Bytes per second under one key, in pieces of 16 KiB.
#[must_use]
pub fn bulk_bytes(tier: Tier, time: Duration) -> f64 {
    let key = Sm4::on(tier, &[7; 16]);
    let mut blocks = numbered(1024);
    rate(time, 16 * 1024, || {
        key.encrypt_each(&mut blocks);
        black_box(&blocks);
    })
}

/// Seconds of one block after another under one key: the step of a chain.
#[must_use]
pub fn chain_step(tier: Tier, time: Duration) -> f64 {
    let key = Sm4::on(tier, &[7; 16]);
    let mut block = [[0; 16]];
    1.0 / rate(time, 64, || {
        for _ in 0..64 {
            key.encrypt_each(&mut block);
        }
        black_box(&block);
    })
}

/// Cards whose sessions are sealed together, as in a batch.
const CARDS: usize = 64;
/// Data of one STORE DATA.
const PIECE: usize = 233;

/// Complete key sets per second on the tier in use, one core: for each card 57 keys derived by its factor, with check
/// values, wrapped, in encrypted and MAC-chained commands of its session; and `data` bytes more of content.
#[must_use]
pub fn key_sets(data: usize, time: Duration) -> f64 {
    let roots: Vec<BlockKey> = numbered(PARENTS)
        .into_iter()
        .map(|bytes| BlockKey::new(Cipher::Sm4, bytes))
        .collect();
    let mut number = 0_u64;
    rate(time, CARDS, || {
        let cards = (0..CARDS).map(|_| {
            number += 1;
            key_set(&roots, number.to_be_bytes(), data)
        });
        black_box(seal(cards.collect()));
    })
}

fn key_set(roots: &[BlockKey], factor: Factor, data: usize) -> Session {
    let factors: &[Factor] = &[factor];
    let slots: Vec<_> = roots.iter().map(|root| (root.expose(), factors)).collect();
    let made = diversify_all(Cipher::Sm4, &slots);
    let base = roots[0].diversify(factors);
    let mut session = Session::open(&base, 1, 0, Level::MacEnc, factor);
    let mut wrapped: Vec<Block> = made.iter().map(|(key, _)| *key.expose()).collect();
    session.wrap(&mut wrapped);
    for ((_, check), wrapped) in made.iter().zip(&wrapped) {
        let mut load = Zeroizing::new(Vec::with_capacity(48));
        load.extend_from_slice(&[0; 9]);
        load.extend_from_slice(wrapped);
        load.extend_from_slice(&check.0);
        session.command([0x84, 0xD4, 0, 0], load);
    }
    for piece in vec![0x5A; data].chunks(PIECE) {
        let mut bytes = Zeroizing::new(Vec::with_capacity(256));
        bytes.extend_from_slice(piece);
        session.command([0x84, 0xDA, 0, 0], bytes);
    }
    session
}
