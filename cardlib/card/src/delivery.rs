//! Signed delivery lists of card makers (D44).
