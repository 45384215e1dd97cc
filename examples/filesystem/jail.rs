//! The allowed directories, and the resolution of paths beneath them.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cap_std::ambient_authority;
use cap_std::fs::{Dir, File, Metadata, OpenOptions};
use mcp_runtime::{Call, Description, Extraction, Param, prelude::*};
use percent_encoding::percent_decode_str;

/// A directory that clients may use.
pub(crate) struct Directory {
    /// The absolute path without links, which results show.
    pub(crate) path: PathBuf,
    /// The absolute path as the user wrote it, which clients may use too.
    given: PathBuf,
    pub(crate) dir: Dir,
}

impl Directory {
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self {
            given: std::path::absolute(path)?,
            path: path.canonicalize()?,
            dir: Dir::open_ambient_dir(path, ambient_authority())?,
        })
    }

    /// Opens a directory of a `file://` URI, which is on this machine.
    fn of_uri(uri: &str) -> io::Result<Self> {
        let encoded = uri.get("file://".len()..).unwrap_or_default();
        let encoded = encoded.strip_prefix("localhost").unwrap_or(encoded);
        if !encoded.starts_with('/') {
            return Err(io::Error::other("the URI names another host"));
        }
        let decoded = percent_decode_str(encoded).decode_utf8();
        Self::open(Path::new(&*decoded.map_err(io::Error::other)?))
    }
}

/// The directories of the command line.
pub(crate) struct Directories(Arc<[Directory]>);

impl Directories {
    pub(crate) fn new(directories: Vec<Directory>) -> Self {
        Self(directories.into())
    }

    pub(crate) fn jail(&self) -> Jail {
        Jail(Arc::clone(&self.0))
    }
}

/// The allowed directories of a call: those of the command line or, if it names none, the roots of the client.
#[derive(Clone)]
pub(crate) struct Jail(Arc<[Directory]>);

impl<'c> Param<'c> for Jail {
    fn describe(description: &mut Description<'_>) {
        description.needs_state::<Directories>();
    }

    fn extract(call: &'c Call, index: usize) -> Extraction<'c, Self> {
        let directories = State::<Directories>::extract(call, index);
        let context = Context::extract(call, index);
        Extraction::wait(async move {
            let configured = directories.await?.jail();
            if !configured.0.is_empty() {
                return Ok(configured);
            }
            let roots = context.await?.roots().await.map_err(|error| {
                ToolError::new(format!(
                    "the server was started without a directory, and the client has no roots: {error}"
                ))
            })?;
            let opened = roots.iter().map(|root| Directory::of_uri(&root.uri));
            // A root may be a file, or may have been deleted: the others can be used.
            Ok(Self(opened.filter_map(Result::ok).collect()))
        })
    }
}

impl Jail {
    /// Runs a function on a thread that may block.
    ///
    /// The tools are `async`, and call this, because a plain `fn` runs on such a thread from its parameters on. There
    /// the client cannot be asked for its roots.
    pub(crate) async fn run<T: Send + 'static>(
        self,
        work: impl FnOnce(&Self) -> Result<T, ToolError> + Send + 'static,
    ) -> Result<T, ToolError> {
        tokio::task::spawn_blocking(move || work(&self)).await?
    }

    pub(crate) fn directories(&self) -> &[Directory] {
        &self.0
    }

    /// Returns the paths of the directories, one per line.
    pub(crate) fn list(&self) -> String {
        let paths: Vec<String> = (self.0.iter())
            .map(|it| it.path.display().to_string())
            .collect();
        paths.join("\n")
    }

    /// Finds the directory of a path: an absolute path, or one relative to the first directory.
    ///
    /// Nothing is opened or checked here: `cap-std` does both in one step.
    pub(crate) fn find<'j>(&'j self, path: &'j str) -> Result<Place<'j>, ToolError> {
        if path.contains('\0') {
            return Err(ToolError::new(format!(
                "{path:?} contains the character NUL"
            )));
        }
        let asked = Path::new(path);
        if asked.is_relative() {
            let first = self.0.first();
            let directory = first.ok_or_else(|| ToolError::new("there is no allowed directory"))?;
            return Ok(Place::new(path, directory, asked));
        }
        // The innermost directory is that with the longest path.
        let mut found: Option<Place<'_>> = None;
        for directory in self.0.iter() {
            for base in [&directory.path, &directory.given] {
                if let Ok(below) = asked.strip_prefix(base)
                    && found
                        .as_ref()
                        .is_none_or(|it| below.as_os_str().len() < it.below.as_os_str().len())
                {
                    found = Some(Place::new(path, directory, below));
                }
            }
        }
        found.ok_or_else(|| {
            ToolError::new(format!(
                "`{path}` is outside of the allowed directories, which are:\n{}",
                self.list()
            ))
        })
    }
}

/// A path beneath a directory.
pub(crate) struct Place<'j> {
    /// The path as the client wrote it.
    asked: &'j str,
    pub(crate) directory: &'j Directory,
    /// The path relative to the directory, `.` for the directory itself.
    pub(crate) below: PathBuf,
}

impl<'j> Place<'j> {
    fn new(asked: &'j str, directory: &'j Directory, below: &Path) -> Self {
        let is_empty = below.as_os_str().is_empty();
        let below = if is_empty { Path::new(".") } else { below };
        Self {
            asked,
            directory,
            below: below.to_owned(),
        }
    }

    /// Returns the error of an operation on this path.
    pub(crate) fn error(&self, error: impl std::fmt::Display) -> ToolError {
        ToolError::new(format!("`{}`: {error}", self.asked))
    }

    /// Returns the absolute path.
    pub(crate) fn shown(&self) -> PathBuf {
        let components = self.below.components();
        let below: PathBuf = components
            .filter(|it| !matches!(it, std::path::Component::CurDir))
            .collect();
        if below.as_os_str().is_empty() {
            self.directory.path.clone()
        } else {
            self.directory.path.join(below)
        }
    }

    /// Opens a regular file.
    pub(crate) fn open(&self) -> Result<File, ToolError> {
        let opened = open_file(&self.directory.dir, &self.below);
        opened.map_err(|error| self.error(error))
    }

    pub(crate) fn open_dir(&self) -> Result<Dir, ToolError> {
        let opened = self.directory.dir.open_dir(&self.below);
        opened.map_err(|error| self.error(error))
    }

    /// Returns the metadata of what the path names, also through links.
    pub(crate) fn metadata(&self) -> io::Result<Metadata> {
        self.directory.dir.metadata(&self.below)
    }

    /// Opens the directory that contains the path, and returns it with the last name of the path.
    pub(crate) fn parent(&self) -> Result<(Dir, OsString), ToolError> {
        self.parent_of(&self.below)
    }

    /// Does the same as `parent`, but follows links first, so that the name is that of the file itself.
    pub(crate) fn real_parent(&self) -> Result<(Dir, OsString), ToolError> {
        let path = self.directory.dir.canonicalize(&self.below);
        self.parent_of(&path.map_err(|error| self.error(error))?)
    }

    fn parent_of(&self, path: &Path) -> Result<(Dir, OsString), ToolError> {
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(self.error("the path must end with a name"));
        };
        let is_empty = parent.as_os_str().is_empty();
        let parent = if is_empty { Path::new(".") } else { parent };
        let opened = self.directory.dir.open_dir(parent);
        let dir = opened.map_err(|error| self.error(format!("its directory: {error}")))?;
        Ok((dir, name.to_owned()))
    }
}

/// Opens a regular file without blocking: opening a pipe would otherwise wait for a writer.
pub(crate) fn open_file(dir: &Dir, path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        use cap_std::fs::OpenOptionsExt;
        let flags = rustix::fs::OFlags::NONBLOCK.bits();
        options.custom_flags(flags.cast_signed());
    }
    let file = dir.open_with(path, &options)?;
    // Reading from a device or a pipe might never end.
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    Ok(file)
}
