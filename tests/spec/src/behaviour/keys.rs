//! A key: where it is found, its versions and tries, what it opens, its header when it is written, and its place in the SAM.

use cardlib_sim::{SamCard, UserCard};

use super::sams;
use crate::host::card::{authenticate, challenge, cryptogram, secured, with_mac};
use crate::host::{card_key, send, sm4, spread, status};
use crate::page::{self, ERASE, INTERNAL, KeyRow, LOCK, MAINTENANCE, READ, UPDATE};
use crate::stand::{Stand, enter, fid_of, root};

/// The key.
pub fn key(stand: &Stand, name: &str) {
    let row = page::key_row(name);
    match row.class {
        INTERNAL => proves_the_card(stand, row),
        MAINTENANCE => makes_macs(stand, row),
        _ => authenticates(stand, row),
    }
    written(stand, row);
    in_the_sam(stand, row);
}

fn attempt(card: &mut UserCard, row: &KeyRow, version: u8, right: bool) -> u16 {
    let random = challenge(card);
    let key = card_key(&format!("{}-v{version}", row.name));
    let mut proof = cryptogram(&key, random, *b"terminal");
    proof[0] ^= u8::from(!right);
    let apdu = [
        &[0x00, 0x82, 0x00, row.kid, 17],
        &proof[..],
        b"terminal",
        &[version],
    ];
    send(card, &apdu.concat()).1
}

fn authenticates(stand: &Stand, row: &KeyRow) {
    let mut card = stand.card();
    enter(&mut card, row.df);
    for version in 0..row.groups {
        assert_eq!(attempt(&mut card, row, version, true), 0x9000, "v{version}");
    }
    assert_eq!(attempt(&mut card, row, row.groups, true), 0x6A88);
    for left in (0..10).rev() {
        assert_eq!(attempt(&mut card, row, 0, false), 0x63C0 + left);
    }
    assert_eq!(attempt(&mut card, row, 0, true), 0x6983);
    rights_of(stand, row.df);
}

/// Which rights live together and which take each other's place (R34).
fn rights_of(stand: &Stand, df: &str) {
    let mut card = stand.card();
    let card = &mut card;
    enter(card, df);
    let grant = |card: &mut UserCard, name: &str| {
        let kid = page::key_row(name).kid;
        assert_eq!(authenticate(card, name, kid), 0x9000, "{name}");
    };
    match df {
        "MF" => {
            assert_eq!(status(card, "8416000004 00000000"), "6982");
            grant(card, "BK_MF");
            let block = with_mac(card, "STK_MF-v0", [0x84, 0x16, 0, 0]);
            assert_eq!(send(card, &block).1, 0x9000);
            assert_eq!(status(card, "00A40000023F00"), "6A81");
        }
        "DDF1" => {
            grant(card, "RK1_DDF1");
            grant(card, "UK1_DDF1");
            both(card, "EF07", "00B0000001", "00D600000100");
        }
        "DF01" => {
            locks(card, df, "LK_DF01");
            grant(card, "RK1_DF01");
            grant(card, "UK1_DF01");
            updates(card, "EF07", "STK_DF01-v0", &[0x22, 0x01, 0x20], "9000");
            assert_eq!(status(card, "00B2010400"), "9000");
        }
        "DF02" => {
            locks(card, df, "LK_DF02");
            grant(card, "RK1_DF02");
            for (key, first, special, list) in [
                ("UK1_DF02", "9000", "6982", "6982"),
                ("UK2_DF02", "6982", "9000", "6982"),
                ("UK3_DF02", "6982", "6982", "9000"),
            ] {
                grant(card, key);
                updates(card, "EF05", "STK_DF02-v0", &[41, 1, 3], first);
                updates(card, "EF06", "STK_DF02-v0", &[56, 1, 1], special);
                assert_eq!(status(card, "00B2010400"), "9000", "reading goes on");
                append(card, list);
            }
        }
        _ => {
            locks(card, df, "LK_DF03");
            for key in ["RK1_DF03", "UK1_DF03", "UK2_DF03"] {
                grant(card, key);
            }
            both(card, "EE01", "00B0000001", "00D600000100");
            assert_eq!(status(card, "00A4000C02EF05"), "9000");
            for (ins, after) in [(0xD2, 0x00), (0x0C, 0xFF)] {
                let write = with_mac(card, "STK_DF03-v0", [0x84, ins, 1, 0]);
                assert_eq!(send(card, &write).1, 0x9000);
                assert_eq!(send(card, &[0x00, 0xB2, 1, 4, 0]), (vec![after], 0x9000));
            }
        }
    }
}

fn both(card: &mut UserCard, fid: &str, read: &str, write: &str) {
    assert_eq!(status(card, &format!("00A4000C02{fid}")), "9000");
    assert_eq!(status(card, read), "9000");
    assert_eq!(status(card, write), "9000");
}

/// Block and unblock with the lock right, while reading goes on beside it.
fn locks(card: &mut UserCard, df: &str, lock: &str) {
    let stk = format!("STK_{df}-v0");
    assert_eq!(status(card, "841E000004 00000000"), "6982");
    let kid = page::key_row(lock).kid;
    assert_eq!(authenticate(card, lock, kid), 0x9000);
    let block = with_mac(card, &stk, [0x84, 0x1E, 0, 0]);
    assert_eq!(send(card, &block).1, 0x9000, "BLOCK");
    assert_eq!(authenticate(card, lock, kid), 0x9000);
    let unblock = with_mac(card, &stk, [0x84, 0x18, 0, 0]);
    assert_eq!(send(card, &unblock).1, 0x9000, "UNBLOCK");
}

fn updates(card: &mut UserCard, fid: &str, stk: &str, content: &[u8], wanted: &str) {
    assert_eq!(status(card, &format!("00A4000C02{fid}")), "9000");
    let update = secured(card, stk, [0x04, 0xDC, 0x01, 0x04], content);
    assert_eq!(format!("{:04X}", send(card, &update).1), wanted, "{fid}");
}

fn append(card: &mut UserCard, wanted: &str) {
    assert_eq!(status(card, "00A4000C02EF08"), "9000");
    let update = secured(card, "STK_DF02-v0", [0x04, 0xDC, 0x00, 0x03], &[0x31; 24]);
    assert_eq!(format!("{:04X}", send(card, &update).1), wanted);
}

fn proves_the_card(stand: &Stand, row: &KeyRow) {
    let mut card = stand.card();
    enter(&mut card, row.df);
    for p2 in [0x00, row.kid] {
        for version in 0..=row.groups {
            let apdu = [
                &[0x00, 0x88, 0x00, p2, 17][..],
                b"random08",
                b"infoinfo",
                &[version],
            ];
            let (proof, said) = send(&mut card, &apdu.concat());
            if version == row.groups {
                assert_eq!(said, 0x6A88);
                continue;
            }
            let key = card_key(&format!("{}-v{version}", row.name));
            let wanted = cryptogram(&key, *b"random08", *b"infoinfo").to_vec();
            assert_eq!((proof, said), (wanted, 0x9000));
        }
    }
    enter(&mut card, "DF01");
    let elsewhere = [&[0x00, 0x88, 0x00, 0x00, 17][..], &[0; 16], &[1]].concat();
    assert_eq!(send(&mut card, &elsewhere).1, 0x6A88);
}

fn makes_macs(stand: &Stand, row: &KeyRow) {
    let mut card = stand.card();
    enter(&mut card, row.df);
    let refused = [&[0x00, 0x82, 0x00, row.kid, 17][..], &[0; 17]].concat();
    challenge(&mut card);
    assert_eq!(
        send(&mut card, &refused).1,
        0x6A88,
        "no key of an authentication"
    );
    if row.df == "DDF1" {
        let update = page::key_row("UK1_DDF1");
        assert_eq!(authenticate(&mut card, update.name, update.kid), 0x9000);
        assert_eq!(authenticate(&mut card, "RK1_DDF1", 0x04), 0x9000);
        updates(
            &mut card,
            "EF08",
            "STK_DDF1-v0",
            &[7, 4, 0x20, 0x36, 1, 1],
            "9000",
        );
        return;
    }
    rights_of(stand, row.df);
}

/// WRITE KEY takes the header that the dialect's page gives, for every version and no further one.
fn written(stand: &Stand, row: &KeyRow) {
    let (mut card, mut host) = stand.half_made();
    let [high, low] = fid_of(row.df).to_be_bytes();
    let algorithm = if stand.aes() { 0x05 } else { 0x04 };
    let limit = if matches!(row.class, READ | UPDATE | ERASE | LOCK) {
        10
    } else {
        0
    };
    for version in 0..=row.groups {
        let header = [
            high, low, row.class, row.kid, version, algorithm, limit, 0, 0,
        ];
        let key = card_key("any");
        let said = host.write_key(&mut card, 0, &header, &key);
        let wanted = if version == row.groups {
            0x6A80
        } else {
            0x9000
        };
        assert_eq!(said, wanted, "version {version}");
    }
}

/// DELIVERY under the table's usage byte and index, and what the session key makes (R51, R52).
fn in_the_sam(stand: &Stand, row: &KeyRow) {
    let mut sam = stand.sam(5);
    sams::ready(&mut sam);
    let usage = stand.usage(row);
    for version in 0..row.groups {
        let session = delivered(stand, &mut sam, row, version);
        let block = *b"sixteen bytes in";
        let cipher = [&[0x80, 0xFA, 0x00, 0x00, 0x10][..], &block].concat();
        assert_eq!(
            send(&mut sam, &cipher),
            (sm4(&session, block).to_vec(), 0x9000)
        );
    }
    delivered(stand, &mut sam, row, 0);
    let mac = [&[0x80, 0xFA, 0x05, 0x00, 0x20][..], &[0; 32]].concat();
    let wanted = if usage & 0x1F == 8 { 0x9000 } else { 0x6985 };
    assert_eq!(send(&mut sam, &mac).1, wanted, "MAC under this kind");
}

fn delivered(stand: &Stand, sam: &mut SamCard, row: &KeyRow, version: u8) -> [u8; 16] {
    let apdu = sams::delivery(stand, row, version);
    assert_eq!(send(sam, &apdu).1, 0x9000, "DELIVERY v{version}");
    let factors = stand.factors(row);
    let key = factors
        .iter()
        .rev()
        .fold(root(row.name, version), |key, factor| spread(&key, *factor));
    spread(&key, *b"random08")
}
