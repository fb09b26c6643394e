//! What the operating system is asked for so that keys stay in this process: no core image, no debugger, no swap,
//! a user of its own. libc is called here and nowhere else.
#![allow(unsafe_code)]

use crate::messages::Failure;
use std::ffi::CString;
use std::io::{self, Read};
use std::os::fd::FromRawFd;
use std::path::Path;
use zeroize::Zeroizing;

/// No core image, no ptrace or /proc/PID/mem by the same user. Refuses to go on when that cannot be had.
pub fn forbid_dumps() -> Result<(), Failure> {
    let none = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: setrlimit reads one rlimit that lives through the call; prctl takes integers only.
    let done = unsafe {
        libc::setrlimit(libc::RLIMIT_CORE, &raw const none) == 0
            && libc::prctl(libc::PR_SET_DUMPABLE, 0, 0, 0, 0) == 0
    };
    if done {
        Ok(())
    } else {
        Err(Failure::io(
            "core dumps cannot be forbidden",
            &io::Error::last_os_error(),
        ))
    }
}

/// Keeps all pages out of the swap space, where the limits allow it. Only without a limit: under one, a later
/// allocation would fail in the middle of an operation.
pub fn lock_memory() {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: getrlimit writes one rlimit that lives through the call; geteuid has no arguments and cannot fail.
    let unlimited = unsafe {
        libc::getrlimit(libc::RLIMIT_MEMLOCK, &raw mut limit) == 0
            && (limit.rlim_cur == libc::RLIM_INFINITY || libc::geteuid() == 0)
    };
    // SAFETY: mlockall takes flags only. ONFAULT locks a page when it is first used, so that nothing is wasted.
    let locked = unlimited
        && unsafe { libc::mlockall(libc::MCL_CURRENT | libc::MCL_FUTURE | libc::MCL_ONFAULT) } == 0;
    if !locked {
        tracing::warn!(
            "memory is not locked (raise the memlock limit to unlimited, or switch swap off): keys may reach the swap space"
        );
    }
}

/// Gives back what opening a large store left behind.
pub fn trim_memory() {
    // SAFETY: malloc_trim takes a number only, and may be called at any time.
    #[cfg(target_env = "gnu")]
    unsafe {
        libc::malloc_trim(0);
    }
}

/// Allows the memory to be locked as far as root may say so, before the user changes.
fn raise_memlock() {
    let all = libc::rlimit {
        rlim_cur: libc::RLIM_INFINITY,
        rlim_max: libc::RLIM_INFINITY,
    };
    // SAFETY: setrlimit reads one rlimit that lives through the call. A failure shows in lock_memory.
    let _ = unsafe { libc::setrlimit(libc::RLIMIT_MEMLOCK, &raw const all) };
}

/// Reads a secret from a file descriptor of ours, at most 4 KiB, and closes it.
pub fn read_fd(fd: i32) -> Result<Zeroizing<Vec<u8>>, Failure> {
    if fd < 3 && fd != 0 {
        return Err(Failure::Usage("--unseal-fd: 0, or 3 and above".to_owned()));
    }
    // SAFETY: fcntl only asks whether the number is an open descriptor.
    if unsafe { libc::fcntl(fd, libc::F_GETFD) } < 0 {
        return Err(Failure::Usage(format!(
            "--unseal-fd {fd} is not open; start with: … --unseal-fd {fd} {fd}<FILE"
        )));
    }
    // SAFETY: the descriptor is open, was handed to us by whoever started us, and nothing else here uses it.
    let mut file = unsafe { std::fs::File::from_raw_fd(fd) };
    let mut bytes = Zeroizing::new(vec![0; 4096]);
    let mut length = 0;
    while length < bytes.len() {
        match file.read(&mut bytes[length..]) {
            Ok(0) => break,
            Ok(n) => length += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(Failure::io("unsealing secret", &e)),
        }
    }
    bytes.truncate(length);
    Ok(bytes)
}

/// Gives the store to a user and becomes that user, for good.
pub fn become_user(name: &str, store: &Path) -> Result<(), Failure> {
    let environment = |what: &str| Failure::io(what, &io::Error::last_os_error());
    let c_name = CString::new(name).map_err(|_| Failure::Usage("--user: not a name".to_owned()))?;
    // SAFETY: geteuid has no arguments and cannot fail.
    if unsafe { libc::geteuid() } != 0 {
        return Err(Failure::Usage(
            "--user works only when started by root".to_owned(),
        ));
    }
    // SAFETY: the name is a NUL-terminated string; the entry is read before any other call that could replace it,
    // and no other thread runs yet.
    let (uid, gid) = unsafe {
        let entry = libc::getpwnam(c_name.as_ptr());
        if entry.is_null() {
            return Err(Failure::Environment(format!(
                "no user {name}; add one: useradd --system {name}"
            )));
        }
        ((*entry).pw_uid, (*entry).pw_gid)
    };
    if uid == 0 {
        return Err(Failure::Usage("--user must not be root".to_owned()));
    }
    chown_all(store, uid, gid)?;
    raise_memlock();
    // SAFETY: groups first, then group, then user: afterwards nothing can be regained. Integers and a string only.
    let done = unsafe {
        libc::initgroups(c_name.as_ptr(), gid) == 0
            && libc::setgid(gid) == 0
            && libc::setuid(uid) == 0
            && libc::setuid(0) != 0
    };
    if done {
        Ok(())
    } else {
        Err(environment("cannot become that user"))
    }
}

fn chown_all(store: &Path, uid: u32, gid: u32) -> Result<(), Failure> {
    let failed = |e: io::Error| Failure::io(&store.display().to_string(), &e);
    std::os::unix::fs::chown(store, Some(uid), Some(gid)).map_err(failed)?;
    for entry in std::fs::read_dir(store).map_err(failed)? {
        std::os::unix::fs::lchown(entry.map_err(failed)?.path(), Some(uid), Some(gid))
            .map_err(failed)?;
    }
    Ok(())
}
