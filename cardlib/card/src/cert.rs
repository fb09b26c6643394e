//! Issuer and SAM certificates (D20, D21).
