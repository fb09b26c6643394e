//! `rhc-conformance`.
fn main() {}
