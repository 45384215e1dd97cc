//! The tools that change files and directories.

use std::ffi::{OsStr, OsString};
use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};

use cap_std::fs::{Dir, OpenOptions, Permissions};
use mcp_runtime::prelude::*;

use crate::edits::{self, Edit};
use crate::jail::{Jail, Place};
use crate::reading::{TEXT_BYTES, read_whole};
use crate::{Text, text};

/// Write a text file. An existing file is replaced without a warning.
#[tool(title = "Write File", destructive, idempotent, open_world = false)]
async fn write_file(
    /// The file.
    path: String,
    /// The text.
    content: String,
    jail: Jail,
) -> Result<Text, ToolError> {
    jail.run(move |jail| {
        write(&jail.find(&path)?, content.as_bytes())?;
        text(format!("Successfully wrote to {path}"))
    })
    .await
}

/// Replace parts of a text file. Returns the changes as a patch.
#[tool(
    title = "Edit File",
    destructive,
    idempotent = false,
    open_world = false
)]
async fn edit_file(
    /// The file.
    path: String,
    /// The edits, which are applied one after the other.
    edits: Vec<Edit>,
    /// Returns the patch without changing the file.
    #[arg(name = "dryRun", default)]
    dry_run: bool,
    jail: Jail,
) -> Result<Text, ToolError> {
    jail.run(move |jail| {
        let place = jail.find(&path)?;
        let before = read_whole(&place, TEXT_BYTES)?;
        let lines = edits::with_line_feeds(&before);
        let edited = edits::apply(&lines, &edits)?;
        if !dry_run {
            let had_crlf = before.contains("\r\n");
            let after = if had_crlf {
                edited.replace('\n', "\r\n")
            } else {
                edited.clone()
            };
            write(&place, after.as_bytes())?;
        }
        text(edits::diff(&place.shown(), &lines, &edited))
    })
    .await
}

/// Create a directory, and those that contain it. An existing directory is left as it is.
#[tool(
    title = "Create Directory",
    read_only = false,
    destructive = false,
    idempotent,
    open_world = false
)]
async fn create_directory(
    /// The directory.
    path: String,
    jail: Jail,
) -> Result<Text, ToolError> {
    jail.run(move |jail| {
        let place = jail.find(&path)?;
        let exists = place.metadata().is_ok_and(|metadata| metadata.is_dir());
        if !exists {
            let created = place.directory.dir.create_dir_all(&place.below);
            created.map_err(|error| place.error(error))?;
        }
        text(format!("Successfully created directory {path}"))
    })
    .await
}

/// Move or rename a file or a directory. The destination must not exist.
#[tool(
    title = "Move File",
    destructive,
    idempotent = false,
    open_world = false
)]
async fn move_file(
    /// The file or directory.
    source: String,
    /// Its new path.
    destination: String,
    jail: Jail,
) -> Result<Text, ToolError> {
    jail.run(move |jail| {
        let (from, to) = (jail.find(&source)?, jail.find(&destination)?);
        // A link that leads out of the directories stays where it is.
        from.metadata().map_err(|error| from.error(error))?;
        let (from_dir, from_name) = from.parent()?;
        let (to_dir, to_name) = to.parent()?;
        rename_new((&from_dir, &from_name), (&to_dir, &to_name)).map_err(|error| {
            match error.kind() {
                io::ErrorKind::AlreadyExists => {
                    to.error("exists already: choose another destination")
                }
                _ => from.error(error),
            }
        })?;
        text(format!("Successfully moved {source} to {destination}"))
    })
    .await
}

/// Writes a new file, and renames it. A reader sees either the old or the new contents.
fn write(place: &Place<'_>, bytes: &[u8]) -> Result<(), ToolError> {
    let (dir, name, permissions) = target(place)?;
    replace(&dir, &name, bytes, permissions).map_err(|error| place.error(error))
}

/// Returns the directory, the name and the permissions of the file to write, which need not exist.
fn target(place: &Place<'_>) -> Result<(Dir, OsString, Option<Permissions>), ToolError> {
    match place.metadata() {
        Ok(metadata) if metadata.is_file() => {
            let (dir, name) = place.real_parent()?;
            Ok((dir, name, Some(metadata.permissions())))
        }
        Ok(_) => Err(place.error("not a regular file")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let (dir, name) = place.parent()?;
            if dir.symlink_metadata(&name).is_ok() {
                return Err(place.error("a link to a file that does not exist"));
            }
            Ok((dir, name, None))
        }
        Err(error) => Err(place.error(error)),
    }
}

fn replace(
    dir: &Dir,
    name: &OsStr,
    bytes: &[u8],
    permissions: Option<Permissions>,
) -> io::Result<()> {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    // The name does not grow with that of the file, which may have the greatest length already.
    let temporary = format!(".mcp-{}-{number}.tmp", std::process::id());
    let mut options = OpenOptions::new();
    // Neither follows a link nor opens an existing file.
    options.write(true).create_new(true);
    let written = dir.open_with(&temporary, &options).and_then(|mut file| {
        file.write_all(bytes)?;
        if let Some(permissions) = permissions {
            file.set_permissions(permissions)?;
        }
        file.sync_all()?;
        dir.rename(&temporary, dir, name)
    });
    if written.is_err() {
        // The first error is reported; it also explains why this file might not exist.
        let _ = dir.remove_file(&temporary);
    }
    written
}

/// Renames a file if the new name does not exist, in one step.
#[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
fn rename_new(from: (&Dir, &OsStr), to: (&Dir, &OsStr)) -> io::Result<()> {
    use rustix::fs::{RenameFlags, renameat_with};
    use rustix::io::Errno;
    match renameat_with(from.0, from.1, to.0, to.1, RenameFlags::NOREPLACE) {
        // Some file systems cannot do this.
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => rename_checked(from, to),
        renamed => Ok(renamed?),
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
fn rename_new(from: (&Dir, &OsStr), to: (&Dir, &OsStr)) -> io::Result<()> {
    rename_checked(from, to)
}

fn rename_checked(from: (&Dir, &OsStr), to: (&Dir, &OsStr)) -> io::Result<()> {
    if to.0.symlink_metadata(to.1).is_ok() {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    from.0.rename(from.1, to.0, to.1)
}
