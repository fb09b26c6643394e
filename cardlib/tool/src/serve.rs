//! `rhc-card serve`: the C interface for programs that cannot load the library, such as 32-bit Windows programs with
//! `rhc_reader.dll`: on the loopback only, for those who can read the token file.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rhc_reader::registry::DEVICES;
use rhc_reader::remote::{self, MAX_REQUEST};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::args::Serve;
use crate::failure::Failure;
use crate::files;
use crate::text::{is_chinese, say};

/// A token is this many hexadecimal digits.
const TOKEN: usize = 64;
/// Whoever connects says the token within this time.
const PATIENCE: Duration = Duration::from_secs(5);
const WELCOME: &[u8] = b"RHC1";

/// Serves until the program is ended.
pub fn run(order: &Serve) -> Result<(), Failure> {
    let token = token(&order.token_file)?;
    if let Some(path) = &order.config {
        DEVICES.configure(path.clone());
    }
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, order.port)).map_err(|cause| {
        let port = order.port;
        Failure::environment(format!("127.0.0.1:{port}: {cause}"))
    })?;
    let place = listener.local_addr().map_err(Failure::environment)?;
    println!(
        "{} {place}",
        say("serving the reader interface at", "读卡接口服务地址")
    );
    io::stdout().flush().map_err(Failure::environment)?;
    for stream in listener.incoming() {
        let token = token.clone();
        match stream {
            // A connection that breaks is its client's matter.
            Ok(stream) => drop(std::thread::spawn(move || attend(stream, &token))),
            Err(cause) => tracing::warn!(%cause, "a connection was not accepted"),
        }
    }
    Ok(())
}

/// The token, drawn into a new file when there is none.
fn token(path: &Path) -> Result<Arc<Zeroizing<String>>, Failure> {
    if !path.exists() {
        let mut bytes = Zeroizing::new([0; TOKEN / 2]);
        let random = cardlib_sim::Random::System.draw::<{ TOKEN / 2 }>();
        bytes.copy_from_slice(&random.map_err(Failure::environment)?);
        files::create_secret(path, &format!("{}\n", hex::encode(*bytes)))?;
    }
    let text = files::read_secret(path)?;
    let token = Zeroizing::new(text.trim().to_owned());
    if token.len() != TOKEN || hex::decode(token.as_str()).is_err() {
        return Err(Failure::wrong(format!(
            "{}: {}",
            path.display(),
            say(
                "is no token of 64 hexadecimal digits",
                "不是 64 位十六进制令牌"
            )
        )));
    }
    Ok(Arc::new(token))
}

/// One client, until it goes.
fn attend(mut stream: TcpStream, token: &str) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut said = Zeroizing::new([0; TOKEN]);
    stream.read_exact(&mut *said)?;
    if !bool::from(said.ct_eq(token.as_bytes())) {
        return Ok(());
    }
    stream.write_all(WELCOME)?;
    stream.set_read_timeout(None)?;
    loop {
        let mut len = [0; 4];
        stream.read_exact(&mut len)?;
        let len = usize::try_from(u32::from_le_bytes(len)).unwrap_or(usize::MAX);
        if len > MAX_REQUEST {
            return Ok(());
        }
        let mut request = Zeroizing::new(vec![0; len]);
        stream.read_exact(&mut request)?;
        let answer = remote::answer(&request, is_chinese());
        // An answer is at most a few records long.
        stream.write_all(&(answer.len() as u32).to_le_bytes())?;
        stream.write_all(&answer)?;
    }
}
