//! Names of components, arguments and HTTP headers.

/// The maximum length of the name of a tool, resource or prompt.
///
/// See <https://modelcontextprotocol.io/specification/2026-07-28/server/tools#tool-names>.
pub const LONGEST: usize = 128;

/// The rule of [`is_component`], for error messages.
pub const RULE: &str = "1 to 128 characters out of `A-Z`, `a-z`, `0-9`, `_`, `-` and `.`";

/// Returns `true` if clients accept the name for a tool, resource or prompt.
pub fn is_component(name: &str) -> bool {
    is_at_most(LONGEST, name)
}

/// Returns `true` if a name has 1 to `longest` characters, and clients accept all of them.
pub fn is_at_most(longest: usize, name: &str) -> bool {
    consists_of(b"_-.", name) && name.len() <= longest
}

/// Returns `true` for a token of RFC 9110. Header names are tokens.
pub fn is_token(text: &str) -> bool {
    consists_of(b"!#$%&'*+-.^_`|~", text)
}

/// Returns `true` for a MIME type, `type/subtype`, with or without parameters: RFC 6838, section 4.2.
pub fn is_media_type(text: &str) -> bool {
    let is_name = |text: &str| consists_of(b"!#$&-^_.+", text);
    let mut parts = text.split(';');
    let names = parts.next().and_then(|names| names.split_once('/'));
    names.is_some_and(|(kind, subtype)| is_name(kind) && is_name(subtype))
        && parts.all(is_media_parameter)
}

/// Returns `true` for `name=value`. A quoted value may contain any character but `"`, `\` and `;`.
fn is_media_parameter(text: &str) -> bool {
    let is_quoted = |value: &str| {
        let inside = value
            .strip_prefix('"')
            .and_then(|value| value.strip_suffix('"'));
        inside.is_some_and(|text| !text.contains(['"', '\\']) && !text.contains(char::is_control))
    };
    let parameter = text.trim_matches(' ').split_once('=');
    parameter.is_some_and(|(name, value)| is_token(name) && (is_token(value) || is_quoted(value)))
}

/// The rule of [`is_scope`], for error messages.
pub const SCOPE_RULE: &str =
    "a scope is one word of ASCII without `\"` and `\\`, such as `calendar:write`";

/// Returns `true` for a `scope-token` of RFC 6749.
pub fn is_scope(scope: &str) -> bool {
    let allowed = |byte: u8| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
    !scope.is_empty() && scope.bytes().all(allowed)
}

/// Returns `true` if a text is not empty and consists of ASCII letters, digits and the characters of `others`.
fn consists_of(others: &[u8], text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || others.contains(&byte);
    !text.is_empty() && text.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_and_plain() {
        for name in ["a", "get_user", "DATA-v2.x", &"x".repeat(128)] {
            assert!(is_component(name), "{name}");
        }
        for name in ["", "a b", "a/b", "é", &"x".repeat(129)] {
            assert!(!is_component(name), "{name}");
        }
        assert!(is_at_most(2, "ab") && !is_at_most(2, "abc"));
    }

    #[test]
    fn media_types_have_a_type_a_subtype_and_parameters() {
        for right in [
            "text/plain",
            "image/svg+xml",
            "application/vnd.api+json",
            "text/html;profile=mcp-app",
            "text/plain; charset=\"utf 8\" ; format=flowed",
        ] {
            assert!(is_media_type(right), "{right}");
        }
        for wrong in [
            "",
            "text",
            "/",
            "text/",
            "/plain",
            "text/plain/x",
            "*/*",
            "text/plain and more",
            " text/plain",
            "text/plain ",
            "text/plain;",
            "text/plain;charset",
            "text/plain;charset=",
            "text/plain;charset=\"a\"b\"",
            "text/plain;charset=\"",
            "text/pl\u{e4}in",
            "text/plain\n",
        ] {
            assert!(!is_media_type(wrong), "{wrong}");
        }
    }

    #[test]
    fn tokens_are_those_of_http() {
        for token in ["a", "X-9", "!#$%&'*+-.^_`|~"] {
            assert!(is_token(token), "{token}");
        }
        for other in ["", "a b", "a:b", "(a)", "é", "a\n"] {
            assert!(!is_token(other), "{other}");
        }
    }
}
