//! The part of a value that has changed, as one line.

use serde_json::Value;

use super::super::lints::escape_hidden;

/// The number of characters of a value that are shown.
const SHOWN: usize = 120;
/// The number of characters before the first change.
const BEFORE: usize = 20;

/// Describes the difference of two values. Their control, invisible and bidirectional characters are escaped.
pub(super) fn difference(old: Option<&Value>, new: Option<&Value>) -> String {
    match (old, new) {
        (Some(old), Some(new)) => {
            let (old, new) = (chars(old), chars(new));
            let same = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
            let from = same.saturating_sub(BEFORE);
            let (old, new) = (excerpt(&old, from), excerpt(&new, from));
            format!("changed from `{old}` to `{new}`")
        }
        (Some(old), None) => format!("was removed: `{}`", excerpt(&chars(old), 0)),
        (_, new) => {
            let new = new.map(chars).unwrap_or_default();
            format!("was added: `{}`", excerpt(&new, 0))
        }
    }
}

fn chars(value: &Value) -> Vec<char> {
    value.to_string().chars().collect()
}

fn excerpt(all: &[char], from: usize) -> String {
    let before = if from > 0 { ".." } else { "" };
    let rest = all.get(from..).unwrap_or_default();
    let shown: String = rest.iter().take(SHOWN).collect();
    let after = if rest.len() > SHOWN { ".." } else { "" };
    format!("{before}{}{after}", escape_hidden(&shown))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_difference_shows_the_change_without_hidden_characters() {
        let long = "x".repeat(300);
        let (old, new) = (json!(format!("{long}a")), json!(format!("{long}b")));
        let start = "x".repeat(20);
        for (old, new, expected) in [
            (
                Some(&json!("a")),
                Some(&json!("b")),
                r#"changed from `"a"` to `"b"`"#.to_owned(),
            ),
            (
                Some(&old),
                Some(&new),
                format!("changed from `..{start}a\"` to `..{start}b\"`"),
            ),
            (None, Some(&json!(1)), "was added: `1`".to_owned()),
            (Some(&json!([1])), None, "was removed: `[1]`".to_owned()),
            (
                None,
                Some(&json!("\u{1b}[2J\n\u{202e}\u{200b}\u{85}")),
                r#"was added: `"\u001b[2J\n\u{202e}\u{200b}\u{85}"`"#.to_owned(),
            ),
            (
                Some(&json!(long)),
                None,
                format!("was removed: `\"{}..`", "x".repeat(119)),
            ),
        ] {
            assert_eq!(difference(old, new), expected);
        }
    }
}
