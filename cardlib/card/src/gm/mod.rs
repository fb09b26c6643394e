//! SM2 and SM3 behind types that refuse what the algorithm crate lets pass.
