//! Products whose files, keys, limits or data are wrong.

use cardlib_card::profile::{Access, BlockRule, Profile, RecordAddress};

use super::{Fault, Mutant, mutant};
use crate::suite::Kind;

fn row(id: &str, clauses: &str, what: &str, change: fn(&mut Profile)) -> Mutant {
    mutant(Kind::UserCard, id, clauses, what, Fault::Profile(change))
}

fn sam(id: &str, clauses: &str, what: &str, change: fn(&mut Profile)) -> Mutant {
    mutant(Kind::Sam, id, clauses, what, Fault::Profile(change))
}

fn data(id: &str, clauses: &str, what: &str, tag: u8, value: &'static [u8]) -> Mutant {
    mutant(Kind::UserCard, id, clauses, what, Fault::Data(tag, value))
}

fn file(profile: &mut Profile, path: &str, change: fn(&mut cardlib_card::profile::File)) {
    profile
        .files
        .iter_mut()
        .filter(|file| file.path == path)
        .for_each(change);
}

fn key(profile: &mut Profile, name: &str, change: fn(&mut cardlib_card::profile::Key)) {
    profile
        .keys
        .iter_mut()
        .filter(|key| key.name == name)
        .for_each(change);
}

fn element(profile: &mut Profile, tag: u8, change: fn(&mut cardlib_card::profile::Element)) {
    let all = profile
        .files
        .iter_mut()
        .flat_map(|file| file.elements.iter_mut());
    all.filter(|element| element.tag == Some(tag))
        .for_each(change);
}

/// All of them.
#[must_use]
pub fn mutants() -> Vec<Mutant> {
    let mut all = vec![
        row(
            "photo-one-byte-short",
            "UC-2.2-DDF1-EF07-type",
            "the photo file has 3073 bytes",
            |p| file(p, "DDF1/EF07", |f| f.size = 3073),
        ),
        row(
            "photo-one-byte-long",
            "UC-2.2-DDF1-EF07-type",
            "the photo file has 3075 bytes",
            |p| file(p, "DDF1/EF07", |f| f.size = 3075),
        ),
        row(
            "visit-one-byte-short",
            "UC-2.2-DF03-EE02-type",
            "EE02 has 1892 bytes",
            |p| file(p, "DF03/EE02", |f| f.size = 1892),
        ),
        row(
            "visit-one-byte-long",
            "UC-2.2-DF03-ED05-type",
            "ED05 has 3268 bytes",
            |p| file(p, "DF03/ED05", |f| f.size = 3268),
        ),
        row(
            "two-stays-only",
            "UC-2.2-DF03-EF05-type",
            "the inpatient index has two records",
            |p| file(p, "DF03/EF05", |f| f.records = 2),
        ),
        row(
            "six-visits",
            "UC-2.2-DF03-EF06-type",
            "the outpatient index has six records",
            |p| file(p, "DF03/EF06", |f| f.records = 6),
        ),
        row(
            "four-allergies",
            "UC-2.2-DF02-EF07-type R19",
            "four allergies are kept",
            |p| file(p, "DF02/EF07", |f| f.records = 4),
        ),
        row(
            "nine-immunisations",
            "UC-2.2-DF02-EF08-type R19",
            "nine immunisations are kept",
            |p| file(p, "DF02/EF08", |f| f.records = 9),
        ),
        row(
            "allergy-of-119",
            "R19 UC-2.2-DF02-EF07-update",
            "allergy records have 119 bytes",
            |p| file(p, "DF02/EF07", |f| f.size = 119),
        ),
        row(
            "index-filled-with-00",
            "R25 UC-2.2-DF03-EF05-update UC-3.3-record",
            "index records begin as 00",
            |p| file(p, "DF03/EF05", |f| f.fill = Some(0x00)),
        ),
        row(
            "alert-one-byte-short",
            "UC-2.2-DF02-EF05-elements",
            "tag 55 has 39 bytes",
            |p| element(p, 55, |e| e.len = 39),
        ),
        row(
            "address-one-byte-long",
            "UC-2.2-DF01-EF05-elements",
            "tag 22 has 101 bytes",
            |p| element(p, 22, |e| e.len = 101),
        ),
        row(
            "tag-off-by-one",
            "UC-2.2-DF01-EF08-elements",
            "tag 40 is written as 41h",
            |p| element(p, 40, |e| e.tag = Some(0x41)),
        ),
        row(
            "holder-free",
            "UC-2.2-DDF1-EF06-read",
            "the holder's data are free",
            |p| file(p, "DDF1/EF06", |f| f.read = Access::Free),
        ),
        row(
            "issuer-guarded",
            "UC-2.2-DDF1-EF05-read",
            "the issuer's data need RK1_DDF1",
            |p| file(p, "DDF1/EF05", |f| f.read = Access::Key("RK1_DDF1".into())),
        ),
        row(
            "psychiatric-by-uk1",
            "UC-2.2-DF02-EF06-update UC-2.3-UK1_DF02",
            "the psychiatric flag is updated with UK1",
            |p| {
                file(p, "DF02/EF06", |f| {
                    f.update = Access::Key("UK1_DF02".into())
                })
            },
        ),
        row(
            "allergies-by-uk1",
            "UC-2.2-DF02-EF07-update UC-2.3-UK1_DF02",
            "allergies are appended with UK1",
            |p| {
                file(p, "DF02/EF07", |f| {
                    f.update = Access::Key("UK1_DF02".into())
                })
            },
        ),
        row(
            "clinical-by-uk3",
            "UC-2.2-DF02-EF05-update UC-2.3-UK3_DF02",
            "clinical data are updated with UK3",
            |p| {
                file(p, "DF02/EF05", |f| {
                    f.update = Access::Key("UK3_DF02".into())
                })
            },
        ),
        row(
            "erase-by-uk1",
            "UC-2.3-UK1_DF03 R69",
            "an index is cleared with UK1",
            |p| file(p, "DF03/EF05", |f| f.erase = Access::Key("UK1_DF03".into())),
        ),
        row(
            "erase-outpatient-by-uk1",
            "UC-2.2-DF03-EF06-update R69",
            "an outpatient index is cleared with UK1",
            |p| file(p, "DF03/EF06", |f| f.erase = Access::Key("UK1_DF03".into())),
        ),
        row(
            "write-by-uk2",
            "UC-2.3-UK2_DF03 UC-2.2-DF03-EF05-update",
            "an index is set with UK2",
            |p| {
                file(p, "DF03/EF05", |f| {
                    f.update = Access::Key("UK2_DF03".into())
                })
            },
        ),
        row(
            "issuer-data-updatable",
            "R29 D25",
            "DDF1/EF05 is updated with UK1_DDF1",
            |p| {
                file(p, "DDF1/EF05", |f| {
                    f.update = Access::Key("UK1_DDF1".into())
                })
            },
        ),
        row(
            "holder-updatable",
            "R29 D25",
            "DDF1/EF06 is updated with UK1_DDF1",
            |p| {
                file(p, "DDF1/EF06", |f| {
                    f.update = Access::Key("UK1_DDF1".into())
                })
            },
        ),
        row(
            "photo-never-updated",
            "UC-2.2-DDF1-EF07-update",
            "the photo is never updated",
            |p| file(p, "DDF1/EF07", |f| f.update = Access::Never),
        ),
        row(
            "no-tags",
            "R17",
            "DDF1/EF05 is read by position only",
            |p| file(p, "DDF1/EF05", |f| f.address = RecordAddress::Position),
        ),
        row(
            "tags-in-ef08",
            "R17 R13",
            "DDF1/EF08 is read by tag too",
            |p| file(p, "DDF1/EF08", |f| f.address = RecordAddress::TagOrPosition),
        ),
        row(
            "kid-off-by-one",
            "UC-2.3-RK1_DF01 R31",
            "RK1_DF01 stands under KID 88",
            |p| key(p, "RK1_DF01", |k| k.kid = 0x88),
        ),
        row(
            "kid-swapped",
            "UC-2.3-UK2_DF02",
            "UK2 and UK3 of DF02 have each other's KID",
            |p| {
                key(p, "UK2_DF02", |k| k.kid = 0x87);
                key(p, "UK3_DF02", |k| k.kid = 0x86)
            },
        ),
        row("irk-kid", "R32 D13", "IRK_DDF1 stands under KID 01", |p| {
            key(p, "IRK_DDF1", |k| k.kid = 0x01)
        }),
        row(
            "three-versions",
            "UC-2.3-UK1_DF02 R31",
            "UK1_DF02 has three versions",
            |p| key(p, "UK1_DF02", |k| k.groups = 3),
        ),
        row(
            "one-version",
            "UC-2.3-RK1_DF03",
            "RK1_DF03 has version 0 only",
            |p| key(p, "RK1_DF03", |k| k.groups = 1),
        ),
        row(
            "five-versions",
            "R31 D12",
            "RK1_DDF1 has a fifth version",
            |p| key(p, "RK1_DDF1", |k| k.groups = 5),
        ),
        row(
            "lock-two-versions",
            "R31 D12",
            "LK_DF01 has a second version",
            |p| key(p, "LK_DF01", |k| k.groups = 2),
        ),
        row(
            "key-limit-nine",
            "D11 R33",
            "RK1_DF02 has nine tries",
            |p| key(p, "RK1_DF02", |k| k.error_limit = 9),
        ),
        row(
            "key-limit-fifteen",
            "D11 R33",
            "all keys have fifteen tries",
            |p| {
                p.keys
                    .iter_mut()
                    .filter(|k| k.error_limit > 0)
                    .for_each(|k| k.error_limit = 15)
            },
        ),
        row("mac-limit-two", "D10 R45", "two wrong MACs block", |p| {
            p.assumed.mac_error_limit.value = 2
        }),
        row("mac-limit-four", "D10", "four wrong MACs block", |p| {
            p.assumed.mac_error_limit.value = 4
        }),
        row(
            "names-from-four",
            "R3",
            "four bytes of a name are enough for the COS",
            |p| p.assumed.name_min.value = 4,
        ),
        row("names-from-six", "R3", "names need six bytes", |p| {
            p.assumed.name_min.value = 6
        }),
        row(
            "names-to-seventeen",
            "R3",
            "names of 17 bytes are looked for",
            |p| p.assumed.name_max.value = 17,
        ),
        row("atr-prefix", "D6 R61", "the ATR begins 3B6C0000", |p| {
            if let Ok(prefix) = "3B6C0000".to_owned().try_into() {
                p.atr.prefix = prefix;
            }
        }),
        row(
            "atr-personalised",
            "R73 D6",
            "the ATR of an active card says personalised",
            |p| p.life_cycle.active = 0x05,
        ),
        row("atr-version", "R62", "the COS version is 02", |p| {
            p.atr.test_version = 2
        }),
        row("ddf1-blockable", "R39", "DDF1 is blocked by command", |p| {
            p.dfs
                .iter_mut()
                .filter(|df| df.name == "DDF1")
                .for_each(|df| df.block = BlockRule::Command)
        }),
        row(
            "df02-not-blockable",
            "R43 UC-3.3-block",
            "DF02 is not blocked by command",
            |p| {
                p.dfs
                    .iter_mut()
                    .filter(|df| df.name == "DF02")
                    .for_each(|df| df.block = BlockRule::MacErrors)
            },
        ),
        row("aid-wrong", "UC-2.1-DF03 R1", "DF03 has another AID", |p| {
            p.dfs
                .iter_mut()
                .filter(|df| df.name == "DF03")
                .for_each(|df| {
                    if let Ok(name) = "915600013203".to_owned().try_into() {
                        df.df_name = Some(name);
                    }
                })
        }),
        row("fid-wrong", "R1", "DF02 has FID DF12", |p| {
            p.dfs
                .iter_mut()
                .filter(|df| df.name == "DF02")
                .for_each(|df| df.fid = 0xDF12)
        }),
        row(
            "file-missing",
            "UC-2.2-DF01-EF08-type",
            "DF01 has no EF08",
            |p| file(p, "DF01/EF08", |f| f.fid = 0xEF18),
        ),
        row(
            "visit-file-missing",
            "UC-2.2-DF03-ED04-type",
            "there is no ED04",
            |p| file(p, "DF03/ED04", |f| f.fid = 0xED14),
        ),
        sam(
            "sam-pin-nine-tries",
            "D18 R54",
            "the PIN has nine tries",
            |p| p.assumed.sam_pin_tries.value = 9,
        ),
        sam(
            "sam-index-swapped",
            "SAM-4.4-RK1_DF01",
            "RK1_DF01 and RK1_DF02 have each other's index",
            |p| {
                key(p, "RK1_DF01", |k| k.sam_index = 0x13);
                key(p, "RK1_DF02", |k| k.sam_index = 0x12)
            },
        ),
        sam(
            "sam-stk-encrypts-only",
            "SAM-4.4-STK_DF02 R52",
            "STK_DF02 has kind 7",
            |p| key(p, "STK_DF02", |k| k.sam_usage = 0x47),
        ),
        sam(
            "sam-lock-key-for-mac",
            "SAM-4.4-LK_DF02",
            "LK_DF02 has kind 8",
            |p| key(p, "LK_DF02", |k| k.sam_usage = 0x28),
        ),
        sam(
            "sam-levels-wrong",
            "SAM-4.4-UK1_DF01",
            "UK1_DF01 has two levels",
            |p| key(p, "UK1_DF01", |k| k.sam_usage = 0x47),
        ),
        sam(
            "sam-three-versions",
            "SAM-4.4-UK3_DF02 R56",
            "UK3_DF02 has three versions",
            |p| key(p, "UK3_DF02", |k| k.groups = 3),
        ),
        sam(
            "sam-key-missing",
            "SAM-4.4-BK_MF",
            "BK_MF is missing in type 5",
            |p| {
                p.sam
                    .types
                    .iter_mut()
                    .for_each(|t| t.keys.retain(|k| k != "BK_MF"))
            },
        ),
        sam(
            "sam-certificate-short",
            "SAM-4.1-001C",
            "001C stands under 001D",
            |p| {
                p.sam
                    .files
                    .iter_mut()
                    .filter(|f| f.fid == 0x1C)
                    .for_each(|f| f.fid = 0x1D)
            },
        ),
        sam(
            "sam-0016-long",
            "SAM-4.1-0016",
            "0016 has seven bytes",
            |p| {
                p.sam
                    .files
                    .iter_mut()
                    .filter(|f| f.fid == 0x16)
                    .for_each(|f| f.size = 7)
            },
        ),
        sam(
            "sam-0001-not-empty",
            "SAM-4.1-0001",
            "0001 has a byte",
            |p| {
                p.sam
                    .files
                    .iter_mut()
                    .filter(|f| f.fid == 0x01)
                    .for_each(|f| f.size = 1)
            },
        ),
        sam(
            "sam-atr-state",
            "D7 R61",
            "the ATR of an active SAM says 03",
            |p| p.life_cycle.active = 0x03,
        ),
    ];
    all.extend(values());
    all
}

fn values() -> Vec<Mutant> {
    vec![
        data(
            "class-3",
            "UC-2.2-DDF1-EF05-elements",
            "the class of card is 3",
            1,
            b"3",
        ),
        data(
            "version-1.0",
            "UC-2.2-DDF1-EF05-elements R23",
            "the version of the specification is V1.0",
            2,
            b"V1.0",
        ),
        data(
            "issuer-code-check-digit",
            "UC-2.2-DDF1-EF05-elements",
            "the issuer's code has a wrong check digit",
            4,
            &[0x41, 0, 0, 0x20, 0, 0, 0, 0x16, 0xFF, 0xFF, 0xFF],
        ),
        data(
            "certificate-zero",
            "D20",
            "the issuer certificate is empty",
            5,
            &[0; 180],
        ),
        data(
            "issue-date-13th-month",
            "UC-2.2-DDF1-EF05-elements R24",
            "the card was issued in month 13",
            6,
            &[0x20, 0x26, 0x13, 0x22],
        ),
        data(
            "number-check-character",
            "UC-2.2-DDF1-EF05-elements",
            "the card number has a wrong check character",
            8,
            b"410101198507120010",
        ),
        data(
            "security-code-wrong",
            "D22",
            "the security code is not made with CVK",
            9,
            b"000",
        ),
        data(
            "serial-with-i",
            "UC-2.2-DDF1-EF05-elements D23",
            "the serial has the letter I",
            10,
            b"41ABCDEFGI",
        ),
        data(
            "serial-of-other-province",
            "D23",
            "the serial begins with another province",
            10,
            b"42ABCDEFGH",
        ),
        data(
            "name-right-aligned",
            "R20 UC-2.2-DDF1-EF06-elements",
            "the name is right aligned",
            11,
            b"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\xD5\xC5\xC8\xFD",
        ),
        data(
            "sex-as-character",
            "R22 UC-2.2-DDF1-EF06-elements",
            "the sex is the character 1",
            12,
            b"1",
        ),
        data(
            "birth-day-first",
            "R24 UC-2.2-DDF1-EF06-elements",
            "the date of birth begins with the day",
            14,
            &[0x12, 0x07, 0x19, 0x85],
        ),
        data(
            "other-identity-number",
            "UC-2.5-number",
            "the identity number is another person's",
            15,
            b"11010519491231002X",
        ),
        data(
            "validity-blank",
            "R30",
            "the validity is blank",
            7,
            &[0xFF; 4],
        ),
        data(
            "payment-right-aligned",
            "R21 UC-2.2-DDF1-EF08-elements",
            "the payment code is 01",
            18,
            &[0x01],
        ),
        data(
            "blood-group-character",
            "R22 UC-2.2-DF02-EF05-elements",
            "the blood group is the character O",
            41,
            b"O",
        ),
        data(
            "rhesus-wrong",
            "R21 UC-2.2-DF02-EF05-elements",
            "the rhesus factor is 01",
            42,
            &[0x01],
        ),
        data(
            "flag-ff",
            "R20 R22 UC-2.2-DF02-EF06-elements",
            "the psychiatric flag is FF",
            56,
            &[0xFF],
        ),
        data(
            "marriage-short",
            "R21 UC-2.2-DF01-EF07-elements",
            "the marriage code is 2F",
            35,
            &[0x2F],
        ),
        data(
            "telephone-with-ff",
            "R20 UC-2.2-DDF1-EF08-elements",
            "a telephone number is padded with FF",
            16,
            b"13800000000\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF",
        ),
    ]
}
