//! The credentials of a request.

use std::fmt;
use std::net::SocketAddr;

use hyper::header::{AUTHORIZATION, HeaderMap};

use super::revoked::Revoked;
#[cfg(feature = "tls")]
use crate::certificate::PeerCertificate;

/// The scheme of bearer tokens, and the space after it.
const BEARER: &[u8] = b"bearer ";

/// The credentials of an HTTP request: its headers, the address of its peer, and the client certificate of its connection.
///
/// ```
/// use mcp_runtime::Credentials;
///
/// /// Returns the token of a request, wherever the client has put it.
/// fn token<'a>(credentials: &Credentials<'a>) -> Option<&'a str> {
///     credentials.bearer().or_else(|| credentials.header("x-token"))
/// }
/// ```
#[derive(Clone, Copy)]
pub struct Credentials<'a> {
    headers: &'a HeaderMap,
    peer: Option<SocketAddr>,
    #[cfg(feature = "tls")]
    certificate: Option<&'a PeerCertificate>,
    revoked: Option<&'a Revoked>,
    /// The epoch of the revoked tokens when the check of the request began.
    epoch: u64,
}

impl<'a> Credentials<'a> {
    pub(crate) fn new(headers: &'a HeaderMap, peer: Option<SocketAddr>) -> Self {
        Self {
            headers,
            peer,
            #[cfg(feature = "tls")]
            certificate: None,
            revoked: None,
            epoch: 0,
        }
    }

    /// Sets the tokens that are refused.
    pub(crate) fn with_revoked(mut self, revoked: &'a Revoked) -> Self {
        self.epoch = revoked.epoch();
        self.revoked = Some(revoked);
        self
    }

    pub(super) fn revoked(&self) -> Option<&'a Revoked> {
        self.revoked
    }

    /// Returns the epoch of the revoked tokens when the check of the request began.
    pub(super) fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Sets the verified client certificate of the connection.
    #[cfg(feature = "tls")]
    pub(crate) fn with_certificate(mut self, certificate: Option<&'a PeerCertificate>) -> Self {
        self.certificate = certificate;
        self
    }

    /// Returns the client certificate of the connection, which the TLS handshake has verified, or the one that the application
    /// passes (see [`PeerCertificate`]).
    ///
    /// The handshake asks for a certificate if a way of the server has
    /// [`client_authorities`](super::Authenticate::client_authorities).
    #[cfg(feature = "tls")]
    pub fn certificate(&self) -> Option<&'a PeerCertificate> {
        self.certificate
    }

    /// Returns the token of the header `Authorization: Bearer`, or `None` if there is not exactly one such header.
    pub fn bearer(&self) -> Option<&'a str> {
        let token = self.bearer_bytes().filter(|token| token.is_ascii())?;
        std::str::from_utf8(token).ok()
    }

    /// Returns the token of the header `Authorization: Bearer`, without a check of its characters: the token of a known caller
    /// has been checked before, and is long.
    pub(super) fn bearer_bytes(&self) -> Option<&'a [u8]> {
        let mut values = self.headers.get_all(AUTHORIZATION).iter();
        let value = values.next().filter(|_| values.next().is_none())?;
        let (scheme, token) = value.as_bytes().split_at_checked(BEARER.len())?;
        scheme
            .eq_ignore_ascii_case(BEARER)
            .then(|| trim_spaces(token))
    }

    /// Returns the value of a header, or `None` if there is not exactly one, or if it is not visible ASCII.
    pub fn header(&self, name: &str) -> Option<&'a str> {
        let mut values = self.headers.get_all(name).iter();
        let value = values.next().filter(|_| values.next().is_none())?;
        value.to_str().ok()
    }

    /// Returns `true` if there is at least one header of this name.
    pub fn has_header(&self, name: &str) -> bool {
        self.headers.contains_key(name)
    }

    /// Returns the address of the peer, which is that of a proxy if there is one.
    pub fn peer(&self) -> Option<SocketAddr> {
        self.peer
    }

    /// Returns the mistake in the header `Authorization`, or `None` if it is well formed or missing.
    pub(crate) fn mistake(&self) -> Option<&'static str> {
        if !self.has_header(AUTHORIZATION.as_str()) {
            return None;
        }
        let Some(value) = self.header(AUTHORIZATION.as_str()) else {
            return Some("it occurs more than once, or is not visible ASCII");
        };
        let (scheme, token) = value.split_once(' ').unwrap_or((value, ""));
        if scheme.eq_ignore_ascii_case("bearer") && !is_token(token.trim_matches(' ')) {
            return Some("the token is missing, or has characters that a bearer token cannot have");
        }
        None
    }
}

impl fmt::Debug for Credentials<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The values are secrets.
        formatter
            .debug_struct("Credentials")
            .field("peer", &self.peer)
            .finish_non_exhaustive()
    }
}

fn trim_spaces(mut token: &[u8]) -> &[u8] {
    while let [b' ', rest @ ..] | [rest @ .., b' '] = token {
        token = rest;
    }
    token
}

/// Returns `true` for a token that can be sent as `Authorization: Bearer`: the `b64token` of RFC 6750.
pub(super) fn is_token(text: &str) -> bool {
    let token = text.trim_end_matches('=');
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
    !token.is_empty() && token.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(values: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn a_bearer_token_is_read_from_exactly_one_header() {
        for (values, token, is_malformed) in [
            (vec![], None, false),
            (vec!["Bearer abc"], Some("abc"), false),
            (vec!["bEARER  a.b-c~+/== "], Some("a.b-c~+/=="), false),
            (vec!["Bearer abc", "Bearer abc"], None, true),
            (vec!["Bearer abc", "Basic abc"], None, true),
            (vec!["Bearer"], None, true),
            (vec!["Bearer "], Some(""), true),
            (vec!["Bearer a b"], Some("a b"), true),
            (vec!["Bearer a,b"], Some("a,b"), true),
            (vec!["Bearer ==="], Some("==="), true),
            (vec!["Bearer a=b"], Some("a=b"), true),
            (vec!["Bearer \u{e9}"], None, true),
            (vec!["Basic YTpi"], None, false),
            (vec!["foo"], None, false),
        ] {
            let headers = headers(&values);
            let credentials = Credentials::new(&headers, None);
            assert_eq!(credentials.bearer(), token, "{values:?}");
            assert_eq!(credentials.mistake().is_some(), is_malformed, "{values:?}");
        }
    }

    #[test]
    fn debug_shows_no_secret() {
        let headers = headers(&["Bearer secret-token"]);
        let shown = format!("{:?}", Credentials::new(&headers, None));
        assert!(!shown.contains("secret-token"), "{shown}");
    }
}
