//! Steps of a path into JSON, as errors write them: `.price`, `["odd name"]`, `[3]`.

/// The step to a member of an object.
pub(crate) fn member(name: &str) -> String {
    if is_plain(name) {
        format!(".{name}")
    } else {
        format!("[{name:?}]")
    }
}

/// The step to an item of an array.
pub(crate) fn item(index: usize) -> String {
    format!("[{index}]")
}

/// Whether JSON Path allows `.name` for this member; others need `["name"]`.
fn is_plain(name: &str) -> bool {
    !name.starts_with(|first: char| first.is_ascii_digit())
        && !name.is_empty()
        && name.chars().all(|c| c.is_alphanumeric() || c == '_')
}
