//! The conversations of all flows and profiles (tests/conversations) before a judge that shares no code with us.

use tests_e2e::oracle::python;

#[test]
fn openssl_computes_every_value_in_every_conversation() {
    let judged = python("judges/conversations.py")
        .arg("--json")
        .run()
        .expect("judge");
    let told = judged.json().expect("json");
    assert_eq!(judged.code, 0, "{told}");
    let count = |member: &str| told[member].as_u64().unwrap_or_default();
    assert!(
        count("files") >= 64 && count("values") >= 1_000,
        "too little was judged: {told}"
    );
}

/// A judge that finds nothing proves nothing: one digit changed anywhere in an exchange is noticed.
#[test]
fn a_changed_digit_in_a_conversation_is_noticed() {
    let judged = python("judges/conversations.py")
        .words("--spoil 200 --seed 1")
        .run()
        .expect("judge");
    assert_eq!(judged.code, 0, "{}", judged.text());
    assert!(judged.out.contains("200 changes, 0 not noticed"));
}
