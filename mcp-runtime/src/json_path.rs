//! Steps of a path into JSON, as errors write them: `.price`, `["odd name"]`, `[3]`.

/// How many characters of a name are shown.
const SHOWN: usize = 100;

/// The step to a member of an object.
pub(crate) fn member(name: &str) -> String {
    if let Some((end, _)) = name.char_indices().nth(SHOWN) {
        // Who sent a long name would get it back with each mistake within.
        format!("[{:?}...]", &name[..end])
    } else if is_plain(name) {
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

#[cfg(test)]
mod tests {
    use super::member;

    #[test]
    fn a_long_name_is_cut_short() {
        assert_eq!(member("a"), ".a");
        assert_eq!(member("a b"), "[\"a b\"]");
        let long = member(&"é".repeat(100_000));
        assert_eq!(long, format!("[\"{}\"...]", "é".repeat(100)));
    }
}
