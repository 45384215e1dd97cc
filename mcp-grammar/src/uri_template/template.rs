//! A template in parts.

use std::ops::Range;

use super::kind::VariableKind;

/// A template in parts.
#[derive(Debug, Default)]
pub struct Template {
    /// The stretches of the template, in their order.
    pub parts: Vec<Part>,
    /// The variables of all expressions, in the order in which they are written.
    pub variables: Vec<Variable>,
}

/// A stretch of a template, as it is written.
#[derive(Debug)]
pub enum Part {
    /// In normal form: see [`normalise`](crate::percent::normalise).
    Literal(String),
    /// One `{…}`.
    Expression(Expression),
}

/// One `{…}`: the variables it holds, as a range of those of the template.
#[derive(Debug)]
pub struct Expression {
    /// The kind of all its variables.
    pub kind: VariableKind,
    /// Their places among those of the template.
    pub variables: Range<usize>,
}

/// A variable of a template.
#[derive(Debug, Clone)]
pub struct Variable {
    /// The name, as the template writes it.
    pub name: String,
    /// The name without percent-encoding: what a key in a query is compared with.
    pub key: String,
    /// The kind of expression that holds the variable.
    pub kind: VariableKind,
    /// Whether the variable is a list: `{x*}`.
    pub exploded: bool,
}
