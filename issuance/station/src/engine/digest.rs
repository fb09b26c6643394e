//! What binds a card to its data, and a security code to its card.

use cardlib_card::content::CardContent;
use sm3::{Digest, Sm3};

use crate::journal::Job;

/// What the journal can check a security code with: it is three characters, so this hides it from the eye, not from an
/// attacker; it is printed on the card anyway (D22).
pub(super) fn code_check(job: &Job, code: &str) -> String {
    let hash = Sm3::new()
        .chain_update(&job.serial)
        .chain_update(&job.data_hash)
        .chain_update(code)
        .finalize();
    hex::encode(&hash[..4])
}

/// What binds a card to its data: SM3 over the content's canonical bytes.
#[must_use]
pub fn data_hash(content: &CardContent) -> String {
    let mut bytes = content.canonical_bytes();
    let hash = hex::encode(Sm3::digest(&bytes));
    zeroize::Zeroize::zeroize(&mut bytes);
    hash
}
