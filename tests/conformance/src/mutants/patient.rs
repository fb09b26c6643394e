//! A card or SAM with a hand inside: each command and reset goes through a hook, which knows the keys and may change what the
//! chip remembers.

use cardlib_card::profile::File;
use cardlib_sim::user::memory::Change;
use cardlib_sim::{SamCard, UserCard, VirtualCard};

use crate::bench::virtual_product::Recipe;
use crate::engine::symbols::INFO;
use crate::formulas::Block;
use crate::hierarchy::key_named;

/// What a user card's hook remembers.
#[derive(Default)]
pub struct Scratch {
    pub bytes: Vec<u8>,
    pub count: u32,
    pub names: Vec<&'static str>,
    /// Memory as it was, to be put back at the next reset.
    pub later: Vec<Change>,
}

/// A user card under the knife.
pub struct Patient {
    pub card: UserCard,
    pub recipe: Recipe,
    pub scratch: Scratch,
    pub(super) word: Option<(u8, u16, u16)>,
    pub(super) open: Option<(&'static str, u16, bool)>,
}

/// What is done to each command and each reset.
#[derive(Clone, Copy)]
pub struct UserHook {
    pub command: fn(&mut Patient, &[u8]) -> Vec<u8>,
    pub reset: fn(&mut Patient) -> Vec<u8>,
    pub(super) word: Option<(u8, u16, u16)>,
    pub(super) open: Option<(&'static str, u16, bool)>,
}

impl Default for UserHook {
    fn default() -> Self {
        Self {
            command: |p, a| p.card.handle(a),
            reset: |p| p.card.reset(),
            word: None,
            open: None,
        }
    }
}

impl UserHook {
    /// Only commands are changed.
    pub fn on(command: fn(&mut Patient, &[u8]) -> Vec<u8>) -> Self {
        Self {
            command,
            ..Self::default()
        }
    }

    /// Only resets are.
    pub fn at_reset(reset: fn(&mut Patient) -> Vec<u8>) -> Self {
        Self {
            reset,
            ..Self::default()
        }
    }

    /// A status word in place of another.
    #[must_use]
    pub fn word(ins: u8, from: u16, to: u16) -> Self {
        Self {
            word: Some((ins, from, to)),
            command: Patient::other_word,
            ..Self::default()
        }
    }

    /// One file without one of its rights.
    #[must_use]
    pub fn unguarded(df: &'static str, fid: u16, update: bool) -> Self {
        Self {
            open: Some((df, fid, update)),
            command: Patient::without_right,
            ..Self::default()
        }
    }
}

/// A defective user card.
pub struct FaultyUser {
    patient: Patient,
    hook: UserHook,
}

impl FaultyUser {
    #[must_use]
    pub fn new(card: UserCard, recipe: Recipe, hook: UserHook) -> Self {
        let patient = Patient {
            card,
            recipe,
            scratch: Scratch::default(),
            word: hook.word,
            open: hook.open,
        };
        Self { patient, hook }
    }
}

impl VirtualCard for FaultyUser {
    fn reset(&mut self) -> Vec<u8> {
        (self.hook.reset)(&mut self.patient)
    }

    fn handle(&mut self, apdu: &[u8]) -> Vec<u8> {
        (self.hook.command)(&mut self.patient, apdu)
    }
}

/// The status word of an answer.
#[must_use]
pub fn sw(answer: &[u8]) -> u16 {
    answer
        .split_last_chunk::<2>()
        .map_or(0, |(_, word)| u16::from_be_bytes(*word))
}

/// INS of a command; 0 where there is none.
#[must_use]
pub fn ins(apdu: &[u8]) -> u8 {
    apdu.get(1).copied().unwrap_or(0)
}

/// A bare status word as answer.
#[must_use]
pub fn answer(word: u16) -> Vec<u8> {
    word.to_be_bytes().to_vec()
}

/// The command with one byte changed.
#[must_use]
pub fn with(apdu: &[u8], at: usize, byte: u8) -> Vec<u8> {
    let mut out = apdu.to_vec();
    if let Some(place) = out.get_mut(at) {
        *place = byte;
    }
    out
}

/// Whether a command carries a MAC.
#[must_use]
pub fn has_mac(apdu: &[u8]) -> bool {
    matches!(
        apdu,
        [0x04, 0xDC, ..] | [0x84, 0xD2 | 0x0C | 0x1E | 0x18 | 0x16, ..]
    ) && apdu.len() >= 9
}

/// Header and body in front of the MAC, and where the MAC begins.
fn before_mac(apdu: &[u8]) -> Option<(&[u8], usize)> {
    let at = (5 + usize::from(*apdu.get(4)?)).checked_sub(4)?;
    apdu.get(at..at + 4)?;
    Some((apdu.get(..at)?, at))
}

impl Patient {
    pub fn df(&self) -> &'static str {
        self.card.standing().0
    }

    /// The current file as the chip's profile has it.
    pub fn file(&self) -> Option<&'static File> {
        self.recipe.profile.files.get(self.card.standing().1?)
    }

    pub fn df_at(&self) -> usize {
        let name = self.df();
        self.recipe
            .profile
            .dfs
            .iter()
            .position(|df| df.name == name)
            .unwrap_or(0)
    }

    fn session(&self, key: &str, version: u8, challenge: [u8; 8]) -> Option<Block> {
        let key = self
            .recipe
            .preset
            .card_key(key_named(key)?, version, &self.recipe.home());
        Some(self.recipe.preset.cipher.spread(&key, challenge))
    }

    /// The session key under which a MAC command would be right now.
    pub fn maintenance(&self) -> Option<Block> {
        self.session(&format!("STK_{}", self.df()), 0, self.card.challenge()?)
    }

    /// The MAC that the command ought to carry.
    pub fn right_mac(&self, apdu: &[u8]) -> Option<[u8; 4]> {
        let (message, _) = before_mac(apdu).filter(|_| has_mac(apdu))?;
        Some(
            self.recipe
                .preset
                .cipher
                .command_mac(&self.maintenance()?, message),
        )
    }

    /// The command with the right MAC in its place.
    pub fn signed(&self, apdu: &[u8]) -> Vec<u8> {
        let mut out = apdu.to_vec();
        if let (Some(mac), Some((_, at))) = (self.right_mac(apdu), before_mac(apdu)) {
            out[at..at + 4].copy_from_slice(&mac);
        }
        out
    }

    /// Whether the command's MAC is right.
    pub fn is_signed(&self, apdu: &[u8]) -> bool {
        self.right_mac(apdu).is_some() && self.signed(apdu) == apdu
    }

    /// An UPDATE RECORD with its MAC right: the decrypted content.
    pub fn plain(&self, apdu: &[u8]) -> Option<Vec<u8>> {
        let (message, _) =
            before_mac(apdu).filter(|_| ins(apdu) == 0xDC && self.is_signed(apdu))?;
        let key =
            cardlib_sim::crypto::Key::of(self.recipe.profile.crypto.cipher, self.maintenance()?);
        Some(key.decrypt_ecb(&message[5..]))
    }

    /// The same command with other content, encrypted and signed anew.
    pub fn resent(&self, apdu: &[u8], content: &[u8]) -> Vec<u8> {
        let Some(session) = self.maintenance() else {
            return apdu.to_vec();
        };
        let body = self.recipe.preset.cipher.wrapped(&session, content);
        let lc = (body.len() + 4).to_le_bytes()[0];
        let unsigned = [&apdu[..4], &[lc], &body, &[0; 4]].concat();
        self.signed(&unsigned)
    }

    /// EXTERNAL AUTHENTICATE: the cryptogram that it ought to carry for a version.
    pub fn right_proof(&self, apdu: &[u8], version: u8) -> Option<[u8; 8]> {
        let kid = *apdu.get(3).filter(|_| ins(apdu) == 0x82)?;
        let named = |key: &&cardlib_card::profile::Key| key.kid == kid && key.class.authenticates();
        let key = self.recipe.profile.keys_of(self.df()).find(named)?;
        let session = self.session(&key.name, version, self.card.challenge()?)?;
        Some(self.recipe.preset.cipher.proof(&session, INFO))
    }

    /// Name of the key that a KID means here.
    pub fn key_of(&self, kid: u8) -> Option<&'static str> {
        let profile = self.recipe.profile;
        let key = profile
            .keys_of(self.df())
            .find(|key| key.kid == kid && key.class.authenticates())?;
        Some(key.name.as_str())
    }

    /// Tries left of every key version.
    pub fn tries(&self) -> Vec<u8> {
        self.card
            .inspect()
            .keys
            .iter()
            .map(|key| key.as_ref().map_or(0, |key| key.tries))
            .collect()
    }

    /// Puts tries back.
    pub fn set_tries(&mut self, tries: &[u8]) {
        let changes: Vec<Change> = tries
            .iter()
            .enumerate()
            .map(|(at, tries)| Change::KeyTries(at, *tries))
            .collect();
        self.card.tamper(&changes);
    }

    /// The error limits of all key versions.
    pub fn limits(&self) -> Vec<u8> {
        self.recipe
            .profile
            .key_instances()
            .map(|i| i.key.error_limit)
            .collect()
    }

    fn other_word(&mut self, apdu: &[u8]) -> Vec<u8> {
        let out = self.card.handle(apdu);
        match self.word {
            Some((on, from, to)) if (on == 0xFF || on == ins(apdu)) && sw(&out) == from => {
                answer(to)
            }
            // 63Cx: any x.
            Some((on, 0x63C0, to)) if on == ins(apdu) && sw(&out) & 0xFFF0 == 0x63C0 => answer(to),
            _ => out,
        }
    }

    fn without_right(&mut self, apdu: &[u8]) -> Vec<u8> {
        let Some((df, fid, update)) = self.open else {
            return self.card.handle(apdu);
        };
        let here = self
            .file()
            .filter(|file| file.fid == fid && self.df() == df);
        let concerns = if update {
            matches!(ins(apdu), 0xD6 | 0xDC | 0xD2)
        } else {
            matches!(ins(apdu), 0xB0 | 0xB2)
        };
        let Some(file) = here.filter(|_| concerns) else {
            return self.card.handle(apdu);
        };
        let access = if update { &file.update } else { &file.read };
        let held = self.card.held();
        if let cardlib_card::profile::Access::Key(name) = access {
            self.card.grant(name);
        }
        let out = self.card.handle(apdu);
        self.card.set_held(held);
        out
    }
}

/// A SAM under the knife.
pub struct SamPatient {
    pub sam: SamCard,
    pub recipe: Recipe,
    pub scratch: Vec<u8>,
    pub count: u32,
    pub(super) word: Option<(u8, u16, u16)>,
}

/// What is done to each command and each reset of a SAM.
#[derive(Clone, Copy)]
pub struct SamHook {
    pub command: fn(&mut SamPatient, &[u8]) -> Vec<u8>,
    pub reset: fn(&mut SamPatient) -> Vec<u8>,
    pub(super) word: Option<(u8, u16, u16)>,
}

impl Default for SamHook {
    fn default() -> Self {
        Self {
            command: |p, a| p.sam.handle(a),
            reset: |p| p.sam.reset(),
            word: None,
        }
    }
}

impl SamHook {
    /// Only commands are changed.
    pub fn on(command: fn(&mut SamPatient, &[u8]) -> Vec<u8>) -> Self {
        Self {
            command,
            ..Self::default()
        }
    }

    /// Only resets are.
    pub fn at_reset(reset: fn(&mut SamPatient) -> Vec<u8>) -> Self {
        Self {
            reset,
            ..Self::default()
        }
    }

    /// A status word in place of another.
    #[must_use]
    pub fn word(ins: u8, from: u16, to: u16) -> Self {
        Self {
            word: Some((ins, from, to)),
            command: SamPatient::other_word,
            ..Self::default()
        }
    }
}

impl SamPatient {
    fn other_word(&mut self, apdu: &[u8]) -> Vec<u8> {
        let out = self.sam.handle(apdu);
        match self.word {
            Some((on, from, to)) if (on == 0xFF || on == ins(apdu)) && sw(&out) == from => {
                answer(to)
            }
            Some((on, 0x63C0, to)) if on == ins(apdu) && sw(&out) & 0xFFF0 == 0x63C0 => answer(to),
            _ => out,
        }
    }
}

/// A defective SAM.
pub struct FaultySam {
    patient: SamPatient,
    hook: SamHook,
}

impl FaultySam {
    #[must_use]
    pub fn new(sam: SamCard, recipe: Recipe, hook: SamHook) -> Self {
        Self {
            patient: SamPatient {
                sam,
                recipe,
                scratch: Vec::new(),
                count: 0,
                word: hook.word,
            },
            hook,
        }
    }
}

impl VirtualCard for FaultySam {
    fn reset(&mut self) -> Vec<u8> {
        (self.hook.reset)(&mut self.patient)
    }

    fn handle(&mut self, apdu: &[u8]) -> Vec<u8> {
        (self.hook.command)(&mut self.patient, apdu)
    }
}
