//! URI templates (RFC 6570): from text to parts.
//!
//! It matches and expands nothing: that is the runtime's. Templates that cannot be matched are mistakes here, besides
//! those that the RFC forbids: the prefix modifier (`{x:3}`), and variables that nothing tells apart (`{a}{b}`).

mod kind;
mod parse;
mod template;

pub use kind::VariableKind;
pub use parse::parse;
pub use template::{Expression, Part, Template, Variable};
