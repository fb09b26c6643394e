//! Ranges of commands that count as one case. What a range must answer stands here from R4, R9, R13 and the command table.

use cardlib_reader::row::Asked;

use super::Difference;
use super::talk::{Talk, Trouble};
use crate::step::{Sweep, Which};

/// Class and instruction of every command of section 3.1, and the plain forms of R16.
const CARD: [(u8, u8); 17] = [
    (0x00, 0xA4),
    (0x00, 0xB2),
    (0x00, 0xB0),
    (0x00, 0xD6),
    (0x04, 0xDC),
    (0x00, 0xDC),
    (0x84, 0xD2),
    (0x00, 0xD2),
    (0x84, 0x0C),
    (0x00, 0x0C),
    (0x00, 0x84),
    (0x00, 0xC0),
    (0x00, 0x88),
    (0x00, 0x82),
    (0x84, 0x1E),
    (0x84, 0x18),
    (0x84, 0x16),
];
/// Of section 4.2, D16, D17; R55's UPDATE BINARY.
const SAM: [(u8, u8); 11] = [
    (0x00, 0xA4),
    (0x00, 0xB0),
    (0x00, 0xC0),
    (0x00, 0xD6),
    (0x00, 0x84),
    (0x00, 0x20),
    (0x80, 0x5E),
    (0x80, 0xDE),
    (0x80, 0xFA),
    (0x80, 0xC8),
    (0x80, 0xC4),
];
/// Personalisation commands that an active SAM goes on taking under its master key; what they answer is the maker's.
const SAM_DIALECT: [u8; 8] = [0x50, 0x82, 0xD4, 0xE6, 0xDC, 0x24, 0xF2, 0xFF];

/// Runs a range; what was expected and seen at the first command that answered otherwise.
///
/// # Errors
/// [`Trouble`] of the transport.
pub fn run(
    sweep: Sweep,
    which: Which,
    base: &[u8],
    talk: &mut Talk<'_>,
) -> Result<Difference, Trouble> {
    match sweep {
        Sweep::InsCla => ins_cla(which, talk),
        Sweep::P1P2 => p1p2(which, base, talk),
        Sweep::Fids => fids(which, base, talk),
        Sweep::Kids => kids(which, base, talk),
    }
}

/// A command, and the status word alone that must answer it.
fn ask(command: impl Into<Vec<u8>>, wanted: u16) -> Asked {
    Asked {
        command: command.into(),
        wanted: wanted.to_be_bytes(),
    }
}

fn all(which: Which, asked: &[Asked], talk: &mut Talk<'_>) -> Result<Difference, Trouble> {
    let differs = talk.row(which, asked)?;
    Ok(differs.map(|(asked, answer)| {
        let command = hex::encode_upper(asked.command);
        (
            hex::encode_upper(asked.wanted),
            format!("{} to {command}", answer.text()),
        )
    }))
}

/// Every CLA with every INS: a class that no command has is 6E00, an INS that none has 6D00, a known INS in another class
/// 6E00 (R9). The known pairs are left to their own cases.
fn ins_cla(which: Which, talk: &mut Talk<'_>) -> Result<Difference, Trouble> {
    let known: &[(u8, u8)] = match which {
        Which::Card => &CARD,
        Which::Sam => &SAM,
    };
    let mut asked = Vec::new();
    for cla in 0..=0xFFu8 {
        for ins in 0..=0xFFu8 {
            let dialect =
                which == Which::Sam && matches!(cla, 0x80 | 0x84) && SAM_DIALECT.contains(&ins);
            if known.contains(&(cla, ins)) || dialect {
                continue;
            }
            // GET RESPONSE and SELECT of another class are commands like others; 6x and 9x as INS are no T=0 INS at all.
            if matches!(ins >> 4, 6 | 9) {
                continue;
            }
            let wanted = if !matches!(cla, 0x00 | 0x04 | 0x80 | 0x84)
                || known.iter().any(|pair| pair.1 == ins)
            {
                0x6E00
            } else {
                0x6D00
            };
            asked.push(ask([cla, ins, 0x00, 0x00], wanted));
        }
    }
    all(which, &asked, talk)
}

/// Every other P1 with this P2, and every other P2 with this P1: 6A86. The base's own P1 and P2 are left out, and where the
/// base ends in a list (`base ‖ FF ‖ pairs`), those too.
fn p1p2(which: Which, base: &[u8], talk: &mut Talk<'_>) -> Result<Difference, Trouble> {
    let [cla, ins, p1, p2, tail @ ..] = base else {
        return Err(Trouble::Case("sweep p1p2 needs a header".into()));
    };
    // tail: Lc and data of the command as sent, a length byte before it; then values of P1, of P2 to leave out.
    let [len, rest @ ..] = tail else {
        return Err(Trouble::Case(
            "sweep p1p2: header, length, body, then P1s and P2s".into(),
        ));
    };
    let (body, allowed) = rest
        .split_at_checked(usize::from(*len))
        .ok_or_else(|| Trouble::Case("sweep p1p2: body too short".into()))?;
    let (p1s, p2s) = match allowed.split_first() {
        Some((count, values)) => values
            .split_at_checked(usize::from(*count))
            .unwrap_or((values, &[])),
        None => (&[][..], &[][..]),
    };
    let other_p1 = (0..=0xFFu8)
        .filter(|v| v != p1 && !p1s.contains(v))
        .map(|v| (v, *p2));
    let other_p2 = (0..=0xFFu8)
        .filter(|v| v != p2 && !p2s.contains(v))
        .map(|v| (*p1, v));
    let asked: Vec<Asked> = other_p1
        .chain(other_p2)
        .map(|(p1, p2)| ask([&[*cla, *ins, p1, p2][..], body].concat(), 0x6A86))
        .collect();
    all(which, &asked, talk)
}

/// Every identifier whose high byte is the base's first: 6A82 but for the low bytes that follow.
fn fids(which: Which, base: &[u8], talk: &mut Talk<'_>) -> Result<Difference, Trouble> {
    let [high, there @ ..] = base else {
        return Err(Trouble::Case(
            "sweep fids: high byte, then low bytes that exist".into(),
        ));
    };
    let asked: Vec<Asked> = (0..=0xFFu8)
        .filter(|low| !there.contains(low))
        .map(|low| ask([0x00, 0xA4, 0x00, 0x0C, 0x02, *high, low], 0x6A82))
        .collect();
    all(which, &asked, talk)
}

/// EXTERNAL AUTHENTICATE under every KID that is not in the list, versions 00 and 01: 6A88 (R31).
fn kids(which: Which, there: &[u8], talk: &mut Talk<'_>) -> Result<Difference, Trouble> {
    let asked: Vec<Asked> = (0..=0xFFu8)
        .filter(|kid| !there.contains(kid))
        .flat_map(|kid| [(kid, 0x00), (kid, 0x01)])
        .map(|(kid, version)| {
            let head = [0x00, 0x82, 0x00, kid, 0x11];
            ask([&head[..], &[0; 16], &[version]].concat(), 0x6A88)
        })
        .collect();
    all(which, &asked, talk)
}
