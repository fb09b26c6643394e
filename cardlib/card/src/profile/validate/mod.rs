//! Checks a profile as a whole; everything that others rely on without asking again.

mod files;
mod keys;
mod layouts;
mod sam;
mod values;

use super::{Profile, ProfileError};

type Checked = Result<(), ProfileError>;

pub(super) fn check(profile: &Profile) -> Checked {
    values::check(profile)?;
    layouts::check(profile)?;
    files::check(profile)?;
    keys::check(profile)?;
    sam::check(profile)
}

fn ensure(holds: bool, item: &str, clause: &'static str, what: impl FnOnce() -> String) -> Checked {
    if holds {
        Ok(())
    } else {
        Err(ProfileError::new(item, clause, what()))
    }
}

/// Every item's value is another one; `item` names the second of two equal ones.
fn unique<T: PartialEq>(
    items: impl IntoIterator<Item = (T, String)>,
    clause: &'static str,
    what: &str,
) -> Checked {
    let mut seen: Vec<(T, String)> = Vec::new();
    for (value, item) in items {
        if let Some((_, first)) = seen.iter().find(|(other, _)| *other == value) {
            return Err(ProfileError::new(
                &item,
                clause,
                format!("{what} is that of {first} too"),
            ));
        }
        seen.push((value, item));
    }
    Ok(())
}
