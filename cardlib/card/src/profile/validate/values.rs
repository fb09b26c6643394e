//! Lengths, ATR, factors, certificates and assumed values.

use super::{Checked, ensure};
use crate::profile::{CertificateSize, Cipher, FactorRule, Hash, Profile, Signature};

pub(super) fn check(profile: &Profile) -> Checked {
    lengths(profile)?;
    atr(profile)?;
    factor("factors", &profile.factors.province)?;
    factor("factors", &profile.factors.prefecture)?;
    certificate("issuer", &profile.certificates.issuer)?;
    certificate("sam", &profile.certificates.sam)?;
    assumed(profile)
}

fn lengths(profile: &Profile) -> Checked {
    let crypto = &profile.crypto;
    ensure(
        crypto.block == 16 && crypto.key == 16,
        "crypto",
        "D1",
        || "block and key have 16 bytes".into(),
    )?;
    ensure(
        crypto.challenge == 8 && crypto.mac == 4,
        "crypto",
        "D15",
        || "a challenge has 8 bytes and a MAC 4".into(),
    )?;
    let national = (Cipher::Sm4, Hash::Sm3, Signature::Sm2, 0x04);
    let international = (Cipher::Aes128, Hash::Sha256, Signature::EcdsaP256, 0x05);
    let chosen = (
        crypto.cipher,
        crypto.hash,
        crypto.signature,
        crypto.algorithm,
    );
    ensure(
        chosen == national || chosen == international,
        "crypto",
        "D46",
        || {
            "either SM4, SM3, SM2 with algorithm byte 04, or AES-128, SHA-256, ECDSA P-256 with 05"
                .into()
        },
    )?;
    ensure(crypto.check_value == 3, "crypto", "D8", || {
        "a check value has 3 bytes".into()
    })
}

fn atr(profile: &Profile) -> Checked {
    let layout = &profile.atr;
    let parts = [
        (layout.factor_at, 8),
        (layout.vendor_at, 2),
        (layout.version_at, 1),
        (layout.life_cycle_at, 1),
    ];
    let mut used = vec![0_u8; layout.historical];
    for (at, len) in parts {
        let place = used.get_mut(at..at + len);
        ensure(place.is_some(), "atr", "D6", || {
            format!("offset {at} lies outside the historical bytes")
        })?;
        place.into_iter().flatten().for_each(|byte| *byte += 1);
    }
    ensure(used.iter().all(|n| *n == 1), "atr", "D6", || {
        "factor, vendor, version and life cycle must fill the historical bytes without overlap"
            .into()
    })?;
    let count = layout.prefix.get(1).map(|t0| usize::from(t0 & 0x0F));
    ensure(count == Some(layout.historical), "atr", "D6", || {
        "T0 does not count the historical bytes".into()
    })?;
    ensure(layout.test_vendor.len() == 2, "atr", "R62", || {
        "a vendor code has 2 bytes".into()
    })
}

fn factor(item: &str, rule: &FactorRule) -> Checked {
    ensure(rule.digits + rule.pad.len() == 8, item, "D3", || {
        "digits and padding of a factor make 8 bytes".into()
    })
}

fn certificate(item: &str, size: &CertificateSize) -> Checked {
    let sum = size.fields + size.key + size.signature;
    ensure(sum == size.size, item, "D20", || {
        format!("{sum} bytes of parts, {} in all", size.size)
    })
}

fn assumed(profile: &Profile) -> Checked {
    let values = &profile.assumed;
    let clauses = [
        &values.mac_error_limit.clause,
        &values.key_error_limit.clause,
        &values.flow_version.clause,
        &values.single_version.clause,
        &values.sam_pin_tries.clause,
        &values.sam_pin_digits.clause,
        &values.client_chunk.clause,
        &values.name_min.clause,
        &values.name_max.clause,
        &values.tag_addressed_p2.clause,
        &values.spec_version.clause,
        &values.sam_version.clause,
    ];
    ensure(
        clauses.iter().all(|clause| is_clause(clause)),
        "assumed",
        "",
        || "every assumed value names its decision (D.. or R..)".into(),
    )?;
    ensure(
        (1..=15).contains(&values.sam_pin_tries.value),
        "sam_pin_tries",
        "D18",
        || "1 to 15 tries".into(),
    )?;
    ensure(
        values.sam_pin_digits.value.is_multiple_of(2),
        "sam_pin_digits",
        "D18",
        || "digits are sent in pairs".into(),
    )?;
    ensure(
        values.mac_error_limit.value > 0,
        "mac_error_limit",
        "D10",
        || "at least 1".into(),
    )?;
    ensure(
        (1..=15).contains(&values.key_error_limit.value),
        "key_error_limit",
        "D11",
        || "1 to 15".into(),
    )?;
    ensure(values.client_chunk.value > 0, "client_chunk", "R15", || {
        "at least 1".into()
    })
}

fn is_clause(clause: &str) -> bool {
    matches!(clause.split_at_checked(1), Some(("D" | "R", n)) if n.parse::<u16>().is_ok())
}
