//! URLs in the texts of errors.

/// Returns a URL without its credentials and its query, valid or not.
pub(in crate::upstream) fn without_secrets(url: &str) -> String {
    let url = url.split(['?', '#']).next().unwrap_or_default();
    let (scheme, rest) = url.split_once("://").map_or(("", url), |(scheme, rest)| {
        (&url[..scheme.len() + "://".len()], rest)
    });
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    format!("{scheme}{host}{path}")
}
