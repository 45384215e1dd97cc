//! Reading and replacing configuration files. A file is never lost: its old text is kept beside it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// The maximum size of a configuration file in bytes.
const LARGEST: u64 = 64 * 1024 * 1024;

/// Returns the text of a file, which is empty if there is no file.
///
/// # Errors
/// Returns an error if the file cannot be read, is not UTF-8, or is larger than 64 MiB.
pub(super) fn read(path: &Path) -> Result<String, String> {
    let failure = |error: io::Error| format!("`{}` cannot be read: {error}", path.display());
    match fs::metadata(path) {
        Ok(file) if file.len() > LARGEST => {
            Err(failure(io::Error::other("it is larger than 64 MiB")))
        }
        Ok(_) => fs::read_to_string(path).map_err(failure),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(failure(error)),
    }
}

/// Replaces the text of a file, or creates it with its folders. Returns the path of a copy with the old text, if there was one.
///
/// The new text is written to another file first, which then takes the place of the old one, so that a client never reads half
/// of it. A symbolic link stays one, and the permissions stay as they are. A new file can only be read by its owner, because
/// entries may contain secrets.
///
/// # Errors
/// Returns an error if a file cannot be written.
pub(super) fn replace(path: &Path, text: &str) -> Result<Option<PathBuf>, String> {
    let failure = |error: io::Error| format!("`{}` cannot be written: {error}", path.display());
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    if let Some(folder) = target.parent() {
        fs::create_dir_all(folder).map_err(failure)?;
    }
    let permissions = fs::metadata(&target).ok().map(|file| file.permissions());
    let backup = match permissions {
        Some(_) => Some(copy(&target).map_err(failure)?),
        None => None,
    };
    let written = sibling(&target, &format!("{}.tmp", std::process::id()));
    let write = || {
        let mut file = create(&written)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        if let Some(permissions) = permissions {
            fs::set_permissions(&written, permissions)?;
        }
        fs::rename(&written, &target)
    };
    write().map_err(|error| {
        // The first error is the one to report.
        let _ = fs::remove_file(&written);
        failure(error)
    })?;
    Ok(backup)
}

/// Creates a new file that only its owner can read.
fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Copies a file to the first name that is free: `NAME.bak`, `NAME.bak2` and so on.
fn copy(path: &Path) -> io::Result<PathBuf> {
    let mut number = 1_u32;
    loop {
        let suffix = match number {
            1 => "bak".to_owned(),
            number => format!("bak{number}"),
        };
        let copy = sibling(path, &suffix);
        match create(&copy) {
            Ok(_) => {
                fs::copy(path, &copy)?;
                return Ok(copy);
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
            Err(error) => return Err(error),
        }
    }
}

/// Returns a path with a suffix: `settings.json.bak`.
fn sibling(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(suffix);
    PathBuf::from(name)
}
