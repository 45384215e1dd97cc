//! The checks of `Host` and `Origin`, which precede all others.
//!
//! A web page can make its visitor's browser send requests to `localhost`, and by DNS rebinding it can make them appear as
//! requests to the page's own server. These two headers reveal both. The *user* is not authenticated here.

use hyper::StatusCode;
use hyper::header::{HOST, HeaderMap, HeaderName, HeaderValue, ORIGIN};
use hyper::http::request::Parts;
use hyper::http::uri::Authority;

use super::headers::single;
use super::options::HttpOptions;
use super::reply::Rejection;

/// The host names of the local machine.
const LOCAL: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// The maximum number of characters of a refused header that the error repeats.
const MAX_SHOWN: usize = 200;

impl HttpOptions {
    /// Rejects a request to another host with 403. The host is in the header, in the request's URI (as in HTTP/2), or in both.
    pub(super) fn check_host(&self, parts: &Parts) -> Result<(), Rejection> {
        let in_uri = parts.uri.authority().map(Authority::as_str);
        let in_header = single_or_reject(&parts.headers, &HOST)?;
        if in_uri.is_none() && in_header.is_none() {
            return Err(forbidden("A Host header is required".to_owned()));
        }
        let mut hosts = in_uri.into_iter().chain(in_header);
        match hosts.find(|host| !self.allows_host(host)) {
            Some(host) => Err(not_allowed("Host", host, "host")),
            None => Ok(()),
        }
    }

    /// Returns the origin of a request, which browsers send and other clients do not. Rejects an origin that is not allowed
    /// with 403.
    pub(super) fn check_origin<'a>(
        &self,
        headers: &'a HeaderMap,
    ) -> Result<Option<&'a HeaderValue>, Rejection> {
        match single_or_reject(headers, &ORIGIN)? {
            Some(origin) if !self.allows_origin(origin) => {
                Err(not_allowed("Origin", origin, "origin"))
            }
            _ => Ok(headers.get(ORIGIN)),
        }
    }

    fn allows_host(&self, authority: &str) -> bool {
        let Some(host) = without_port(authority) else {
            return false;
        };
        is_one_of(&LOCAL, host)
            || is_one_of(&self.allowed_hosts, host)
            || is_one_of(&self.allowed_hosts, authority)
    }

    fn allows_origin(&self, origin: &str) -> bool {
        // Sandboxed pages of any site send `null`.
        origin != "null" && (is_local(origin) || is_one_of(&self.allowed_origins, origin))
    }
}

/// Returns `true` if an origin is on the local machine.
fn is_local(origin: &str) -> bool {
    let Some((scheme, authority)) = origin.split_once("://") else {
        return false;
    };
    is_one_of(&["http", "https"], scheme)
        && without_port(authority).is_some_and(|host| is_one_of(&LOCAL, host))
}

fn is_one_of(names: &[impl AsRef<str>], name: &str) -> bool {
    names
        .iter()
        .any(|known| known.as_ref().eq_ignore_ascii_case(name))
}

/// Returns the host of `host` or `host:port`; `None` if the port is invalid.
fn without_port(authority: &str) -> Option<&str> {
    // The colons within the brackets of an IPv6 address do not separate a port.
    let bracket = authority.rfind(']').map_or(0, |place| place + 1);
    let Some((name, port)) = authority.get(bracket..)?.split_once(':') else {
        return Some(authority);
    };
    let digits = port.bytes().all(|byte| byte.is_ascii_digit());
    (digits && port.parse::<u16>().is_ok())
        .then(|| authority.get(..bracket + name.len()))
        .flatten()
}

fn single_or_reject<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
) -> Result<Option<&'a str>, Rejection> {
    single(headers, name).map_err(forbidden)
}

fn not_allowed(header: &str, value: &str, kind: &str) -> Rejection {
    let shown: String = value.chars().take(MAX_SHOWN).collect();
    forbidden(format!(
        "{header} `{shown}` is not allowed: add it with `.allow_{kind}(..)` or `--allow-{kind}`"
    ))
}

fn forbidden(message: String) -> Rejection {
    Rejection::new(StatusCode::FORBIDDEN, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options() -> HttpOptions {
        HttpOptions {
            allowed_hosts: vec!["example.com".into(), "proxy.test:8443".into()],
            allowed_origins: vec!["https://app.example.com".into(), "null".into()],
            ..HttpOptions::default()
        }
    }

    #[test]
    fn hosts_are_this_machine_or_listed() {
        for host in [
            "localhost",
            "LocalHost:3000",
            "127.0.0.1:65535",
            "[::1]",
            "[::1]:80",
            "Example.com",
            "example.com:1",
            "proxy.test:8443",
        ] {
            assert!(options().allows_host(host), "{host}");
        }
        for host in [
            "",
            "evil.test",
            "localhost.evil.test",
            "localhost.",
            "localhost:",
            "localhost:99999",
            "localhost:+1",
            "localhost:80:80",
            "user@localhost",
            "127.0.0.1.evil.test",
            "::1",
            "[::1]evil.test",
            "[::1",
            "proxy.test",
            "proxy.test:8444",
        ] {
            assert!(!options().allows_host(host), "{host}");
        }
    }

    #[test]
    fn origins_are_this_machine_or_listed() {
        for origin in [
            "http://localhost",
            "HTTPS://127.0.0.1:8080",
            "http://[::1]:3000",
            "https://APP.example.com",
        ] {
            assert!(options().allows_origin(origin), "{origin}");
        }
        for origin in [
            "",
            "null",
            "localhost",
            "http://",
            "http://evil.test",
            "http://localhost.evil.test",
            "http://localhost/path",
            "http://localhost@evil.test",
            "ftp://localhost",
            "file://",
            "http://app.example.com",
            "https://app.example.com:444",
            "http://localhost http://evil.test",
        ] {
            assert!(!options().allows_origin(origin), "{origin}");
        }
    }
}
