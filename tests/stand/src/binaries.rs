//! Where this project's programs lie: beside the program or test that is running now.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};

/// Path of a program of this workspace, e.g. `rhc-card`, from the same target directory and profile as the caller.
pub fn program(name: &str) -> Result<PathBuf> {
    let own = std::env::current_exe().context("cannot tell where this program lies")?;
    let mut folder = own
        .parent()
        .context("this program has no folder")?
        .to_path_buf();
    if folder
        .file_name()
        .is_some_and(|last| last == "deps" || last == "examples")
    {
        folder.pop();
    }
    let path = folder.join(name);
    if !path.is_file() {
        bail!(
            "{name} is not built: run `cargo build --workspace` first (looked in {})",
            folder.display()
        );
    }
    Ok(path)
}
