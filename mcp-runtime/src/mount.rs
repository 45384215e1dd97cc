//! The names and URIs of components in the server that another one is mounted in.
//!
//! A prefix is placed before names with `_`, as in `weather_forecast`. In URIs and URI templates it is the first segment after
//! `scheme://`, or after `scheme:` if no `//` follows: `db://users` becomes `db://weather/users`. The scheme stays as it is,
//! because some schemes have a meaning for clients, such as `ui`. It does not depend on components.

use std::sync::Arc;

/// The rule of [`is_prefix`], for error messages.
pub(crate) const PREFIX_RULE: &str =
    "a prefix is a letter or digit, and then letters, digits, `_`, `-` and `.`, at most 64 of them";

/// The maximum length of a prefix.
const LONGEST: usize = 64;

/// Returns `true` if a text can be the prefix of names and the first segment of URIs. It is no dot segment.
pub(crate) fn is_prefix(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    text.starts_with(|first: char| first.is_ascii_alphanumeric())
        && text.len() <= LONGEST
        && text.bytes().all(allowed)
}

/// The mount of a server in another one, the outer server.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Mount {
    /// The prefix of names and URIs, if there is one.
    pub(crate) prefix: Option<String>,
    /// The name of the mounted server, for messages.
    pub(crate) server: String,
    /// The number of the mounted server in the outer one: see [`Mounted::home`].
    pub(crate) home: usize,
}

impl Mount {
    /// Returns the name in the outer server.
    pub(crate) fn name(&self, inner: &str) -> String {
        match &self.prefix {
            Some(prefix) => format!("{prefix}_{inner}"),
            None => inner.to_owned(),
        }
    }

    /// Returns the URI or URI template in the outer server.
    pub(crate) fn uri(&self, inner: &str) -> String {
        match &self.prefix {
            Some(prefix) => {
                let (scheme, rest) = after_scheme(inner);
                format!("{scheme}{prefix}/{rest}")
            }
            None => inner.to_owned(),
        }
    }

    /// Returns the URI in the mounted server, or `None` if it does not begin with the prefix.
    pub(crate) fn inner_uri(&self, outer: &str) -> Option<String> {
        let Some(prefix) = &self.prefix else {
            return Some(outer.to_owned());
        };
        let (scheme, rest) = after_scheme(outer);
        let (first, rest) = rest.split_once('/')?;
        // It may be the host of the URI, which clients may write in lower case.
        first
            .eq_ignore_ascii_case(prefix)
            .then(|| format!("{scheme}{rest}"))
    }
}

/// Splits a URI after `scheme://`, or after `scheme:`.
fn after_scheme(uri: &str) -> (&str, &str) {
    let colon = uri.find(':').map_or(0, |colon| colon + 1);
    let is_hierarchy = uri[colon..].starts_with("//");
    uri.split_at(if is_hierarchy { colon + 2 } else { colon })
}

/// The origin of a component that belongs to a mounted server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mounted {
    /// The number of the server that the component belongs to, in the list of all servers that are mounted in this one,
    /// directly or through others.
    pub(crate) home: usize,
    /// The mounts that the component is reached through, from the outermost to the innermost.
    pub(crate) mounts: Vec<Arc<Mount>>,
    /// The name, URI or URI template in the server of each mount.
    pub(crate) names: Vec<String>,
}

impl Mounted {
    /// Returns the origin of a component that is called `name` in the mounted server, and that may be mounted there.
    pub(crate) fn new(mount: &Arc<Mount>, name: &str, inner: Option<&Self>) -> Self {
        let (mut mounts, mut names) = (vec![Arc::clone(mount)], vec![name.to_owned()]);
        if let Some(inner) = inner {
            mounts.extend(inner.mounts.iter().cloned());
            names.extend(inner.names.iter().cloned());
        }
        Self {
            // The servers that are mounted in a server follow it.
            home: mount.home + inner.map_or(0, |inner| 1 + inner.home),
            mounts,
            names,
        }
    }

    /// Returns the URI in the server of each mount, for a URI that a client has sent.
    pub(crate) fn inner_uris(&self, uri: &str) -> Vec<String> {
        let mut uris: Vec<String> = Vec::with_capacity(self.mounts.len());
        for mount in &self.mounts {
            let outer = uris.last().map_or(uri, String::as_str);
            let inner = mount.inner_uri(outer);
            let inner = inner.unwrap_or_else(|| outer.to_owned());
            uris.push(inner);
        }
        uris
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mount(prefix: Option<&str>, home: usize) -> Arc<Mount> {
        Arc::new(Mount {
            prefix: prefix.map(str::to_owned),
            server: "inner".to_owned(),
            home,
        })
    }

    #[test]
    fn the_prefix_is_the_first_segment_after_the_scheme() {
        let weather = mount(Some("weather"), 0);
        for (inner, outer) in [
            ("db://users", "db://weather/users"),
            ("db://{table}/{id}", "db://weather/{table}/{id}"),
            ("files://{+path}{?page}", "files://weather/{+path}{?page}"),
            ("file:///etc/hosts", "file://weather//etc/hosts"),
            ("urn:isbn:1", "urn:weather/isbn:1"),
            ("data://", "data://weather/"),
            ("ui://page", "ui://weather/page"),
        ] {
            assert_eq!(weather.uri(inner), outer);
            assert_eq!(weather.inner_uri(outer).as_deref(), Some(inner));
            assert_eq!(mount(None, 0).uri(inner), inner);
            assert_eq!(mount(None, 0).inner_uri(inner).as_deref(), Some(inner));
        }
        assert_eq!(
            weather.inner_uri("db://WEATHER/a").as_deref(),
            Some("db://a")
        );
        for other in ["db://weather", "db://other/users", "weather", ""] {
            assert_eq!(weather.inner_uri(other), None, "{other}");
        }
        assert_eq!(weather.name("forecast"), "weather_forecast");
        assert_eq!(mount(None, 0).name("forecast"), "forecast");
    }

    #[test]
    fn a_prefix_is_no_dot_segment_and_fits_into_names() {
        for right in ["a", "7", "a_b-c.d", &"x".repeat(64)] {
            assert!(is_prefix(right), "{right}");
        }
        for wrong in [
            "",
            ".",
            "..",
            "_a",
            "a/b",
            "a b",
            "{a}",
            "é",
            &"x".repeat(65),
        ] {
            assert!(!is_prefix(wrong), "{wrong}");
        }
    }

    #[test]
    fn nested_mounts_have_the_names_of_each_server() {
        let (outer, inner) = (mount(Some("a"), 3), mount(Some("b"), 1));
        let of_inner = Mounted::new(&inner, "x", None);
        let of_outer = Mounted::new(&outer, "b_x", Some(&of_inner));
        assert_eq!((of_inner.home, of_outer.home), (1, 5));
        assert_eq!(of_outer.names, ["b_x", "x"]);
        assert_eq!(of_outer.inner_uris("u://a/b/x"), ["u://b/x", "u://x"]);
    }
}
