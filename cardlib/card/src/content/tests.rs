//! Tests of `content`.

use super::*;

fn sample() -> CardContent {
    let profile = Profile::rhc_2012();
    let mut content = CardContent::default();
    content.set_text(profile, 11, "张三").expect("name");
    content.set_text(profile, 57, "410100").expect("area");
    content.set_text(profile, 1, "1").expect("class");
    content
}

#[test]
fn elements_land_in_their_file_in_the_profiles_order() {
    let mut content = sample();
    assert_eq!(content.check(Profile::rhc_2012()), Ok(()));
    assert_eq!(content.value(57), Some(&[0x41, 0x01, 0x00][..]));
    assert_eq!(content.value(9), None);
    content
        .set(Profile::rhc_2012(), 9, b"A1B")
        .expect("security code");
    let ef05 = content
        .files
        .iter()
        .find(|f| f.path == "DDF1/EF05")
        .and_then(FileContent::records);
    let tags: Vec<u8> = ef05.expect("records").iter().map(|r| r[0]).collect();
    assert_eq!(tags, [1, 9, 57]);
    content.set(Profile::rhc_2012(), 9, b"FFF").expect("again");
    assert_eq!(content.value(9), Some(&b"FFF"[..]));
}

#[test]
fn the_hash_input_does_not_depend_on_the_order_of_files() {
    let content = sample();
    let mut turned = content.clone();
    turned.files.reverse();
    assert_eq!(content.canonical_bytes(), turned.canonical_bytes());
    turned
        .set_text(Profile::rhc_2012(), 11, "张四")
        .expect("name");
    assert_ne!(content.canonical_bytes(), turned.canonical_bytes());
}

#[test]
fn json_carries_hexadecimal() {
    let json = serde_json::to_string(&sample()).expect("json");
    assert!(
        json.contains(r#"{"path":"DDF1/EF05","data":{"records":["010131","3903410100"]}}"#),
        "{json}"
    );
    let back: CardContent = serde_json::from_str(&json).expect("back");
    assert!(back == sample());
    assert!(
        serde_json::from_str::<CardContent>(r#"{"files":[{"path":"x","data":{"binary":"0"}}]}"#)
            .is_err()
    );
}

#[test]
fn what_does_not_fit_is_named() {
    let profile = Profile::rhc_2012();
    let one = |path: &str, data| CardContent {
        files: vec![FileContent {
            path: path.into(),
            data,
        }],
    };
    let records = |r: &[&[u8]]| FileData::Records(r.iter().map(|b| b.to_vec()).collect());
    let said = |content: CardContent| content.check(profile).expect_err("refused").to_string();
    assert_eq!(
        said(one("DDF1/EF09", records(&[]))),
        "DDF1/EF09: the profile has no such file"
    );
    assert!(said(one("DDF1/EF07", records(&[]))).contains("not records"));
    assert!(said(one("DDF1/EF07", FileData::Binary(vec![0; 3075]))).contains("room for 3074"));
    assert!(said(one("DDF1/EF06", records(&[&[12, 2, 0, 0]]))).contains("2 bytes where 1 are"));
    assert!(said(one("DDF1/EF06", records(&[&[12, 1, 1], &[12, 1, 1]]))).contains("again"));
    assert!(said(one("DDF1/EF06", records(&[&[7, 1, 1]]))).contains("tag 7 is not of this file"));
    assert!(said(one("DF03/EF05", records(&[&[0, 0]]))).contains("2 bytes where 1 are"));
    let mut twice = one("DF03/EF05", records(&[]));
    twice.files.push(twice.files[0].clone());
    assert_eq!(said(twice), "DF03/EF05: named twice");
}
