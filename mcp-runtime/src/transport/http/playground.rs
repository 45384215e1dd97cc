//! The playground: a page that lists and calls the components of the server, for development.
//!
//! The page is one document without other files. Its content security policy allows its own script and style only, and requests
//! to this server only.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hyper::Response;
use hyper::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use sha2::{Digest as _, Sha256};

use super::response_body::HttpBody;

/// The path of the page.
pub(super) const PATH: &str = "/";

const PAGE: &str = include_str!("playground/page.html");
const STYLE: &str = include_str!("playground/style.css");
const SCRIPT: &str = concat!(
    "\"use strict\";\n",
    include_str!("playground/protocol.js"),
    include_str!("playground/form.js"),
    include_str!("playground/results.js"),
    include_str!("playground/questions.js"),
    include_str!("playground/app.js"),
);

/// The page of a server.
#[derive(Clone)]
pub(crate) struct Playground {
    html: Bytes,
    policy: HeaderValue,
}

impl Playground {
    /// Returns the page for the endpoint with this path.
    pub(crate) fn new(endpoint: &str) -> Self {
        let html = PAGE
            .replace("{endpoint}", &escaped(endpoint))
            .replace("{style}", STYLE)
            .replace("{script}", SCRIPT);
        let policy = format!(
            "default-src 'none'; script-src {}; style-src {}; connect-src 'self'; img-src data: blob:; media-src data: blob:; \
             base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
            source(SCRIPT),
            source(STYLE)
        );
        Self {
            html: html.into(),
            policy: HeaderValue::try_from(policy)
                .unwrap_or_else(|_| HeaderValue::from_static("default-src 'none'")),
        }
    }

    /// Returns the response with the page.
    pub(super) fn response(&self) -> Response<HttpBody> {
        let mut response = Response::new(HttpBody::full(self.html.clone()));
        let headers = response.headers_mut();
        headers.insert(CONTENT_SECURITY_POLICY, self.policy.clone());
        for (name, value) in [
            (CONTENT_TYPE, "text/html; charset=utf-8"),
            (CACHE_CONTROL, "no-store"),
            (X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (REFERRER_POLICY, "no-referrer"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        response
    }
}

impl fmt::Debug for Playground {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Playground").finish_non_exhaustive()
    }
}

/// Returns the source expression of an inline script or style: its SHA-256.
fn source(text: &str) -> String {
    format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text)))
}

/// Escapes a text for an attribute.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('"', "&quot;")
        .replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_names_its_endpoint_and_nothing_else() {
        let page = Playground::new("/a\"b<&");
        let html = String::from_utf8(page.html.to_vec()).unwrap();
        assert!(html.contains("data-endpoint=\"/a&quot;b&lt;&amp;\""));
        // The only addresses are examples in placeholders.
        for address in ["http://", "https://", "src=\"", "@import", "url("] {
            assert!(!html.contains(address), "{address}");
        }
        assert!(html.contains(SCRIPT) && html.contains(STYLE));
        assert!(!SCRIPT.contains("</script") && !STYLE.contains("</style"));
        assert!(page.policy.to_str().unwrap().contains(&source(SCRIPT)));
    }
}
