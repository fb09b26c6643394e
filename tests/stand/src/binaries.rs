//! Where this project's programs and libraries lie: beside the program or test that is running now.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};

/// The folder of the caller's target directory and profile.
fn folder() -> Result<PathBuf> {
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
    Ok(folder)
}

/// Path of a program of this workspace, e.g. `rhc-card`, from the same target directory and profile as the caller.
pub fn program(name: &str) -> Result<PathBuf> {
    let folder = folder()?;
    let path = folder.join(name);
    if !path.is_file() {
        bail!(
            "{name} is not built: run `cargo build --workspace` first (looked in {})",
            folder.display()
        );
    }
    Ok(path)
}

/// Path of a shared library of this workspace by its crate's name. The one in `deps` comes first: cargo renews it with every
/// build, and the one above only when the library itself was asked for.
pub fn library(name: &str) -> Result<PathBuf> {
    let folder = folder()?;
    let file = format!("lib{name}.so");
    [folder.join("deps").join(&file), folder.join(&file)]
        .into_iter()
        .find(|path| path.is_file())
        .with_context(|| {
            format!(
                "{file} is not built: run `cargo build --workspace` first (looked in {})",
                folder.display()
            )
        })
}
