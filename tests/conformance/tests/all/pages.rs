//! What the suites expect was typed from the specification's pages; the profiles were, too, by others. Here both are compared:
//! a difference is a slip in one of them.

use std::collections::BTreeSet;

use cardlib_card::profile::{Access, FileKind, Profile, Scope};
use tests_conformance::files::{FILES, Shape};
use tests_conformance::hierarchy::{KEYS, PRESETS};
use tests_conformance::step::DataWish;
use tests_conformance::suite::embedded;

fn key(access: &Access) -> &str {
    match access {
        Access::Key(name) => name,
        Access::Free | Access::Never => "",
    }
}

#[test]
fn files_and_rights_of_the_suites_are_those_of_the_profiles() {
    for preset in PRESETS {
        let profile = Profile::named(preset.name).unwrap();
        assert_eq!(profile.files.len(), FILES.len(), "{}", preset.name);
        for row in FILES {
            let file = profile
                .files
                .iter()
                .find(|file| file.df() == row.df && file.fid == row.fid)
                .unwrap();
            let shape = match file.kind {
                FileKind::Variable => Shape::Variable(u8::try_from(file.elements.len()).unwrap()),
                FileKind::Fixed => Shape::Fixed(u8::try_from(file.records).unwrap()),
                FileKind::Cyclic => Shape::Cyclic(u8::try_from(file.records).unwrap()),
                FileKind::Binary => Shape::Binary(u16::try_from(file.size).unwrap()),
            };
            let there = (shape, key(&file.read), key(&file.update));
            assert_eq!((row.shape, row.read, row.update), there, "{}", file.path);
        }
    }
}

#[test]
fn keys_of_the_suites_are_those_of_the_profiles() {
    for preset in PRESETS {
        let profile = Profile::named(preset.name).unwrap();
        let mut instances = 0;
        for row in KEYS {
            let key = profile.key(row.name).unwrap();
            let there = (
                key.df.as_str(),
                key.kid,
                key.groups,
                key.sam_usage & 0x1F,
                key.sam_index,
                key.scope == Scope::National,
            );
            let typed = (
                row.df,
                row.kid,
                row.groups,
                row.kind,
                row.index,
                row.national,
            );
            assert_eq!(typed, there, "{} {}", preset.name, row.name);
            instances += u32::from(row.groups);
        }
        assert_eq!((profile.keys.len(), instances), (21, 57), "{}", preset.name);
    }
}

#[test]
fn elements_of_the_suites_are_those_of_the_profile() {
    let suites = embedded::suites().unwrap();
    let expected: BTreeSet<(u8, usize)> = suites
        .cases
        .iter()
        .flat_map(|case| &case.steps)
        .filter_map(|step| match &step.data {
            DataWish::Check { name, words, .. } if name == "tlv" => {
                Some((words.first()?.parse().ok()?, words.get(1)?.parse().ok()?))
            }
            _ => None,
        })
        .collect();
    let profile = Profile::named(PRESETS[0].name).unwrap();
    let there: BTreeSet<(u8, usize)> = profile
        .files
        .iter()
        .flat_map(|file| &file.elements)
        .filter_map(|element| Some((element.tag?, element.len)))
        .collect();
    let missing: Vec<_> = there
        .difference(&expected)
        // The issuer's certificate has a check of its own, which wants its 180 bytes.
        .filter(|(tag, _)| *tag != 5)
        .collect();
    let strange: Vec<_> = expected.difference(&there).collect();
    assert!(
        missing.is_empty() && strange.is_empty(),
        "no case: {missing:?}; no element: {strange:?}"
    );
}
