//! The other embedded profiles: each is `rhc-2012` but for what its clause says, and an error in one names line and clause.

use cardlib_card::profile::{BlockRule, Cipher, FactorKind, Hash, Profile, Scope, Signature};

const THREE_LEVEL: &str = include_str!("../profiles/rhc-three-level.toml");
const AES: &str = include_str!("../profiles/rhc-aes.toml");

fn named(name: &str) -> &'static Profile {
    Profile::named(name).expect(name)
}

#[test]
fn every_embedded_profile_loads_and_has_the_2012_files_and_keys() {
    let names: Vec<&str> = Profile::names().collect();
    assert_eq!(
        names,
        ["rhc-2012", "rhc-2012-bank", "rhc-three-level", "rhc-aes"]
    );
    for name in names {
        let profile = named(name);
        assert_eq!(profile.name, name);
        assert_eq!(
            (
                profile.files.len(),
                profile.keys.len(),
                profile.key_instances().count()
            ),
            (22, 21, 57),
            "{name}"
        );
        assert_eq!(profile.layouts.len(), 2);
    }
}

/// D4: the prefecture between province and card; a provincial root stays at the province.
#[test]
fn three_levels() {
    use FactorKind::{Card, Prefecture, Province};
    let profile = named("rhc-three-level");
    for key in &profile.keys {
        let (factors, levels): (&[FactorKind], u8) = match key.scope {
            Scope::National => (&[Province, Prefecture, Card], 3),
            Scope::Provincial => (&[Prefecture, Card], 2),
        };
        assert_eq!(key.factors, factors, "{}", key.name);
        assert_eq!(key.sam_usage >> 5, levels, "{}", key.name);
        let two_level = named("rhc-2012").key(&key.name).expect("the same key");
        assert_eq!(key.sam_usage & 0x1F, two_level.sam_usage & 0x1F);
        assert_eq!(
            (key.kid, key.sam_index, key.groups),
            (two_level.kid, two_level.sam_index, two_level.groups)
        );
    }
    let usage = |name| profile.key(name).map(|key| key.sam_usage);
    assert_eq!(
        [
            usage("IRK_DDF1"),
            usage("STK_DF03"),
            usage("STK_MF"),
            usage("UK1_DDF1")
        ],
        [Some(0x67), Some(0x68), Some(0x48), Some(0x47)]
    );
    let cmk = profile.service_key("CMK").expect("CMK");
    assert_eq!(cmk.factors, [Prefecture, Card]);
}

/// D46.
#[test]
fn other_algorithms() {
    let crypto = &named("rhc-aes").crypto;
    assert_eq!(
        (
            crypto.cipher,
            crypto.hash,
            crypto.signature,
            crypto.algorithm
        ),
        (Cipher::Aes128, Hash::Sha256, Signature::EcdsaP256, 0x05)
    );
}

/// Annex B of the revision note.
#[test]
fn payment_environments_beside_the_health_environment() {
    let profile = named("rhc-2012-bank");
    let name = |df: &str| {
        profile
            .df(df)
            .and_then(|df| df.df_name.as_ref())
            .map(|n| n.to_vec())
    };
    assert_eq!(name("PSE").as_deref(), Some(&b"1PAY.SYS.DDF01"[..]));
    assert_eq!(name("PPSE").as_deref(), Some(&b"2PAY.SYS.DDF01"[..]));
    let last = |df: &str| name(df).and_then(|n| n.last().copied());
    assert_eq!(
        ["DEBIT", "CREDIT", "QUASI_CREDIT", "E_CASH"].map(last),
        [1, 2, 3, 6].map(Some)
    );
    let foreign = profile
        .dfs
        .iter()
        .filter(|df| df.block == BlockRule::Foreign);
    assert_eq!(foreign.count(), 6);
    let plain = named("rhc-2012");
    assert!(
        plain.dfs.iter().all(|df| df.block != BlockRule::Foreign),
        "R8"
    );
}

fn refused(text: &str) -> (String, &'static str, Option<usize>, bool) {
    let error = Profile::load(text).expect_err("refused");
    (error.item, error.clause, error.line, error.in_base)
}

fn line_of(text: &str, start: &str) -> Option<usize> {
    text.lines()
        .position(|line| line.starts_with(start))
        .map(|at| at + 1)
}

#[test]
fn errors_name_the_line_of_the_overlay_or_of_its_base() {
    let wrong = THREE_LEVEL.replacen("sam_usage = 0x68", "sam_usage = 0x48", 1);
    let at = line_of(&wrong, "name = \"STK_DF02\"");
    assert_eq!(refused(&wrong), ("STK_DF02".into(), "D4", at, false));

    let wrong = AES.replace("algorithm = 0x05", "algorithm = 0x04");
    assert_eq!(
        refused(&wrong),
        ("crypto".into(), "D46", line_of(&wrong, "[crypto]"), false)
    );

    // The overlay announces fewer keys; the table it changes is its own.
    let wrong = format!("{AES}\n[totals]\nkeys = 20\n");
    let at = line_of(&wrong, "[totals]");
    assert_eq!(
        refused(&wrong),
        ("totals".into(), "user card 2.3", at, false)
    );

    // A change whose consequence shows in an item that only the base has.
    let wrong = "base = \"rhc-2012\"\nname = \"x\"\n[certificates.sam]\nfields = 63\nsize = 191\n";
    let (item, clause, line, in_base) = refused(wrong);
    assert_eq!((item.as_str(), clause, in_base), ("EE", "D21", true));
    assert!(line.is_some());
    let shown = Profile::load(wrong).expect_err("refused").to_string();
    assert!(shown.ends_with(" of the base"), "{shown}");
}

#[test]
fn what_is_no_profile_names_line_and_clause_too() {
    let wrong = AES.replace("\"aes128\"", "\"rot13\"");
    let (item, clause, line, _) = refused(&wrong);
    assert_eq!(
        (item.as_str(), clause, line),
        ("crypto", "D46", line_of(&wrong, "cipher = "))
    );
    let wrong = AES.replace("hash = ", "hush = ");
    let (item, clause, line, _) = refused(&wrong);
    assert_eq!(
        (item.as_str(), clause, line),
        ("crypto", "D46", line_of(&wrong, "hush = "))
    );
    let wrong = AES.replace("base = \"rhc-2012\"", "base = \"rhc-1999\"");
    let (item, _, line, _) = refused(&wrong);
    assert_eq!((item.as_str(), line), ("base", line_of(&wrong, "base = ")));
    let wrong = "base = \"rhc-2012\"\nname = \"x\"\n\n[[df]]\nname = \"MF\"\nblock = \"foreign\"\n";
    assert_eq!(refused(wrong), ("MF".into(), "P6", Some(5), false));
}
