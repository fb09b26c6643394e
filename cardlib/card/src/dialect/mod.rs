//! Personalisation commands (`docs/cos-dialect.md`) made from profile and content.
