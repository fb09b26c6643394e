//! `rhc-hsm` as a program.

mod crash;
mod faults;
mod guard;
mod house;
mod process;
mod shares;
mod start;
