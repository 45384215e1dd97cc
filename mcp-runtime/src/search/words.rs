//! The terms of a text: its words in lower case, without endings.

use super::stem::stem;

/// English words that say nothing about a tool, in requests and in descriptions.
const STOP_WORDS: &[&str] = &[
    "a", "about", "all", "am", "an", "and", "any", "are", "as", "at", "be", "been", "but", "by",
    "can", "could", "did", "do", "does", "for", "from", "had", "has", "have", "how", "i", "if",
    "in", "into", "is", "it", "its", "just", "let", "like", "me", "my", "need", "of", "on", "or",
    "our", "please", "should", "so", "some", "that", "the", "their", "them", "then", "there",
    "these", "this", "those", "to", "up", "us", "use", "used", "using", "want", "was", "we",
    "were", "what", "when", "where", "which", "who", "will", "with", "would", "you", "your",
];

/// Calls `take` for each term of a text, in order.
///
/// Words end at all characters that are neither letters nor digits. The parts of a word in camel case, and those between
/// letters and digits, are terms beside the whole word: `getUser2` has `getuser2`, `get`, `user` and `2`.
pub(super) fn terms(text: &str, mut take: impl FnMut(&str)) {
    let words = text.split(|letter: char| !letter.is_alphanumeric());
    for word in words.filter(|word| !word.is_empty()) {
        term(word, &mut take);
        let mut rest = word;
        while let Some(end) = part(rest) {
            let (first, others) = rest.split_at(end);
            term(first, &mut take);
            rest = others;
        }
        if rest.len() < word.len() {
            term(rest, &mut take);
        }
    }
}

fn term(word: &str, take: &mut impl FnMut(&str)) {
    let word = word.to_lowercase();
    if STOP_WORDS.binary_search(&word.as_str()).is_err() {
        take(&stem(word));
    }
}

/// Returns the end of the first part of a word, or `None` if it has one part only.
fn part(word: &str) -> Option<usize> {
    let mut letters = word.char_indices().peekable();
    let (_, mut before) = letters.next()?;
    while let Some((place, letter)) = letters.next() {
        let mut next_is_lower = || letters.peek().is_some_and(|(_, next)| next.is_lowercase());
        // `get|User`, and `HTTP|Server`.
        let is_camel = letter.is_uppercase()
            && (before.is_lowercase() || (before.is_uppercase() && next_is_lower()));
        if is_camel || before.is_numeric() != letter.is_numeric() {
            return Some(place);
        }
        before = letter;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Vec<String> {
        let mut found = Vec::new();
        terms(text, |term| found.push(term.to_owned()));
        found
    }

    #[test]
    fn a_text_is_split_into_terms() {
        for (text, expected) in [
            ("create_pull_request", &["creat", "pull", "request"][..]),
            (
                "createPullRequest",
                &["createpullrequest", "creat", "pull", "request"],
            ),
            ("HTTPServer", &["httpserver", "http", "server"]),
            ("GitHub", &["github", "git", "hub"]),
            ("s3.list-objects", &["s3", "s", "3", "list", "object"]),
            ("Send the invoices, please!", &["send", "invoic"]),
            ("Größe der 名前", &["größe", "der", "名前"]),
            ("v2", &["v2", "v", "2"]),
            (" _.- ", &[]),
            ("", &[]),
        ] {
            assert_eq!(of(text), expected, "{text}");
        }
    }

    #[test]
    fn stop_words_are_sorted() {
        assert!(STOP_WORDS.is_sorted());
    }
}
