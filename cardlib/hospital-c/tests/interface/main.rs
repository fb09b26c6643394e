//! The C interface as hospital software meets it: C programs, compiled against the header alone, over the real PC/SC daemon
//! with virtual cards; every fault of the manual's table; every function under valgrind; threads; and that header, library
//! and manual name the same functions.

#[path = "../../../terminal/tests/support/mod.rs"]
mod support;

mod desk;
mod faults;
mod hostile;
mod names;
mod page;
mod program;
mod remote;
mod stand;
mod threads;
