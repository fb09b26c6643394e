//! `serve`: two sockets, one thread per connection, one engine behind a lock.

use crate::cli::Serve;
use crate::commands::check_production;
use crate::faults::{Fault, Faults, FaultyDisk, FaultyEntropy, at_next_write, starved};
use crate::harden;
use crate::messages::{Failure, pick};
use hsm_engine::device::DeviceSession;
use hsm_engine::{Engine, EpochFile, NextWrite, Role, SystemClock, UnsealSecret, World};
use hsm_wire::frame::{self, FrameError, MAX_FRAME};
use hsm_wire::officer::OfficerRequest;
use hsm_wire::operator::{OperatorAnswer, OperatorRequest, OperatorResult};
use hsm_wire::{ErrorCode, HsmError, Mark};
use serde::Serialize;
use serde::de::DeserializeOwned;
use signal_hook::consts::{SIGINT, SIGTERM};
use std::fs::Permissions;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;
use zeroize::Zeroize;

/// Connections at once, both sockets together.
const MAX_CONNECTIONS: usize = 64;
/// Stack of a connection's thread.
const STACK: usize = 512 * 1024;
/// How long a stranger may take to say hello, and how large his frame may be.
const HELLO_TIME: Duration = Duration::from_secs(5);
const HELLO_FRAME: usize = 256;
/// How long a frame that has begun may take, and an answer to be taken.
const FRAME_TIME: Duration = Duration::from_secs(30);
/// A wrong credential costs this long.
const WRONG_CREDENTIAL_PAUSE: Duration = Duration::from_millis(300);

pub fn serve(arguments: &Serve) -> Result<(), Failure> {
    harden::forbid_dumps()?;
    let secret = {
        let text = harden::read_fd(arguments.unseal_fd)?;
        UnsealSecret::from_hex(&text).ok_or_else(|| {
            Failure::NotRight("the unsealing secret is not 64 hexadecimal digits".to_owned())
        })?
    };
    // Sockets are bound before the user changes: their directory may be root's.
    let operator = bind(&arguments.socket, arguments)?;
    let officer = bind(&arguments.officer_socket, arguments)?;
    if let Some(user) = &arguments.user {
        harden::become_user(user, &arguments.store)?;
        // Changing the user made the process dumpable as the system's default says.
        harden::forbid_dumps()?;
    }
    harden::lock_memory();
    let world = World {
        clock: Box::new(SystemClock),
        entropy: Box::new(FaultyEntropy),
        disk: Box::new(FaultyDisk),
    };
    let epoch = epoch_file(arguments)?;
    let engine = Engine::open_at(&arguments.store, &secret, world, epoch.as_ref())?;
    drop(secret);
    harden::trim_memory();
    let info = engine.info();
    check_production(info.mark, arguments.force_not_for_production)?;
    if arguments.faults.is_some() && info.mark != Mark::Test {
        return Err(Failure::Usage("--faults is for TEST stores".to_owned()));
    }
    tracing::info!(
        fingerprint = %info.id, mark = %info.mark, keys = info.keys,
        "{}", pick("serving; a simulator, NOT FOR PRODUCTION KEYS", "服务已启动；模拟器，不得用于生产密钥")
    );
    let engine = Arc::new(Served {
        engine: Mutex::new(engine),
        faults: Faults::new(arguments.faults.clone()),
    });
    let connections = Arc::new(AtomicUsize::new(0));
    accept(
        operator,
        Arc::clone(&engine),
        Arc::clone(&connections),
        operator_connection,
    );
    accept(
        officer,
        Arc::clone(&engine),
        connections,
        officer_connection,
    );
    wait_for_end()?;
    // Whoever holds the lock finishes his write; then nobody gets it any more.
    let _last = engine.engine.lock();
    for path in [&arguments.socket, &arguments.officer_socket] {
        let _ = std::fs::remove_file(path);
    }
    tracing::info!("{}", pick("stopped", "已停止"));
    Ok(())
}

fn epoch_file(arguments: &Serve) -> Result<Option<EpochFile>, Failure> {
    let Some(path) = &arguments.epoch_file else {
        return Ok(None);
    };
    let parent = path.parent().unwrap_or(Path::new("."));
    if parent.starts_with(&arguments.store) {
        return Err(Failure::Usage(
            "--epoch-file must not lie inside the store: whoever puts back the one puts back the other".to_owned(),
        ));
    }
    Ok(Some(EpochFile {
        path: path.clone(),
        accept: arguments.accept_epoch,
    }))
}

fn wait_for_end() -> Result<(), Failure> {
    let mut signals = signal_hook::iterator::Signals::new([SIGINT, SIGTERM])
        .map_err(|e| Failure::io("signals", &e))?;
    signals.forever().next();
    Ok(())
}

/// Binds a socket; a dead one of before is replaced, a live one is not.
fn bind(path: &Path, arguments: &Serve) -> Result<UnixListener, Failure> {
    let failed = |e: io::Error| Failure::io(&path.display().to_string(), &e);
    match UnixStream::connect(path) {
        Ok(_) => {
            return Err(Failure::Environment(format!(
                "{}: another process serves here",
                path.display()
            )));
        }
        Err(e) if e.kind() == io::ErrorKind::ConnectionRefused => {
            std::fs::remove_file(path).map_err(failed)?
        }
        Err(_) => {}
    }
    let listener = UnixListener::bind(path).map_err(failed)?;
    std::fs::set_permissions(path, Permissions::from_mode(arguments.socket_mode))
        .map_err(failed)?;
    Ok(listener)
}

/// What every connection shares.
struct Served {
    engine: Mutex<Engine>,
    faults: Faults,
}

type Shared = Arc<Served>;

/// Exit code of a process whose power was cut on purpose.
const POWER_CUT: i32 = 70;

fn accept(
    listener: UnixListener,
    engine: Shared,
    connections: Arc<AtomicUsize>,
    serve: fn(&mut UnixStream, &Shared),
) {
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else {
                thread::sleep(Duration::from_millis(50));
                continue;
            };
            let place = Place::take(&connections);
            let Some(place) = place else { continue };
            let engine = Arc::clone(&engine);
            let conversation = move || {
                let _place = place;
                let limits = stream
                    .set_read_timeout(Some(HELLO_TIME))
                    .and_then(|()| stream.set_write_timeout(Some(FRAME_TIME)));
                if limits.is_ok() {
                    serve(&mut stream, &engine);
                }
            };
            // No thread to be had: the connection closes, and the next one tries again.
            if let Err(error) = thread::Builder::new().stack_size(STACK).spawn(conversation) {
                tracing::warn!(%error, "a connection was closed for want of a thread");
            }
        }
    });
}

/// One of the places for connections, given back when dropped.
struct Place(Arc<AtomicUsize>);

impl Place {
    fn take(connections: &Arc<AtomicUsize>) -> Option<Self> {
        let place = Self(Arc::clone(connections));
        (place.0.fetch_add(1, Ordering::AcqRel) < MAX_CONNECTIONS).then_some(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// The engine, unless a thread died with it in hand: then nothing is certain any more.
fn with_engine<A>(
    engine: &Shared,
    work: impl FnOnce(&mut Engine) -> Result<A, HsmError>,
) -> Result<A, HsmError> {
    match engine.engine.lock() {
        Ok(mut engine) => work(&mut engine),
        Err(_) => Err(ErrorCode::AuditClosed.into()),
    }
}

fn operator_connection(stream: &mut UnixStream, engine: &Shared) {
    let Some(role) = hello(stream, engine) else {
        return;
    };
    if frame::send(stream, &OperatorResult::Ok(OperatorAnswer::Hello)).is_ok()
        && stream.set_read_timeout(None).is_ok()
    {
        let mut session = DeviceSession::new();
        converse(
            stream,
            &engine.faults,
            |_| true,
            |request| match role {
                Role::Operator => serve_operator(engine, &mut session, request),
                other => with_engine(engine, |engine| engine.serve(other, request)),
            },
        );
    }
}

/// Who speaks; `None` when that was answered with a refusal, which costs time.
fn hello(stream: &mut UnixStream, engine: &Shared) -> Option<Role> {
    let said = match frame::receive::<OperatorRequest>(stream, HELLO_FRAME) {
        Ok(Some(OperatorRequest::Hello { mut secret })) => {
            let checked = with_engine(engine, |engine| engine.check_operator(&secret));
            secret.zeroize();
            checked.map(|()| Role::Operator)
        }
        Ok(Some(OperatorRequest::HelloAuditor { mut secret })) => {
            let checked = with_engine(engine, |engine| engine.check_auditor(&secret));
            secret.zeroize();
            checked.map(|()| Role::Auditor)
        }
        Ok(Some(other)) => with_engine(engine, |engine| engine.serve(Role::Stranger, other))
            .map(|_| Role::Stranger),
        Ok(None) => return None,
        Err(error) => Err(frame_refusal(&error)),
    };
    match said {
        Ok(Role::Stranger) => None,
        Ok(role) => Some(role),
        Err(refusal) => {
            if matches!(
                refusal.code,
                ErrorCode::WrongCredential | ErrorCode::NotAuthenticated
            ) {
                thread::sleep(WRONG_CREDENTIAL_PAUSE);
            }
            let _ = frame::send(stream, &OperatorResult::Err(refusal));
            None
        }
    }
}

/// What needs nothing of the store does not wait for other connections.
fn serve_operator(
    engine: &Shared,
    session: &mut DeviceSession,
    request: OperatorRequest,
) -> OperatorResult {
    let request = match request {
        OperatorRequest::Device(request) => {
            with_engine(engine, |engine| engine.check_works())?;
            match session.local(request) {
                Ok(answer) => return answer.map(|answer| OperatorAnswer::Device(Box::new(answer))),
                Err(request) => OperatorRequest::Device(request),
            }
        }
        other => other,
    };
    with_engine(engine, |engine| engine.operator_on(session, request))
}

fn officer_connection(stream: &mut UnixStream, engine: &Shared) {
    if stream.set_read_timeout(Some(FRAME_TIME)).is_ok() {
        let is_order = |request: &OfficerRequest| matches!(request, OfficerRequest::Execute(_));
        converse(stream, &engine.faults, is_order, |request| {
            with_engine(engine, |engine| engine.officer(request))
        });
    }
}

/// Requests and answers until the other side closes, or sends what cannot be read; a call that `counts` may meet a
/// fault.
fn converse<Q: DeserializeOwned, A: Serialize>(
    stream: &mut UnixStream,
    faults: &Faults,
    counts: impl Fn(&Q) -> bool,
    mut serve: impl FnMut(Q) -> Result<A, HsmError>,
) {
    loop {
        let request = match frame::receive(stream, MAX_FRAME) {
            Ok(Some(request)) => request,
            Ok(None) => return,
            // Silent too long, or gone: an answer now could be taken for that of a later request.
            Err(FrameError::Io(_)) => return,
            Err(error) => {
                let _ = frame::send(stream, &Err::<A, _>(frame_refusal(&error)));
                return;
            }
        };
        let fault = if counts(&request) {
            faults.next()
        } else {
            None
        };
        let answer = match fault {
            _ if faults.tampered() => Err(ErrorCode::Tampered.into()),
            None | Some(Fault::Tamper) => serve(request),
            Some(Fault::Busy) => Err(ErrorCode::Busy.into()),
            Some(Fault::Lost) => return,
            Some(Fault::Silent) => return thread::sleep(faults.silent()),
            Some(Fault::Slow) => {
                thread::sleep(faults.slow());
                serve(request)
            }
            Some(Fault::Entropy) => starved(|| serve(request)),
            Some(Fault::Full) => at_next_write(NextWrite::Full, || serve(request)),
            Some(Fault::Torn) => {
                drop(at_next_write(NextWrite::Half, || serve(request)));
                std::process::exit(POWER_CUT)
            }
            Some(Fault::LostAfter) => return drop(serve(request)),
            Some(Fault::Short) => return send_half(stream, &serve(request)),
            Some(Fault::Power) => {
                drop(serve(request));
                std::process::exit(POWER_CUT)
            }
        };
        if frame::send(stream, &answer).is_err() {
            return;
        }
    }
}

/// The beginning of an answer.
fn send_half<A: Serialize>(stream: &mut UnixStream, answer: &A) {
    let mut bytes = Vec::new();
    if frame::send(&mut bytes, answer).is_ok() {
        let _ = stream.write_all(&bytes[..bytes.len() / 2]);
    }
}

fn frame_refusal(error: &FrameError) -> HsmError {
    match error {
        FrameError::TooLarge(_) => ErrorCode::TooLarge.into(),
        _ => ErrorCode::BadRequest.into(),
    }
}
