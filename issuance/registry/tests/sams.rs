//! SAM serials and their registration.
#![allow(clippy::unwrap_used)] // a failed unwrap is the failed test

mod common;

use cardlib_card::cert::{CertificateBody, IssuerLevel, Mark, issuer_code};
use common::{Stand, certificate, certificate_by, problem, sam_body};
use issuance_registry_api::problems::{
    CARD_UNKNOWN, CERTIFICATE_DIFFERS, CHIP_TAKEN, ISSUER_UNKNOWN, SAM_NOT_RESERVED,
};
use issuance_registry_api::{SamRegistrationRequest, SamSerialRequest, SamState};
use kms_platform::problem::{AREA_REFUSED, INVALID, ROLE_REFUSED};

fn request(chip: u64, sam_type: u8, area: &str) -> SamSerialRequest {
    SamSerialRequest {
        chip_serial: format!("{chip:016X}").parse().unwrap(),
        sam_type,
        area: area.into(),
    }
}

#[test]
fn a_serial_has_area_type_year_and_a_running_number() {
    let stand = Stand::new();
    let province = stand.client("rhc://41/station/st0");
    let year = jiff::Timestamp::now()
        .to_zoned(jiff::tz::TimeZone::fixed(jiff::tz::offset(8)))
        .year();
    for (chip, sam_type, area, expected) in [
        (1, 5, "4101", format!("410105{year}000000001")),
        (2, 5, "410102", format!("410105{year}000000002")),
        (3, 4, "4101", format!("410104{year}000000001")),
        (4, 5, "41", format!("410005{year}000000001")),
    ] {
        let serial = province
            .sam_serial(&request(chip, sam_type, area))
            .unwrap()
            .serial;
        assert_eq!(&serial.as_str()[..19], expected);
    }
    let first = province.sam_serial(&request(9, 1, "4101")).unwrap();
    assert_eq!(province.sam_serial(&request(9, 1, "4101")).unwrap(), first);
    assert!(problem(province.sam_serial(&request(9, 4, "4101"))).is(&CHIP_TAKEN));
    assert!(problem(province.sam_serial(&request(9, 1, "4102"))).is(&CHIP_TAKEN));
}

#[test]
fn only_its_own_certificate_makes_a_sam_active() {
    let stand = Stand::new();
    let station = stand.station();
    let asked = request(7, 5, "4101");
    let serial = station.sam_serial(&asked).unwrap().serial;
    let other = station.sam_serial(&request(8, 5, "4101")).unwrap().serial;
    let good = certificate(&serial, Mark::Test);
    let register = |certificate: &str| {
        station.register_sam(&SamRegistrationRequest {
            serial: serial.clone(),
            chip_serial: asked.chip_serial.clone(),
            certificate: certificate.into(),
        })
    };
    let issuer_kind = format!("0101{}", &good[4..]);
    let short = &good[..378];
    for wrong in [
        certificate(&other, Mark::Test),
        certificate(&serial, Mark::Production),
        certificate(&serial, Mark::Demo),
        issuer_kind,
        short.into(),
        "zz".repeat(190),
    ] {
        assert!(
            problem(register(&wrong)).is(&CERTIFICATE_DIFFERS),
            "{wrong}"
        );
    }
    let by = |signer, body| certificate_by(signer, &serial, body);
    let test = || sam_body(Mark::Test);
    let own = "RHC-TEST-SM2-ISSUER-41";
    let (mut over, mut elsewhere) = (test(), test());
    over.valid_to = [0x20, 0x25, 0x12, 0x31];
    elsewhere.issuer_code = issuer_code("420000", IssuerLevel::Province, 1).unwrap();
    for (wrong, kind) in [
        (by("a station's own key", test()), &ISSUER_UNKNOWN),
        (
            by("RHC-TEST-SM2-ISSUER-42", elsewhere.clone()),
            &ISSUER_UNKNOWN,
        ),
        (by(own, elsewhere), &CERTIFICATE_DIFFERS),
        (by(own, over), &CERTIFICATE_DIFFERS),
        (flipped(&good, 379), &ISSUER_UNKNOWN),
        (flipped(&good, 30), &ISSUER_UNKNOWN),
    ] {
        let refused = problem(register(&wrong));
        assert!(refused.is(kind), "{refused}");
    }
    assert_eq!(station.sam(&serial).unwrap().state, SamState::Reserved);
    let active = register(&good).unwrap();
    assert_eq!(
        (active.state, active.certificate.as_deref()),
        (SamState::Active, Some(good.as_str()))
    );
    assert_eq!(register(&good).unwrap(), active, "a repeat changes nothing");
    let renewed = CertificateBody {
        serial: 8,
        ..test()
    };
    let renewed = certificate_by(own, &serial, renewed);
    assert!(problem(register(&renewed)).is(&CERTIFICATE_DIFFERS));
    assert_eq!(stand.hospital().sam(&serial).unwrap(), active);
}

/// One bit of one hexadecimal digit.
fn flipped(hex: &str, at: usize) -> String {
    let mut digits: Vec<char> = hex.chars().collect();
    let value = digits[at].to_digit(16).unwrap() ^ 1;
    digits[at] = char::from_digit(value, 16).unwrap().to_ascii_uppercase();
    digits.into_iter().collect()
}

#[test]
fn what_was_not_reserved_is_not_registered() {
    let stand = Stand::new();
    let station = stand.station();
    let serial = station.sam_serial(&request(7, 5, "4101")).unwrap().serial;
    let wrong_chip = SamRegistrationRequest {
        serial: serial.clone(),
        chip_serial: "00000000000000FF".parse().unwrap(),
        certificate: certificate(&serial, Mark::Test),
    };
    assert!(problem(station.register_sam(&wrong_chip)).is(&SAM_NOT_RESERVED));
    let never = issuance_registry_api::SamSerialNumber::compose("4101", 5, 2020, 1).unwrap();
    assert!(problem(station.sam(&never)).is(&CARD_UNKNOWN));
    let elsewhere = stand.client("rhc://4102/station/st2");
    assert!(problem(elsewhere.sam_serial(&request(70, 5, "4101"))).is(&AREA_REFUSED));
    let taken = SamRegistrationRequest {
        chip_serial: request(7, 5, "").chip_serial,
        ..wrong_chip
    };
    assert!(problem(elsewhere.register_sam(&taken)).is(&AREA_REFUSED));
    assert!(problem(stand.hospital().sam_serial(&request(71, 5, "4101"))).is(&ROLE_REFUSED));
    for sam_type in [0, 6, 255] {
        assert!(problem(station.sam_serial(&request(72, sam_type, "4101"))).is(&INVALID));
    }
}
