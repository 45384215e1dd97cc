//! Characters that people do not see: invisible ones, those that change the direction of text, and control characters.
//!
//! Many of them are part of normal text: in emoji, in Persian and Hindi words, or between the words of Khmer. They are allowed
//! there.

use std::fmt::Write as _;

/// A kind of hidden characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// It has no width, or is not shown at all.
    Invisible,
    /// It changes the order in which text is shown.
    Direction,
    /// It is a control character other than a tab or a line break.
    Control,
}

/// Returns the kind of a character, wherever it is; `None` if people see it.
fn kind(letter: char) -> Option<Kind> {
    match u32::from(letter) {
        0x09 | 0x0A | 0x0D => None,
        0x00..=0x1F | 0x7F..=0x9F => Some(Kind::Control),
        // The marks of direction, embeddings, overrides and isolates.
        0x061C | 0x200E..=0x200F | 0x202A..=0x202E | 0x2066..=0x2069 => Some(Kind::Direction),
        // The soft hyphen, and the combining grapheme joiner.
        0x00AD | 0x034F
        // Fillers of Hangul, vowels of Khmer that are not shown, and variation selectors of Mongolian.
        | 0x115F..=0x1160 | 0x3164 | 0xFFA0 | 0x17B4..=0x17B5 | 0x180B..=0x180F
        // Spaces without width, joiners, separators of lines, invisible operators, and the empty pattern of Braille.
        | 0x200B..=0x200D | 0x2028..=0x2029 | 0x2060..=0x2065 | 0x206A..=0x206F | 0x2800
        // Variation selectors, the byte order mark, and annotations.
        | 0xFE00..=0xFE0F | 0xFEFF | 0xFFF0..=0xFFFB
        // Formats of shorthand and of music, tags, and further variation selectors.
        | 0x1BCA0..=0x1BCA3 | 0x1D173..=0x1D17A | 0xE0000..=0xE0FFF => Some(Kind::Invisible),
        _ => None,
    }
}

/// Returns the hidden characters of a text that are not part of normal text, in their order.
pub(super) fn find(text: &str) -> Vec<(Kind, char)> {
    // Nearly all texts have none.
    if !text.contains(|letter| kind(letter).is_some()) {
        return Vec::new();
    }
    let letters: Vec<char> = text.chars().collect();
    let kinds = letters.iter().enumerate();
    let hidden = kinds.filter_map(|(at, letter)| Some((at, kind(*letter)?, *letter)));
    let wrong = hidden.filter(|(at, _, _)| !is_normal(&letters, *at));
    wrong.map(|(_, kind, letter)| (kind, letter)).collect()
}

/// Returns a text with its hidden characters as escapes, such as `\u{200b}`.
pub(crate) fn escape(text: &str) -> String {
    text.chars().fold(String::new(), |mut escaped, letter| {
        if kind(letter).is_some() {
            // Writing to a `String` cannot fail.
            let _ = write!(escaped, "{}", letter.escape_unicode());
        } else {
            escaped.push(letter);
        }
        escaped
    })
}

/// Returns a text without its hidden characters.
pub(super) fn strip(text: &str) -> String {
    text.chars().filter(|it| kind(*it).is_none()).collect()
}

/// Returns `true` if the hidden character at this place is part of normal text.
fn is_normal(letters: &[char], at: usize) -> bool {
    let before = at.checked_sub(1).and_then(|at| letters.get(at)).copied();
    let after = letters.get(at + 1).copied();
    let is_after = |is: fn(u32) -> bool| before.is_some_and(|it| is(it.into()));
    match u32::from(letters[at]) {
        0x061C | 0x200E | 0x200F => letters.iter().any(|it| is_right_to_left((*it).into())),
        0x180B..=0x180D | 0x180F => is_after(is_mongolian),
        0x200B => is_after(is_spaceless) && after.is_some_and(|it| is_spaceless(it.into())),
        0x200C => is_after(is_joining),
        0x200D => is_after(is_joining) || joins_symbols(letters, at),
        0x2800 => letters
            .iter()
            .any(|it| ('\u{2801}'..='\u{28FF}').contains(it)),
        0xFE00..=0xFE02 => is_after(has_variants),
        0xFE0E | 0xFE0F => is_after(is_symbol) || after == Some('\u{20E3}') && is_after(is_keycap),
        0xE0020..=0xE007F => is_in_flag(letters, at),
        0xE0100..=0xE01EF => is_after(is_ideograph),
        _ => false,
    }
}

/// Hebrew, Arabic, and the other scripts that are written from right to left.
fn is_right_to_left(letter: u32) -> bool {
    matches!(
        letter,
        0x0590..=0x061B | 0x061D..=0x08FF | 0xFB1D..=0xFDFF | 0xFE70..=0xFEFE | 0x10800..=0x10FFF | 0x1E800..=0x1EFFF
    )
}

fn is_mongolian(letter: u32) -> bool {
    matches!(letter, 0x1810..=0x18AF)
}

/// Thai, Lao, Myanmar and Khmer, whose words are not separated by visible spaces.
fn is_spaceless(letter: u32) -> bool {
    matches!(letter, 0x0E00..=0x0EFF | 0x1000..=0x109F | 0x1780..=0x17B3 | 0x17B6..=0x17FF | 0xA9E0..=0xA9FF | 0xAA60..=0xAA7F)
}

/// The scripts whose letters change their form beside a joiner: Arabic and its relatives, Mongolian, and those of India,
/// Myanmar and Cambodia.
fn is_joining(letter: u32) -> bool {
    matches!(
        letter,
        0x0620..=0x07FF | 0x0840..=0x08FF | 0x0900..=0x0DFF | 0x1000..=0x109F | 0x1780..=0x17B3 | 0x17B6..=0x17D3
            | 0xA8E0..=0xA8FF | 0xFB50..=0xFDFF | 0xFE70..=0xFEFE | 0x11000..=0x114FF
    ) || is_mongolian(letter)
}

/// Symbols that can be emoji.
fn is_symbol(letter: u32) -> bool {
    matches!(letter, 0xA9 | 0xAE | 0x203C..=0x27FF | 0x2900..=0x2BFF | 0x3030 | 0x303D | 0x3297 | 0x3299 | 0x1F000..=0x1FAFF)
        && !matches!(letter, 0x2060..=0x206F)
}

/// Digits, `#` and `*`, which are keycaps before U+20E3.
fn is_keycap(letter: u32) -> bool {
    matches!(letter, 0x23 | 0x2A | 0x30..=0x39)
}

fn is_ideograph(letter: u32) -> bool {
    matches!(letter, 0x3400..=0x4DBF | 0x4E00..=0x9FFF | 0xF900..=0xFAFF | 0x20000..=0x3FFFF)
}

/// Ideographs, and the symbols and letters of other scripts with standardized variants.
fn has_variants(letter: u32) -> bool {
    is_ideograph(letter)
        || matches!(letter, 0x30 | 0x1000..=0x109F | 0x2205..=0x2AFF | 0x3001..=0x3002 | 0xA840..=0xA877 | 0xFF01..=0xFF1F)
}

/// Returns `true` for a joiner between two symbols, the first of which may have a skin tone or a variation selector.
fn joins_symbols(letters: &[char], at: usize) -> bool {
    let mut before = letters[..at].iter().rev();
    let base = before.find(|it| !matches!(it, '\u{FE0F}' | '\u{1F3FB}'..='\u{1F3FF}'));
    let is = |letter: Option<&char>| letter.is_some_and(|it| is_symbol((*it).into()));
    is(base) && is(letters.get(at + 1))
}

/// Returns `true` for a tag in the flag of England, Scotland or Wales: no other sequences of tags are emoji.
fn is_in_flag(letters: &[char], at: usize) -> bool {
    const FLAGS: [&str; 3] = ["gbeng\u{7F}", "gbsct\u{7F}", "gbwls\u{7F}"];
    let is_tag = |it: &&char| ('\u{E0020}'..='\u{E007F}').contains(*it);
    let start = at - letters[..at].iter().rev().take_while(is_tag).count();
    let tags = letters[start..].iter().take_while(is_tag);
    let plain: String = tags
        .filter_map(|it| char::from_u32(u32::from(*it) - 0xE0000))
        .collect();
    letters[..start].last() == Some(&'\u{1F3F4}') && FLAGS.contains(&plain.as_str())
}
