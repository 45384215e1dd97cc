//! Finds the name that was probably meant.
//!
//! Knows nothing of what the names stand for.

/// The known name nearest to `given`, if one is near enough to be what was meant.
pub(crate) fn closest<'known>(
    given: &str,
    known: impl IntoIterator<Item = &'known str>,
) -> Option<&'known str> {
    let given = squash(given);
    known
        .into_iter()
        .filter_map(|name| Some((distance_if_near(&given, &squash(name))?, name)))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// "; did you mean `name`?", or nothing.
pub(crate) fn hint<'known>(
    given: &str,
    known: impl IntoIterator<Item = &'known str>,
) -> Option<String> {
    closest(given, known).map(|name| format!("; did you mean `{name}`?"))
}

/// `readOnly`, `read-only` and `readonly` are all `read_only`.
fn squash(name: &str) -> String {
    name.chars()
        .filter(|character| character.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}

fn distance_if_near(given: &str, known: &str) -> Option<usize> {
    if is_shortened(given, known) || is_shortened(known, given) || is_shuffled(given, known) {
        return Some(1);
    }
    let distance = distance(given, known);
    (distance <= (given.chars().count() + 1) / 3).then_some(distance)
}

/// `titel` for `title`.
fn is_shuffled(given: &str, known: &str) -> bool {
    let sorted = |name: &str| {
        let mut characters: Vec<char> = name.chars().collect();
        characters.sort_unstable();
        characters
    };
    given != known && sorted(given) == sorted(known)
}

/// `desc` for `description`, but not `a` for `age`.
fn is_shortened(short: &str, long: &str) -> bool {
    short.len() > 2 && short != long && long.starts_with(short)
}

/// The Levenshtein distance.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (line, left) in left.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = line + 1;
        for (column, right) in right.iter().enumerate() {
            let replaced = diagonal + usize::from(left != *right);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::closest;

    const KNOWN: [&str; 6] = ["name", "title", "description", "read_only", "mime", "a"];

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
        ] {
            assert_eq!(closest(given, KNOWN), Some(meant), "{given}");
        }
    }

    #[test]
    fn other_names_are_not() {
        for given in ["timeout", "b", "x", "tags", "", "cache", "date"] {
            assert_eq!(closest(given, KNOWN), None, "{given}");
        }
    }
}
