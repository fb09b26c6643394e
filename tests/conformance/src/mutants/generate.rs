//! Further mutants by chance: a random change of profile data, of a status word, or of a byte of behaviour.
