//! `rhc-bench`: speed and memory of the house against its bars.

mod bars;
mod replay;

fn main() {}
