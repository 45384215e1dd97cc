//! The user-configurable options of the endpoint.

#[cfg(feature = "auth")]
use std::sync::Arc;

use hyper::header::{AUTHORIZATION, HeaderName, PROXY_AUTHORIZATION};
use hyper::http::uri::PathAndQuery;

use super::network::Network;
#[cfg(feature = "dev")]
use super::playground::Playground;
#[cfg(feature = "auth")]
use super::protection::Protection;
#[cfg(feature = "tls")]
use super::tls::Tls;

/// The default path of the endpoint on the built-in listener.
const DEFAULT_PATH: &str = "/mcp";

/// The path of the health check, which answers `ok` while the server runs.
pub(super) const HEALTH: &str = "/health";

/// The path of the readiness check, which answers `ready` while the server accepts requests.
pub(super) const READY: &str = "/ready";

/// The path of the metrics.
pub(super) const METRICS: &str = "/metrics";

/// Paths that the endpoint cannot have.
const RESERVED: [&str; 3] = [HEALTH, READY, METRICS];

/// The options of the endpoint.
#[derive(Debug, Clone)]
pub(crate) struct HttpOptions {
    /// The path of the endpoint on the built-in listener. Other paths are answered with 404, except `GET` of the reserved ones.
    /// `None` if an outer router selects the path.
    pub(crate) path: Option<String>,
    /// Allowed hosts in addition to `localhost`, `127.0.0.1` and `[::1]`. A host without a port is allowed with every port.
    pub(crate) allowed_hosts: Vec<String>,
    /// Allowed origins in addition to those of this machine, such as `https://app.example.com`.
    pub(crate) allowed_origins: Vec<String>,
    /// The headers with credentials, which handlers do not see.
    pub(crate) credentials: Vec<HeaderName>,
    /// `true` if handlers see these headers nevertheless.
    pub(crate) exposes_credentials: bool,
    #[cfg(feature = "auth")]
    pub(crate) protection: Arc<Protection>,
    /// The networks of the proxies whose `X-Forwarded-For` is believed, in addition to this machine.
    pub(crate) proxies: Vec<Network>,
    #[cfg(feature = "tls")]
    pub(crate) tls: Option<Tls>,
    /// `true` if the server may be reached from other machines without authorization.
    pub(crate) is_insecure: bool,
    /// The page for development, if it is served.
    #[cfg(feature = "dev")]
    pub(crate) playground: Option<Playground>,
}

impl Default for HttpOptions {
    fn default() -> Self {
        Self {
            path: Some(DEFAULT_PATH.to_owned()),
            allowed_hosts: Vec::new(),
            allowed_origins: Vec::new(),
            credentials: vec![AUTHORIZATION, PROXY_AUTHORIZATION],
            exposes_credentials: false,
            #[cfg(feature = "auth")]
            protection: Arc::default(),
            proxies: Vec::new(),
            #[cfg(feature = "tls")]
            tls: None,
            is_insecure: false,
            #[cfg(feature = "dev")]
            playground: None,
        }
    }
}

impl HttpOptions {
    /// Returns the problem with a path, or `None` if it is valid.
    pub(crate) fn mistake_of_path(path: &str) -> Option<String> {
        let is_path = path.starts_with('/')
            && path
                .parse::<PathAndQuery>()
                .is_ok_and(|parsed| parsed.path() == path);
        if !is_path {
            Some(format!(
                "the HTTP path `{path}` must begin with `/` and have no query, such as `{DEFAULT_PATH}`"
            ))
        } else if RESERVED.contains(&path) {
            Some(format!(
                "the HTTP path `{path}` is reserved for the state of the server: use another one"
            ))
        } else {
            None
        }
    }
}
