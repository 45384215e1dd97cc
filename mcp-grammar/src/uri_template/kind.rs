//! The eight kinds of expression, after the table of RFC 6570, appendix A, and the characters that each kind matches.

use crate::percent::{Ascii, LEGAL, UNRESERVED};

/// The kind of expression that contains a variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum VariableKind {
    /// `{x}`
    Simple,
    /// `{+x}`: reserved characters are not encoded.
    Reserved,
    /// `{#x}`: like `{+x}`, after a `#`.
    Fragment,
    /// `{.x}`: each value after a dot.
    Label,
    /// `{/x}`: each value after a slash.
    Path,
    /// `{;x}`: each value as `;x=value`.
    Parameter,
    /// `{?x}`: the first value as `?x=value`, the others as `&x=value`.
    Query,
    /// `{&x}`: each value as `&x=value`.
    Continuation,
}

/// The characters that `{x}` matches: those that its expansion can contain, and those that other software often leaves
/// unencoded, except delimiters.
const SIMPLE: Ascii = UNRESERVED.with(Ascii::of(b"%!$'()*+@"));

/// The operators with which expressions begin. `{x}` has no operator.
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
    /// Returns the kind of an operator, or `None` if the character is not an operator.
    pub fn of_operator(operator: char) -> Option<Self> {
        let mut operators = OPERATORS.iter();
        operators.find_map(|(known, kind)| (*known == operator).then_some(*kind))
    }

    /// Returns the character with which an expansion begins if any variable has a value.
    pub fn prefix(self) -> Option<char> {
        // `+` is the only operator that is not part of the expansion.
        let mut operators = OPERATORS.iter().filter(|_| self != Self::Reserved);
        operators.find_map(|(operator, kind)| (*kind == self).then_some(*operator))
    }

    /// Returns the separator between variables, and between the elements of a list.
    pub fn separator(self) -> char {
        match self {
            Self::Simple | Self::Reserved | Self::Fragment => ',',
            Self::Label => '.',
            Self::Path => '/',
            Self::Parameter => ';',
            Self::Query | Self::Continuation => '&',
        }
    }

    /// Returns `true` if values are written with their names.
    pub fn is_keyed(self) -> bool {
        matches!(self, Self::Parameter | Self::Query | Self::Continuation)
    }

    /// Returns `true` if reserved characters are not encoded.
    pub fn keeps_reserved(self) -> bool {
        matches!(self, Self::Reserved | Self::Fragment)
    }

    /// Returns the prefix of this kind if it begins a new component of the URI: `;`, `?`, `&` or `#`. The values of
    /// earlier expressions end before it.
    pub fn opens(self) -> Option<char> {
        self.prefix()
            .filter(|_| self.is_keyed() || self == Self::Fragment)
    }

    /// Returns the characters that a variable matches. For a keyed kind these are the characters that the whole
    /// expression matches after its prefix.
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
