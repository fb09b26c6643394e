//! Random command sequences: drawn from the seed that a server gave, so that nobody can prepare the answers, and judged by a
//! model of selection, rights and challenges (R2, R31–R36, D14, D15). They leave the card as it was: a wrong cryptogram is
//! followed by a right one, a MAC is never wrong, and only what the model knows to be refused is written.

use super::Difference;
use super::symbols::Known;
use super::talk::{Talk, Trouble};
use crate::files::{FILES, FileRow, Shape};
use crate::hierarchy::{KEYS, KeyRow};
use crate::random::Chance;
use crate::step::Which;
use crate::template::{Call, Symbols};

const DFS: [(&str, &[u8]); 5] = [
    ("MF", &[]),
    ("DDF1", b"WS.SYS.DDF01"),
    ("DF01", &[0x91, 0x56, 0x00, 0x01, 0x32, 0x00]),
    ("DF02", &[0x91, 0x56, 0x00, 0x01, 0x32, 0x01]),
    ("DF03", &[0x91, 0x56, 0x00, 0x01, 0x32, 0x02]),
];

/// The kinds of right (R34).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Right {
    Read,
    Update,
    Erase,
    Lock,
}

fn right_of(key: &KeyRow) -> Option<Right> {
    match key.name.split('_').next()? {
        "RK1" => Some(Right::Read),
        "UK2" if key.df == "DF03" => Some(Right::Erase),
        "UK1" | "UK2" | "UK3" => Some(Right::Update),
        "LK" | "BK" => Some(Right::Lock),
        _ => None,
    }
}

struct State {
    df: &'static str,
    file: Option<&'static FileRow>,
    /// For each kind the key that gave it last.
    rights: Vec<(Right, &'static str)>,
    challenge: bool,
}

impl State {
    fn holds(&self, key: &str) -> bool {
        key.is_empty() || self.rights.iter().any(|(_, held)| *held == key)
    }
}

struct Walk<'a, 'b> {
    known: &'a mut Known,
    talk: &'a mut Talk<'b>,
    state: State,
    chance: Chance,
}

/// Runs `count` moves.
///
/// # Errors
/// [`Trouble`] of the transport.
pub fn run(count: usize, known: &mut Known, talk: &mut Talk<'_>) -> Result<Difference, Trouble> {
    let chance = Chance::of(&known.seed, &format!("{}/random", known.place));
    talk.reset(Which::Card)?;
    let state = State {
        df: "MF",
        file: None,
        rights: Vec::new(),
        challenge: false,
    };
    let mut walk = Walk {
        known,
        talk,
        state,
        chance,
    };
    for _ in 0..count {
        let found = match walk.chance.below(12) {
            0 | 1 => walk.select_df()?,
            2..=4 => walk.select_file()?,
            5..=6 => walk.authenticate()?,
            7 => walk.wrong_then_right()?,
            8..=10 => walk.read()?,
            _ => walk.write_without_right()?,
        };
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

impl Walk<'_, '_> {
    fn expect(&mut self, command: &[u8], wanted: u16) -> Result<Difference, Trouble> {
        let answer = self.talk.ask(Which::Card, command)?;
        if answer.status == wanted {
            return Ok(None);
        }
        let place = format!(
            "{wanted:04X} to {} in {}",
            hex::encode_upper(command),
            self.state.df
        );
        Ok(Some((place, answer.text())))
    }

    fn select_df(&mut self) -> Result<Difference, Trouble> {
        let (name, bytes) = DFS[self.chance.below(DFS.len())];
        let command = if bytes.is_empty() {
            vec![0x00, 0xA4, 0x00, 0x0C, 0x02, 0x3F, 0x00]
        } else {
            [
                &[0x00, 0xA4, 0x04, 0x0C, bytes.len().to_le_bytes()[0]],
                bytes,
            ]
            .concat()
        };
        if name != self.state.df {
            self.state.rights.clear();
            self.state.challenge = false;
        }
        self.state.df = name;
        self.state.file = None;
        self.expect(&command, 0x9000)
    }

    fn select_file(&mut self) -> Result<Difference, Trouble> {
        let Some(row) = self.chance.pick(&FILES) else {
            return Ok(None);
        };
        // Identifiers of other directories are not in reach; EF05–EF08 exist in several.
        let here = FILES
            .iter()
            .find(|file| file.df == self.state.df && file.fid == row.fid);
        let wanted = if here.is_some() { 0x9000 } else { 0x6A82 };
        if here.is_some() {
            self.state.file = here;
        }
        let [high, low] = row.fid.to_be_bytes();
        self.expect(&[0x00, 0xA4, 0x00, 0x0C, 0x02, high, low], wanted)
    }

    fn challenge(&mut self) -> Result<Difference, Trouble> {
        let answer = self
            .talk
            .ask(Which::Card, &[0x00, 0x84, 0x00, 0x00, 0x08])?;
        let Ok(value) = <[u8; 8]>::try_from(answer.data.as_slice()) else {
            return Ok(Some(("a challenge of 8 bytes".into(), answer.text())));
        };
        self.known.challenged(value);
        self.state.challenge = true;
        Ok(None)
    }

    fn proof(&self, key: &KeyRow, version: u8, wrong: bool) -> Result<Vec<u8>, Trouble> {
        let mut words = vec![key.name.to_owned(), format!("v{version}")];
        if wrong {
            words.push("flip3".to_owned());
        }
        let call = Call {
            name: "proof".to_owned(),
            words,
            content: None,
        };
        let proof = self
            .known
            .value(&call, &[], &[])
            .map_err(|e| Trouble::Case(e.to_string()))?;
        Ok([
            &[0x00, 0x82, 0x00, key.kid, 0x11][..],
            &proof,
            &super::symbols::INFO,
            &[version],
        ]
        .concat())
    }

    fn own_key(&mut self) -> Option<&'static KeyRow> {
        let here: Vec<&'static KeyRow> = KEYS
            .iter()
            .filter(|key| key.df == self.state.df && right_of(key).is_some())
            .collect();
        self.chance.pick(&here).copied()
    }

    fn authenticate(&mut self) -> Result<Difference, Trouble> {
        let Some(key) = self.own_key() else {
            return Ok(None);
        };
        let version = self.chance.byte() % key.groups;
        if let Some(found) = self.challenge()? {
            return Ok(Some(found));
        }
        let command = self.proof(key, version, false)?;
        self.state.challenge = false;
        if let Some(right) = right_of(key) {
            self.state.rights.retain(|(held, _)| *held != right);
            self.state.rights.push((right, key.name));
        }
        self.expect(&command, 0x9000)
    }

    /// A wrong cryptogram costs a try and the challenge, and takes no right away; the right one gives the try back.
    fn wrong_then_right(&mut self) -> Result<Difference, Trouble> {
        let Some(key) = self.own_key() else {
            return Ok(None);
        };
        let version = self.chance.byte() % key.groups;
        for (wrong, first, second) in [(true, 0x63C9, 0x6984), (false, 0x9000, 0x6984)] {
            if let Some(found) = self.challenge()? {
                return Ok(Some(found));
            }
            let command = self.proof(key, version, wrong)?;
            self.state.challenge = false;
            if !wrong && let Some(right) = right_of(key) {
                self.state.rights.retain(|(held, _)| *held != right);
                self.state.rights.push((right, key.name));
            }
            for wanted in [first, second] {
                if let Some(found) = self.expect(&command, wanted)? {
                    return Ok(Some(found));
                }
            }
        }
        Ok(None)
    }

    fn read(&mut self) -> Result<Difference, Trouble> {
        let number = self.chance.byte() % 17;
        let record = [0x00, 0xB2, number, 0x04, 0x00];
        let Some(file) = self.state.file else {
            return self.expect(&record, 0x6986);
        };
        let right = self.state.holds(file.read);
        match file.shape {
            Shape::Binary(size) => {
                if self.chance.below(4) == 0 {
                    return self.expect(&record, 0x6981);
                }
                let offset = u16::try_from(self.chance.below(usize::from(size) + 20)).unwrap_or(0);
                let [high, low] = offset.to_be_bytes();
                let wanted = if !right {
                    0x6982
                } else if offset < size {
                    0x9000
                } else {
                    0x6B00
                };
                self.expect(&[0x00, 0xB0, high, low, 0x01], wanted)
            }
            Shape::Variable(count) | Shape::Fixed(count) => {
                let there = (1..=count).contains(&number);
                self.expect(
                    &record,
                    if !right {
                        0x6982
                    } else if there {
                        0x9000
                    } else {
                        0x6A83
                    },
                )
            }
            // How many records a cyclic file has, only its holder knows.
            Shape::Cyclic(count) => {
                let number = if number <= count { 0 } else { number };
                self.expect(
                    &[0x00, 0xB2, number, 0x04, 0x00],
                    if right { 0x6A83 } else { 0x6982 },
                )
            }
        }
    }

    /// Only where the right is missing: 6982 before everything that could change something (R9).
    fn write_without_right(&mut self) -> Result<Difference, Trouble> {
        let Some(file) = self.state.file else {
            return self.expect(&[0x00, 0xD6, 0x00, 0x00, 0x01, 0x00], 0x6986);
        };
        let right = !file.update.is_empty() && self.state.holds(file.update);
        match file.shape {
            Shape::Binary(_) if right => self.expect(&[0x00, 0xD6, 0x7F, 0xFF, 0x01, 0x00], 0x6B00),
            Shape::Binary(_) => self.expect(&[0x00, 0xD6, 0x00, 0x00, 0x01, 0x00], 0x6982),
            Shape::Fixed(_) => self.expect(
                &[0x00, 0xD2, 0x01, 0x00],
                if right { 0x6987 } else { 0x6982 },
            ),
            Shape::Cyclic(_) => self.expect(
                &[0x00, 0xDC, 0x00, 0x03],
                if right { 0x6987 } else { 0x6982 },
            ),
            Shape::Variable(_) => self.expect(
                &[0x00, 0xDC, 0x01, 0x04],
                if right { 0x6987 } else { 0x6982 },
            ),
        }
    }
}
