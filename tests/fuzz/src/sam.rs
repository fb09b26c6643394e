//! Sequences of commands against an active SAM, with the model's own idea of PIN, directory and session key.

use std::collections::HashSet;

use cardlib_card::profile::{KeyInstance, Profile};
use cardlib_sim::sam::MintedSam;
use cardlib_sim::sam::memory::SamMemory;
use cardlib_sim::{Chip, Random, SamCard, VirtualCard};

use crate::chance::Chance;
use crate::formulas::{Block, encrypt, spread};
use crate::{Verdict, hold};

const STEPS: usize = 80;

/// What an observer knows.
struct Model {
    keys: Vec<(u8, u8, u8, Block)>,
    private: [u8; 32],
    in_df: bool,
    pin: bool,
    session: Option<Block>,
    pin_digits: [u8; 3],
    before: SamMemory,
}

/// A sequence.
pub fn round(chance: &mut Chance) -> Verdict {
    let profile = Profile::rhc_2012();
    let number = 1 + chance.byte() % 5;
    let kind = profile.sam_type(number).ok_or("type")?;
    let keys: Vec<(u8, u8, u8, Block)> = profile
        .key_instances()
        .filter(|i| kind.keys.contains(&i.key.name))
        .map(|i| (i.key.sam_index, i.version, i.key.sam_usage, chance.array()))
        .collect();
    let root_of = |i: KeyInstance<'_>| {
        let named = |k: &&(u8, u8, u8, Block)| (k.0, k.1) == (i.key.sam_index, i.version);
        keys.iter().find(named).map_or([0; 16], |k| k.3)
    };
    let mut private = chance.array::<32>();
    private[0] = 0x11;
    let pin_digits = [0x12, 0x34, 0x56];
    let sam = MintedSam {
        sam_type: number,
        pin: pin_digits,
        private_key: private,
        files: &[],
    };
    let chip = Chip::test(profile, chance.array());
    let random = Random::from_seed(Some(chance.draw()));
    let card = SamCard::minted(profile, chip, &sam, root_of, random);
    let mut card = card.map_err(|e| e.to_string())?;
    let before = card.inspect().clone();
    let mut model = Model {
        keys,
        private,
        in_df: false,
        pin: false,
        session: None,
        pin_digits,
        before,
    };
    for _ in 0..STEPS {
        if chance.one_in(80) {
            card.reset();
            (model.in_df, model.pin, model.session) = (false, false, None);
        }
        let mut command = sensible(chance, &model);
        if chance.one_in(6) {
            chance.near(&mut command);
        }
        model.step(&mut card, &command)?;
    }
    Ok(())
}

fn sensible(chance: &mut Chance, model: &Model) -> Vec<u8> {
    let hex = |text: &str| hex::decode(text).unwrap_or_default();
    let elsewhere = [
        "00A4000C023F00",
        "00A4000C020015",
        "00A4000C02001C",
        "00A4000C02FFFF",
    ];
    match chance.below(14) {
        0 => hex("00A4000C02DF01"),
        1 => hex(elsewhere[chance.below(4)]),
        2 => [&[0x00, 0x20, 0x00, 0x00, 0x03][..], &model.pin_digits].concat(),
        3 if chance.one_in(6) => [&[0x00, 0x20, 0x00, 0x00, 0x03][..], &chance.bytes(3)].concat(),
        3 => hex("00B0000000"),
        4 if chance.one_in(4) => {
            let new = *chance.pick(&[[0x12, 0x34, 0x56], [0x65, 0x43, 0x21], [0xAB, 0, 0]]);
            [
                &[0x80, 0x5E, 0x01, 0x00, 0x07][..],
                &model.pin_digits,
                &[0xFF],
                &new,
            ]
            .concat()
        }
        4..=7 => {
            let (index, version, usage, _) = *chance.pick(&model.keys);
            let len = 8 * (usize::from(usage >> 5) + 1);
            let body = chance.bytes(len);
            let usage = if chance.one_in(8) {
                chance.byte()
            } else {
                usage
            };
            [
                &[
                    0x80,
                    0xDE,
                    usage,
                    version << 5 | index,
                    len.to_le_bytes()[0],
                ][..],
                &body,
            ]
            .concat()
        }
        8..=10 => {
            let mode = *chance.pick(&[0, 0, 1, 2, 3, 5, 7, 4]);
            let len = 16 * (1 + chance.below(4));
            [
                &[0x80, 0xFA, mode, 0x00, len.to_le_bytes()[0]][..],
                &chance.bytes(len),
            ]
            .concat()
        }
        11 => {
            let len = 1 + chance.below(40);
            let more = *chance.pick(&[0, 2]);
            [
                &[0x80, 0xC8, more, 0x00, len.to_le_bytes()[0]][..],
                &chance.bytes(len),
            ]
            .concat()
        }
        12 if chance.one_in(4) => [&[0x80, 0xC4, 0x00, 0x00, 0x20][..], &chance.bytes(32)].concat(),
        12 => hex("00C0000000"),
        _ => crate::user::plain(chance),
    }
}

impl Model {
    fn step(&mut self, card: &mut SamCard, command: &[u8]) -> Verdict {
        let mut answer = card.handle(command);
        // The data that wait are the answer's.
        if let [0x61, len] = answer[..] {
            let data = card.handle(&[0x00, 0xC0, 0x00, 0x00, len]);
            answer = data;
        }
        let said = || {
            format!(
                "{} -> {}: ",
                hex::encode_upper(command),
                hex::encode_upper(&answer)
            )
        };
        self.check(command, &answer, card.inspect())
            .map_err(|what| format!("{}{what}", said()))
    }

    fn check(&mut self, command: &[u8], answer: &[u8], now: &SamMemory) -> Verdict {
        let at = answer
            .len()
            .checked_sub(2)
            .ok_or("an answer has a status word")?;
        let status = u16::from_be_bytes([answer[at], answer[at + 1]]);
        let done = status == 0x9000 || status >> 8 == 0x61;
        self.no_secret_in(&answer[..at])?;
        let byte = |n: usize| command.get(n).copied().unwrap_or(0);
        let (cla, ins) = (byte(0), byte(1));
        if done && cla == 0x80 && matches!(ins, 0xDE | 0xFA | 0xC8 | 0xC4) {
            hold(self.in_df, || "outside the application (R48)".into())?;
            hold(self.pin, || "without the PIN (R49, R66)".into())?;
        }
        if done && (cla, ins) == (0x80, 0xFA) {
            self.ciphered(byte(2), command.get(5..).unwrap_or_default(), &answer[..at])?;
        }
        self.pin_counter(cla, ins, status, now)?;
        self.memory(cla, ins, done, now)?;
        self.follow(command, status, done);
        self.before = now.clone();
        Ok(())
    }

    fn no_secret_in(&self, data: &[u8]) -> Verdict {
        let keys = self.keys.iter().map(|key| key.3).chain(self.session);
        let halves: HashSet<[u8; 8]> = keys
            .flat_map(|key| [key[..8].try_into(), key[8..].try_into()])
            .filter_map(Result::ok)
            .collect();
        let private = |w: &[u8]| self.private.windows(8).any(|p| p == w);
        let leaked = data.windows(8).any(|w| halves.contains(w) || private(w));
        hold(!leaked, || "key bytes in an answer".into())
    }

    /// P1 00 and 02 answer the cipher text under the session key that DELIVERY made.
    fn ciphered(&self, mode: u8, data: &[u8], answer: &[u8]) -> Verdict {
        let key = self.session.ok_or("a cipher without session key (R50)")?;
        if matches!(mode, 0 | 2) {
            let (blocks, _) = data.as_chunks::<16>();
            let wanted: Vec<u8> = blocks.iter().flat_map(|b| encrypt(&key, *b)).collect();
            return hold(answer.starts_with(&wanted), || "another cipher text".into());
        }
        hold(answer.is_empty() || answer.len() == 4, || {
            "a MAC has 4 bytes".into()
        })
    }

    fn pin_counter(&self, cla: u8, ins: u8, status: u16, now: &SamMemory) -> Verdict {
        let tries = |memory: &SamMemory| memory.pin.as_ref().map_or(0, |pin| pin.tries);
        let (was, is) = (tries(&self.before), tries(now));
        let about_pin = matches!((cla, ins), (0x00, 0x20) | (0x80, 0x5E));
        let right = match status {
            0x9000 if about_pin => is == 10 && was > 0,
            s if about_pin && s >> 8 == 0x63 => is + 1 == was && s & 0x0F == u16::from(is),
            _ => is == was,
        };
        hold(right, || format!("{is} PIN tries after {was}"))
    }

    fn memory(&self, cla: u8, ins: u8, done: bool, now: &SamMemory) -> Verdict {
        let digits = |memory: &SamMemory| memory.pin.as_ref().map(|pin| pin.digits);
        let changed = digits(&self.before) != digits(now);
        hold(!changed || done && (cla, ins) == (0x80, 0x5E), || {
            "another PIN".into()
        })?;
        let same_files = self
            .before
            .files
            .iter()
            .zip(&now.files)
            .all(|(a, b)| a.bytes == b.bytes);
        let same_keys = self.before.keys.len() == now.keys.len()
            && self
                .before
                .keys
                .iter()
                .zip(&now.keys)
                .all(|(a, b)| a.key.is_same(&b.key));
        hold(
            same_files && same_keys && self.before.stage == now.stage,
            || "its memory changed".into(),
        )
    }

    fn follow(&mut self, command: &[u8], status: u16, done: bool) {
        let byte = |n: usize| command.get(n).copied().unwrap_or(0);
        match (byte(0), byte(1)) {
            (0x00, 0xA4) if done => {
                let fid = [byte(5), byte(6)];
                let df = match fid {
                    [0x3F, 0x00] => false,
                    [0xDF, 0x01] => true,
                    _ => return,
                };
                if df != self.in_df {
                    self.session = None;
                }
                self.in_df = df;
            }
            (0x00, 0x20) if done => self.pin = true,
            (0x00, 0x20) | (0x80, 0x5E) if status >> 8 == 0x63 => self.pin = false,
            (0x80, 0x5E) if done => self.pin_digits.copy_from_slice(&command[9..12]),
            (0x80, 0xDE) if done => self.session = self.delivered(command),
            (0x80, 0xDE) if matches!(status, 0x6A88 | 0x6A80) => self.session = None,
            (0x80, 0xFA) if done && matches!(byte(2), 0 | 1 | 5) => self.session = None,
            _ => {}
        }
    }

    fn delivered(&self, command: &[u8]) -> Option<Block> {
        let (version, index) = (command[3] >> 5, command[3] & 0x1F);
        let root = self.keys.iter().find(|k| (k.0, k.1) == (index, version))?.3;
        let len = usize::from(command[4]);
        let (parts, _) = command.get(5..5 + len)?.as_chunks::<8>();
        let (random, factors) = parts.split_last()?;
        let card = factors
            .iter()
            .rev()
            .fold(root, |key, factor| spread(&key, *factor));
        Some(spread(&card, *random))
    }
}
