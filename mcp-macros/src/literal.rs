//! Literal expressions.

use syn::{Expr, ExprLit, Lit, LitStr};

/// Returns the literal if an expression is one.
pub(crate) fn literal(value: &Expr) -> Option<&Lit> {
    match value {
        Expr::Lit(ExprLit { lit, .. }) => Some(lit),
        _ => None,
    }
}

/// Returns the string literal if an expression is one.
pub(crate) fn string(value: &Expr) -> Option<&LitStr> {
    match literal(value)? {
        Lit::Str(text) => Some(text),
        _ => None,
    }
}

/// Returns the text of a string literal, also if it is converted to a `String`: `"a".to_owned()`, `"a".into()`.
pub(crate) fn text(value: &Expr) -> Option<String> {
    match value {
        Expr::Group(group) => text(&group.expr),
        Expr::MethodCall(call)
            if ["to_owned", "to_string", "into"]
                .iter()
                .any(|name| call.method == name) =>
        {
            text(&call.receiver)
        }
        other => string(other).map(LitStr::value),
    }
}
