//! Reports on a small population, counted by hand.

use super::*;

fn card(number: u32, area: &str, state: &str) -> CardFact {
    CardFact {
        factor: format!("{number:016X}"),
        area: area.to_owned(),
        state: state.to_owned(),
    }
}

fn sam(number: u32, sam_type: u8, area: &str) -> SamFact {
    SamFact {
        serial: format!("{number:020}"),
        chip_serial: format!("{number:016X}"),
        sam_type,
        area: area.to_owned(),
        state: "active".to_owned(),
    }
}

fn population() -> Population {
    Population {
        cards: vec![
            card(1, "410100", "active"),
            card(2, "410200", "lost"),
            card(3, "410100", "cancelled"),
            card(4, "420100", "active"),
            card(5, "420100", "voided"),
        ],
        sams: vec![
            sam(1, 1, "4101"),
            sam(2, 5, "41"),
            sam(3, 1, "4201"),
            sam(4, 4, "4101"),
        ],
        blanks: [("5454".to_owned(), 7)].into(),
    }
}

fn lost_sam(sam_type: u8) -> Loss {
    let profile = Profile::rhc_2012();
    let kind = profile.sam_type(sam_type).unwrap();
    let held = kind.keys.iter().map(|name| {
        let version = u8::from(profile.key(name).unwrap().groups > 1);
        (name.clone(), version)
    });
    Loss::Sam {
        serial: "41010520260000001234".to_owned(),
        sam_type,
        province: "41".to_owned(),
        held: held.collect(),
    }
}

#[test]
fn a_check_terminals_sam_reaches_the_country_and_no_provincial_key() {
    let report = report(Profile::rhc_2012(), &lost_sam(1), &population());
    assert_eq!(report.national.keys.len(), 5);
    assert_eq!(
        (report.national.cards, report.national.cards_out_of_use),
        (3, 1)
    );
    assert_eq!(report.national.sams, 4, "type 4 holds IRK too");
    assert_eq!(report.provincial, Reach::default());
    assert_eq!(report.replaced_by.len(), 2, "black list and next version");
}

#[test]
fn an_issuers_sam_reaches_its_province_with_provincial_keys() {
    let report = report(Profile::rhc_2012(), &lost_sam(5), &population());
    assert_eq!(report.national.cards, 3);
    assert_eq!(report.provincial.cards, 2, "the two in province 41");
    assert_eq!(
        report.provincial.sams, 1,
        "provincial keys with versions: type 5 only"
    );
    assert_eq!(
        report.provincial.institutions,
        [("4100".to_owned(), 1)].into()
    );
    assert_eq!(report.replaced_by.len(), 5);
}

#[test]
fn a_prefecture_opens_its_province_and_a_maker_blanks_only() {
    let area = "4101".to_owned();
    let lost = report(
        Profile::rhc_2012(),
        &Loss::Prefecture { area },
        &population(),
    );
    assert_eq!((lost.national.cards, lost.provincial.cards), (0, 2));
    assert_eq!(lost.provincial.keys.len(), 57);
    let vendor = "5454".to_owned();
    let lost = report(Profile::rhc_2012(), &Loss::Maker { vendor }, &population());
    assert_eq!(
        (lost.national.cards, lost.provincial.cards, lost.blanks),
        (0, 0, 7)
    );
}

/// In this profile versions are 0 to 3.
#[test]
fn the_next_version_is_advised_where_there_is_one_only() {
    let profile = Profile::rhc_2012();
    let advice = |loss: &Loss| -> Vec<String> {
        let report = report(profile, loss, &population());
        report.replaced_by.into_iter().map(|one| one.by).collect()
    };
    let has = |advice: &[String], words: &str| advice.iter().any(|by| by.contains(words));
    for loss in [
        Loss::Prefecture {
            area: "4101".to_owned(),
        },
        Loss::Province {
            area: "41".to_owned(),
        },
    ] {
        let told = advice(&loss);
        assert!(!has(&told, "next version"), "{told:?}");
        assert!(has(&told, "no further version exists"), "{told:?}");
        assert!(has(&told, "new cards: 2, new SAMs: 3"), "{told:?}");
    }
    let groups = profile.key("RK1_DDF1").unwrap().groups;
    for version in 0..groups {
        let key = Loss::Key {
            name: "RK1_DDF1".to_owned(),
            version,
            province: None,
        };
        let told = advice(&key);
        let left = version + 1 < groups;
        assert_eq!(
            has(&told, "next version"),
            left,
            "version {version}: {told:?}"
        );
        assert_eq!(
            has(&told, "no further version exists"),
            !left,
            "version {version}: {told:?}"
        );
    }
}
