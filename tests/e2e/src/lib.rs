//! What no single crate can show: tests over several programs on the real PC/SC daemon. The tests are in `tests/`;
//! this library holds what they share.

pub mod golden;
pub mod memory;
pub mod oracle;
pub mod search;
