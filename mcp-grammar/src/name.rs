//! Names of components, arguments and HTTP headers.

/// The maximum length of the name of a tool, resource or prompt.
///
/// See <https://modelcontextprotocol.io/specification/2026-07-28/server/tools#tool-names>.
pub const LONGEST: usize = 128;

/// The rule that [`is_component`] checks, as messages state it.
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
    fn tokens_are_those_of_http() {
        for token in ["a", "X-9", "!#$%&'*+-.^_`|~"] {
            assert!(is_token(token), "{token}");
        }
        for other in ["", "a b", "a:b", "(a)", "é", "a\n"] {
            assert!(!is_token(other), "{other}");
        }
    }
}
