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
//! | [`argument`] | what a function is given, and gives |
//! | [`loaded`] | the child process as its parent sees it |
//! | [`cards`] | which kinds of cards there are |
//! | [`record`] | visit records that were written, and their signatures |
//! | [`faults`] | defective terminals, as data |
//! | [`bends`] | what makes them: a sound library whose commands, answers and codes are bent on the way |

pub mod argument;
pub mod bends;
pub mod cards;
pub mod case;
pub mod child;
pub mod chips;
pub mod drive;
pub mod faults;
pub mod judge;
mod loaded;
pub mod order;
pub mod record;
