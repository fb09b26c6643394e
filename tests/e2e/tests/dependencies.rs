//! Which way the arrows run between the crates of this workspace, as `cargo metadata` tells it.

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{CargoOpt, DependencyKind, Metadata, MetadataCommand, PackageId};

/// The workspace's crates, their normal and build dependencies resolved, development dependencies left out.
struct Graph {
    metadata: Metadata,
    edges: BTreeMap<PackageId, Vec<PackageId>>,
}

impl Graph {
    fn load() -> Self {
        let metadata = MetadataCommand::new()
            .manifest_path(concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.toml"))
            .features(CargoOpt::AllFeatures)
            .other_options(vec![
                "--offline".into(),
                "--locked".into(),
                "--filter-platform".into(),
                platform(),
            ])
            .exec()
            .expect("cargo metadata");
        let resolve = metadata.resolve.as_ref().expect("resolved graph");
        let edges = resolve
            .nodes
            .iter()
            .map(|node| {
                let normal = node.deps.iter().filter(|dep| {
                    dep.dep_kinds
                        .iter()
                        .any(|kind| kind.kind != DependencyKind::Development)
                });
                (node.id.clone(), normal.map(|dep| dep.pkg.clone()).collect())
            })
            .collect();
        Self { metadata, edges }
    }

    /// Names of everything a crate is built from, without itself.
    fn below(&self, name: &str) -> BTreeSet<String> {
        let start = self
            .own()
            .find(|(_, own)| own == name)
            .unwrap_or_else(|| panic!("no crate {name}"))
            .0;
        let mut seen = BTreeSet::new();
        let mut queue = vec![start.clone()];
        while let Some(id) = queue.pop() {
            for next in &self.edges[&id] {
                if seen.insert(next.clone()) {
                    queue.push(next.clone());
                }
            }
        }
        seen.iter()
            .map(|id| self.metadata[id].name.to_string())
            .collect()
    }

    fn own(&self) -> impl Iterator<Item = (PackageId, String)> + '_ {
        self.metadata
            .workspace_members
            .iter()
            .map(|id| (id.clone(), self.metadata[id].name.to_string()))
    }

    fn own_names(&self) -> BTreeSet<String> {
        self.own().map(|(_, name)| name).collect()
    }

    /// The workspace's crates that a crate is built from.
    fn own_below(&self, name: &str) -> BTreeSet<String> {
        self.below(name)
            .intersection(&self.own_names())
            .cloned()
            .collect()
    }
}

#[test]
fn simulator_and_terminal_share_no_code_that_could_be_wrong_together() {
    let graph = Graph::load();
    let simulator = graph.own_below("cardlib-sim");
    assert_eq!(
        simulator,
        BTreeSet::from(["cardlib-card".to_owned()]),
        "cardlib-sim may know cardlib-card only"
    );
    assert!(!graph.own_below("cardlib-terminal").contains("cardlib-sim"));
}

#[test]
fn the_hsm_knows_no_crate_of_the_project_outside_its_own() {
    let graph = Graph::load();
    for name in graph
        .own_names()
        .iter()
        .filter(|name| name.starts_with("hsm-"))
    {
        for below in graph.own_below(name) {
            assert!(below.starts_with("hsm-"), "{name} depends on {below}");
        }
    }
}

#[test]
fn the_key_service_never_touches_a_reader() {
    let graph = Graph::load();
    for name in graph
        .own_names()
        .iter()
        .filter(|name| name.starts_with("kms-"))
    {
        let below = graph.below(name);
        for forbidden in [
            "pcsc",
            "pcsc-sys",
            "cardlib-reader",
            "cardlib-terminal",
            "cardlib-sim",
            "hsm-engine",
        ] {
            assert!(!below.contains(forbidden), "{name} depends on {forbidden}");
        }
    }
}

#[test]
fn a_station_holds_no_keys_and_a_hospital_no_key_service() {
    let graph = Graph::load();
    for name in graph
        .own_names()
        .iter()
        .filter(|name| name.starts_with("issuance-"))
    {
        for forbidden in [
            "kms-core",
            "kms-hsm",
            "kms-server",
            "hsm-wire",
            "hsm-engine",
            "hsm-daemon",
            "cardlib-sim",
        ] {
            assert!(
                !graph.below(name).contains(forbidden),
                "{name} depends on {forbidden}"
            );
        }
    }
    assert!(
        !graph.below("issuance-hospital").contains("kms-api"),
        "the hospital depends on kms-api"
    );
}

/// Crates for other systems need not lie in the package cache.
fn platform() -> String {
    format!("{}-unknown-linux-gnu", std::env::consts::ARCH)
}

/// Folders from the bottom up; `platform` and `api` are what other folders may use of the key service.
fn floor(name: &str) -> u8 {
    match name {
        "cardlib-card" | "cardlib-ifd" | "hsm-wire" | "kms-platform" => 0,
        "cardlib-reader" | "cardlib-sim" | "hsm-engine" | "kms-api" | "issuance-registry-api" => 1,
        "cardlib-terminal" | "hsm-daemon" | "hsm-sdf" | "kms-core" | "issuance-application" => 2,
        "kms-hsm" | "cardlib-hospital-c" => 3,
        "cardlib-tool" | "kms-server" | "issuance-registry" | "issuance-station"
        | "issuance-hospital" => 4,
        _ if name.starts_with("tests-") => 5,
        _ => panic!("{name} has no place in the order yet: give it one"),
    }
}

#[test]
fn nothing_imports_upwards_and_no_product_imports_a_test() {
    let graph = Graph::load();
    for name in graph.own_names() {
        for below in graph.own_below(&name) {
            let same_bench = name.starts_with("tests-") && below == "tests-stand";
            assert!(
                floor(&below) < floor(&name) || same_bench,
                "{name} depends on {below}, which stands above it"
            );
        }
    }
}

#[test]
fn one_tls_provider_and_no_openssl() {
    let graph = Graph::load();
    for name in graph.own_names() {
        for forbidden in [
            "openssl-sys",
            "aws-lc-rs",
            "aws-lc-sys",
            "native-tls",
            "libsm",
            "sm-crypto",
            "gm-sm2",
        ] {
            assert!(
                !graph.below(&name).contains(forbidden),
                "{name} is built from {forbidden}"
            );
        }
    }
}
