//! A child after `fork` has its parent's memory but none of its threads: its handles must name nothing.

use crate::table;
use std::sync::Once;

static ASKED: Once = Once::new();

extern "C" fn in_child() {
    table::forget();
}

/// Asks to be told of forks, once.
pub fn watch() {
    ASKED.call_once(|| {
        // SAFETY: the handler is a function of this library without arguments that stores one atomic pointer, which is
        // allowed in a child at any moment. Where it cannot be registered, a child merely keeps the parent's table.
        let _ = unsafe { libc::pthread_atfork(None, None, Some(in_child)) };
    });
}
