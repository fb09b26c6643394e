//! Sequences of commands against an active user card: sensible ones with all keys in hand, changed ones, nonsense.

use cardlib_card::content::CardContent;
use cardlib_card::profile::{FileKind, KeyClass, Profile};
use cardlib_sim::channel::Opening;
use cardlib_sim::{Chip, Flaw, Random, TransportMaster, UserCard, VirtualCard};

use crate::Verdict;
use crate::chance::Chance;
use crate::formulas::{Block, proof, secured};
use crate::model::Model;

/// Commands of one sequence.
const STEPS: usize = 60;

/// A sequence against a sound card.
pub fn round(chance: &mut Chance) -> Verdict {
    sequence(chance, None)
}

/// A sequence against a card with a broken rule.
pub fn flawed(flaw: Flaw) -> impl Fn(&mut Chance) -> Verdict {
    move |chance| sequence(chance, Some(flaw))
}

fn sequence(chance: &mut Chance, flaw: Option<Flaw>) -> Verdict {
    let profile = Profile::rhc_2012();
    let keys: Vec<Block> = profile.key_instances().map(|_| chance.array()).collect();
    let mut next = keys.iter();
    let random = Random::from_seed(Some(chance.draw()));
    let chip = Chip::test(profile, chance.array());
    // `minted` asks for the keys in the profile's order.
    let keys_in_order: Vec<_> = profile
        .key_instances()
        .map(|i| (i.key.name.clone(), i.version, *next.next().unwrap()))
        .collect();
    let key_of = |i: cardlib_card::profile::KeyInstance<'_>| {
        let named = |k: &&(String, u8, Block)| k.0 == i.key.name && k.1 == i.version;
        keys_in_order.iter().find(named).unwrap().2
    };
    let content = CardContent::default();
    let card = UserCard::minted(profile, chip, &content, key_of, random);
    let mut card = card.map_err(|e| e.to_string())?;
    if let Some(flaw) = flaw {
        card = card.with_flaw(flaw);
    }
    let mut model = Model::new(profile, keys, &card);
    for _ in 0..STEPS {
        if chance.one_in(60) {
            card.reset();
            model.reset();
        }
        for command in sensible(chance, &model) {
            let mut command = command.finish(&model);
            if chance.one_in(6) {
                chance.near(&mut command);
            }
            model.step(&mut card, &command)?;
        }
    }
    Ok(())
}

/// A command, or one that is made from the challenge that the command before it draws.
enum Move {
    Ready(Vec<u8>),
    Proof {
        key: String,
        version: u8,
        kid: u8,
        wrong: bool,
    },
    Secured {
        header: [u8; 4],
        content: Option<Vec<u8>>,
        wrong: bool,
    },
}

impl Move {
    fn finish(self, model: &Model) -> Vec<u8> {
        let challenge = model.challenge.unwrap_or_default();
        match self {
            Self::Ready(bytes) => bytes,
            Self::Proof {
                key,
                version,
                kid,
                wrong,
            } => {
                let key = model.key(&key, version).unwrap_or_default();
                let mut sent = proof(&key, challenge, *b"fuzzinfo");
                sent[0] ^= u8::from(wrong);
                [
                    &[0x00, 0x82, 0x00, kid, 17][..],
                    &sent,
                    b"fuzzinfo",
                    &[version],
                ]
                .concat()
            }
            Self::Secured {
                header,
                content,
                wrong,
            } => {
                let mut here = model.profile.keys_of(model.df_name());
                let stk = here.find(|key| key.class == KeyClass::Maintenance);
                let key = stk
                    .and_then(|stk| model.key(&stk.name, 0))
                    .unwrap_or_default();
                let mut bytes = secured(&key, challenge, header, content.as_deref());
                if wrong && let Some(last) = bytes.last_mut() {
                    *last ^= 1;
                }
                bytes
            }
        }
    }
}

const CHALLENGE: [u8; 5] = [0x00, 0x84, 0x00, 0x00, 0x08];

fn sensible(chance: &mut Chance, model: &Model) -> Vec<Move> {
    let ready = |bytes: &[u8]| vec![Move::Ready(bytes.to_vec())];
    match chance.below(20) {
        0..=4 => ready(&select(chance, model)),
        5..=8 => authenticate(chance, model),
        9..=12 => ready(&read(chance, model)),
        13..=15 => update(chance, model),
        16 => ready(&CHALLENGE),
        17 => ready(&plain(chance)),
        18 => block(chance),
        _ => {
            let version = *chance.pick(&[0, 1, 3, 4]);
            let body = [
                &[0x00, 0x88, 0x00, 0x00, 17][..],
                &chance.bytes(16),
                &[version],
            ]
            .concat();
            ready(&body)
        }
    }
}

fn select(chance: &mut Chance, model: &Model) -> Vec<u8> {
    let profile = model.profile;
    if chance.one_in(8) {
        let name = chance.pick(&profile.dfs).df_name.clone();
        let name = name.map(|n| n.to_vec()).unwrap_or_default();
        return [
            &[0x00, 0xA4, 0x04, 0x0C, name.len().to_le_bytes()[0]][..],
            &name,
        ]
        .concat();
    }
    let own: Vec<u16> = profile.files_of(model.df_name()).map(|f| f.fid).collect();
    let fid = if own.is_empty() || chance.one_in(3) {
        chance.pick(&profile.dfs).fid
    } else {
        *chance.pick(&own)
    };
    [&[0x00, 0xA4, 0x00, 0x0C, 0x02][..], &fid.to_be_bytes()].concat()
}

fn authenticate(chance: &mut Chance, model: &Model) -> Vec<Move> {
    let here: Vec<_> = model
        .profile
        .keys_of(model.df_name())
        .filter(|key| key.class.authenticates())
        .collect();
    if here.is_empty() {
        return Vec::new();
    }
    let key = *chance.pick(&here);
    let version = chance.byte() % key.groups;
    let wrong = chance.one_in(5);
    let try_it = Move::Proof {
        key: key.name.clone(),
        version,
        kid: key.kid,
        wrong,
    };
    vec![Move::Ready(CHALLENGE.to_vec()), try_it]
}

fn read(chance: &mut Chance, model: &Model) -> Vec<u8> {
    let number = 1 + chance.byte() % 6;
    match model.file().map(|file| file.kind) {
        Some(FileKind::Binary) => {
            let [high, low] = (chance.below(3300) as u16).to_be_bytes();
            vec![0x00, 0xB0, high, low, chance.byte()]
        }
        _ => vec![0x00, 0xB2, number, 0x04, 0x00],
    }
}

fn update(chance: &mut Chance, model: &Model) -> Vec<Move> {
    let Some(file) = model.file() else {
        return Vec::new();
    };
    let number = 1 + chance.byte() % (file.records.clamp(1, 16) as u8);
    let wrong = chance.one_in(6);
    let secured = |header, content| {
        let send = Move::Secured {
            header,
            content,
            wrong,
        };
        vec![Move::Ready(CHALLENGE.to_vec()), send]
    };
    match file.kind {
        FileKind::Binary => {
            let [high, low] = (chance.below(file.size) as u16).to_be_bytes();
            let body = chance.bytes(1);
            vec![Move::Ready(
                [&[0x00, 0xD6, high, low, 1][..], &body].concat(),
            )]
        }
        FileKind::Fixed => {
            let ins = *chance.pick(&[0xD2, 0x0C]);
            secured([0x84, ins, number, 0x00], None)
        }
        FileKind::Cyclic => {
            let record = chance.bytes(file.size);
            secured([0x04, 0xDC, 0x00, 0x03], Some(record))
        }
        FileKind::Variable => {
            let Some(element) = file.elements.get(usize::from(number) - 1) else {
                return Vec::new();
            };
            let head = [element.tag.unwrap_or(0), element.len.to_le_bytes()[0]];
            let record = [&head[..], &chance.bytes(element.len)].concat();
            secured([0x04, 0xDC, number, 0x04], Some(record))
        }
    }
}

/// Blocks are rare, else nothing else would be seen.
fn block(chance: &mut Chance) -> Vec<Move> {
    if !chance.one_in(4) {
        return Vec::new();
    }
    let (ins, p2) = *chance.pick(&[(0x1E, 0), (0x18, 0), (0x18, 0), (0x1E, 1), (0x16, 0)]);
    let send = Move::Secured {
        header: [0x84, ins, 0, p2],
        content: None,
        wrong: chance.one_in(4),
    };
    vec![Move::Ready(CHALLENGE.to_vec()), send]
}

/// Something near a command, without keys.
pub fn plain(chance: &mut Chance) -> Vec<u8> {
    let ins = *chance.pick(&[
        0x0C, 0x16, 0x18, 0x1E, 0x50, 0x82, 0x84, 0x88, 0xA4, 0xB0, 0xB2, 0xC0, 0xD2, 0xD4, 0xD6,
        0xDA, 0xDC, 0xE0, 0xE4, 0xF0,
    ]);
    let cla = *chance.pick(&[0x00, 0x00, 0x04, 0x80, 0x84]);
    let len = chance.below(40);
    let mut bytes = [
        &[cla, ins, chance.byte() % 8, chance.byte() % 8][..],
        &[len.to_le_bytes()[0]],
    ]
    .concat();
    bytes.extend(chance.bytes(len));
    chance.near(&mut bytes);
    bytes
}

/// Opens a session of the dialect under the test transport key: a durable change of the card's counter.
pub fn open_session(card: &mut UserCard, factor: [u8; 8]) {
    let base = TransportMaster::test().key_of(&factor);
    let counter = card.inspect().base.counter;
    card.handle(&[&[0x80, 0x50, 0x00, 0x00, 0x08][..], &[7; 8]].concat());
    card.handle(&[0x00, 0xC0, 0x00, 0x00, 0x1D]);
    let challenge = Opening::new(&base, counter, [7; 8]).card_challenge();
    let both: Block = std::array::from_fn(|i| if i < 8 { 7 } else { challenge[i - 8] });
    let label = std::array::from_fn(|i| b"SCP-SM4-V1-MAC\0\0"[i]);
    let session = base.derive(label).derive(both);
    let proof = session.cmac(&[b"SCP-SM4-V1-HOST", &[0], &both]);
    let head = [0x84, 0x82, 0x03, 0x00, 0x10];
    let mac = session.cmac(&[&[0; 16], &head, &proof[..8]]);
    let authenticate = [&head[..], &proof[..8], &mac[..8]].concat();
    card.handle(&authenticate);
}
