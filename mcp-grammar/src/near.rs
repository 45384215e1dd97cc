//! Suggestions for misspelt names.

/// The maximum number of compared characters, because names may come from untrusted input.
const COMPARED: usize = 64;

/// Returns the known name that is nearest to `given`, if it is near enough to be a suggestion.
pub fn nearest<'known>(
    known: impl IntoIterator<Item = &'known str>,
    given: &str,
) -> Option<&'known str> {
    let given = normalised(given);
    known
        .into_iter()
        .filter_map(|name| Some((distance_if_near(&given, &normalised(name))?, name)))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// Removes case and punctuation: `readOnly`, `read-only` and `readonly` all equal `read_only`.
fn normalised(name: &str) -> Vec<char> {
    name.chars()
        .filter(|character| character.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .take(COMPARED)
        .collect()
}

fn distance_if_near(given: &[char], known: &[char]) -> Option<usize> {
    if is_shortened(given, known) || is_shortened(known, given) || is_anagram(given, known) {
        return Some(1);
    }
    let distance = distance(given, known);
    (distance <= (given.len() + 1) / 3).then_some(distance)
}

/// Returns `true` for names with the same characters in another order: `titel` for `title`.
fn is_anagram(given: &[char], known: &[char]) -> bool {
    let sorted = |name: &[char]| {
        let mut characters = name.to_vec();
        characters.sort_unstable();
        characters
    };
    given != known && given.len() == known.len() && sorted(given) == sorted(known)
}

/// Returns `true` for an abbreviation of at least three characters: `desc` for `description`, but not `a` for `age`.
fn is_shortened(short: &[char], long: &[char]) -> bool {
    short.len() > 2 && short != long && long.starts_with(short)
}

/// Returns the Levenshtein distance.
fn distance(left: &[char], right: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (line, left) in left.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = line + 1;
        for (column, right) in right.iter().enumerate() {
            let replaced = diagonal + usize::from(left != right);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [&str; 9] = [
        "name",
        "title",
        "description",
        "read_only",
        "mime",
        "a",
        "limit",
        "query",
        "id",
    ];

    #[test]
    fn misspelt_names_are_recognised() {
        for (given, meant) in [
            ("readonly", "read_only"),
            ("readOnly", "read_only"),
            ("read_only_hint", "read_only"),
            ("titel", "title"),
            ("desc", "description"),
            ("descripton", "description"),
            ("mime_type", "mime"),
            ("lim", "limit"),
            ("LIMIT", "limit"),
            ("qeury", "query"),
            ("ID", "id"),
            ("if", "id"),
        ] {
            assert_eq!(nearest(KNOWN, given), Some(meant), "{given}");
        }
    }

    #[test]
    fn other_names_are_not() {
        for given in [
            "timeout", "b", "x", "tags", "", "cache", "date", "colour", "li",
        ] {
            assert_eq!(nearest(KNOWN, given), None, "{given}");
        }
        let long = "x".repeat(1_000_000);
        assert_eq!(nearest(KNOWN, &long), None);
    }
}
