//! The keys of `_meta` and of extensions, which follow the same rules.
//!
//! See <https://modelcontextprotocol.io/specification/2026-07-28/basic#meta>.

/// The key with the id of the `subscriptions/listen` request that a message belongs to.
pub(crate) const SUBSCRIPTION_ID: &str = "io.modelcontextprotocol/subscriptionId";

/// The key with the task that a message belongs to (2025-11-25).
pub(crate) const RELATED_TASK: &str = "io.modelcontextprotocol/related-task";

/// The prefix of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Prefix {
    /// No prefix.
    Absent,
    /// A prefix that is reserved for the protocol and its official extensions.
    Reserved,
    /// Any other prefix.
    Free,
}

/// Returns the prefix of a key, or `None` if the key is malformed.
pub(crate) fn prefix(key: &str) -> Option<Prefix> {
    let Some((prefix, name)) = key.split_once('/') else {
        return is_name(key).then_some(Prefix::Absent);
    };
    if !(prefix.split('.').all(is_label) && is_name(name)) {
        return None;
    }
    let reserved = ["modelcontextprotocol", "mcp"];
    let second = prefix.split('.').nth(1);
    Some(if second.is_some_and(|label| reserved.contains(&label)) {
        Prefix::Reserved
    } else {
        Prefix::Free
    })
}

/// Returns the error for an invalid `_meta` key that a server's author sets.
pub(crate) fn key_mistake(key: &str) -> Option<String> {
    match prefix(key) {
        None => Some(format!(
            "`{key}` is not a valid key for `_meta`: write a name such as `note`, or `com.example/note`"
        )),
        Some(Prefix::Reserved) => Some(format!(
            "`{key}` in `_meta` has a prefix that is reserved for the protocol: use one of your own, such as `com.example/`"
        )),
        Some(Prefix::Absent | Prefix::Free) => None,
    }
}

/// Returns `true` if the label has only letters, digits and `-`, with a letter first and no `-` last.
fn is_label(label: &str) -> bool {
    label.starts_with(|first: char| first.is_ascii_alphabetic())
        && label.ends_with(|last: char| last.is_ascii_alphanumeric())
        && label
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// Returns `true` if the name is empty, or has only letters, digits, `-`, `_` and `.`, with a letter or digit at both
/// ends.
fn is_name(name: &str) -> bool {
    let at_end = |end: char| end.is_ascii_alphanumeric();
    name.is_empty()
        || name.starts_with(at_end)
            && name.ends_with(at_end)
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_told_apart() {
        for (key, expected) in [
            ("note", Some(Prefix::Absent)),
            ("a.b_c-d", Some(Prefix::Absent)),
            ("com.example/note", Some(Prefix::Free)),
            ("com.example/", Some(Prefix::Free)),
            ("ui/resourceUri", Some(Prefix::Free)),
            ("com.example.mcp/x", Some(Prefix::Free)),
            ("mcp/x", Some(Prefix::Free)),
            ("io.modelcontextprotocol/x", Some(Prefix::Reserved)),
            ("org.modelcontextprotocol.api/x", Some(Prefix::Reserved)),
            ("com.mcp.tools/x", Some(Prefix::Reserved)),
            ("-note", None),
            ("note.", None),
            ("a note", None),
            ("/note", None),
            ("com..example/x", None),
            ("1com.example/x", None),
            ("com.example-/x", None),
            ("com.example/x/y", None),
            ("com.exämple/x", None),
        ] {
            assert_eq!(prefix(key), expected, "{key}");
        }
    }
}
