//! The errors of building and serving a server.

use std::fmt;
use std::io;

use crate::error::ToolError;

/// The error of a server that cannot be built: all of its problems, one line each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildError(pub(crate) Vec<String>);

impl BuildError {
    /// Returns the problems, each with advice on how to fix it.
    pub fn problems(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

impl fmt::Display for BuildError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the server cannot be built:")?;
        self.0
            .iter()
            .try_for_each(|problem| write!(formatter, "\n- {problem}"))
    }
}

impl std::error::Error for BuildError {}

/// The error of a server that could not start, or that stopped because of a failure.
#[derive(Debug)]
#[non_exhaustive]
pub enum ServeError {
    /// The server could not be built.
    Build(BuildError),
    /// A lifespan could not be started.
    Start(ToolError),
    /// A stream, socket or address failed.
    Io(io::Error),
}

impl fmt::Display for ServeError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Build(error) => error.fmt(formatter),
            Self::Start(error) => write!(formatter, "the server could not be started: {error}"),
            Self::Io(error) => error.fmt(formatter),
        }
    }
}

impl std::error::Error for ServeError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Build(error) => Some(error),
            Self::Start(_) => None,
            Self::Io(error) => Some(error),
        }
    }
}

impl From<BuildError> for ServeError {
    fn from(error: BuildError) -> Self {
        Self::Build(error)
    }
}

impl From<io::Error> for ServeError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}
