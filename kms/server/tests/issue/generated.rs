//! Requests generated from the API description by `tests/judges/api.py`, which shares no code with us: no 5xx.

use std::path::PathBuf;
use std::process::Command;

use super::*;

/// A PEM file with key and chain, as Python wants it.
fn bundle(house: &House, role: &str) -> PathBuf {
    let identity = house.identity("4101", role, "generated");
    let path = house.path(&format!("{role}.pem"));
    let text = format!("{}{}", identity.key_pem().as_str(), identity.chain_pem());
    std::fs::write(&path, text).unwrap();
    std::fs::write(house.path("root.pem"), identity.anchors_pem()).unwrap();
    path
}

#[test]
fn no_generated_request_is_answered_with_5xx() {
    let house = House::handed_down();
    house.deliver("4101", Kind::Card, 1, &[FACTOR, OTHER]);
    house.ticket("4101", "card", 2, "t-card");
    let served = house.serve_with("4101", &["--refusals", "4000000"], 0);
    let certificate = house.issuer_certificate("4101");
    let request = |factor| {
        let content = content(NUMBER, SERIAL, "张三", &certificate);
        ask(
            factor,
            probe(&mut blank_card(factor)),
            NUMBER,
            content,
            "t-card",
        )
    };
    let example = serde_json::json!({
        "personalise": request(FACTOR),
        "personaliseBatch": { "requests": [request(FACTOR), request(OTHER), request(UNLISTED)] },
    });
    std::fs::write(house.path("bodies.json"), example.to_string()).unwrap();
    let judge = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/judges/api.py");
    let mut python = Command::new("/usr/bin/python3");
    python.arg(judge).args(["--url", &served.url]);
    for role in ["station", "officer"] {
        python.arg("--as").arg(bundle(&house, role));
    }
    python.arg("--root").arg(house.path("root.pem"));
    python.arg("--examples").arg(house.path("bodies.json"));
    let count = std::env::var("RHC_API_REQUESTS").unwrap_or_else(|_| "5000".into());
    python.args(["--count", &count]);
    if let Ok(seed) = std::env::var("RHC_API_SEED") {
        python.args(["--seed", &seed]);
    }
    let out = python.output().expect("python3 is installed");
    let (told, wrong) = (
        String::from_utf8_lossy(&out.stdout),
        String::from_utf8_lossy(&out.stderr),
    );
    print!("{told}");
    assert!(out.status.success(), "{told}{wrong}\n{}", served.log());
    // What was generated left a whole record behind.
    house.line("audit verify --store kms-4101").ok();
}
