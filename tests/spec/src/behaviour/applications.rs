//! A directory: how it is reached, what SELECT tells, how it can be blocked; the bank's refuse the health commands (P6).

use cardlib_sim::{UserCard, VirtualCard};

use crate::host::card::authenticate;
use crate::host::{send, status};
use crate::page::{DIRECTORIES, FILES, KEYS, LOCK, READ};
use crate::stand::{Stand, enter};

/// The directory, on the profiles that have it; on the others it does not exist (R8).
pub fn directory(stand: &Stand, name: &str) {
    let (_, fid, parent, df_name) = *DIRECTORIES
        .iter()
        .find(|row| row.0 == name)
        .expect("a directory");
    let mut card = stand.card();
    let card = &mut card;
    card.reset();
    let exists = stand.directories().any(|row| row.0 == name);
    if !df_name.is_empty() {
        let select = format!("00A40400{:02X}{df_name}", df_name.len() / 2);
        let (fci, said) = ask(card, &select);
        if !exists {
            assert_eq!(said, 0x6A82);
            return;
        }
        let len = df_name.len() / 2;
        let wanted = format!("6F{:02X}84{len:02X}{df_name}", len + 2);
        assert_eq!((fci, said), (wanted, 0x9000));
        assert_eq!(status(card, "00A4000C023F00"), "9000");
    }
    reached(card, parent, fid, df_name);
    if name == "MF" {
        let (fci, said) = ask(card, "00A40000023F00");
        assert_eq!((fci.as_str(), said), ("6F0483023F00", 0x9000));
    }
    blocked(card, name);
    inhabited(card, name);
}

/// Its directories, files and keys are found in it.
fn inhabited(card: &mut UserCard, name: &str) {
    for (_, fid, _, _) in DIRECTORIES.iter().filter(|row| row.2 == name) {
        let exists = name != "MF" || *fid == "DDF1";
        if exists {
            enter(card, name);
            assert_eq!(status(card, &format!("00A4000C02{fid}")), "9000", "{fid}");
        }
    }
    enter(card, name);
    for row in FILES.iter().filter(|row| row.df() == name) {
        assert_eq!(status(card, &format!("00A4000C02{}", row.fid())), "9000");
    }
    for row in KEYS
        .iter()
        .filter(|row| row.df == name && (READ..=LOCK).contains(&row.class))
    {
        assert_eq!(
            authenticate(card, row.name, row.kid),
            0x9000,
            "{}",
            row.name
        );
    }
}

fn ask(card: &mut UserCard, apdu: &str) -> (String, u16) {
    let (bytes, said) = send(card, &hex::decode(apdu).expect("hex"));
    (hex::encode_upper(bytes), said)
}

/// By its FID from the directory above, and from the MF only if that is the one above.
fn reached(card: &mut UserCard, parent: &str, fid: &str, df_name: &str) {
    let select = format!("00A4000002{fid}");
    let from_mf = if matches!(parent, "" | "MF") {
        0x9000
    } else {
        0x6A82
    };
    assert_eq!(ask(card, &select).1, from_mf, "from the MF");
    if from_mf != 0x9000 {
        let above = DIRECTORIES.iter().find(|row| row.0 == parent);
        let (_, _, _, name) = above.expect("a directory");
        let by_name = format!("00A4040C{:02X}{name}", name.len() / 2);
        assert_eq!(status(card, &by_name), "9000");
        let (fci, said) = ask(card, &select);
        assert_eq!(said, 0x9000, "from {parent}");
        assert!(fci.ends_with(df_name), "{fci}");
    }
}

/// Which block commands exist here, told by what they answer without a right (R9, R39, R46, P6).
fn blocked(card: &mut UserCard, name: &str) {
    let (application, whole, challenge) = match name {
        "MF" => ("6985", "6982", "9000"),
        "DDF1" => ("6985", "6985", "9000"),
        "DF01" | "DF02" | "DF03" => ("6982", "6985", "9000"),
        _ => ("6985", "6985", "6985"),
    };
    assert_eq!(status(card, "0084000008"), challenge);
    assert_eq!(status(card, "841E000004 00000000"), application);
    assert_eq!(status(card, "8416000004 00000000"), whole);
}
