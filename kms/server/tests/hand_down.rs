//! Keys for three tiers: made, handed down, compared with OpenSSL; and everything that must be refused on the way.

#![allow(clippy::unwrap_used)] // a failed unwrap here is the failed test

#[path = "hand_down/approvals.rs"]
mod approvals;
mod house;

use house::openssl::{check_value, diversify, root};
use house::{House, json};

/// `user-card.md` §4.4: name, versions, national? Typed from the table, not read from the profile.
const CARD_KEYS: [(&str, u8, bool); 21] = [
    ("IRK_DDF1", 4, true),
    ("STK_DDF1", 1, false),
    ("STK_DF01", 1, false),
    ("STK_DF02", 1, true),
    ("STK_DF03", 1, true),
    ("LK_DF01", 1, false),
    ("LK_DF02", 1, false),
    ("LK_DF03", 1, false),
    ("UK1_DDF1", 4, false),
    ("UK1_DF01", 4, false),
    ("UK1_DF02", 4, true),
    ("UK2_DF02", 4, true),
    ("UK3_DF02", 4, true),
    ("UK1_DF03", 4, true),
    ("UK2_DF03", 4, false),
    ("RK1_DDF1", 4, true),
    ("RK1_DF01", 4, true),
    ("RK1_DF02", 4, true),
    ("RK1_DF03", 4, true),
    ("BK_MF", 1, false),
    ("STK_MF", 1, false),
];

/// Check values by key id as `rhc-kms keys --json` prints them.
fn check_values(house: &House, store: &str) -> std::collections::BTreeMap<String, String> {
    let table = json(&house.line(&format!("keys --store {store} --json")).ok().out);
    let keys = table["keys"].as_array().unwrap().iter();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    keys.map(|key| (text(&key["id"]), text(&key["check_value"])))
        .collect()
}

/// The same with the stores in PostgreSQL.
mod in_postgres {
    use super::house::in_databases;

    #[test]
    fn a_grant_needs_two_officers_who_did_not_ask() {
        in_databases(super::a_grant_needs_two_officers_who_did_not_ask);
    }

    #[test]
    fn a_package_is_taken_once_unchanged_by_its_receiver() {
        in_databases(super::a_package_is_taken_once_unchanged_by_its_receiver);
    }

    #[test]
    fn an_hsm_must_be_confirmed_before_it_gets_keys() {
        in_databases(super::an_hsm_must_be_confirmed_before_it_gets_keys);
    }

    #[test]
    fn who_asks_again_before_importing_takes_both_packages_in_order() {
        in_databases(super::who_asks_again_before_importing_takes_both_packages_in_order);
    }

    #[test]
    fn marks_never_mix() {
        in_databases(super::marks_never_mix);
    }

    #[test]
    fn orders_travel_as_files_too() {
        in_databases(super::orders_travel_as_files_too);
    }
}

#[test]
fn check_values_agree_with_openssl_on_all_tiers() {
    let house = House::handed_down();
    let [ministry, province, prefecture] =
        ["kms-0", "kms-41", "kms-4101"].map(|store| check_values(&house, store));
    let mut instances = 0;
    for (name, versions, national) in CARD_KEYS {
        for version in 0..versions {
            let id = format!("{name}/{version}");
            let key = if national {
                let national_root = root(&format!("RHC-TEST-{name}-v{version}"));
                assert_eq!(ministry[&id], check_value(&national_root), "ministry {id}");
                diversify(&national_root, b"41000000")
            } else {
                assert!(!ministry.contains_key(&id), "{id} is born at the province");
                root(&format!("RHC-TEST-41-{name}-v{version}"))
            };
            assert_eq!(province[&id], check_value(&key), "province {id}");
            assert_eq!(prefecture[&id], province[&id], "prefecture {id}");
            instances += 1;
        }
    }
    assert_eq!(instances, 57);
    for name in ["CVK", "CMK"] {
        let expected = check_value(&root(&format!("RHC-TEST-41-{name}-v0")));
        assert_eq!(
            (
                &province[&format!("{name}/0")],
                &prefecture[&format!("{name}/0")]
            ),
            (&expected, &expected)
        );
    }
    assert_eq!(ministry["SMK_N/0"], check_value(&root("RHC-TEST-SMK_N-v0")));
    assert_eq!(
        province["SMK_P/0"],
        check_value(&diversify(&root("RHC-TEST-SMK_P-v0"), b"41000000"))
    );
    for absent in ["SMK_N/0", "SMK_P/0", "SM2_ISSUER/0", "SM2_ROOT/0"] {
        assert!(
            !prefecture.contains_key(absent),
            "{absent} never reaches a prefecture"
        );
    }
    for store in ["kms-0", "kms-41", "kms-4101"] {
        house.line(&format!("audit verify --store {store}")).ok();
    }
}

#[test]
fn a_grant_needs_two_officers_who_did_not_ask() {
    let house = House::with_three_tiers();
    let id = house.ask("0", "41");
    let approve = |signers: &[&str]| {
        let mut args = vec![
            "grant",
            "--store",
            "kms-0",
            "--approve",
            &id,
            "--out",
            "p.json",
        ];
        signers
            .iter()
            .for_each(|signer| args.extend(["--as", signer]));
        house.kms(&args)
    };
    approve(&[]).refused("two-officers-needed");
    approve(&["zhang.key"]).refused("two-officers-needed");
    approve(&["zhang.key", "zhang.key"]).refused("two-officers-needed");
    approve(&["zhang.key", "chen.key"]).refused("unknown-officer");
    // The person who brought the request here is an officer too, and may not approve it.
    house
        .line("request --store kms-41 --by wang --out again.json")
        .ok();
    let opened = house
        .line("grant --store kms-0 --request again.json --by zhang --json")
        .ok();
    let own = json(&opened.out)["id"].as_str().unwrap().to_owned();
    house
        .signed_line(&format!("grant --store kms-0 --approve {own} --out p.json"))
        .refused("requester-approves");
    // Nor may who asked below.
    house
        .line("request --store kms-41 --by li --out third.json")
        .ok();
    let opened = house
        .line("grant --store kms-0 --request third.json --by sun --json")
        .ok();
    let below = json(&opened.out)["id"].as_str().unwrap().to_owned();
    house
        .signed_line(&format!(
            "grant --store kms-0 --approve {below} --out p.json"
        ))
        .refused("requester-approves");
    assert!(!house.path("p.json").exists());
    house.line("audit verify --store kms-0").ok();
}

#[test]
fn a_package_is_taken_once_unchanged_by_its_receiver() {
    let mut house = House::with_three_tiers();
    let id = house.ask("0", "41");
    house
        .signed_line(&format!(
            "grant --store kms-0 --approve {id} --out pkg.json"
        ))
        .ok();
    let package = std::fs::read(house.path("pkg.json")).unwrap();

    // Another province's HSM, enrolled all the same.
    house.start_hsm("42", "test");
    house.init("province", "42", "42", "test", true).ok();
    house.enrol("42", "0", "province-42");
    house.enrol("0", "42", "ministry");
    house
        .line("request --store kms-42 --by wang --out req-42.json")
        .ok();
    house
        .signed_line("import --store kms-42 pkg.json")
        .refused("wrong-receiver");

    let text = String::from_utf8(package.clone()).unwrap();
    let wrapped = text.find("wrapped").unwrap() + 40;
    let signature = text.rfind("signature").unwrap() + 20;
    let key = text.find("check_value").unwrap() + 22;
    for at in [wrapped, signature, key] {
        let mut changed = package.clone();
        changed[at] = if changed[at] == b'0' { b'1' } else { b'0' };
        std::fs::write(house.path("changed.json"), &changed).unwrap();
        let ran = house.signed_line("import --store kms-41 changed.json");
        assert_eq!(ran.code, 3, "byte {at}: {}{}", ran.out, ran.err);
        assert!(
            ran.err.contains("(package-refused)") || ran.err.contains("(invalid-value)"),
            "byte {at}: {}",
            ran.err
        );
    }
    assert_eq!(
        check_values(&house, "kms-41").len(),
        23,
        "nothing was taken in: the province's own keys only"
    );

    house
        .line("import --store kms-41 pkg.json --as li.key")
        .refused("two-officers-needed");
    let import = |file: &str, receipt: &str| {
        house.signed_line(&format!("import --store kms-41 {file} --receipt {receipt}"))
    };
    let read = |name: &str| std::fs::read(house.path(name)).unwrap();
    import("pkg.json", "first.receipt").ok();
    // The same again, as after a lost answer: two officers again, nothing changes, the same receipt.
    let held = check_values(&house, "kms-41");
    house
        .line("import --store kms-41 pkg.json --as li.key")
        .refused("two-officers-needed");
    import("pkg.json", "again.receipt").ok();
    assert_eq!(read("again.receipt"), read("first.receipt"));
    assert_eq!(check_values(&house, "kms-41"), held);
    // After a later one it is a replay.
    house.hand_down("0", "41");
    import("pkg.json", "late.receipt").refused("package-out-of-sequence");
    assert!(!house.path("late.receipt").exists());
    assert_eq!(check_values(&house, "kms-41"), held);
    house.line("audit verify --store kms-41").ok();
    house.line("audit verify --store kms-42").ok();
}

/// The HSM takes packages in their order: the first must not be out of reach when a second was made.
#[test]
fn who_asks_again_before_importing_takes_both_packages_in_order() {
    let house = House::with_three_tiers();
    let grant = |id: &str, out: &str| {
        house
            .signed_line(&format!("grant --store kms-0 --approve {id} --out {out}"))
            .ok();
        std::fs::read(house.path(out)).unwrap()
    };
    let first = house.ask("0", "41");
    let made = grant(&first, "first.json");
    std::fs::remove_file(house.path("first.json")).unwrap();
    let second = house.ask("0", "41");
    grant(&second, "second.json");
    // The later one says what to do.
    let import = |file: &str| {
        house.signed_line(&format!(
            "import --store kms-41 {file} --receipt {file}.receipt"
        ))
    };
    let early = import("second.json");
    assert!(early.err.contains("grant --approve"), "{}", early.err);
    early.refused("package-out-of-sequence");
    // The first is handed out again, to the byte; then both go in, and both are acknowledged.
    assert_eq!(grant(&first, "again.json"), made);
    for file in ["again.json", "second.json"] {
        import(file).ok();
        house
            .line(&format!("handdown receipt {file}.receipt --store kms-0"))
            .ok();
    }
    let list = json(&house.line("handdown list --store kms-0 --json").ok().out);
    let list = list.as_array().unwrap();
    assert_eq!(list.len(), 2);
    assert!(
        list.iter().all(|one| one["state"] == "received"),
        "{list:?}"
    );
    // Things go on in order.
    house.hand_down("0", "41");
    for store in ["kms-0", "kms-41"] {
        house.line(&format!("audit verify --store {store}")).ok();
    }
}

#[test]
fn an_hsm_must_be_confirmed_before_it_gets_keys() {
    let mut house = House::new();
    for (tier, area, name) in [("ministry", "", "0"), ("province", "41", "41")] {
        house.start_hsm(name, "test");
        house.init(tier, area, name, "test", true).ok();
    }
    house
        .line("request --store kms-41 --by wang --out req.json")
        .ok();
    let open = || house.line("grant --store kms-0 --request req.json --by sun");
    open().refused("hsm-not-enrolled");
    house.line("hsm info --store kms-41 --out peer.json").ok();
    house
        .line("hsm enrol --store kms-0 --peer-info peer.json --by zhang")
        .ok();
    open().refused("hsm-not-enrolled");
    house
        .signed_line("hsm confirm --store kms-0 --peer province-41")
        .refused("requester-approves");
    house
        .line("hsm enrol --store kms-0 --peer-info peer.json --by wang")
        .ok();
    house
        .signed_line("hsm confirm --store kms-0 --peer province-41")
        .ok();
    open().ok();
    let peer = std::fs::read_to_string(house.path("peer.json")).unwrap();
    let at = peer.find("signing_key").unwrap() + 16;
    let mut changed = peer.into_bytes();
    changed[at] = if changed[at] == b'0' { b'1' } else { b'0' };
    std::fs::write(house.path("changed.json"), changed).unwrap();
    house
        .line("hsm enrol --store kms-0 --peer-info changed.json --by wang")
        .refused("fingerprint-mismatch");
}

#[test]
fn marks_never_mix() {
    let mut house = House::new();
    house.start_hsm("0", "test");
    house.start_hsm("41", "demo");
    house
        .init("province", "41", "41", "test", false)
        .refused("mark-mismatch");
    assert!(!house.path("kms-41").exists(), "nothing was made");
    house.init("ministry", "", "0", "test", true).ok();
    house
        .init("province", "41", "41", "demo", true)
        .refused("mark-mismatch");
    house.init("province", "41", "41", "demo", false).ok();
    let random = check_values(&house, "kms-41");
    assert_ne!(
        random["CMK/0"],
        check_value(&root("RHC-TEST-41-CMK-v0")),
        "random keys"
    );
    house.line("hsm info --store kms-41 --out peer.json").ok();
    house
        .line("hsm enrol --store kms-0 --peer-info peer.json --by wang")
        .refused("mark-mismatch");
    house
        .signed_line("transport import --store kms-41 --vendor 5454 --test-key")
        .refused("mark-mismatch");
}

/// The HSM would refuse every order signed with the other key: told at once, before anything is made.
#[test]
fn init_compares_officers_keys_with_the_hsms() {
    let mut house = House::new();
    house.start_hsm("0", "test");
    std::fs::create_dir(house.path("others")).unwrap();
    house.officer_key("zhang", "others/zhang.key");
    let line = |zhang: &str| {
        format!(
            "init --tier ministry --area= --hsm h0.s --hsm-officer o0.s --operator-cred op-0.cred \
             --officer zhang={zhang}.pub --officer li=li.key.pub --store kms-0 --mark test \
             --as {zhang} --as li.key --test-keys"
        )
    };
    house
        .line(&line("others/zhang.key"))
        .refused("unknown-officer");
    assert!(!house.path("kms-0").exists(), "nothing was made");
    house.line(&line("zhang.key")).ok();
}

#[test]
fn init_finds_the_hsm_by_its_defaults() {
    let mut house = House::new();
    house.start_hsm("0", "test");
    std::os::unix::fs::symlink(house.path("o0.s"), house.path("h0.s.officer")).unwrap();
    std::fs::rename(house.path("op-0.cred"), house.path("h0.s.cred")).unwrap();
    let args = [
        "init",
        "--tier",
        "ministry",
        "--hsm",
        "h0.s",
        "--store",
        "kms-0",
        "--test-keys",
    ];
    let officers = [
        "--officer",
        "zhang=zhang.key.pub",
        "--officer",
        "li=li.key.pub",
    ];
    house.kms(
        &[
            &args[..],
            &[
                "--officer",
                "zhang=zhang.key.pub",
                "--officer",
                "zhang=zhang.key.pub",
            ],
        ]
        .concat(),
    );
    assert!(!house.path("kms-0").exists(), "one key is not two officers");
    house.signed(&[&args[..], &officers].concat()).ok();
    assert_eq!(check_values(&house, "kms-0").len(), 42);
    // Interrupted and repeated, it goes on.
    house.signed(&[&args[..], &officers].concat()).ok();
}

#[test]
fn orders_travel_as_files_too() {
    let mut house = House::new();
    house.start_hsm("0", "test");
    house.init("ministry", "", "0", "test", true).ok();
    house
        .line("ticket request --store kms-0 --kind sam-national --quantity 3 --by wang --id t1")
        .ok();
    house
        .line("ticket approve t1 --store kms-0 --order-out order.json")
        .ok();
    let shown = house.line("order show order.json").ok();
    assert!(
        shown.out.contains("create-ticket") && shown.out.contains("\"count\":3"),
        "{}",
        shown.out
    );
    let submit = || house.line("order submit order.json --store kms-0");
    submit().refused("two-officers-needed");
    house.line("order sign order.json --as zhang.key").ok();
    submit().refused("two-officers-needed");
    house.line("order sign order.json --as li.key").ok();
    let order = std::fs::read_to_string(house.path("order.json")).unwrap();
    std::fs::write(
        house.path("raised.json"),
        order.replace("\\\"count\\\":3", "\\\"count\\\":9"),
    )
    .unwrap();
    house
        .line("order submit raised.json --store kms-0")
        .refused("order-stale");
    submit().ok();
    submit().refused("exists-already");
    assert!(
        house
            .line("ticket list --store kms-0")
            .ok()
            .out
            .contains("approved by zhang,li")
    );
}

/// A DEMO world: random keys, and a maker's HSM that sends its transport keys in a package (D27).
#[test]
fn a_makers_package_brings_its_own_transport_keys_only() {
    use hsm_wire::attributes::{Algorithm, BaseClass, KeyAttributes, Leaves, Usage};
    use hsm_wire::officer::{ExportEntry, KeySource, OrderDone, OrderOp, PeerKind};

    let mut house = House::new();
    house.start_hsm("maker", "demo");
    house.start_hsm("41", "demo");
    house.init("province", "41", "41", "demo", false).ok();
    let ours = house.info("41");
    for id in ["TRANSPORT_4844/0", "TRANSPORT_5454/0"] {
        let attributes = KeyAttributes {
            algorithm: Algorithm::Sm4,
            name: id.trim_end_matches("/0").to_owned(),
            version: 0,
            usage: Usage::SessionBase(BaseClass::CardTransport),
            leaves: Leaves {
                hsm: Some(0),
                ..Leaves::default()
            },
            depth: 0,
            quota: None,
            not_after: None,
        };
        house.order(
            "maker",
            OrderOp::GenerateKey {
                id: id.to_owned(),
                attributes,
                source: KeySource::Random,
            },
        );
    }
    house.order(
        "maker",
        OrderOp::EnrolPeer {
            name: "province-41".into(),
            kind: PeerKind::Lower,
            signing_key: ours.signing_key,
            encryption_key: ours.encryption_key,
            fingerprint: ours.id,
        },
    );
    let package = |id: &str| {
        let entry = ExportEntry {
            key: id.into(),
            factors: vec![],
            new_id: id.into(),
            leaves: Some(Leaves::default()),
        };
        let (receiver, purpose) = ("province-41".to_owned(), "transport".to_owned());
        let done = house.order(
            "maker",
            OrderOp::ExportPackage {
                receiver,
                purpose,
                entries: vec![entry],
                payload: String::new(),
            },
        );
        let OrderDone::Package(text) = done else {
            panic!("a package")
        };
        std::fs::write(house.path("transport.json"), text).unwrap();
    };
    let import = || {
        house.signed_line("transport import --store kms-41 --vendor 4844 --package transport.json")
    };

    package("TRANSPORT_4844/0");
    import().refused("hsm-not-enrolled");
    std::fs::write(
        house.path("info.json"),
        serde_json::to_vec(&house.info("maker")).unwrap(),
    )
    .unwrap();
    let enrol = [
        "hsm",
        "enrol",
        "--store",
        "kms-41",
        "--maker",
        "4844",
        "--peer-info",
        "info.json",
        "--by",
        "wang",
    ];
    house.kms(&enrol).ok();
    import().refused("hsm-not-enrolled");
    house
        .signed_line("hsm confirm --store kms-41 --peer maker-4844")
        .ok();
    import().ok();
    assert!(check_values(&house, "kms-41").contains_key("TRANSPORT_4844/0"));
    // A maker that poses as the upper tier, with certificates of its own.
    house
        .line("request --store kms-41 --by wang --out req.json")
        .ok();
    let asked = json(&std::fs::read_to_string(house.path("req.json")).unwrap());
    let payload = serde_json::json!({
        "format": "rhc-hand-down-payload-1", "request": asked["id"], "from": {"tier": "ministry", "area": ""},
        "to": asked["from"], "ca_chain": "", "anchors": "", "issuer_certificate": "00", "root_key": "00",
    });
    let entry = ExportEntry {
        key: "TRANSPORT_4844/0".into(),
        factors: vec![],
        new_id: "IRK_DDF1/0".into(),
        leaves: None,
    };
    let done = house.order(
        "maker",
        OrderOp::ExportPackage {
            receiver: "province-41".into(),
            purpose: "hand-down".into(),
            entries: vec![entry],
            payload: hex::encode(payload.to_string()),
        },
    );
    let OrderDone::Package(text) = done else {
        panic!("a package")
    };
    std::fs::write(house.path("posing.json"), text).unwrap();
    house
        .signed_line("import --store kms-41 posing.json")
        .refused("hsm-not-enrolled");
    assert!(!check_values(&house, "kms-41").contains_key("IRK_DDF1/0"));
    package("TRANSPORT_5454/0");
    import().refused("package-refused");
    assert!(
        !check_values(&house, "kms-41").contains_key("TRANSPORT_5454/0"),
        "another maker's key was not taken"
    );
}

/// The HSM did it, the service fell before its store said so: the same command goes on and nothing is done twice.
#[test]
fn a_service_that_fell_between_deed_and_note_goes_on() {
    let house = House::with_three_tiers();
    let id = house.ask("0", "41");
    let approve = || {
        house.signed_line(&format!(
            "grant --store kms-0 --approve {id} --out pkg.json"
        ))
    };
    approve().ok();
    let package = std::fs::read(house.path("pkg.json")).unwrap();
    house.tamper(
        "0",
        r#"UPDATE hand_down SET state = '{"state":"requested"}'"#,
    );
    approve().ok();
    assert_eq!(
        std::fs::read(house.path("pkg.json")).unwrap(),
        package,
        "the very package, not a second one"
    );

    let import = || house.signed_line("import --store kms-41 pkg.json");
    import().ok();
    let before = check_values(&house, "kms-41");
    house.tamper(
        "41",
        "UPDATE own_request SET state = 'waiting'; DELETE FROM held_key WHERE depth = 1;
         DELETE FROM setting WHERE key IN ('issuer-certificate', 'root-key');",
    );
    assert_ne!(check_values(&house, "kms-41"), before);
    let authority = || std::fs::read(house.path("kms-41/ca.json")).unwrap();
    let kept = authority();
    for signers in [
        &[][..],
        &["--as", "zhang.key"],
        &["--as", "zhang.key", "--as", "chen.key"],
    ] {
        let ran = house.kms(&[&["import", "--store", "kms-41", "pkg.json"], signers].concat());
        assert_eq!(
            ran.code, 3,
            "noting an import takes two officers too: {}{}",
            ran.out, ran.err
        );
    }
    assert_eq!(authority(), kept);
    assert_ne!(check_values(&house, "kms-41"), before);
    import().ok();
    assert_eq!(check_values(&house, "kms-41"), before);
    house.hand_down("41", "4101");
    let again = house.ask("41", "4101");
    house
        .signed_line(&format!(
            "grant --store kms-41 --approve {again} --out pkg2.json"
        ))
        .ok();
    let prefecture = std::fs::read(house.path("kms-4101/ca.json")).unwrap();
    house
        .line("import --store kms-4101 pkg2.json")
        .refused("two-officers-needed");
    assert_eq!(
        std::fs::read(house.path("kms-4101/ca.json")).unwrap(),
        prefecture
    );

    house.tamper("0", "DELETE FROM held_key");
    house.init("ministry", "", "0", "test", true).ok();
    assert_eq!(check_values(&house, "kms-0").len(), 42);
    for store in ["kms-0", "kms-41", "kms-4101"] {
        house.line(&format!("audit verify --store {store}")).ok();
    }
}
