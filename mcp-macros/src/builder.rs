//! Calls of builder methods of the runtime.

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, quote_spanned};
use syn::{Expr, Lit};

use crate::literal::literal;
use crate::runtime_path::{generated, generated_at};

/// Generates `.method(value)` if there is a value. Errors in the value are reported at the value.
pub(crate) fn builder_call(method: &str, value: Option<impl ToTokens>) -> Option<TokenStream> {
    let method = Ident::new(method, generated());
    value.map(|value| quote_spanned!(generated_at(&value)=> .#method(#value)))
}

/// Generates a `Duration`. A number literal is in seconds; the compiler checks that any other expression is a
/// `Duration`.
pub(crate) fn duration(value: &Expr) -> TokenStream {
    match literal(value) {
        Some(Lit::Int(seconds)) => {
            quote_spanned!(generated_at(value)=> __mcp::Duration::from_secs(#seconds))
        }
        _ => value.to_token_stream(),
    }
}
