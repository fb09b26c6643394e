//! MACs and cryptograms compared badly, or over the wrong bytes.

use super::row;
use crate::mutants::Mutant;
use crate::mutants::patient::{Patient, has_mac, ins, with};
use cardlib_sim::VirtualCard;

fn mac_prefix<const N: usize>(p: &mut Patient, apdu: &[u8]) -> Vec<u8> {
    let signed = p.signed(apdu);
    let at = (1 + usize::from(apdu.get(4).copied().unwrap_or(0))).min(apdu.len());
    if has_mac(apdu) && apdu.get(at..at + N) == signed.get(at..at + N) {
        p.card.handle(&signed)
    } else {
        p.card.handle(apdu)
    }
}

fn proof_prefix<const N: usize>(p: &mut Patient, apdu: &[u8]) -> Vec<u8> {
    let mut sent = apdu.to_vec();
    let version = apdu.get(21).copied().unwrap_or(0);
    if let Some(proof) = p.right_proof(apdu, version)
        && apdu.get(5..5 + N) == Some(&proof[..N])
        && apdu.get(13..21) == Some(&crate::engine::symbols::INFO[..])
    {
        sent[5..13].copy_from_slice(&proof);
    }
    p.card.handle(&sent)
}

pub(super) fn macs() -> Vec<Mutant> {
    vec![
        row(
            "mac-not-compared",
            "UC-3.4-cipher-mac UC-3.4-mac",
            "no byte of a MAC is compared",
            mac_prefix::<0>,
        ),
        row(
            "mac-one-byte",
            "UC-3.4-cipher-mac",
            "one byte of a MAC is compared",
            mac_prefix::<1>,
        ),
        row(
            "mac-two-bytes",
            "UC-3.4-cipher-mac",
            "two bytes of a MAC are compared",
            mac_prefix::<2>,
        ),
        row(
            "mac-three-bytes",
            "UC-3.4-cipher-mac",
            "three bytes of a MAC are compared",
            mac_prefix::<3>,
        ),
        row(
            "proof-not-compared",
            "R33 R37",
            "every cryptogram is right",
            proof_prefix::<0>,
        ),
        row(
            "proof-half",
            "R33 R37",
            "four bytes of a cryptogram are compared",
            proof_prefix::<4>,
        ),
        row(
            "proof-seven-bytes",
            "R33 R37",
            "seven bytes of a cryptogram are compared",
            proof_prefix::<7>,
        ),
        row(
            "mac-header-not-covered",
            "UC-3.4-cipher-mac",
            "a MAC made for another record is taken",
            |p, a| {
                if ins(a) == 0xDC && has_mac(a) && (1..=4).any(|n| p.is_signed(&with(a, 2, n))) {
                    let a = p.signed(a);
                    p.card.handle(&a)
                } else {
                    p.card.handle(a)
                }
            },
        ),
        row(
            "mac-cla-not-covered",
            "UC-3.4-cipher-mac",
            "a MAC made for class 84 is taken with class 04",
            |p, a| {
                if ins(a) == 0xDC && p.mac_as(a, |h| h[0] = 0x84) {
                    let a = p.signed(a);
                    p.card.handle(&a)
                } else {
                    p.card.handle(a)
                }
            },
        ),
        row(
            "mac-lc-not-covered",
            "UC-3.4-cipher-mac",
            "a MAC over the length without the MAC is taken",
            |p, a| {
                if ins(a) == 0xDC && p.mac_as(a, |h| h[4] -= 4) {
                    let a = p.signed(a);
                    p.card.handle(&a)
                } else {
                    p.card.handle(a)
                }
            },
        ),
        row(
            "block-mac-any-p2",
            "UC-3.4-mac",
            "APPLICATION BLOCK takes a MAC for the other P2",
            |p, a| {
                if ins(a) == 0x1E && p.mac_as(a, |h| h[3] ^= 1) {
                    let a = p.signed(a);
                    p.card.handle(&a)
                } else {
                    p.card.handle(a)
                }
            },
        ),
        row(
            "index-mac-any-command",
            "UC-3.4-mac",
            "WRITE RECORD takes a MAC made for ERASE RECORD",
            |p, a| {
                if ins(a) == 0xD2 && p.mac_as(a, |h| h[1] = 0x0C) {
                    let a = p.signed(a);
                    p.card.handle(&a)
                } else {
                    p.card.handle(a)
                }
            },
        ),
    ]
}

impl Patient {
    /// Whether the MAC would be right for a changed header.
    fn mac_as(&self, apdu: &[u8], change: fn(&mut [u8])) -> bool {
        let mut header = apdu.to_vec();
        if !has_mac(apdu) {
            return false;
        }
        let at = (1 + usize::from(apdu[4])).min(apdu.len());
        change(&mut header);
        let (Some(session), Some(message)) = (self.maintenance(), header.get(..at)) else {
            return false;
        };
        let mac = self.recipe.preset.cipher.command_mac(&session, message);
        apdu.get(at..at + 4) == Some(&mac[..])
    }

    pub(super) fn uses_challenge(apdu: &[u8]) -> bool {
        has_mac(apdu) || ins(apdu) == 0x82
    }
}
