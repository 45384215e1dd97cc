//! Checks of values that become part of file paths.
//!
//! They examine text only: symbolic links, file names that a system reserves (`CON`), and read permissions are up to
//! the code that opens the file.

/// Returns the reason why a decoded value must not become part of a file path, or `None` if it may.
///
/// A `..` segment, an absolute path or a drive leaves the intended directory. So does text that becomes one of these if
/// later code percent-decodes it once more.
pub(crate) fn unsafe_path(value: &str) -> Option<&'static str> {
    let findings = [
        (value.contains('\0'), "contains NUL"),
        (
            is_absolute(value),
            "is an absolute path: it must not begin with `/` or `\\`",
        ),
        (has_drive(value), "begins with a drive, such as `C:`"),
        (has_parent_segment(value), "contains a `..` segment"),
        (
            is_encoded_again(value),
            "contains a percent-encoded `.`, `/`, `\\` or NUL: it was encoded twice",
        ),
    ];
    findings
        .into_iter()
        .find_map(|(found, reason)| found.then_some(reason))
}

fn is_absolute(value: &str) -> bool {
    value.starts_with(['/', '\\'])
}

fn has_drive(value: &str) -> bool {
    match value.as_bytes() {
        [letter, b':', rest @ ..] if letter.is_ascii_alphabetic() => {
            // `c:x`, a path relative to the drive's current directory, is ordinary text on other systems.
            cfg!(windows) || matches!(rest, [] | [b'/' | b'\\', ..])
        }
        _ => false,
    }
}

fn has_parent_segment(value: &str) -> bool {
    // Windows drops spaces at the end of a name.
    value
        .split(['/', '\\'])
        .any(|segment| segment.trim_end_matches(' ') == "..")
}

fn is_encoded_again(value: &str) -> bool {
    value.split('%').skip(1).any(is_encoded_danger)
}

/// Returns `true` if the text after a `%` encodes a dangerous character. `%252e` is a dot as well, encoded once more.
fn is_encoded_danger(after: &str) -> bool {
    let digits = after.trim_start_matches("25").as_bytes();
    matches!(
        digits,
        [b'2', b'e' | b'E' | b'f' | b'F', ..] | [b'5', b'c' | b'C', ..] | [b'0', b'0', ..]
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_paths_pass() {
        for value in [
            "",
            "a",
            "a/b.txt",
            ".hidden",
            "...",
            "a..b",
            "..a",
            "a../b",
            "100%",
            "100%25",
            "%41",
            "ab:c",
            "line\nbreak",
            "12:30",
            "naïve/日本",
            "a b",
            "a/./b",
            "%2",
            "%5d",
            "%2g",
        ] {
            assert_eq!(unsafe_path(value), None, "{value:?}");
        }
    }

    #[test]
    fn dangerous_paths_are_named() {
        for (values, reason) in [
            (&["a\0"][..], "NUL"),
            (&["/", "/etc", "\\", "\\\\host\\share"], "absolute"),
            (&["C:", "c:\\x", "Z:/x"], "drive"),
            (
                &[
                    "..", "../a", "a/..", "a/../b", "a\\..\\b", "a/.. /b", "..\\",
                ],
                "`..`",
            ),
            (
                &[
                    "%2e%2e", "a%2Fb", "%2f", "%5C", "a%5cb", "%00", "%2E", "%252e", "%25252F",
                    "%%2f",
                ],
                "encoded",
            ),
        ] {
            for value in values {
                let found = unsafe_path(value);
                assert!(
                    found.is_some_and(|text| text.contains(reason)),
                    "{value:?}: {found:?}"
                );
            }
        }
    }
}
