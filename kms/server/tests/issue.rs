//! Scripts over HTTP for virtual chips: the straight way, the resumed card, and every request that must be refused.

#![allow(clippy::unwrap_used)] // a failed unwrap here is the failed test

#[path = "issue/clones.rs"]
mod clones;
#[path = "issue/demo.rs"]
mod demo;
#[path = "issue/generated.rs"]
mod generated;
#[path = "issue/group.rs"]
mod group;
mod house;
#[path = "issue/identities.rs"]
mod identities;
#[path = "issue/instances.rs"]
mod instances;
#[path = "issue/kills.rs"]
mod kills;
#[path = "issue/life.rs"]
mod life;
#[path = "issue/losses.rs"]
mod losses;
#[path = "issue/on_line.rs"]
mod on_line;
#[path = "issue/operations.rs"]
mod operations;
#[path = "issue/record.rs"]
mod record;
#[path = "issue/renewal.rs"]
mod renewal;
#[path = "issue/restore.rs"]
mod restore;
#[path = "issue/tickets.rs"]
mod tickets;
#[path = "issue/tiers.rs"]
mod tiers;
#[path = "issue/x509.rs"]
mod x509;

use cardlib_card::cert::{IssuerCertificate, Mark, SamCertificate, sam_serial};
use cardlib_card::delivery::Kind;
use cardlib_card::gm::sm2::SigningKey;
use cardlib_sim::{Stage, VirtualCard};
use house::House;
use house::openssl::{check_value, diversify, mac_digits, root};
use house::shop::{ask, blank_card, blank_sam, content, play, play_all, probe, read_file};
use kms_api::{
    ClientError, SamNationalRequest, SamProvincialFilesRequest, SamProvincialKeysRequest, Secret,
    TerminalInfo,
};
use uuid::Uuid;

/// The same with the stores in PostgreSQL.
mod in_postgres {
    use super::house::in_databases;

    #[test]
    fn a_card_is_made_in_one_round_trip_and_taken_up_again_when_pulled() {
        in_databases(super::a_card_is_made_in_one_round_trip_and_taken_up_again_when_pulled);
    }

    #[test]
    fn requests_that_must_be_refused_are() {
        in_databases(super::requests_that_must_be_refused_are);
    }

    #[test]
    fn a_sam_is_made_in_two_stages_by_two_tiers() {
        in_databases(super::a_sam_is_made_in_two_stages_by_two_tiers);
    }

    #[test]
    fn an_unnamed_ticket_is_the_newest_with_something_left() {
        in_databases(super::tickets::an_unnamed_ticket_is_the_newest_with_something_left);
    }

    #[test]
    fn a_revoked_identity_is_shut_out_without_a_restart() {
        in_databases(super::identities::a_revoked_identity_is_shut_out_without_a_restart);
    }

    #[test]
    fn a_restored_old_backup_spends_nothing_twice_and_hides_nothing() {
        in_databases(super::restore::a_restored_old_backup_spends_nothing_twice_and_hides_nothing);
    }

    #[test]
    fn a_rotation_goes_from_sam_to_sam_and_lists_who_is_late() {
        in_databases(super::life::a_rotation_goes_from_sam_to_sam_and_lists_who_is_late);
    }

    #[test]
    fn a_state_is_kept_by_the_service_and_by_the_hsm_alike() {
        in_databases(super::life::a_state_is_kept_by_the_service_and_by_the_hsm_alike);
    }

    #[test]
    fn cloning_attempts_are_refused_and_alarmed() {
        in_databases(super::clones::cloning_attempts_are_refused_and_alarmed);
    }

    #[test]
    fn a_lost_sams_report_is_what_python_counts() {
        in_databases(super::losses::a_lost_sams_report_is_what_python_counts);
    }

    #[test]
    fn clients_at_once_get_their_own_scripts_and_a_ticket_is_spent_to_the_last() {
        in_databases(
            super::group::clients_at_once_get_their_own_scripts_and_a_ticket_is_spent_to_the_last,
        );
    }

    #[test]
    fn a_batch_has_an_outcome_for_each_of_its_requests() {
        in_databases(super::group::a_batch_has_an_outcome_for_each_of_its_requests);
    }

    #[test]
    fn one_chip_twice_in_a_batch_whose_first_is_refused_is_answered_twice() {
        in_databases(
            super::group::one_chip_twice_in_a_batch_whose_first_is_refused_is_answered_twice,
        );
    }
}

const FACTOR: [u8; 8] = [0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88];
const OTHER: [u8; 8] = [0x22; 8];
const UNLISTED: [u8; 8] = [0x99; 8];
const SAM: [u8; 8] = [0x5A; 8];
const NUMBER: &str = "410102199001010016";
const SERIAL: &str = "4100000001";

#[track_caller]
fn refused<T>(result: Result<T, ClientError>, slug: &str) {
    let error = result.err().expect("refused");
    assert_eq!(
        error.problem().map(|problem| problem.slug().to_owned()),
        Some(slug.to_owned()),
        "{error}"
    );
}

#[test]
fn a_card_is_made_in_one_round_trip_and_taken_up_again_when_pulled() {
    let house = House::handed_down();
    house.deliver("4101", Kind::Card, 1, &[FACTOR, OTHER]);
    house.ticket("4101", "card", 2, "t-card");
    let served = house.serve("4101");
    let station = house.client(&served, "station");
    let certificate = house.issuer_certificate("4101");
    let content = content(NUMBER, SERIAL, "张三", &certificate);

    let mut card = blank_card(FACTOR);
    let request = ask(FACTOR, probe(&mut card), NUMBER, content.clone(), "t-card");
    let script = station.personalise(&request).unwrap();
    assert_eq!(script.quota_left, 1);
    let names: Vec<_> = script
        .phases
        .iter()
        .map(|phase| phase.name.as_str())
        .collect();
    assert_eq!(names, ["open", "files", "keys", "data", "activate"]);
    assert_eq!(script.check_values.len(), 58);
    let value = |key: &str, version| {
        let found = script
            .check_values
            .iter()
            .find(|v| v.key == key && v.version == version);
        found.map(|v| v.kcv.clone()).unwrap()
    };
    let provincial = |label: &str| check_value(&diversify(&root(label), &FACTOR));
    assert_eq!(value("CMK", 0), provincial("RHC-TEST-41-CMK-v0"));
    assert_eq!(value("UK1_DDF1", 2), provincial("RHC-TEST-41-UK1_DDF1-v2"));
    let national = diversify(
        &diversify(&root("RHC-TEST-RK1_DDF1-v1"), b"41000000"),
        &FACTOR,
    );
    assert_eq!(value("RK1_DDF1", 1), check_value(&national));
    let code = mac_digits(
        &root("RHC-TEST-41-CVK-v0"),
        format!("{NUMBER}{SERIAL}").as_bytes(),
        3,
    );
    assert_eq!(script.security_code.as_deref(), Some(code.as_str()));

    // The same request again brings the very same script; under the same id another one is refused.
    let again = station.personalise(&request).unwrap();
    assert_eq!((again.digest, again.quota_left), (script.digest.clone(), 1));
    let mut changed = request.clone();
    changed.card.counter += 1;
    refused(station.personalise(&changed), "request-id-reused");

    // Pulled in the middle of the keys: the card is taken up under its new master key.
    play(&mut card, script.steps().take(60));
    let state = probe(&mut card);
    assert_eq!((state.key_version, state.state), (1, 3));
    let resumed = station
        .personalise(&ask(FACTOR, state, NUMBER, content.clone(), "t-card"))
        .unwrap();
    assert_eq!(resumed.quota_left, 1, "the same card is counted once");
    assert_eq!(
        resumed.check_values,
        script.check_values[..57],
        "the same keys, without the card master key, which comes last"
    );
    play_all(&mut card, &resumed);
    assert_eq!(card.stage(), Stage::Active);
    assert_eq!(card.reset().last(), Some(&0x07));
    refused(
        station.personalise(&ask(
            FACTOR,
            kms_api::CardState { state: 7, ..state },
            NUMBER,
            content,
            "t-card",
        )),
        "card-state",
    );
}

#[test]
fn requests_that_must_be_refused_are() {
    let house = House::handed_down();
    house.deliver("4101", Kind::Card, 1, &[FACTOR, OTHER]);
    house.deliver("4101", Kind::Sam, 2, &[SAM]);
    house.ticket("4101", "card", 1, "t-card");
    let served = house.serve("4101");
    let station = house.client(&served, "station");
    let certificate = house.issuer_certificate("4101");
    let zhang = || content(NUMBER, SERIAL, "张三", &certificate);
    let blank = probe(&mut blank_card(FACTOR));
    let request = |factor, ticket: &str| ask(factor, blank, NUMBER, zhang(), ticket);

    refused(
        station.personalise(&request(UNLISTED, "t-card")),
        "factor-not-on-list",
    );
    refused(
        station.personalise(&request(SAM, "t-card")),
        "factor-of-another-kind",
    );
    refused(
        station.personalise(&request(FACTOR, "nobody's")),
        "ticket-unknown",
    );
    let mut vendor = request(FACTOR, "t-card");
    vendor.vendor = [0x48, 0x44];
    refused(station.personalise(&vendor), "factor-of-another-kind");
    refused(
        house
            .client(&served, "hospital")
            .personalise(&request(FACTOR, "t-card")),
        "role-refused",
    );
    let mut elsewhere = request(FACTOR, "t-card");
    elsewhere
        .content
        .set_text(cardlib_card::profile::Profile::rhc_2012(), 57, "420100")
        .unwrap();
    refused(station.personalise(&elsewhere), "content-refused");
    let mut foreign = request(FACTOR, "t-card");
    foreign
        .content
        .set(cardlib_card::profile::Profile::rhc_2012(), 5, &[1; 180])
        .unwrap();
    refused(station.personalise(&foreign), "content-refused");

    station.personalise(&request(FACTOR, "t-card")).unwrap();
    let li = content("410102199002020029", "4100000002", "李四", &certificate);
    refused(
        station.personalise(&ask(FACTOR, blank, "410102199002020029", li, "t-card")),
        "factor-bound-to-another-person",
    );
    let other_data = content(NUMBER, SERIAL, "张三丰", &certificate);
    refused(
        station.personalise(&ask(FACTOR, blank, NUMBER, other_data, "t-card")),
        "factor-bound-to-other-data",
    );
    refused(
        station.personalise(&request(OTHER, "t-card")),
        "ticket-empty",
    );

    house
        .line("ticket request --store kms-4101 --kind card --quantity 1 --by wang --id t-2")
        .ok();
    refused(
        station.personalise(&request(OTHER, "t-2")),
        "ticket-unknown",
    );
    house
        .line("ticket approve t-2 --store kms-4101 --as zhang.key")
        .refused("two-officers-needed");
    house
        .line("ticket request --store kms-4101 --kind card --quantity 1 --by li --id t-3")
        .ok();
    house
        .signed_line("ticket approve t-3 --store kms-4101")
        .refused("requester-approves");
    house
        .line("ticket request --store kms-4101 --kind sam-national --quantity 1 --by wang")
        .refused("wrong-tier");
    house.line("audit verify --store kms-4101").ok();
    house
        .signed_line("ticket approve t-card --store kms-4101")
        .refused("exists-already");
    house
        .kms(&[
            "ticket",
            "request",
            "--store",
            "kms-4101",
            "--kind",
            "card",
            "--quantity",
            "1",
            "--by",
            "wang",
            "--id",
            "a b",
        ])
        .refused("invalid-value");
    house
        .line("ticket request --store kms-4101 --kind card --quantity 200000000 --by wang")
        .refused("invalid-value");
    // What was refused has bound nothing: the blank is free for somebody else.
    house.ticket("4101", "card", 1, "t-4");
    let li = content("410102199002020029", "4100000002", "李四", &certificate);
    station
        .personalise(&ask(OTHER, blank, "410102199002020029", li, ""))
        .expect("no ticket named: the latest good one");
    refused(
        station.personalise(&request(OTHER, "t-4")),
        "factor-bound-to-another-person",
    );
    assert_eq!(station.status().unwrap().tier, "prefecture");
    assert!(
        station.keys().is_err(),
        "the key table is for officers and clerks"
    );
    assert_eq!(
        house.client(&served, "clerk").keys().unwrap().keys.len(),
        60
    );
}

#[test]
fn without_an_audit_row_nothing_is_done_and_a_flipped_row_is_found() {
    let house = House::handed_down();
    house.deliver("4101", Kind::Card, 1, &[FACTOR]);
    house.ticket("4101", "card", 1, "t-card");
    let served = house.serve("4101");
    let station = house.client(&served, "station");
    let certificate = house.issuer_certificate("4101");
    let blank = probe(&mut blank_card(FACTOR));
    let request = ask(
        FACTOR,
        blank,
        NUMBER,
        content(NUMBER, SERIAL, "张三", &certificate),
        "t-card",
    );

    house.tamper(
        "4101",
        "CREATE TRIGGER full BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'full'); END;",
    );
    refused(station.personalise(&request), "audit-unavailable");
    house
        .signed_line("transport import --store kms-4101 --vendor 4844 --test-key")
        .refused("audit-unavailable");
    house.tamper("4101", "DROP TRIGGER full");
    assert_eq!(
        station.personalise(&request).unwrap().quota_left,
        0,
        "nothing was spent while nothing could be recorded"
    );

    house.line("audit verify --store kms-4101").ok();
    house.tamper(
        "4101",
        "DROP TRIGGER audit_never_changes; UPDATE audit SET actor = 'nobody' WHERE seq = 5;",
    );
    let found = house.line("audit verify --store kms-4101");
    assert_eq!(found.code, 3);
    assert!(found.err.contains('5'), "the row is named: {}", found.err);
}

#[test]
fn a_sam_is_made_in_two_stages_by_two_tiers() {
    let house = House::handed_down();
    house.deliver("0", Kind::Sam, 1, &[SAM]);
    house.deliver("41", Kind::Sam, 1, &[SAM]);
    house.ticket("0", "sam-national", 1, "t-n");
    house.ticket("41", "sam-provincial", 1, "t-p");
    let (ministry, province) = (house.serve("0"), house.serve("41"));
    let (national, provincial) = (
        house.client(&ministry, "station"),
        house.client(&province, "station"),
    );
    let mut sam = blank_sam(SAM);

    let mut request = SamNationalRequest {
        request_id: Uuid::new_v4(),
        ticket: "t-n".into(),
        chip_serial: SAM,
        vendor: [0x54, 0x54],
        cos_version: 1,
        sam_type: 5,
        province: "41".into(),
        sam: probe(&mut sam),
    };
    request.province = "42".into();
    refused(national.sam_national(&request), "area-refused");
    request.province = "41".into();
    refused(provincial.sam_national(&request), "wrong-tier");
    let script = national.sam_national(&request).unwrap();
    assert_eq!(
        script.check_values.len(),
        2 + 38,
        "SMK_N, SMK_P, national roots"
    );
    let smk_p = diversify(&diversify(&root("RHC-TEST-SMK_P-v0"), b"41000000"), &SAM);
    assert_eq!(script.check_values[1].kcv, check_value(&smk_p));
    let irk = script
        .check_values
        .iter()
        .find(|v| v.key == "IRK_DDF1" && v.version == 1)
        .unwrap();
    assert_eq!(
        irk.kcv,
        check_value(&root("RHC-TEST-IRK_DDF1-v1")),
        "a SAM holds roots"
    );
    play_all(&mut sam, &script);
    let mut other_type = request.clone();
    (other_type.request_id, other_type.sam_type) = (Uuid::new_v4(), 1);
    refused(
        national.sam_national(&other_type),
        "sam-bound-to-another-purpose",
    );

    let serial = hex::encode(sam_serial("4101", 5, 2026, 7).unwrap());
    let keys = SamProvincialKeysRequest {
        request_id: Uuid::new_v4(),
        ticket: "t-p".into(),
        chip_serial: SAM,
        vendor: [0x54, 0x54],
        cos_version: 1,
        sam_type: 5,
        serial: serial.clone(),
        sam: probe(&mut sam),
    };
    assert_eq!(keys.sam.key_version, 2);
    let script = provincial.sam_provincial_keys(&keys).unwrap();
    let pulled = play_all(&mut sam, &script);
    // Pulled after stage a, it is taken up from stage a again and proves anew; the earlier proof is of no use any more.
    let mut keys = keys;
    (keys.request_id, keys.sam) = (Uuid::new_v4(), probe(&mut sam));
    let script = provincial.sam_provincial_keys(&keys).unwrap();
    let answers = play_all(&mut sam, &script);
    let (public_key, proof) = (answers[0].clone(), answers[1].clone());
    assert_eq!(pulled[0], public_key, "the public test key");
    let expected = SigningKey::from_label(format!("RHC-TEST-SM2-SAM-{serial}").as_bytes()).unwrap();
    assert_eq!(public_key, expected.verifying_key().to_bytes(), "D37");

    let files = SamProvincialFilesRequest {
        request_id: Uuid::new_v4(),
        ticket: "t-p".into(),
        chip_serial: SAM,
        vendor: [0x54, 0x54],
        cos_version: 1,
        sam_type: 5,
        serial: serial.clone(),
        public_key: public_key.clone().try_into().unwrap(),
        key_proof: proof.try_into().unwrap(),
        pin: Secret::new("123456".into()),
        terminal: TerminalInfo {
            city: "01".into(),
            number: 1,
        },
        sam: probe(&mut sam),
    };
    let earlier = pulled[1].clone().try_into().unwrap();
    unproved_keys_are_refused(&provincial, &files, &expected, earlier);
    a_key_of_another_sam_is_refused(&house, &provincial, &files);
    let script = provincial.sam_provincial_files(&files).unwrap();
    assert_eq!(script.quota_left, 0, "stages a and b are one count");
    assert_eq!(
        provincial.sam_provincial_files(&files).unwrap().digest,
        script.digest,
        "a repeat is the same"
    );
    play_all(&mut sam, &script);
    assert_eq!(sam.stage(), Stage::Active);

    let certificate = read_file(&mut sam, 0x001C);
    assert!(
        !serde_json::to_string(&script)
            .unwrap()
            .contains(&hex::encode_upper(&certificate[126..])),
        "the certificate leaves the service inside the SAM's session only"
    );
    let ministry_root = SigningKey::from_label(b"RHC-TEST-SM2-ROOT").unwrap();
    let issuer = house.issuer_certificate("41");
    let issuer =
        IssuerCertificate::verify(&issuer, ministry_root.verifying_key(), Mark::Test).unwrap();
    let read = SamCertificate::verify(&certificate, &issuer.public_key, Mark::Test).unwrap();
    assert_eq!(
        (
            hex::encode(read.sam_serial),
            read.public_key.to_bytes().to_vec()
        ),
        (serial, public_key)
    );

    x509::openssl_verifies_a_sams_certificate_under_the_issuers(&house, &hex::encode(SAM));
    let mut another = keys.clone();
    another.request_id = Uuid::new_v4();
    another.serial = hex::encode(sam_serial("4101", 5, 2026, 8).unwrap());
    refused(
        provincial.sam_provincial_keys(&another),
        "sam-bound-to-another-purpose",
    );
    another.serial = "41010520260000000081".into();
    refused(provincial.sam_provincial_keys(&another), "invalid-value");
    house.line("audit verify --store kms-41").ok();
}

/// Somebody else's key under this SAM's ticket, with every proof that can be had for it.
fn unproved_keys_are_refused(
    provincial: &kms_api::Client,
    good: &SamProvincialFilesRequest,
    own: &SigningKey,
    earlier: [u8; 64],
) {
    let with = |public_key: [u8; 64], key_proof: [u8; 64]| {
        let request = SamProvincialFilesRequest {
            request_id: Uuid::new_v4(),
            public_key,
            key_proof,
            ..good.clone()
        };
        provincial.sam_provincial_files(&request)
    };
    let stranger = SigningKey::from_label(b"a station's own key").unwrap();
    let strangers = stranger.verifying_key().to_bytes();
    let text = |key: &[u8]| [&b"RHC-COS-1-PROOF\0"[..], &SAM, &[0; 32], key].concat();
    let by_stranger = stranger.sign_message(&text(&strangers)).unwrap();
    let by_sam = own.sign_message(&text(&good.public_key)).unwrap();
    for (key, proof, why) in [
        (strangers, good.key_proof, "the SAM's proof, another key"),
        (strangers, by_stranger, "a guessed challenge"),
        (
            good.public_key,
            by_sam,
            "the right key, a guessed challenge",
        ),
        ([0; 64], good.key_proof, "no key at all"),
        (good.public_key, earlier, "the proof of an earlier stage a"),
    ] {
        let error = with(key, proof).err().expect(why);
        assert_eq!(
            error.problem().map(|problem| problem.slug().to_owned()),
            Some("sam-key-unproved".to_owned()),
            "{why}"
        );
    }
}

/// The right proof for a key that another SAM's certificate names already: two SAMs would be one.
fn a_key_of_another_sam_is_refused(
    house: &House,
    provincial: &kms_api::Client,
    good: &SamProvincialFilesRequest,
) {
    let other = "5B5B5B5B5B5B5B5B";
    house.plant_certificate("41", other, &good.public_key);
    let request = SamProvincialFilesRequest {
        request_id: Uuid::new_v4(),
        ..good.clone()
    };
    let error = provincial.sam_provincial_files(&request).err().unwrap();
    let problem = error.problem().unwrap();
    assert_eq!(problem.slug(), "sam-key-unproved", "{error}");
    assert!(error.to_string().contains("another SAM"), "{error}");
    house.tamper("41", &format!("DELETE FROM chip WHERE factor = '{other}'"));
}

#[test]
fn an_hsm_that_comes_back_is_found_again() {
    let mut house = House::handed_down();
    house.deliver("4101", Kind::Card, 1, &[FACTOR]);
    house.ticket("4101", "card", 1, "t-card");
    let served = house.serve("4101");
    let station = house.client(&served, "station");
    let certificate = house.issuer_certificate("4101");
    let blank = probe(&mut blank_card(FACTOR));
    let request = ask(
        FACTOR,
        blank,
        NUMBER,
        content(NUMBER, SERIAL, "张三", &certificate),
        "t-card",
    );
    let script = station.personalise(&request).unwrap();
    house.kill_hsm();
    refused(station.personalise(&request), "hsm-unavailable");
    assert!(!station.status().unwrap().hsm_ready);
    house.serve_hsm("4101");
    let again = station.personalise(&request).unwrap();
    assert_eq!(
        (again.digest, again.quota_left),
        (script.digest, 0),
        "the HSM's own memory of the answer"
    );
}
