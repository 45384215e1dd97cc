//! The options of the endpoint that the server's author chooses.

use hyper::http::uri::PathAndQuery;

/// The path of the endpoint on our own listener, unless the author chooses another.
const PATH: &str = "/mcp";

/// The path that answers `ok` while the server runs.
pub(super) const HEALTH: &str = "/health";

/// The options of the endpoint.
#[derive(Debug, Clone)]
pub(crate) struct HttpOptions {
    /// The path of the endpoint on our own listener: other paths are 404, and `GET /health` answers `ok`.
    /// `None` where an outer router has chosen the path already.
    pub(crate) path: Option<String>,
    /// Hosts besides `localhost`, `127.0.0.1` and `[::1]`. One without a port stands for all its ports.
    pub(crate) allowed_hosts: Vec<String>,
    /// Origins besides those of this machine, such as `https://app.example.com`.
    pub(crate) allowed_origins: Vec<String>,
}

impl Default for HttpOptions {
    fn default() -> Self {
        Self {
            path: Some(PATH.to_owned()),
            allowed_hosts: Vec::new(),
            allowed_origins: Vec::new(),
        }
    }
}

impl HttpOptions {
    /// Returns the mistake if a path cannot be the endpoint's.
    pub(crate) fn mistake_of_path(path: &str) -> Option<String> {
        let is_path = path.starts_with('/')
            && path
                .parse::<PathAndQuery>()
                .is_ok_and(|parsed| parsed.path() == path);
        if !is_path {
            Some(format!(
                "the HTTP path `{path}` must begin with `/` and have no query, such as `{PATH}`"
            ))
        } else if path == HEALTH {
            Some(format!(
                "the HTTP path `{HEALTH}` is taken: it answers `ok`"
            ))
        } else {
            None
        }
    }
}
