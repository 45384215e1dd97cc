//! The program that a bundle contains: this one.

use std::env;
use std::fs;
use std::path::PathBuf;

/// The program to pack.
pub(super) struct Program {
    pub(super) path: PathBuf,
    pub(super) bytes: Vec<u8>,
}

impl Program {
    /// Reads this program.
    pub(super) fn read() -> Result<Self, String> {
        let path = env::current_exe();
        let path = path.map_err(|error| format!("the path of this program is unknown: {error}"))?;
        let bytes = fs::read(&path)
            .map_err(|error| format!("`{}` cannot be read: {error}", path.display()))?;
        Ok(Self { path, bytes })
    }

    /// Returns the path in the bundle.
    pub(super) fn entry_point(&self) -> String {
        let name = self.path.file_name().unwrap_or_default();
        format!("server/{}", name.to_string_lossy())
    }
}
