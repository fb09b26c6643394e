//! Defective virtual products: one seeded fault each, of the kind that real products have, with the clause it breaks. The
//! worth of the suites is what they catch of these.
//!
//! | module | one idea |
//! |---|---|
//! | [`patient`] | a card or SAM with a hand inside |
//! | [`user`], [`sam`] | behaviour that is wrong |
//! | [`layout`] | files, keys, limits and data that are wrong |
//! | [`words`] | status words that are wrong |
//! | [`generate`] | further mutants by chance |
//! | [`hunt`] | which case catches which mutant |

pub mod generate;
pub mod hunt;
pub mod layout;
pub mod patient;
pub mod sam;
pub mod user;
pub mod words;

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use cardlib_card::content::CardContent;
use cardlib_card::profile::Profile;
use cardlib_sim::VirtualCard;

use crate::bench::virtual_product::Recipe;
use crate::suite::Kind;
use patient::{FaultySam, FaultyUser, SamHook, UserHook};

/// What is wrong.
#[derive(Clone)]
pub enum Fault {
    /// The user card's behaviour.
    User(UserHook),
    /// The SAM's.
    Sam(SamHook),
    /// The chip's idea of its own layout ([`layout::apply`]).
    Profile(String),
    /// The card's data: tag and value.
    Data(u8, Vec<u8>),
    /// A status word in place of another, for one instruction (FF: all).
    Word { ins: u8, from: u16, to: u16 },
    /// Reading (or updating) one file without its right.
    Unguarded {
        df: &'static str,
        fid: u16,
        update: bool,
    },
}

/// One defective product.
#[derive(Clone)]
pub struct Mutant {
    pub id: String,
    pub kind: Kind,
    /// Clauses that it breaks: cases that cover one of them must catch it.
    pub clauses: Vec<String>,
    pub what: String,
    pub fault: Fault,
}

impl Mutant {
    /// A fresh defective chip.
    ///
    /// # Errors
    /// The simulator does not take the changed profile or data.
    pub fn make(&self, recipe: &Recipe) -> Result<Box<dyn VirtualCard>, String> {
        let mut recipe = *recipe;
        let mut content: CardContent = recipe.content()?;
        match &self.fault {
            Fault::Profile(change) => {
                recipe.profile = changed_once(&self.id, recipe.profile, |profile| {
                    layout::apply(change, profile)
                })?;
                content = recipe.content()?;
            }
            Fault::Data(tag, value) => content
                .set(recipe.profile, *tag, value)
                .map_err(|e| e.to_string())?,
            _ => {}
        }
        Ok(match self.kind {
            Kind::Sam => {
                let hook = match &self.fault {
                    Fault::Sam(hook) => *hook,
                    Fault::Word { ins, from, to } => SamHook::word(*ins, *from, *to),
                    _ => SamHook::default(),
                };
                Box::new(FaultySam::new(recipe.sam()?, recipe, hook))
            }
            Kind::UserCard | Kind::Terminal => {
                let hook = match &self.fault {
                    Fault::User(hook) => *hook,
                    Fault::Word { ins, from, to } => UserHook::word(*ins, *from, *to),
                    Fault::Unguarded { df, fid, update } => UserHook::unguarded(df, *fid, *update),
                    _ => UserHook::default(),
                };
                Box::new(FaultyUser::new(recipe.card_with(&content)?, recipe, hook))
            }
        })
    }
}

/// A changed profile, made once: profiles live as long as the program.
fn changed_once(
    name: &str,
    sound: &Profile,
    change: impl FnOnce(&mut Profile) -> Result<(), String>,
) -> Result<&'static Profile, String> {
    static MADE: Mutex<BTreeMap<String, &'static Profile>> = Mutex::new(BTreeMap::new());
    let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(there) = made.get(name) {
        return Ok(there);
    }
    let mut profile = sound.clone();
    change(&mut profile)?;
    let fresh: &'static Profile = Box::leak(Box::new(profile));
    made.insert(name.to_owned(), fresh);
    Ok(fresh)
}

/// The table: every seeded fault.
#[must_use]
pub fn table() -> Vec<Mutant> {
    let mut all = user::mutants();
    all.extend(sam::mutants());
    all.extend(layout::mutants());
    all.extend(words::mutants());
    all
}

/// A row of a table.
fn mutant(kind: Kind, id: &str, clauses: &str, what: &str, fault: Fault) -> Mutant {
    Mutant {
        id: id.to_owned(),
        kind,
        clauses: clauses.split_whitespace().map(str::to_owned).collect(),
        what: what.to_owned(),
        fault,
    }
}
