//! Further mutants by chance: random changes of profile data, of status words and of the bytes of answers. One counts only
//! when it can be told from a sound product at all, which [`differs`] finds out by a long random conversation with both.

use cardlib_card::profile::{Access, Key, Profile};
use cardlib_sim::{UserCard, VirtualCard};

use crate::bench::virtual_product::Recipe;
use crate::hierarchy::{KEYS, PRESETS};
use crate::random::Chance;

/// What chance has changed.
#[derive(Debug, Clone)]
pub enum Change {
    /// Two numbers choose what of the profile, and how.
    Profile(u64),
    /// INS, the right word, the wrong one.
    Word(u8, u16, u16),
    /// Every n-th answer with data to this INS has a bit turned.
    Bit(u8, u32),
}

const INS: [u8; 3] = [0xA4, 0xB0, 0xB2];
const WORDS: [u16; 18] = [
    0x6700, 0x6981, 0x6982, 0x6983, 0x6984, 0x6985, 0x6986, 0x6987, 0x6988, 0x6A80, 0x6A81, 0x6A82,
    0x6A83, 0x6A84, 0x6A86, 0x6A88, 0x6B00, 0x9000,
];

/// A mutant from a seed and its number.
#[must_use]
pub fn change(seed: &str, number: u32) -> Change {
    let mut chance = Chance::of(seed, &format!("mutant {number}"));
    match chance.below(10) {
        0..=5 => Change::Profile(chance.draw()),
        6..=8 => {
            // Pairs that occur: most others would change nothing.
            let (ins, from, ..) = super::words::CARD[chance.below(super::words::CARD.len())];
            let to = WORDS
                .iter()
                .copied()
                .cycle()
                .skip(chance.below(WORDS.len()))
                .find(|word| *word != from);
            Change::Word(ins, from, to.unwrap_or(0x6F00))
        }
        _ => Change::Bit(
            INS[chance.below(INS.len())],
            1 + u32::from(chance.byte() % 3),
        ),
    }
}

/// A card with a change.
pub struct Changed {
    card: UserCard,
    change: Change,
    count: u32,
}

impl Changed {
    /// Makes one.
    ///
    /// # Errors
    /// The change does not leave a profile that takes the content.
    pub fn make(change: &Change) -> Result<Self, String> {
        let mut recipe = Recipe::sound(PRESETS[0], 1)?;
        if let Change::Profile(number) = change {
            let name = format!("generated {number}");
            recipe.profile = super::changed_once(&name, recipe.profile, |profile| {
                change_profile(profile, *number);
                Ok(())
            })?;
        }
        Ok(Self {
            card: recipe.card()?,
            change: change.clone(),
            count: 0,
        })
    }
}

impl VirtualCard for Changed {
    fn reset(&mut self) -> Vec<u8> {
        self.card.reset()
    }

    fn handle(&mut self, apdu: &[u8]) -> Vec<u8> {
        let mut out = self.card.handle(apdu);
        let ins = apdu.get(1).copied().unwrap_or(0);
        match self.change {
            Change::Word(on, from, to) if on == ins && super::patient::sw(&out) == from => {
                to.to_be_bytes().to_vec()
            }
            Change::Bit(on, every) if on == ins && out.len() > 2 => {
                self.count += 1;
                if self.count.is_multiple_of(every) {
                    let at = out.len() / 2 - 1;
                    out[at] ^= 0x10;
                }
                out
            }
            _ => out,
        }
    }

    fn cut_at(&mut self, moment: usize) {
        self.card.cut_at(moment);
    }
}

/// One random change of layout, right, limit or key.
fn change_profile(profile: &mut Profile, number: u64) {
    let mut chance = Chance::of("profile", &number.to_string());
    let (file, key) = (
        chance.below(profile.files.len()),
        chance.below(profile.keys.len()),
    );
    let own: Vec<String> = profile
        .keys
        .iter()
        .filter(|k| k.df == profile.files[file].df())
        .map(|k| k.name.clone())
        .collect();
    let other = own
        .get(chance.below(own.len()))
        .cloned()
        .unwrap_or_default();
    let bit = 1u8 << chance.below(3);
    let place: &mut Key = &mut profile.keys[key];
    let changed = &mut profile.files[file];
    match chance.below(13) {
        0 => changed.read = Access::Free,
        1 => changed.read = Access::Key(other),
        2 => changed.update = Access::Key(other),
        3 => changed.update = Access::Never,
        4 => changed.size = changed.size.saturating_add(1),
        5 => changed.records = changed.records.saturating_add(1),
        6 => changed.fid ^= u16::from(bit),
        7 => place.kid ^= bit,
        8 => place.groups = if place.groups == 4 { 3 } else { 2 },
        9 => place.error_limit = place.error_limit.saturating_sub(1 + bit),
        10 => profile.assumed.mac_error_limit.value = 3 + bit,
        11 => {
            let elements = changed.elements.len();
            if let Some(element) = changed.elements.get_mut(chance.below(elements)) {
                element.tag = element.tag.map(|tag| tag ^ 0x40);
            }
        }
        _ => changed.erase = Access::Key(other),
    }
}

/// Whether a change can be seen at all: a conversation of `count` commands, the same with both, with all keys in hand.
///
/// # Errors
/// One of the two cannot be made.
pub fn differs(change: &Change, seed: &str, count: usize) -> Result<bool, String> {
    let recipe = Recipe::sound(PRESETS[0], 1)?;
    let (mut sound, mut other) = (recipe.card()?, Changed::make(change)?);
    if sound.reset() != other.reset() {
        return Ok(true);
    }
    let mut chance = Chance::of(seed, "differential");
    let mut challenge = [0; 8];
    for _ in 0..count {
        let command = talk(&mut chance, &recipe, challenge);
        let (a, b) = (sound.handle(&command), other.handle(&command));
        if a != b {
            return Ok(true);
        }
        if let (0x84, Some(value)) = (command[1], a.first_chunk::<8>()) {
            challenge = *value;
        }
        if chance.below(400) == 0 {
            sound.reset();
            other.reset();
        }
    }
    Ok(false)
}

/// A command that means something: selections, authentications with the right keys, reading, secured updates.
fn talk(chance: &mut Chance, recipe: &Recipe, challenge: [u8; 8]) -> Vec<u8> {
    const FIDS: [[u8; 2]; 17] = [
        [0x3F, 0],
        [0xDD, 0xF1],
        [0xDF, 1],
        [0xDF, 2],
        [0xDF, 3],
        [0xEF, 5],
        [0xEF, 6],
        [0xEF, 7],
        [0xEF, 8],
        [0xEE, 1],
        [0xEE, 2],
        [0xEE, 3],
        [0xED, 1],
        [0xED, 2],
        [0xED, 3],
        [0xED, 4],
        [0xED, 5],
    ];
    let cipher = recipe.preset.cipher;
    let key = &KEYS[chance.below(KEYS.len())];
    let version = chance.byte() % key.groups;
    let session = |version| {
        cipher.spread(
            &recipe.preset.card_key(key, version, &recipe.home()),
            challenge,
        )
    };
    let number = chance.byte() % 17;
    match chance.below(12) {
        0..=3 => {
            let [high, low] = FIDS[chance.below(FIDS.len())];
            vec![0, 0xA4, 0, 0x0C, 2, high, low]
        }
        4 | 5 => vec![0, 0x84, 0, 0, 8],
        6 | 7 => {
            let proof = cipher.proof(&session(version), crate::engine::symbols::INFO);
            [
                &[0, 0x82, 0, key.kid, 0x11][..],
                &proof,
                &crate::engine::symbols::INFO,
                &[version],
            ]
            .concat()
        }
        8 => vec![0, 0xB2, number, 4, 0],
        9 => {
            let [high, low] = (chance.below(3300) as u16).to_be_bytes();
            vec![0, 0xB0, high, low, 1]
        }
        10 => {
            let ins = if chance.below(2) == 0 { 0xD2 } else { 0x0C };
            let head = [0x84, ins, number, 0, 4];
            [&head[..], &cipher.command_mac(&session(0), &head)].concat()
        }
        _ => {
            let content = [&[chance.byte() % 60, 1][..], &[chance.byte()]].concat();
            let body = cipher.wrapped(&session(0), &content);
            let head = [
                &[0x04, 0xDC, number, 4, (body.len() + 4).to_le_bytes()[0]][..],
                &body,
            ]
            .concat();
            let mac = cipher.command_mac(&session(0), &head);
            [&head[..], &mac].concat()
        }
    }
}
