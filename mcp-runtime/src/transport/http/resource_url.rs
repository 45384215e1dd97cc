//! The canonical URL of the endpoint, which identifies it as an OAuth protected resource: RFC 8707 and RFC 9728.

use hyper::header::{HOST, HeaderValue};
use hyper::http::request::Parts;
use hyper::http::uri::{Authority, Uri};

/// The path of the metadata. The path of the resource follows it, or nothing.
pub(super) const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

/// The canonical URL of an endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ResourceUrl {
    /// The scheme and the authority, such as `https://api.example.com`.
    origin: String,
    /// The path and the query, or nothing.
    path: String,
}

impl ResourceUrl {
    /// Parses a URL.
    ///
    /// # Errors
    /// Returns an error if it is not an absolute `http` or `https` URL, or if it has user information or a fragment.
    pub(crate) fn parse(url: &str) -> Result<Self, String> {
        let mistake = || {
            format!(
                "the URL of the resource `{url}` must be absolute and have no fragment, such as `https://api.example.com/mcp`"
            )
        };
        let parsed: Uri = url.parse().map_err(|_| mistake())?;
        let (scheme, authority) = (parsed.scheme_str(), parsed.authority());
        let scheme = scheme.filter(|scheme| ["http", "https"].contains(scheme));
        let authority = authority.map(Authority::as_str);
        let authority = authority.filter(|authority| !authority.contains('@'));
        match (scheme, authority) {
            (Some(scheme), Some(authority)) if !url.contains('#') => {
                Ok(Self::new(scheme, authority, path_of(&parsed)))
            }
            _ => Err(mistake()),
        }
    }

    pub(super) fn new(scheme: &str, authority: &str, path: &str) -> Self {
        Self {
            origin: format!("{scheme}://{}", authority.to_ascii_lowercase()),
            path: encoded(if path == "/" { "" } else { path }),
        }
    }

    /// Returns the URL of the metadata.
    pub(super) fn metadata(&self) -> String {
        format!("{}{WELL_KNOWN}{}", self.origin, self.path)
    }

    pub(super) fn url(&self) -> String {
        format!("{}{}", self.origin, self.path)
    }
}

/// Encodes the bytes of a path that a URL cannot have. `Uri` accepts them in requests.
fn encoded(path: &str) -> String {
    let is_allowed = |byte: u8| byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&byte);
    path.bytes()
        .map(|byte| match byte {
            byte if is_allowed(byte) => char::from(byte).to_string(),
            byte => format!("%{byte:02X}"),
        })
        .collect()
}

fn path_of(uri: &Uri) -> &str {
    uri.path_and_query().map_or("", |path| path.as_str())
}

/// The URI and the host of a request.
pub(super) struct Target {
    pub(super) uri: Uri,
    host: Option<HeaderValue>,
    /// The scheme of a request whose URI has none.
    scheme: &'static str,
}

impl Target {
    pub(super) fn of(parts: &Parts) -> Self {
        Self {
            uri: parts.uri.clone(),
            host: parts.headers.get(HOST).cloned(),
            #[cfg(feature = "tls")]
            scheme: super::encryption::scheme(&parts.extensions),
            #[cfg(not(feature = "tls"))]
            scheme: "http",
        }
    }

    pub(super) fn scheme(&self) -> &'static str {
        // A client can write any other one.
        if self.uri.scheme_str() == Some("https") {
            "https"
        } else {
            self.scheme
        }
    }

    pub(super) fn authority(&self) -> &str {
        // An application can pass white space on, which the check of the host ignores.
        let in_header = || Some(self.host.as_ref()?.to_str().ok()?.trim());
        let in_uri = self.uri.authority().map(Authority::as_str);
        in_uri.or_else(in_header).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scheme_of_a_request_is_that_of_http_and_its_host_has_no_space() {
        for (uri, scheme) in [
            ("/mcp", "http"),
            ("http://localhost/mcp", "http"),
            ("HTTPS://localhost/mcp", "https"),
            ("evil://localhost/mcp", "http"),
        ] {
            let target = Target {
                uri: uri.parse().expect("a URI"),
                host: Some(HeaderValue::from_static(" localhost ")),
                scheme: "http",
            };
            assert_eq!((target.scheme(), target.authority()), (scheme, "localhost"));
        }
    }

    #[test]
    fn the_well_known_path_precedes_the_path_of_the_resource() {
        const PREFIX: &str = "/.well-known/oauth-protected-resource";
        for (url, canonical, origin, path) in [
            (
                "https://api.example.com/mcp",
                "https://api.example.com/mcp",
                "https://api.example.com",
                "/mcp",
            ),
            (
                "HTTPS://API.example.com:8443/",
                "https://api.example.com:8443",
                "https://api.example.com:8443",
                "",
            ),
            (
                "http://localhost:1/a/b?tenant=1",
                "http://localhost:1/a/b?tenant=1",
                "http://localhost:1",
                "/a/b?tenant=1",
            ),
            (
                "http://localhost/caf\u{e9}/%7Ba}\"",
                "http://localhost/caf%C3%A9/%7Ba%7D%22",
                "http://localhost",
                "/caf%C3%A9/%7Ba%7D%22",
            ),
        ] {
            let resource = ResourceUrl::parse(url).expect("valid");
            assert_eq!(resource.url(), canonical);
            assert_eq!(resource.metadata(), format!("{origin}{PREFIX}{path}"));
        }
        for url in [
            "",
            "api.example.com",
            "/mcp",
            "ftp://example.com",
            "https://example.com/#part",
            "https://user@example.com/",
            "https://",
            "https://exa mple.com",
        ] {
            let mistake = ResourceUrl::parse(url).unwrap_err();
            assert!(mistake.contains(&format!("`{url}`")), "{mistake}");
        }
    }
}
