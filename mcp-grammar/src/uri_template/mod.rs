//! Parsing of URI templates (RFC 6570).
//!
//! Matching and expansion are in the runtime. Besides the errors of the RFC, this parser rejects templates that cannot
//! be matched: those with the prefix modifier (`{x:3}`), and those with adjacent variables that cannot be separated
//! (`{a}{b}`).

mod kind;
mod parse;
mod template;

pub use kind::VariableKind;
pub use parse::{has_scheme, parse};
pub use template::{Expression, Part, Template, Variable};
