//! A parsed URI template.

use std::ops::Range;

use super::kind::VariableKind;

/// A parsed URI template.
#[derive(Debug, Default)]
pub struct Template {
    /// The parts of the template, in order.
    pub parts: Vec<Part>,
    /// The variables of all expressions, in order.
    pub variables: Vec<Variable>,
}

/// A literal or an expression of a template.
#[derive(Debug)]
pub enum Part {
    /// A literal in normal form: see [`normalise`](crate::percent::normalise).
    Literal(String),
    /// An expression, `{…}`.
    Expression(Expression),
}

/// An expression, `{…}`.
#[derive(Debug)]
pub struct Expression {
    /// The kind of the expression and of all its variables.
    pub kind: VariableKind,
    /// The range of its variables in [`Template::variables`].
    pub variables: Range<usize>,
}

/// A variable of a template.
#[derive(Debug, Clone)]
pub struct Variable {
    /// The name as written in the template.
    pub name: String,
    /// The name without percent-encoding, which is compared with keys of a query.
    pub key: String,
    /// The kind of the expression that contains the variable.
    pub kind: VariableKind,
    /// `true` if the variable is a list: `{x*}`.
    pub exploded: bool,
}
