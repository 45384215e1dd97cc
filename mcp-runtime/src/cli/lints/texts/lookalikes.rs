//! Letters that look like Latin ones.
//!
//! The table has the letters of Cyrillic, Greek and Armenian that common fonts draw like a Latin letter. A complete table, such
//! as that of <https://www.unicode.org/reports/tr39/>, would be a dependency of every server.

/// Letters, and the Latin ones that they look like.
const LOOKALIKES: [(&str, &str); 3] = [
    (
        "\u{430}\u{441}\u{435}\u{43E}\u{440}\u{445}\u{443}\u{43A}\u{456}\u{458}\u{455}\u{4BB}\u{501}\u{51B}\u{51D}\u{4CF}\
         \u{410}\u{412}\u{421}\u{415}\u{41D}\u{406}\u{408}\u{41A}\u{41C}\u{41E}\u{420}\u{405}\u{422}\u{425}\u{423}\u{4AE}\u{51A}\u{51C}\u{4C0}",
        "aceopxykijshdqwlABCEHIJKMOPSTXYYQWI",
    ),
    (
        "\u{3BF}\u{3F2}\u{3F3}\u{391}\u{392}\u{395}\u{396}\u{397}\u{399}\u{39A}\u{39C}\u{39D}\u{39F}\u{3A1}\u{3A4}\u{3A5}\u{3A7}\u{3F9}",
        "ocjABEZHIKMNOPTYXC",
    ),
    (
        "\u{585}\u{57D}\u{570}\u{578}\u{566}\u{555}\u{54D}\u{53C}",
        "ouhnqOUL",
    ),
];

/// Returns the Latin letter that another letter looks like.
pub(super) fn latin(letter: char) -> Option<char> {
    LOOKALIKES.iter().find_map(|(letters, latin)| {
        let position = letters.chars().position(|it| it == letter)?;
        latin.chars().nth(position)
    })
}

/// A word with letters that look like others.
#[derive(Debug, PartialEq)]
pub(super) enum Deceptive<'t> {
    /// A Latin word with letters of another script.
    Mixed(&'t str),
    /// A word of another script that looks like a Latin one, in a text that is otherwise Latin.
    Foreign(&'t str),
    /// A word in letters of mathematics.
    Styled(&'t str),
}

/// The scripts of a letter, as far as they matter here.
#[derive(Clone, Copy, PartialEq)]
enum Script {
    Latin,
    /// It looks like a Latin letter, and is of another script.
    Lookalike,
    /// A letter of a script with such letters that looks different.
    Distinct,
    Styled,
    Other,
}

fn script(letter: char) -> Script {
    match u32::from(letter) {
        0x41..=0x5A | 0x61..=0x7A | 0xC0..=0x24F | 0x1E00..=0x1EFF => Script::Latin,
        _ if latin(letter).is_some() => Script::Lookalike,
        0x370..=0x58F | 0x1C80..=0x1C8F | 0x1F00..=0x1FFF | 0x2DE0..=0x2DFF | 0xA640..=0xA69F => {
            Script::Distinct
        }
        0x1D400..=0x1D7CB => Script::Styled,
        _ => Script::Other,
    }
}

/// Returns the deceptive words of a text.
pub(super) fn find(text: &str) -> Vec<Deceptive<'_>> {
    if text.is_ascii() {
        return Vec::new();
    }
    let is_latin = is_latin(text);
    let words = text.split(|letter: char| !letter.is_alphabetic());
    words.filter_map(|word| deceptive(word, is_latin)).collect()
}

/// Returns `true` if most letters of a text are Latin, and all others could be meant to look so.
fn is_latin(text: &str) -> bool {
    let count = |of| {
        text.chars()
            .filter(|it| it.is_alphabetic() && script(*it) == of)
            .count()
    };
    count(Script::Distinct) == 0 && count(Script::Latin) > count(Script::Lookalike)
}

fn deceptive(word: &str, is_latin: bool) -> Option<Deceptive<'_>> {
    let count = |of| word.chars().filter(|it| script(*it) == of).count();
    let lookalikes = count(Script::Lookalike);
    if lookalikes > 0 && count(Script::Distinct) == 0 && count(Script::Latin) > 0 {
        Some(Deceptive::Mixed(word))
    } else if lookalikes > 1 && lookalikes == word.chars().count() && is_latin {
        Some(Deceptive::Foreign(word))
    } else if count(Script::Styled) > 2 {
        Some(Deceptive::Styled(word))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_lookalike_has_its_latin_letter() {
        for (letters, latin) in LOOKALIKES {
            assert_eq!(letters.chars().count(), latin.len(), "{letters}");
            assert!(latin.bytes().all(|letter| letter.is_ascii_alphabetic()));
        }
    }
}
