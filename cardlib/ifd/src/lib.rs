//! A PC/SC reader driver for virtual cards: 16 readers from one library, each a Unix socket a card connects to.
//!
//! pcscd loads `libcardlib_ifd.so` as an IFD handler 3.0. Against the public `vpcd` it gives what tests of readers need:
//! a card put in or pulled is seen in well under a millisecond (the daemon waits for an event of ours instead of asking
//! every 400 ms), no swap is missed however fast it is, APDUs cost no network stack, and reader faults come on order.
//!
//! ```text
//! program ── PC/SC ── pcscd ── libcardlib_ifd.so ══ Unix socket ══ card program (rhc-card virtual … --ifd PATH)
//! ```
//!
//! | module | one idea |
//! |---|---|
//! | [`wire`] | frames on the socket, and the orders a card gives the reader |
//! | [`card`] | the card's end: connect, serve, misbehave |
//! | [`reader`] | one reader: its socket, waiting for cards to come and go |
//! | `door` | who is in, and when the next card may come in |
//! | [`line`] | power, commands, time limits, ordered faults |
//! | [`eager`] | reading from a socket whose other end answers in microseconds |
//! | [`registry`] | which reader a logical unit number means |
//! | [`codes`] | numbers of the IFD handler interface |
//! | [`conf`] | the daemon's configuration for a number of readers |
//! | [`ffi`] | the C functions pcscd calls; the only unsafe code |

pub mod card;
pub mod codes;
pub mod conf;
mod door;
pub mod eager;
pub mod ffi;
pub mod line;
pub mod reader;
pub mod registry;
pub mod wire;
