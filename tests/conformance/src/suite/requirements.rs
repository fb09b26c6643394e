//! The table of requirements: what the specification's pages demand, and which cases show it.
