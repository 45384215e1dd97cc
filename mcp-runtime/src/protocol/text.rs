//! Parts of a text as byte ranges, so that an owned message can be split without copying it.

use std::num::NonZeroU32;

/// The byte range of a part of a text. `Option<Span>` has the same size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    start: u32,
    end: NonZeroU32,
}

impl Span {
    const NOTHING: Self = Self {
        start: 1,
        end: NonZeroU32::MIN,
    };

    /// Returns the span of `part`, which must be a slice of `whole`; an unrelated `part` gives an empty span.
    pub(crate) fn of(whole: &str, part: &str) -> Self {
        let start = (part.as_ptr() as usize).wrapping_sub(whole.as_ptr() as usize);
        Self::new(start, start.wrapping_add(part.len()))
    }

    /// Returns the span between two offsets; offsets beyond 4 GiB give an empty span.
    pub(crate) fn new(start: usize, end: usize) -> Self {
        let end = u32::try_from(end).ok().and_then(NonZeroU32::new);
        match (u32::try_from(start), end) {
            (Ok(start), Some(end)) => Self { start, end },
            _ => Self::NOTHING,
        }
    }

    /// Returns what is before and after this span.
    pub(super) fn around(self, whole: &str) -> (&str, &str) {
        let before = whole.get(..self.start as usize);
        let after = whole.get(self.end.get() as usize..);
        (before.unwrap_or_default(), after.unwrap_or_default())
    }

    /// Returns the part of `whole` at this span.
    pub(crate) fn of_text(self, whole: &str) -> &str {
        whole
            .get(self.start as usize..self.end.get() as usize)
            .unwrap_or_default()
    }
}

/// Removes a leading byte order mark.
pub(crate) fn remove_mark(bytes: &mut Vec<u8>) {
    if bytes.starts_with(b"\xef\xbb\xbf") {
        bytes.drain(..3);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn span_of_an_unrelated_text_is_empty() {
        let whole = String::from("abc");
        assert_eq!(Span::of(&whole, &whole[1..]).of_text(&whole), "bc");
        assert_eq!(Span::of(&whole, "something else").of_text(&whole), "");
        let (start, over) = (&whole[..1], &whole[..2]);
        assert_eq!(Span::of(start, over).of_text(start), "");
    }
}
