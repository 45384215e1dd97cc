//! Pieces of a text as ranges, which let an owned message be taken apart without copying it.

use std::num::NonZeroU32;

/// Where a part of a text begins and ends, in bytes. An `Option` of it takes no more room.
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

    /// The place of `part` in `whole`, of which it must be a slice; an unrelated `part` gives a span of nothing.
    pub(crate) fn of(whole: &str, part: &str) -> Self {
        let start = (part.as_ptr() as usize).wrapping_sub(whole.as_ptr() as usize);
        Self::new(start, start.wrapping_add(part.len()))
    }

    /// The piece between these places; one beyond 4 GiB is a span of nothing.
    pub(super) fn new(start: usize, end: usize) -> Self {
        let end = u32::try_from(end).ok().and_then(NonZeroU32::new);
        match (u32::try_from(start), end) {
            (Ok(start), Some(end)) => Self { start, end },
            _ => Self::NOTHING,
        }
    }

    /// The part of `whole` that this span names.
    pub(crate) fn of_text(self, whole: &str) -> &str {
        whole
            .get(self.start as usize..self.end.get() as usize)
            .unwrap_or_default()
    }
}

/// Removes the byte order mark that a text may begin with.
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
