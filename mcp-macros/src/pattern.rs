//! The syntax of `#[arg(pattern = "...")]`: patterns that have the same meaning in `regex-lite` and in ECMA-262, which
//! clients use.

/// Checks a pattern, and returns a message if it is not valid.
#[cfg(feature = "pattern")]
pub(crate) fn check(pattern: &str) -> Result<(), String> {
    check_ecma(pattern)?;
    regex_lite::Regex::new(pattern)
        .map(drop)
        .map_err(|error| format!("this is not a pattern that the server can check: {error}"))
}

#[cfg(not(feature = "pattern"))]
pub(crate) fn check(_pattern: &str) -> Result<(), String> {
    Err(
        "`pattern` needs the feature `pattern` of mcp-runtime: write `features = [\"pattern\"]` at \
         its line in `Cargo.toml`"
            .to_owned(),
    )
}

/// Returns `true` if a part of the text matches, or if the pattern is not valid.
#[cfg(feature = "pattern")]
pub(crate) fn matches(pattern: &str, text: &str) -> bool {
    regex_lite::Regex::new(pattern).map_or(true, |pattern| pattern.is_match(text))
}

#[cfg(not(feature = "pattern"))]
pub(crate) fn matches(_pattern: &str, _text: &str) -> bool {
    true
}

/// Rejects syntax that `regex-lite` has and ECMA-262 does not.
#[cfg(feature = "pattern")]
fn check_ecma(pattern: &str) -> Result<(), String> {
    let mut in_class = false;
    let mut rest = pattern;
    while let Some(first) = rest.chars().next() {
        if let Some((what, instead)) = not_ecma(rest, in_class) {
            return Err(format!(
                "clients read patterns as ECMA-262 has them, which has no `{what}`: {instead}"
            ));
        }
        // `regex-lite` reports a `\` at the end.
        let escaped = rest.chars().nth(1).filter(|_| first == '\\');
        rest = &rest[first.len_utf8() + escaped.map_or(0, char::len_utf8)..];
        in_class = (in_class || first == '[') && first != ']';
    }
    Ok(())
}

/// Syntax that ECMA-262 does not have, inside and outside of character classes, each with a replacement.
#[cfg(feature = "pattern")]
const NOT_ECMA: [(&str, &str); 5] = [
    (r"\A", "write `^`"),
    (r"\z", "write `$`"),
    (r"\Z", "write `$`"),
    (r"\x{", r"write `\u{..}`"),
    (r"\b{", r"write `\b`"),
];

/// Returns the syntax that ECMA-262 does not have at the beginning of `rest`, with a replacement.
#[cfg(feature = "pattern")]
fn not_ecma(rest: &str, in_class: bool) -> Option<(&str, String)> {
    const FLAG: &str = "write both cases, as in `[Aa]`, where it was a flag";
    if let Some((what, instead)) = NOT_ECMA.iter().find(|(what, _)| rest.starts_with(what)) {
        return Some((what, instead.to_string()));
    }
    if in_class && rest.starts_with("[:") {
        return Some(("[:", "write the characters, as in `[A-Za-z]`".to_owned()));
    }
    if let Some(kind) = rest.strip_prefix("(?").filter(|_| !in_class) {
        let end = rest.find([')', ':']).map_or(rest.len(), |end| end + 1);
        return match kind.chars().next() {
            Some('P') => Some(("(?P<", "write `(?<name>..)`".to_owned())),
            Some(':' | '<' | '=' | '!') => None,
            _ => Some((&rest[..end], FLAG.to_owned())),
        };
    }
    let escaped = rest.strip_prefix('\\')?.chars().next()?;
    if r"bBcdDfnpPrsStuvwWx0123456789^$\.*+?()[]{}|/".contains(escaped)
        || (in_class && escaped == '-')
    {
        return None;
    }
    let instead = if escaped.is_ascii_alphabetic() {
        "write it in another way".to_owned()
    } else {
        format!("write `{escaped}`")
    };
    Some((&rest[..=escaped.len_utf8()], instead))
}

#[cfg(test)]
mod tests {
    use super::check;

    #[cfg(not(feature = "pattern"))]
    #[test]
    fn a_pattern_needs_its_feature() {
        let error = check("^a$").err();
        assert!(error.is_some_and(|error| {
            error.starts_with("`pattern` needs the feature `pattern` of mcp-runtime: ")
        }));
    }

    #[cfg(feature = "pattern")]
    #[test]
    fn patterns_that_both_sides_read_alike_are_taken() {
        for pattern in [
            "^[a-z]+$",
            "a",
            r"^\d{3}-\d{4}$",
            r"^(?:a|b)(?<c>d)\.\$[\w\-]$",
            r"[(?i]",
            "ä\\u{e9}",
        ] {
            assert_eq!(check(pattern), Ok(()), "{pattern}");
        }
    }

    #[cfg(feature = "pattern")]
    #[test]
    fn what_clients_cannot_read_is_refused() {
        for (pattern, part) in [
            ("(?i)a", "no `(?i)`"),
            ("(?i:a)", "no `(?i:`"),
            (r"\Aa", "write `^`"),
            (r"a\z", "write `$`"),
            ("(?P<a>b)", "no `(?P<`"),
            ("[[:alpha:]]", "no `[:`"),
            (r"\x{41}", r"no `\x{`"),
            (r"\@", "write `@`"),
            (r"\é", "write `é`"),
            ("(", "not a pattern that the server can check"),
            ("(?=a)", "not a pattern that the server can check"),
            ("\\", "not a pattern that the server can check"),
            (r"a\", "not a pattern that the server can check"),
        ] {
            let error = check(pattern).err().unwrap_or_default();
            assert!(error.contains(part), "{pattern}: {error}");
        }
    }
}
