//! Access to files of one folder that never leaves it, also if links change between a check and the use of a path.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

/// A folder that is not left.
pub(super) struct Sandbox {
    /// The path without links.
    root: PathBuf,
}

impl Sandbox {
    /// Opens a folder. Links in the path of the folder itself are followed.
    ///
    /// # Errors
    /// Returns an error if there is no such folder.
    pub(super) fn open(folder: &Path) -> io::Result<Self> {
        let root = fs::canonicalize(folder)?;
        if fs::metadata(&root)?.is_dir() {
            Ok(Self { root })
        } else {
            Err(io::Error::from(io::ErrorKind::NotADirectory))
        }
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Returns the path that a link leads to, without links.
    ///
    /// # Errors
    /// Returns an error if it leads out of the folder or to nothing.
    pub(super) fn resolve(&self, link: &Path) -> Result<PathBuf, String> {
        let target = fs::canonicalize(link)
            .map_err(|error| format!("the link cannot be followed: {error}"))?;
        if target.starts_with(&self.root) {
            Ok(target)
        } else {
            Err("the link leads out of the folder".to_owned())
        }
    }

    /// Reads a file by its path without links, at most `limit` bytes and one.
    ///
    /// # Errors
    /// Returns an error if a part of the path is a link, or if it is not a file.
    pub(super) fn read(&self, path: &Path, limit: usize) -> io::Result<Vec<u8>> {
        let file = self.file(path)?;
        // A file that was replaced by a device or a pipe could be read without an end.
        if !file.metadata()?.is_file() {
            return Err(io::Error::other("it is not a file"));
        }
        let mut bytes = Vec::new();
        file.take(limit as u64 + 1).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// Opens each part of the path within the folder that was opened before it, and follows no link.
    #[cfg(unix)]
    fn file(&self, path: &Path) -> io::Result<File> {
        use std::path::Component;

        use rustix::fs::{Mode, OFlags, open, openat};

        let path = path.strip_prefix(&self.root).map_err(io::Error::other)?;
        let common = OFlags::RDONLY | OFlags::CLOEXEC;
        let inner = common | OFlags::NOFOLLOW;
        let mut folder = open(&self.root, common | OFlags::DIRECTORY, Mode::empty())?;
        let mut parts = path.components().peekable();
        while let Some(part) = parts.next() {
            let Component::Normal(name) = part else {
                break;
            };
            if parts.peek().is_none() {
                // Opening a pipe without a writer would wait.
                let flags = inner | OFlags::NONBLOCK | OFlags::NOCTTY;
                return Ok(openat(&folder, name, flags, Mode::empty())?.into());
            }
            folder = openat(&folder, name, inner | OFlags::DIRECTORY, Mode::empty())?;
        }
        Err(io::Error::other("it is not a file in the folder"))
    }

    /// Opens a file, and checks that its path has no link then.
    #[cfg(not(unix))]
    fn file(&self, path: &Path) -> io::Result<File> {
        let file = File::open(path)?;
        if path.starts_with(&self.root) && fs::canonicalize(path)? == path {
            Ok(file)
        } else {
            Err(io::Error::other("a part of its path is a link"))
        }
    }
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// A link that takes the place of a checked path is not followed, neither as the file nor as a folder on the way.
    #[test]
    fn a_path_that_becomes_a_link_after_its_check_is_not_read() {
        let place = std::env::temp_dir().join(format!("mcp-sandbox-{}", std::process::id()));
        let (inside, outside) = (place.join("inside"), place.join("outside"));
        fs::create_dir_all(inside.join("a")).unwrap();
        fs::create_dir_all(&outside).unwrap();
        fs::write(inside.join("a/file"), "open").unwrap();
        fs::write(outside.join("file"), "secret").unwrap();
        let sandbox = Sandbox::open(&inside).unwrap();
        let checked = sandbox.resolve(&inside.join("a/file")).unwrap();
        assert_eq!(sandbox.read(&checked, 100).unwrap(), b"open");
        assert_eq!(sandbox.read(&checked, 2).unwrap(), b"ope");

        fs::remove_file(inside.join("a/file")).unwrap();
        symlink(outside.join("file"), inside.join("a/file")).unwrap();
        assert!(sandbox.read(&checked, 100).is_err(), "a file");
        fs::remove_dir_all(inside.join("a")).unwrap();
        symlink(&outside, inside.join("a")).unwrap();
        assert!(sandbox.read(&checked, 100).is_err(), "a folder");
        assert!(sandbox.resolve(&inside.join("a/file")).is_err());
        assert!(sandbox.read(&outside.join("file"), 100).is_err());
        assert!(sandbox.read(&inside.join("../outside/file"), 100).is_err());
        fs::remove_dir_all(&place).unwrap();
    }
}
