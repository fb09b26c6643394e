//! Card profile.
