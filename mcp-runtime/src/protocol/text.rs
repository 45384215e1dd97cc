//! A piece of a text, as a range: what lets an owned message be taken apart without copying it.

/// Where a part of a text begins and ends, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    start: u32,
    end: u32,
}

impl Span {
    /// The place of `part` in `whole`, of which it must be a slice; an unrelated `part` gives a span of nothing.
    pub(crate) fn of(whole: &str, part: &str) -> Self {
        let start = (part.as_ptr() as usize).wrapping_sub(whole.as_ptr() as usize);
        let end = start.wrapping_add(part.len());
        match (u32::try_from(start), u32::try_from(end)) {
            (Ok(start), Ok(end)) => Self { start, end },
            _ => Self { start: 0, end: 0 },
        }
    }

    /// The part of `whole` that this span names.
    pub(crate) fn of_text(self, whole: &str) -> &str {
        whole
            .get(self.start as usize..self.end as usize)
            .unwrap_or_default()
    }
}

/// Whether brackets in `text` nest deeper than `limit`, ignoring those inside strings.
///
/// It runs before the parser because a raw value is skipped without a limit of its own.
pub(crate) fn nests_deeper_than(text: &str, limit: usize) -> bool {
    // With so few brackets in all there is nothing to follow, and counting them is much faster than that.
    if text
        .bytes()
        .filter(|byte| matches!(byte, b'{' | b'['))
        .count()
        <= limit
    {
        return false;
    }
    let mut depth = 0_usize;
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => skip_string(&mut bytes),
            b'{' | b'[' => {
                depth += 1;
                if depth > limit {
                    return true;
                }
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

fn skip_string(bytes: &mut std::str::Bytes<'_>) {
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => return,
            b'\\' => {
                bytes.next();
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_counts_brackets_outside_strings() {
        assert!(!nests_deeper_than(r#"{"a":[1,{"b":2}]}"#, 3));
        assert!(nests_deeper_than(r#"{"a":[1,{"b":2}]}"#, 2));
        assert!(!nests_deeper_than(r#"{"a":"[[[[\"[[["}"#, 1));
        assert!(nests_deeper_than(&"[".repeat(100_000), 64));
        assert!(!nests_deeper_than("[[],[],[],[]]", 2));
    }

    #[test]
    fn span_of_an_unrelated_text_is_empty() {
        let whole = String::from("abc");
        assert_eq!(Span::of(&whole, &whole[1..]).of_text(&whole), "bc");
        assert_eq!(Span::of(&whole, "something else").of_text(&whole), "");
        let (start, over) = (&whole[..1], &whole[..2]);
        assert_eq!(Span::of(start, over).of_text(start), "");
    }
}
