//! The eight kinds of expression: the table of RFC 6570, appendix A, and which characters each kind matches.

use crate::percent::{Ascii, LEGAL, UNRESERVED};

/// The kind of expression that a variable stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum VariableKind {
    /// `{x}`
    Simple,
    /// `{+x}`: reserved characters stay as they are.
    Reserved,
    /// `{#x}`: like `{+x}`, after a `#`.
    Fragment,
    /// `{.x}`: each value after a dot.
    Label,
    /// `{/x}`: each value after a slash.
    Path,
    /// `{;x}`: each as `;x=value`.
    Parameter,
    /// `{?x}`: the first as `?x=value`, the others as `&x=value`.
    Query,
    /// `{&x}`: each as `&x=value`.
    Continuation,
}

/// What `{x}` matches: what its expansion may hold, and the characters that people leave unencoded although the
/// expansion encodes them, as long as they delimit nothing.
const SIMPLE: Ascii = UNRESERVED.with(Ascii::of(b"%!$'()*+@"));

/// The characters with which expressions begin. `{x}` has none.
const OPERATORS: [(char, VariableKind); 7] = [
    ('+', VariableKind::Reserved),
    ('#', VariableKind::Fragment),
    ('.', VariableKind::Label),
    ('/', VariableKind::Path),
    (';', VariableKind::Parameter),
    ('?', VariableKind::Query),
    ('&', VariableKind::Continuation),
];

impl VariableKind {
    /// The kind that this first character of an expression stands for.
    pub fn of_operator(operator: char) -> Option<Self> {
        let mut operators = OPERATORS.iter();
        operators.find_map(|(known, kind)| (*known == operator).then_some(*kind))
    }

    /// What the expansion begins with, if any variable has a value.
    pub fn prefix(self) -> Option<char> {
        // The `+` is the only operator that is not written again.
        let mut operators = OPERATORS.iter().filter(|_| self != Self::Reserved);
        operators.find_map(|(operator, kind)| (*kind == self).then_some(*operator))
    }

    /// What stands between variables, and between the elements of a list.
    pub fn separator(self) -> char {
        match self {
            Self::Simple | Self::Reserved | Self::Fragment => ',',
            Self::Label => '.',
            Self::Path => '/',
            Self::Parameter => ';',
            Self::Query | Self::Continuation => '&',
        }
    }

    /// Whether values are written with their names.
    pub fn is_keyed(self) -> bool {
        matches!(self, Self::Parameter | Self::Query | Self::Continuation)
    }

    /// Whether reserved characters are written as they are.
    pub fn keeps_reserved(self) -> bool {
        matches!(self, Self::Reserved | Self::Fragment)
    }

    /// The character with which this kind opens a new component of the URI, into which nothing further left runs.
    pub fn opens(self) -> Option<char> {
        self.prefix()
            .filter(|_| self.is_keyed() || self == Self::Fragment)
    }

    /// The characters that the whole of a keyed expression may cover after its prefix, or else one variable.
    pub fn matches(self, exploded: bool) -> Ascii {
        let one = match self {
            Self::Simple | Self::Path => SIMPLE,
            Self::Label => SIMPLE.without(Ascii::of(b".")),
            Self::Reserved | Self::Fragment => LEGAL,
            Self::Parameter => LEGAL.without(Ascii::of(b"/?#")),
            Self::Query | Self::Continuation => LEGAL.without(Ascii::of(b"#")),
        };
        if exploded {
            one.with(Ascii::of_char(self.separator()))
        } else {
            one
        }
    }
}
