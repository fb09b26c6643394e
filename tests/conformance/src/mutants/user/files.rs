//! Selection, cyclic files, indices, offsets.

use super::content::stored;
use super::{reset_row, row};
use crate::mutants::Mutant;
use crate::mutants::patient::{answer, ins, sw, with};
use cardlib_sim::VirtualCard;
use cardlib_sim::user::memory::Change;

pub(super) fn files() -> Vec<Mutant> {
    vec![
        row(
            "cyclic-oldest-first",
            "R19",
            "cyclic records are numbered from the oldest",
            |p, a| {
                let used = p
                    .card
                    .standing()
                    .1
                    .and_then(|at| p.card.inspect().files[at].as_ref())
                    .map_or(0, |f| f.used);
                let cyclic = p
                    .file()
                    .filter(|f| f.kind == cardlib_card::profile::FileKind::Cyclic)
                    .map(|f| f.records.min(used));
                match cyclic {
                    Some(n) if ins(a) == 0xB2 && usize::from(a[2]) <= n && a[2] > 0 => p
                        .card
                        .handle(&with(a, 2, (n + 1 - usize::from(a[2])).to_le_bytes()[0])),
                    _ => p.card.handle(a),
                }
            },
        ),
        row(
            "cyclic-full",
            "R19",
            "a full cyclic file takes no more",
            |p, a| {
                let full = p
                    .card
                    .standing()
                    .1
                    .and_then(|at| p.card.inspect().files[at].as_ref())
                    .zip(p.file())
                    .is_some_and(|(m, f)| {
                        f.kind == cardlib_card::profile::FileKind::Cyclic && m.used >= f.records
                    });
                if ins(a) == 0xDC && full {
                    answer(0x6A84)
                } else {
                    p.card.handle(a)
                }
            },
        ),
        row(
            "cyclic-replaces-newest",
            "R19",
            "a full cyclic file replaces its newest record",
            |p, a| {
                let (at, before) = stored(p);
                let full = at
                    .and_then(|at| p.card.inspect().files[at].as_ref())
                    .zip(p.file())
                    .is_some_and(|(m, f)| {
                        f.kind == cardlib_card::profile::FileKind::Cyclic && m.used >= f.records
                    });
                let size = p.file().map_or(0, |f| f.size);
                let out = p.card.handle(a);
                if ins(a) == 0xDC
                    && full
                    && sw(&out) == 0x9000
                    && let Some(at) = at
                {
                    p.card
                        .tamper(&[Change::Write(at, size, before[size..].to_vec())]);
                }
                out
            },
        ),
        row(
            "cyclic-p1-free",
            "R19 R13",
            "appending takes any P1 in its check",
            |p, a| {
                let cyclic = p
                    .file()
                    .is_some_and(|f| f.kind == cardlib_card::profile::FileKind::Cyclic);
                if matches!(a, [0x04 | 0x00, 0xDC, ..])
                    && cyclic
                    && a.get(3) == Some(&3)
                    && a.get(2) != Some(&0)
                {
                    answer(0x6988)
                } else {
                    p.card.handle(a)
                }
            },
        ),
        row(
            "erase-clears-visit",
            "R25",
            "ERASE RECORD clears the visit file",
            |p, a| {
                let outpatient = p.file().is_some_and(|f| f.fid == 0xEF06);
                let out = p.card.handle(a);
                if ins(a) == 0x0C && sw(&out) == 0x9000 {
                    let fid = if outpatient { 0xED00 } else { 0xEE00 } | u16::from(a[2]);
                    if let Some(at) = p.recipe.profile.files.iter().position(|f| f.fid == fid) {
                        let size = p.recipe.profile.files[at].size;
                        p.card.tamper(&[Change::Write(at, 0, vec![0; size])]);
                    }
                }
                out
            },
        ),
        row(
            "write-on-set-refused",
            "R27",
            "WRITE RECORD on 00 answers 6985",
            |p, a| {
                let (_, bytes) = stored(p);
                let set =
                    ins(a) == 0xD2 && bytes.get(usize::from(a[2]).wrapping_sub(1)) == Some(&0);
                let out = p.card.handle(a);
                if set && sw(&out) == 0x9000 {
                    answer(0x6985)
                } else {
                    out
                }
            },
        ),
        row(
            "erase-on-clear-refused",
            "R27",
            "ERASE RECORD on FF answers 6985",
            |p, a| {
                let (_, bytes) = stored(p);
                let clear =
                    ins(a) == 0x0C && bytes.get(usize::from(a[2]).wrapping_sub(1)) == Some(&0xFF);
                let out = p.card.handle(a);
                if clear && sw(&out) == 0x9000 {
                    answer(0x6985)
                } else {
                    out
                }
            },
        ),
        row(
            "index-value-01",
            "UC-3.3-record UC-3.1-WRITE-RECORD",
            "WRITE RECORD writes 01",
            |p, a| {
                let at = p.card.standing().1;
                let out = p.card.handle(a);
                if ins(a) == 0xD2
                    && sw(&out) == 0x9000
                    && let Some(at) = at
                {
                    p.card
                        .tamper(&[Change::Write(at, usize::from(a[2]) - 1, vec![1])]);
                }
                out
            },
        ),
        row(
            "index-all-cleared",
            "R27",
            "ERASE RECORD clears every record",
            |p, a| {
                let at = p.card.standing().1;
                let out = p.card.handle(a);
                if ins(a) == 0xD2
                    && sw(&out) == 0x9000
                    && let (Some(at), Some(f)) = (at, p.file())
                {
                    p.card.tamper(&[Change::Write(at, 0, vec![0; f.records])]);
                }
                out
            },
        ),
        row(
            "visit-files-alias",
            "UC-2.2-DF03-ED02-update",
            "ED01 and ED02 are one file",
            |p, a| {
                if a == [0, 0xA4, 0, 0x0C, 2, 0xED, 0x02] {
                    p.card.handle(&[0, 0xA4, 0, 0x0C, 2, 0xED, 0x01])
                } else {
                    p.card.handle(a)
                }
            },
        ),
        row(
            "offset-at-end-empty",
            "R11",
            "reading at the end answers 9000 without data",
            |p, a| {
                let out = p.card.handle(a);
                let at_end = p.file().is_some_and(|f| {
                    a.get(2..4) == Some(&u16::try_from(f.size).unwrap_or(0).to_be_bytes()[..])
                });
                if ins(a) == 0xB0 && sw(&out) == 0x6B00 && at_end {
                    answer(0x9000)
                } else {
                    out
                }
            },
        ),
        row(
            "short-read-at-end",
            "R11",
            "reading beyond the end gives what is left with 9000",
            |p, a| {
                let out = p.card.handle(a);
                if ins(a) == 0xB0 && sw(&out) >> 8 == 0x6C {
                    p.card.handle(&with(a, 4, out[out.len() - 1]))
                } else {
                    out
                }
            },
        ),
        row(
            "partial-write-at-end",
            "R15",
            "writing beyond the end writes what fits",
            |p, a| {
                let at = p.card.standing().1;
                let out = p.card.handle(a);
                if ins(a) == 0xD6
                    && sw(&out) == 0x6A84
                    && let (Some(at), Some(f)) = (at, p.file())
                {
                    let from = usize::from(a[2]) << 8 | usize::from(a[3]);
                    let fits = f.size.saturating_sub(from);
                    if let Some(bytes) = a.get(5..5 + fits) {
                        p.card.tamper(&[Change::Write(at, from, bytes.to_vec())]);
                    }
                }
                out
            },
        ),
        row(
            "write-128-only",
            "R15",
            "UPDATE BINARY takes at most 128 bytes",
            |p, a| {
                if ins(a) == 0xD6 && a.get(4).is_some_and(|lc| *lc > 128) {
                    answer(0x6700)
                } else {
                    p.card.handle(a)
                }
            },
        ),
        row(
            "read-255-only",
            "R11",
            "READ BINARY gives at most 255 bytes",
            |p, a| {
                let out = p.card.handle(a);
                if ins(a) == 0xB0 && out.len() == 258 {
                    [&out[..255], &out[256..]].concat()
                } else {
                    out
                }
            },
        ),
        row(
            "hidden-file",
            "UC-2.1-DF03 R2",
            "DF03 has a hidden file EF0F",
            |p, a| {
                if a.ends_with(&[0xEF, 0x0F]) && p.df() == "DF03" {
                    answer(0x9000)
                } else {
                    p.card.handle(a)
                }
            },
        ),
        row(
            "grandchildren-in-reach",
            "R2",
            "applications are selected by FID from the MF",
            |p, a| {
                if p.df() == "MF" && matches!(a, [0, 0xA4, 0, _, 2, 0xDF, ..]) {
                    p.card.handle(&[0, 0xA4, 0, 0x0C, 2, 0xDD, 0xF1]);
                }
                p.card.handle(a)
            },
        ),
        row(
            "files-of-parent-in-reach",
            "R2",
            "files of DDF1 are found from its applications",
            |p, a| {
                let out = p.card.handle(a);
                if sw(&out) == 0x6A82
                    && p.df() == "DF03"
                    && matches!(a, [0, 0xA4, 0, _, 2, 0xEF, 0x07])
                {
                    answer(0x9000)
                } else {
                    out
                }
            },
        ),
        row(
            "file-survives-directory",
            "R6",
            "selecting the current directory keeps the file",
            |p, a| {
                let before = p.card.standing();
                let at = p.df_at();
                let out = p.card.handle(a);
                if ins(a) == 0xA4 && p.df() == before.0 && p.card.standing().1.is_none() {
                    p.card.stand(at, before.1);
                }
                out
            },
        ),
        row(
            "failed-select-drops-file",
            "R2",
            "a failed SELECT leaves no current file",
            |p, a| {
                let at = p.df_at();
                let out = p.card.handle(a);
                if sw(&out) == 0x6A82 {
                    p.card.stand(at, None);
                }
                out
            },
        ),
        row(
            "failed-select-goes-to-mf",
            "R2",
            "a failed SELECT goes back to the MF",
            |p, a| {
                let out = p.card.handle(a);
                if sw(&out) == 0x6A82 {
                    p.card.stand(0, None);
                }
                out
            },
        ),
        reset_row(
            "directory-survives-reset",
            "UC-2.1-MF",
            "after a reset the last directory is current",
            |p| {
                let at = p.df_at();
                let atr = p.card.reset();
                p.card.stand(at, None);
                atr
            },
        ),
    ]
}
