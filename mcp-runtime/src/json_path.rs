//! The notation of JSON paths in errors: `.price`, `["odd name"]`, `[3]`.

use std::fmt;

/// The number of characters of a name that are shown.
const SHOWN: usize = 100;

/// Returns the step to a member of an object.
pub(crate) fn member(name: &str) -> String {
    if let Some((end, _)) = name.char_indices().nth(SHOWN) {
        // Otherwise an error would repeat the long name for each mistake inside the member.
        format!("[{:?}...]", &name[..end])
    } else if is_plain(name) {
        format!(".{name}")
    } else {
        format!("[{name:?}]")
    }
}

/// Returns the path of a part: the path of the whole, and the step from there. The whole of all arguments has no path.
pub(crate) fn joined(whole: &str, step: &str) -> String {
    if whole.is_empty() {
        step.strip_prefix('.').unwrap_or(step).to_owned()
    } else {
        format!("{whole}{step}")
    }
}

/// Returns the step to an item of an array.
pub(crate) fn item(index: usize) -> String {
    format!("[{index}]")
}

/// The path of a value within another. It is formatted only if an error shows it.
#[derive(Clone, Copy)]
pub(crate) enum Path<'p> {
    Root(&'p str),
    Item(&'p Path<'p>, usize),
    Member(&'p Path<'p>, &'p str),
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root(path) => formatter.write_str(path),
            Self::Item(whole, index) => write!(formatter, "{whole}{}", item(*index)),
            Self::Member(Path::Root(""), name) => formatter.write_str(&joined("", &member(name))),
            Self::Member(whole, name) => write!(formatter, "{whole}{}", member(name)),
        }
    }
}

/// Returns `true` if JSON Path allows `.name` for this member; other names need `["name"]`.
fn is_plain(name: &str) -> bool {
    !name.starts_with(|first: char| first.is_ascii_digit())
        && !name.is_empty()
        && name.chars().all(|c| c.is_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::{Path, item, joined, member};

    #[test]
    fn the_whole_of_all_arguments_has_no_path() {
        assert_eq!(joined("a", &member("b")), "a.b");
        assert_eq!(joined("", &member("b")), "b");
        assert_eq!(joined("", &member("b c")), "[\"b c\"]");
        assert_eq!(joined("", &item(1)), "[1]");
        let whole = Path::Root("");
        assert_eq!(Path::Member(&whole, "b").to_string(), "b");
        assert_eq!(
            Path::Member(&Path::Member(&whole, "b"), "c").to_string(),
            "b.c"
        );
    }

    #[test]
    fn a_long_name_is_cut_short() {
        assert_eq!(member("a"), ".a");
        assert_eq!(member("a b"), "[\"a b\"]");
        let long = member(&"é".repeat(100_000));
        assert_eq!(long, format!("[\"{}\"...]", "é".repeat(100)));
    }
}
