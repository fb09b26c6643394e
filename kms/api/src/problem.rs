//! Problem types of the key service (RFC 9457 `type`), the names of its refusals.

/// What stands before every slug.
pub const PREFIX: &str = "urn:rhc:problem:";

macro_rules! slugs {
    ($($(#[$doc:meta])* $name:ident = $slug:literal;)*) => {
        $($(#[$doc])* pub const $name: &str = $slug;)*
        /// Every slug, for tests and documentation.
        pub const ALL: &[&str] = &[$($slug),*];
    };
}

slugs! {
    /// The request's JSON does not say what it must.
    MALFORMED = "malformed-request";
    /// The content does not fit the profile.
    CONTENT_REFUSED = "content-refused";
    /// This peer's role may not do this.
    ROLE_REFUSED = "role-refused";
    /// This tier does not do this.
    WRONG_TIER = "wrong-tier";
    /// No maker's signed list names this factor.
    FACTOR_NOT_ON_LIST = "factor-not-on-list";
    /// The factor is on a list of another kind (card or SAM), vendor or mark.
    FACTOR_KIND = "factor-of-another-kind";
    /// The factor is bound to another person.
    FACTOR_OTHER_PERSON = "factor-bound-to-another-person";
    /// The factor is bound to the same person with other data.
    FACTOR_OTHER_DATA = "factor-bound-to-other-data";
    /// The SAM is bound to another type, serial or public key.
    SAM_OTHER_PURPOSE = "sam-bound-to-another-purpose";
    /// The SAM has not proved that the key to be certified is its own.
    SAM_KEY_UNPROVED = "sam-key-unproved";
    /// The card is active or in a state no script fits.
    CARD_STATE = "card-state";
    /// No transport key is known for the card's vendor.
    VENDOR_UNKNOWN = "vendor-unknown";
    /// No such ticket, or it is not approved, or for something else.
    TICKET_UNKNOWN = "ticket-unknown";
    /// The ticket's count is used up.
    TICKET_EMPTY = "ticket-empty";
    /// The ticket's validity is over.
    TICKET_EXPIRED = "ticket-expired";
    /// The same request id came with another body.
    REQUEST_ID_REUSED = "request-id-reused";
    /// A key the script needs is not held here.
    KEY_MISSING = "key-missing";
    /// The HSM does not answer.
    HSM_UNAVAILABLE = "hsm-unavailable";
    /// The HSM refused; the detail names the rule.
    HSM_REFUSED = "hsm-refused";
    /// TEST, DEMO and PRODUCTION never mix (D38).
    MARK_MISMATCH = "mark-mismatch";
    /// The key's state does not permit this.
    KEY_STATE = "key-state";
    /// The chip shows an earlier state than it has shown before.
    CHIP_WENT_BACK = "chip-went-back";
    /// The audit log cannot be written: no record, no operation.
    AUDIT_UNAVAILABLE = "audit-unavailable";
    /// The store failed.
    STORE_FAILED = "store-failed";
}

/// The slug of a full `type`, if it is one of ours.
#[must_use]
pub fn slug(kind: &str) -> Option<&str> {
    kind.strip_prefix(PREFIX)
}
