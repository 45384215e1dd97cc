//! The errors of building and serving a server.

use std::fmt;
use std::io;
use std::net::SocketAddr;

use crate::error::ToolError;

/// The error of a server that cannot be built: all of its problems, one line each.
///
/// ```
/// use mcp_runtime::{ServeError, prelude::*};
///
/// /// Say hello.
/// #[tool]
/// async fn hello() -> &'static str {
///     "Hello!"
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let server = Server::new("app", "1.0.0").with(components![hello]).with(components![hello]);
/// match server.start().await {
///     Err(ServeError::Build(error)) => assert!(error.problems().all(|problem| problem.contains("hello"))),
///     _ => panic!("two tools have one name"),
/// }
/// # Ok(())
/// # }
/// ```
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

/// An error that kept a server from serving or ended it. [`Error::source`](std::error::Error::source) returns the cause.
///
/// ```no_run
/// use mcp_runtime::ServeError;
///
/// #[tokio::main]
/// async fn main() -> Result<(), ServeError> {
///     match mcp_runtime::server!().serve_http("127.0.0.1:8000").await {
///         Err(ServeError::Bind(error)) => {
///             eprintln!("the port is in use, so this serves stdio: {error}");
///             mcp_runtime::server!().serve_stdio().await
///         }
///         other => other,
///     }
/// }
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum ServeError {
    /// The server could not be built.
    Build(BuildError),
    /// A lifespan could not be started, or the session keys are invalid or those of the replicas cannot be read.
    Start(ToolError),
    /// The address could not be bound.
    Bind(io::Error),
    /// Other machines can reach this address, and the server has no authorization.
    Exposed(SocketAddr),
    /// A certificate or key file of `Server::tls` or `Auth::mutual_tls` cannot be used. The text names the file and the fix.
    #[cfg(feature = "tls")]
    Tls(String),
    /// A stream, socket or listener failed.
    Io(io::Error),
}

impl fmt::Display for ServeError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Build(error) => error.fmt(formatter),
            Self::Start(_) => formatter.write_str("the server could not be started"),
            Self::Bind(_) => formatter.write_str("the address could not be bound"),
            Self::Exposed(address) => write!(
                formatter,
                "other machines can reach {address}, and the server has no authorization: add it with `.auth(..)`, listen on \
                 127.0.0.1, or allow everybody with `.insecure()` or `--insecure`"
            ),
            #[cfg(feature = "tls")]
            Self::Tls(problem) => write!(formatter, "TLS cannot be used: {problem}"),
            Self::Io(_) => formatter.write_str("the connection failed"),
        }
    }
}

impl std::error::Error for ServeError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            // Their texts are those of this error.
            Self::Build(_) | Self::Exposed(_) => None,
            #[cfg(feature = "tls")]
            Self::Tls(_) => None,
            Self::Start(error) => Some(error.as_error()),
            Self::Bind(error) | Self::Io(error) => Some(error),
        }
    }
}

impl From<BuildError> for ServeError {
    fn from(error: BuildError) -> Self {
        Self::Build(error)
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error;

    use super::*;
    use crate::error::chain;

    #[test]
    fn every_error_names_its_causes_once() {
        let io = |text| io::Error::other(text);
        for (error, has_source, text) in [
            (
                ServeError::Start(io("no database").into()),
                true,
                "the server could not be started: no database",
            ),
            (
                ServeError::Bind(io("in use")),
                true,
                "the address could not be bound: in use",
            ),
            (
                ServeError::Io(io("reset")),
                true,
                "the connection failed: reset",
            ),
            (
                BuildError(vec!["two tools".to_owned()]).into(),
                false,
                "the server cannot be built:\n- two tools",
            ),
        ] {
            assert_eq!(error.source().is_some(), has_source);
            assert_eq!(chain(&error), text);
        }
    }
}
