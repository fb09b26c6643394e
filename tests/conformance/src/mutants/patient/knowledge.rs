//! What the hand in a user card knows: keys, session keys, MACs, counters.

use cardlib_card::profile::File;
use cardlib_sim::VirtualCard;
use cardlib_sim::user::memory::Change;

use super::{Patient, answer, before_mac, has_mac, ins, sw};
use crate::engine::symbols::INFO;
use crate::formulas::Block;
use crate::hierarchy::key_named;

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

    pub(super) fn other_word(&mut self, apdu: &[u8]) -> Vec<u8> {
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

    pub(super) fn without_right(&mut self, apdu: &[u8]) -> Vec<u8> {
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
