//! Instructions that are addressed to a model, in English.
//!
//! They describe no component: a description that contains one is an attempt to take control of the model, or reads like one.
//! The list is short on purpose, so that descriptions of real components do not match.

use super::super::finding::Level;
use super::{hidden, lookalikes};

/// Phrases. A word is a list of alternatives, and may be absent if `?` follows it.
const PHRASES: [(Level, &str); 8] = [
    (
        Level::Error,
        "ignore|disregard|forget|override|bypass all|any|everything? of? the|your|my|these|those|this? previous|prior|above|earlier|preceding|former|existing instruction|instructions|directive|directives|guidelines|prompt|prompts|rules",
    ),
    (
        Level::Error,
        "ignore|disregard|forget|override|bypass all|any? of? your instructions|guidelines|rules|prompt|training",
    ),
    (
        Level::Error,
        "do|must|should|shall not tell the|your user|users",
    ),
    (Level::Error, "never|dont tell the|your user|users"),
    (
        Level::Error,
        "not|never|dont mention|reveal|disclose this|that|it|these|them|anything to the|your user|users",
    ),
    (
        Level::Error,
        "without telling|informing the|your user|users",
    ),
    (
        Level::Warning,
        "hide|conceal this|that|it|these|them|everything from the|your user|users",
    ),
    // The parts of prompts are the subject of some servers.
    (Level::Warning, "system prompt|prompts"),
];

/// The beginnings of tags, in lower case, that models read as the beginning of a part of their prompt.
const TAGS: [(Level, &str); 6] = [
    (Level::Error, "<important"),
    (Level::Error, "<system-reminder"),
    (Level::Error, "<|im_start|"),
    (Level::Error, "<|system|"),
    (Level::Error, "<<sys"),
    // It may be the placeholder of a value.
    (Level::Warning, "<system"),
];

/// Returns the phrases and tags in a text, in their normal form.
pub(super) fn find(text: &str) -> Vec<(Level, String)> {
    let plain = plain(text);
    let tags = TAGS.iter().filter(|(_, tag)| has_tag(&plain, tag));
    let tags = tags.map(|(level, tag)| (*level, (*tag).to_owned()));
    let words: Vec<&str> = plain
        .split(|letter: char| !letter.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect();
    let phrases = PHRASES
        .iter()
        .filter_map(|(level, phrase)| Some((*level, phrase_in(&words, phrase)?)));
    phrases.chain(tags).collect()
}

/// Returns a text in lower case, without the means by which a phrase is disguised. Apostrophes are removed, so that `don't` is
/// a word.
fn plain(text: &str) -> String {
    let visible = hidden::strip(text);
    let visible = visible
        .chars()
        .filter(|it| !['\'', '\u{2019}'].contains(it));
    let latin = visible.map(|it| lookalikes::latin(it).unwrap_or(it));
    latin.collect::<String>().to_lowercase()
}

/// Returns `true` if a text has the beginning of a tag, and not of one with a longer name.
fn has_tag(text: &str, tag: &str) -> bool {
    let is_name = |letter: char| letter.is_alphanumeric() || ['_', '-'].contains(&letter);
    let mut found = text.match_indices(tag);
    found.any(|(start, _)| !text[start + tag.len()..].starts_with(is_name))
}

/// Returns the first words that match a phrase.
fn phrase_in(words: &[&str], phrase: &str) -> Option<String> {
    let phrase: Vec<&str> = phrase.split(' ').collect();
    let mut starts = (0..words.len()).map(|start| &words[start..]);
    starts.find_map(|words| Some(words[..matched(&phrase, words)?].join(" ")))
}

/// Returns the number of words at the beginning that match a phrase.
fn matched(phrase: &[&str], words: &[&str]) -> Option<usize> {
    let Some((first, rest)) = phrase.split_first() else {
        return Some(0);
    };
    let alternatives = first.trim_end_matches('?');
    let is_first = |word: &&&str| alternatives.split('|').any(|it| it == **word);
    let taken = words.first().filter(is_first);
    let taken = taken.and_then(|_| Some(1 + matched(rest, &words[1..])?));
    let skipped = || matched(rest, words).filter(|_| first.ends_with('?'));
    taken.or_else(skipped)
}
