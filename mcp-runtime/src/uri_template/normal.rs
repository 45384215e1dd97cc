//! Equivalent URIs: RFC 3986, section 6.2.2.
//!
//! The case of scheme and host is ignored, as are needless percent-encoding and dot segments. Rules of single schemes,
//! such as default ports, are not applied.

use std::collections::BTreeSet;

use mcp_grammar::percent;

/// A URI with its normal form, in which it is compared.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Uri {
    normal: String,
    written: String,
}

impl Uri {
    pub(crate) fn new(written: impl Into<String>) -> Self {
        let written = written.into();
        Self {
            normal: normal(&written),
            written,
        }
    }

    /// Returns the URI as it was written.
    pub(crate) fn written(&self) -> &str {
        &self.written
    }

    /// Returns the size in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.normal.len() + self.written.len()
    }
}

/// A set of URIs as clients wrote them, searchable by any equivalent URI.
#[derive(Debug, Default)]
pub(crate) struct Uris(BTreeSet<Uri>);

impl Uris {
    pub(crate) fn insert(&mut self, uri: Uri) {
        self.0.insert(uri);
    }

    /// Returns `true` if the set has this URI in exactly this spelling.
    pub(crate) fn contains(&self, uri: &Uri) -> bool {
        self.0.contains(uri)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns all URIs as they were written.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|uri| uri.written.as_str())
    }

    /// Returns the stored spelling of an equivalent URI. The same spelling is preferred, since hosts that differ in
    /// case may be different values of a template's variable.
    pub(crate) fn find(&self, uri: &Uri) -> Option<&str> {
        self.get(uri).map(|found| found.written.as_str())
    }

    /// Removes the URI that [`find`](Self::find) returns.
    pub(crate) fn remove(&mut self, uri: &Uri) -> Option<Uri> {
        let found = self.get(uri)?.clone();
        self.0.take(&found)
    }

    fn get(&self, uri: &Uri) -> Option<&Uri> {
        let first = Uri {
            normal: uri.normal.clone(),
            written: String::new(),
        };
        let equivalent = || self.0.range(first..).next();
        let found = self.0.get(uri).or_else(equivalent);
        found.filter(|found| found.normal == uri.normal)
    }
}

impl<'u> FromIterator<&'u String> for Uris {
    fn from_iter<I: IntoIterator<Item = &'u String>>(uris: I) -> Self {
        Self(uris.into_iter().map(Uri::new).collect())
    }
}

/// Returns the normal form of a URI, which is the same for all equivalent ones. Text that is not a URI stays unchanged.
pub(crate) fn normal(uri: &str) -> String {
    normalised(uri).unwrap_or_else(|| uri.to_owned())
}

fn normalised(uri: &str) -> Option<String> {
    let (scheme, rest) = uri.split_once(':')?;
    let rest = percent::decode_unreserved(rest)?;
    let (hierarchy, tail) = rest.split_at(rest.find(['?', '#']).unwrap_or(rest.len()));
    let mut normal = scheme.to_ascii_lowercase();
    normal.push(':');
    if let Some(after) = hierarchy.strip_prefix("//") {
        let (authority, path) = after.split_at(after.find('/').unwrap_or(after.len()));
        normal.push_str("//");
        push_authority(&mut normal, authority);
        normal.push_str(&without_dot_segments(path));
    } else {
        let path = without_dot_segments(hierarchy);
        // Two leading slashes would introduce an authority.
        let is_path = !path.starts_with("//");
        normal.push_str(if is_path { &path } else { hierarchy });
    }
    normal.push_str(tail);
    Some(normal)
}

/// Appends the authority with its host in lower case. The digits of percent-encoded characters stay in upper case.
fn push_authority(out: &mut String, authority: &str) {
    let host = authority.rfind('@').map_or(0, |at| at + 1);
    let (user, host) = authority.split_at(host);
    out.push_str(user);
    for (index, piece) in host.split('%').enumerate() {
        let digits = if index == 0 { 0 } else { 2 };
        let (digits, rest) = piece.split_at(digits.min(piece.len()));
        out.push_str(if index == 0 { "" } else { "%" });
        out.push_str(digits);
        out.push_str(&rest.to_ascii_lowercase());
    }
}

/// Removes dot segments (RFC 3986, section 5.2.4). A path without a leading slash, as in `urn:a:b`, has no segments.
fn without_dot_segments(path: &str) -> String {
    let Some(segments) = path.strip_prefix('/') else {
        return path.to_owned();
    };
    let mut kept = Vec::new();
    for segment in segments.split('/') {
        match segment {
            "." => {}
            ".." => {
                kept.pop();
            }
            other => kept.push(other),
        }
    }
    if path.ends_with("/.") || path.ends_with("/..") {
        kept.push("");
    }
    format!("/{}", kept.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equivalent_uris_have_one_form() {
        for (uri, expected) in [
            // The examples of the RFC.
            (
                "eXAMPLE://a/./b/../b/%63/%7bfoo%7d",
                "example://a/b/c/%7Bfoo%7D",
            ),
            ("HTTP://www.EXAMPLE.com/", "http://www.example.com/"),
            ("x://a/b/c/./../../g", "x://a/g"),
            ("x:/mid/content=5/../6", "x:/mid/6"),
            // The case of all other parts is significant.
            (
                "x://User:Word@Host:80/Path?Query#Part",
                "x://User:Word@host:80/Path?Query#Part",
            ),
            ("X://%C3%bC%41B", "x://%C3%BCab"),
            ("urn:A:../B", "urn:A:../B"),
            ("x://h/a?b=/../c#/./d", "x://h/a?b=/../c#/./d"),
            ("x://é/ü", "x://%C3%A9/%C3%BC"),
            // Dots at the ends.
            ("x://h/..", "x://h/"),
            ("x://h/a/.", "x://h/a/"),
            ("x://h/%2E%2e/a", "x://h/a"),
            ("x://h", "x://h"),
            // A path never becomes an authority.
            ("x:/a/..//b", "x:/a/..//b"),
            // Encoded reserved characters stay encoded.
            ("x://h/a%2f%2E%2E", "x://h/a%2F.."),
            // Texts that are not URIs.
            ("a", "a"),
            ("x://H/100%", "x://H/100%"),
            ("", ""),
        ] {
            assert_eq!(normal(uri), expected, "{uri}");
            assert_eq!(normal(expected), expected, "{uri}");
        }
    }

    #[test]
    fn uris_are_found_as_they_were_written() {
        let mut uris = Uris::default();
        for written in ["x://Ann", "x://ann", "X://h/%7Ea"] {
            uris.insert(Uri::new(written));
        }
        assert!(uris.contains(&Uri::new("x://ann")) && !uris.contains(&Uri::new("x://ANN")));
        assert_eq!(uris.len(), 3);
        for (uri, found) in [
            ("x://ann", Some("x://ann")),
            ("x://Ann", Some("x://Ann")),
            ("x://ANN", Some("x://Ann")),
            ("x://H/~a", Some("X://h/%7Ea")),
            ("x://i", None),
        ] {
            assert_eq!(uris.find(&Uri::new(uri)), found, "{uri}");
        }
        uris.remove(&Uri::new("x://ann"));
        assert_eq!(uris.find(&Uri::new("x://ann")), Some("x://Ann"));
        uris.remove(&Uri::new("x://h/~a"));
        uris.remove(&Uri::new("x://ANN"));
        assert!(uris.is_empty());
    }
}
