//! Tests of `delivery`.

use super::*;

fn maker() -> SigningKey {
    SigningKey::from_label(test_maker_label("5454").as_bytes()).unwrap()
}

fn list() -> DeliveryList {
    let items = [[0x11; 8], [0x22; 8]];
    DeliveryList::new("5454", "RHC-SIM", Mark::Test, 1, Kind::Card, &items).unwrap()
}

#[test]
fn a_signed_list_is_read_back() {
    let file = list().to_json().unwrap();
    let signature = sign(&file, &maker()).unwrap();
    let read = verify(&file, &signature, "5454", maker().verifying_key()).unwrap();
    assert_eq!(read, list());
    assert_eq!(read.factors().collect::<Vec<_>>(), [[0x11; 8], [0x22; 8]]);
}

#[test]
fn one_changed_byte_is_refused() {
    let mut file = list().to_json().unwrap();
    let signature = sign(&file, &maker()).unwrap();
    let key = maker().verifying_key().clone();
    for at in [0, file.len() / 2, file.len() - 1] {
        file[at] ^= 1;
        assert_eq!(
            verify(&file, &signature, "5454", &key),
            Err(DeliveryError::Signature)
        );
        file[at] ^= 1;
    }
    assert_eq!(
        verify(&file, "00", "5454", &key),
        Err(DeliveryError::SignatureForm)
    );
}

#[test]
fn another_makers_list_is_refused() {
    let file = list().to_json().unwrap();
    let other = SigningKey::from_label(test_maker_label("4844").as_bytes()).unwrap();
    let signature = sign(&file, &other).unwrap();
    assert_eq!(
        verify(&file, &signature, "5454", maker().verifying_key()),
        Err(DeliveryError::Signature)
    );
    assert!(matches!(
        verify(&file, &signature, "4844", other.verifying_key()),
        Err(DeliveryError::Maker { .. })
    ));
}

#[test]
fn a_signed_but_malformed_list_is_refused() {
    let text = String::from_utf8(list().to_json().unwrap()).unwrap();
    for (from, to) in [
        ("rhc-delivery-list-1", "rhc-delivery-list-2"),
        ("\"TEST\"", "\"test\""),
        ("\"sequence\": 1", "\"sequence\": 0"),
        ("\"card\"", "\"cards\""),
        ("2222222222222222", "22222222222222"),
        ("2222222222222222", "1111111111111111"),
        ("\"product\"", "\"extra\": 1, \"product\""),
    ] {
        assert!(text.contains(from), "{from}");
        let file = text.replacen(from, to, 1).into_bytes();
        let signature = sign(&file, &maker()).unwrap();
        let refused = verify(&file, &signature, "5454", maker().verifying_key());
        assert!(matches!(refused, Err(DeliveryError::Form(_))), "{to}");
    }
}
