//! Who may come in: `Host` and `Origin`, checked before anything else is looked at.
//!
//! A web page can make its visitor's browser send requests to `localhost`, and by rebinding DNS it can make them
//! look as if they went to the page's own server. Both headers give it away. Who the *user* is, is not asked here.

use hyper::StatusCode;
use hyper::header::{HOST, HeaderMap, HeaderName, HeaderValue, ORIGIN};
use hyper::http::request::Parts;
use hyper::http::uri::Authority;

use super::headers::single;
use super::options::HttpOptions;
use super::reply::Rejection;

/// The names under which this machine reaches itself.
const LOCAL: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// What of a refused header is repeated in the refusal.
const SHOWN: usize = 200;

impl HttpOptions {
    /// Refuses a request to another host with 403. The host is named by the header, by the request's URI (as HTTP/2
    /// does), or by both.
    pub(super) fn admit_host(&self, parts: &Parts) -> Result<(), Rejection> {
        let in_uri = parts.uri.authority().map(Authority::as_str);
        let in_header = single_or_refuse(&parts.headers, &HOST)?;
        if in_uri.is_none() && in_header.is_none() {
            return Err(forbidden("A Host header is needed".to_owned()));
        }
        let mut named = in_uri.into_iter().chain(in_header);
        match named.find(|host| !self.allows_host(host)) {
            Some(host) => Err(not_allowed("Host", host, "allow_host")),
            None => Ok(()),
        }
    }

    /// Returns the origin of a request, which browsers send and other clients do not. Refuses one from elsewhere with
    /// 403.
    pub(super) fn admit_origin<'a>(
        &self,
        headers: &'a HeaderMap,
    ) -> Result<Option<&'a HeaderValue>, Rejection> {
        match single_or_refuse(headers, &ORIGIN)? {
            Some(origin) if !self.allows_origin(origin) => {
                Err(not_allowed("Origin", origin, "allow_origin"))
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
        // `null` is what a sandboxed page of any site sends.
        origin != "null" && (is_local(origin) || is_one_of(&self.allowed_origins, origin))
    }
}

/// Whether an origin is a page that this machine served.
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

/// The host of `host` or `host:port`; `None` if the port is none.
fn without_port(authority: &str) -> Option<&str> {
    // The colons within the brackets of an IPv6 address are no separators.
    let bracket = authority.rfind(']').map_or(0, |place| place + 1);
    let Some((name, port)) = authority.get(bracket..)?.split_once(':') else {
        return Some(authority);
    };
    let digits = port.bytes().all(|byte| byte.is_ascii_digit());
    (digits && port.parse::<u16>().is_ok())
        .then(|| authority.get(..bracket + name.len()))
        .flatten()
}

fn single_or_refuse<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
) -> Result<Option<&'a str>, Rejection> {
    single(headers, name).map_err(forbidden)
}

fn not_allowed(header: &str, value: &str, builder: &str) -> Rejection {
    let shown: String = value.chars().take(SHOWN).collect();
    forbidden(format!(
        "{header} `{shown}` is not allowed: add it with `.{builder}(..)`"
    ))
}

fn forbidden(message: String) -> Rejection {
    Rejection::new(StatusCode::FORBIDDEN, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard() -> HttpOptions {
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
            assert!(guard().allows_host(host), "{host}");
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
            assert!(!guard().allows_host(host), "{host}");
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
            assert!(guard().allows_origin(origin), "{origin}");
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
            assert!(!guard().allows_origin(origin), "{origin}");
        }
    }
}
