//! The versions of components.

use std::cmp::Ordering;

/// The rule of [`is_version`], for error messages.
pub(super) const VERSION_RULE: &str =
    "it begins with a letter or digit, and has at most 64 letters, digits, `.`, `-`, `+` and `_`";

/// The maximum length of a version.
const LONGEST: usize = 64;

/// Returns `true` if a text can be a version.
pub(super) fn is_version(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".-+_".contains(&byte);
    text.starts_with(|first: char| first.is_ascii_alphanumeric())
        && text.len() <= LONGEST
        && text.bytes().all(allowed)
}

/// Compares two versions, part by part. A part is what is between dots.
pub(super) fn compare(one: &str, other: &str) -> Ordering {
    let (mut one, mut other) = (one.split('.'), other.split('.'));
    loop {
        let order = match (one.next(), other.next()) {
            (None, None) => return Ordering::Equal,
            (one, other) => compare_part(one, other),
        };
        if order.is_ne() {
            return order;
        }
    }
}

/// Compares two parts: as numbers if both are, or else as texts. A missing part is the lowest.
fn compare_part(one: Option<&str>, other: Option<&str>) -> Ordering {
    let (Some(one), Some(other)) = (one, other) else {
        return one.is_some().cmp(&other.is_some());
    };
    let number = |text: &str| text.parse::<u128>().ok();
    match (number(one), number(other)) {
        (Some(one), Some(other)) => one.cmp(&other),
        _ => one.cmp(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_compared_as_numbers_or_texts() {
        let sorted = ["1", "1.0", "1.9", "1.10", "2", "2.0-beta", "10", "a", "b.1"];
        for (index, one) in sorted.iter().enumerate() {
            for (position, other) in sorted.iter().enumerate() {
                assert_eq!(compare(one, other), index.cmp(&position), "{one} {other}");
            }
        }
    }

    #[test]
    fn a_version_is_short_and_has_no_spaces() {
        for right in ["1", "2.0.1", "v2", "2026-07-28", "1.0+x_y", &"1".repeat(64)] {
            assert!(is_version(right), "{right}");
        }
        for wrong in ["", " 1", ".1", "1 0", "1/2", "é", &"1".repeat(65)] {
            assert!(!is_version(wrong), "{wrong}");
        }
    }
}
