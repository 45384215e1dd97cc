//! Near misses: which of the known names was meant.

/// The known name that is nearest to another, if it is near enough to be meant.
pub(crate) fn nearest<'k>(known: impl IntoIterator<Item = &'k str>, name: &str) -> Option<&'k str> {
    known
        .into_iter()
        .map(|candidate| (distance(candidate, name), candidate))
        .min()
        .filter(|(distance, candidate)| {
            // Short names are all alike: half of one must be right at least.
            let length = candidate.chars().count();
            *distance <= length.div_ceil(3).min(length / 2)
        })
        .map(|(_, candidate)| candidate)
}

/// How many characters must be inserted, removed or replaced to make one text of the other.
/// A prefix counts as near, since models like to shorten: `lim` for `limit`. So does another case.
fn distance(left: &str, right: &str) -> usize {
    if left.eq_ignore_ascii_case(right) {
        return 0;
    }
    if !right.is_empty() && left.starts_with(right) {
        return 1;
    }
    let right: Vec<char> = right.chars().take(64).collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, from) in left.chars().take(64).enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in right.iter().enumerate() {
            let replaced = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_near_is_meant() {
        let known = ["limit", "query", "id"];
        for (name, near) in [
            ("lim", Some("limit")),
            ("LIMIT", Some("limit")),
            ("qeury", Some("query")),
            ("ID", Some("id")),
            ("if", Some("id")),
            ("colour", None),
            ("", None),
        ] {
            assert_eq!(nearest(known, name), near, "{name}");
        }
    }
}
