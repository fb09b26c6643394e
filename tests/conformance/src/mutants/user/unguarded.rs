//! A right not checked, for each file and way.

use crate::files::FILES;
use crate::mutants::{Fault, Mutant, mutant};
use crate::suite::Kind;

/// A right not checked, for each file and way.
pub(super) fn unguarded() -> Vec<Mutant> {
    let mut all = Vec::new();
    for file in FILES.iter().filter(|file| !file.read.is_empty()) {
        let (df, fid) = (file.df, file.fid);
        let path = format!("{df}-{fid:04X}");
        let fault = |update| Fault::Unguarded { df, fid, update };
        all.push(mutant(
            Kind::UserCard,
            &format!("read-free-{path}"),
            &format!("UC-2.2-{path}-read"),
            &format!("{path} is read without its right"),
            fault(false),
        ));
        if !file.update.is_empty() {
            all.push(mutant(
                Kind::UserCard,
                &format!("update-free-{path}"),
                &format!("UC-2.2-{path}-update"),
                &format!("{path} is updated without its right"),
                fault(true),
            ));
        }
    }
    all
}
