//! The terminal suite: a library with the C interface of 2012 is loaded in a child process and driven, while virtual chips in
//! vpcd readers record what it does to them. What a hospital's software would see (codes, values) and what card and SAM saw
//! (commands, resets) are judged against the case, so that the terminal's own mistakes show.
//!
//! | module | one idea |
//! |---|---|
//! | [`case`] | cases as data |
//! | [`child`] | the library, loaded and called; runs in the child process |
//! | [`chips`] | card and SAM that record, some of them scripted |
//! | [`judge`] | rules over the record |
//! | [`drive`] | one case after the other |
//! | [`order`] | the command, with evidence and reports |
//! | [`faults`] | defective terminals: a sound library whose commands are bent on the way |

pub mod case;
pub mod child;
pub mod chips;
pub mod drive;
pub mod faults;
pub mod judge;
pub mod order;
