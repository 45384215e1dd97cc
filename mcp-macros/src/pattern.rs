//! The syntax of `#[arg(pattern = "...")]`: what both the server and its clients, whose patterns are those of ECMA-262,
//! read in the same way.

/// Says what keeps a pattern from being one.
#[cfg(feature = "pattern")]
pub(crate) fn check(pattern: &str) -> Result<(), String> {
    check_ecma(pattern)?;
    regex_lite::Regex::new(pattern)
        .map(drop)
        .map_err(|error| format!("this is no pattern that the server can check: {error}"))
}

#[cfg(not(feature = "pattern"))]
pub(crate) fn check(_pattern: &str) -> Result<(), String> {
    Err(
        "`pattern` needs the feature `pattern` of mcp-runtime: write `features = [\"pattern\"]` at \
         its line in `Cargo.toml`"
            .to_owned(),
    )
}

/// Whether a text has a part that matches; one of which that cannot be told does.
#[cfg(feature = "pattern")]
pub(crate) fn matches(pattern: &str, text: &str) -> bool {
    regex_lite::Regex::new(pattern).map_or(true, |pattern| pattern.is_match(text))
}

#[cfg(not(feature = "pattern"))]
pub(crate) fn matches(_pattern: &str, _text: &str) -> bool {
    true
}

/// Refuses what Rust's patterns have and those of ECMA-262 do not.
#[cfg(feature = "pattern")]
fn check_ecma(pattern: &str) -> Result<(), String> {
    let refused = |what: &str, instead: &str| {
        Err(format!(
            "clients read patterns as ECMA-262 has them, which has no `{what}`: {instead}"
        ))
    };
    let mut in_class = false;
    let mut rest = pattern;
    while let Some(first) = rest.chars().next() {
        let after = &rest[first.len_utf8()..];
        match first {
            '\\' => {
                let Some(escaped) = after.chars().next() else {
                    break; // the compiler of patterns says so
                };
                let what = format!("\\{escaped}");
                match escaped {
                    'A' => return refused(&what, "write `^`"),
                    'z' | 'Z' => return refused(&what, "write `$`"),
                    'x' if after[1..].starts_with('{') => {
                        return refused("\\x{", "write `\\u{..}`");
                    }
                    'b' if after[1..].starts_with('{') => {
                        return refused("\\b{", "write `\\b`");
                    }
                    'b'
                    | 'B'
                    | 'c'
                    | 'd'
                    | 'D'
                    | 'f'
                    | 'n'
                    | 'p'
                    | 'P'
                    | 'r'
                    | 's'
                    | 'S'
                    | 't'
                    | 'u'
                    | 'v'
                    | 'w'
                    | 'W'
                    | 'x'
                    | '0'..='9' => {}
                    '-' if in_class => {}
                    other if "^$\\.*+?()[]{}|/".contains(other) => {}
                    other if other.is_ascii_alphabetic() => {
                        return refused(&what, "write it in another way");
                    }
                    other => return refused(&what, &format!("write `{other}`")),
                }
                rest = &after[escaped.len_utf8()..];
                continue;
            }
            '[' if in_class && after.starts_with(':') => {
                return refused("[:", "write the characters, as in `[A-Za-z]`");
            }
            '[' => in_class = true,
            ']' => in_class = false,
            '(' if !in_class && after.starts_with('?') => {
                let kind = &after[1..];
                if kind.starts_with('P') {
                    return refused("(?P<", "write `(?<name>..)`");
                }
                if !kind.starts_with([':', '<', '=', '!']) {
                    let end = rest.find([')', ':']).map_or(rest.len(), |end| end + 1);
                    let instead = "write both cases, as in `[Aa]`, where it was a flag";
                    return refused(&rest[..end], instead);
                }
            }
            _ => {}
        }
        rest = after;
    }
    Ok(())
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
            ("(", "no pattern that the server can check"),
            ("(?=a)", "no pattern that the server can check"),
            ("\\", "no pattern that the server can check"),
            (r"a\", "no pattern that the server can check"),
        ] {
            let error = check(pattern).err().unwrap_or_default();
            assert!(error.contains(part), "{pattern}: {error}");
        }
    }
}
