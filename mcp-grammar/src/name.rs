//! Names of components, arguments and HTTP headers.

/// The length of the longest name of a tool, resource or prompt.
///
/// See <https://modelcontextprotocol.io/specification/2026-07-28/server/tools#tool-names>.
pub const LONGEST: usize = 128;

/// The rule that [`is_component`] checks, as messages state it.
pub const RULE: &str = "1 to 128 characters out of `A-Z`, `a-z`, `0-9`, `_`, `-` and `.`";

/// Returns `true` if clients accept this name of a tool, resource or prompt.
pub fn is_component(name: &str) -> bool {
    is_at_most(LONGEST, name)
}

/// Returns `true` if a name has at most `longest` characters, all of them of those that clients accept.
pub fn is_at_most(longest: usize, name: &str) -> bool {
    is_made_of(b"_-.", name) && name.len() <= longest
}

/// Returns `true` for a token of RFC 9110, of which names of headers are made.
pub fn is_token(text: &str) -> bool {
    is_made_of(b"!#$%&'*+-.^_`|~", text)
}

/// Whether a text is letters, digits and these, and not empty.
fn is_made_of(others: &[u8], text: &str) -> bool {
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
