//! What the card profile says about lengths that a form needs.

use cardlib_card::profile::{Element, Profile};

/// Lengths and rooms of one profile's files.
pub struct Layout<'a> {
    profile: &'a Profile,
    /// Bytes of substance and reaction.
    pub(crate) allergy: [usize; 2],
    /// Records of allergies.
    pub(crate) allergies: usize,
    /// Bytes of a vaccine's name.
    pub(crate) vaccination: usize,
    /// Records of vaccinations.
    pub(crate) vaccinations: usize,
}

impl<'a> Layout<'a> {
    /// Looks up what is needed once.
    #[must_use]
    pub fn new(profile: &'a Profile) -> Self {
        let (allergy, allergies) = cyclic(profile, ALLERGIES);
        let (vaccination, vaccinations) = cyclic(profile, VACCINATIONS);
        let length = |list: &[usize], at: usize| list.get(at).copied().unwrap_or(0);
        Self {
            profile,
            allergy: [length(&allergy, 0), length(&allergy, 1)],
            allergies,
            vaccination: length(&vaccination, 0),
            vaccinations,
        }
    }

    /// The profile behind it.
    #[must_use]
    pub fn profile(&self) -> &'a Profile {
        self.profile
    }

    /// The element of a tag.
    pub(crate) fn element(&self, tag: u8) -> Option<&'a Element> {
        self.profile.element(tag).map(|(_, _, element)| element)
    }

    /// Bytes of a tag's element; 0 where the profile has none, so that nothing fits.
    pub(crate) fn length(&self, tag: u8) -> usize {
        self.element(tag).map_or(0, |element| element.len)
    }
}

/// Cyclic file of allergies.
pub(crate) const ALLERGIES: &str = "DF02/EF07";
/// Cyclic file of vaccinations.
pub(crate) const VACCINATIONS: &str = "DF02/EF08";

fn cyclic(profile: &Profile, path: &str) -> (Vec<usize>, usize) {
    profile.file(path).map_or((Vec::new(), 0), |file| {
        (
            file.elements.iter().map(|element| element.len).collect(),
            file.records,
        )
    })
}
