//! `index-password`: what officers order so that a password opens the private keys of an index. The password itself
//! stays in its file; the order carries a salted, memory-hard hash of it.

use crate::cli::IndexPassword;
use crate::messages::{Failure, out};
use hsm_engine::device::index_password_verifier;
use hsm_engine::{Entropy, SystemEntropy};
use hsm_wire::officer::OrderOp;
use hsm_wire::secret::read_secret_file;

pub fn run(arguments: &IndexPassword) -> Result<(), Failure> {
    let text = read_secret_file(&arguments.password)?;
    let password = text.strip_suffix(b"\n").unwrap_or(&text);
    let mut salt = [0; 16];
    SystemEntropy
        .fill(&mut salt)
        .map_err(|e| Failure::Environment(e.to_string()))?;
    let verifier = index_password_verifier(password, salt).ok_or_else(|| {
        let file = arguments.password.display();
        Failure::Usage(format!("{file}: a password has 8 to 128 bytes"))
    })?;
    let op = OrderOp::SetIndexPassword {
        index: arguments.index,
        verifier,
    };
    let text = serde_json::to_string(&op).map_err(|e| Failure::Environment(e.to_string()))?;
    out!("{text}");
    Ok(())
}
