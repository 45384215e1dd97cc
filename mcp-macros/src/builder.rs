//! Calls of the runtime's builders.

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, quote_spanned};
use syn::{Expr, Lit};

use crate::literal::literal;
use crate::runtime_path::{generated, generated_at};

/// `.method(value)`, if there is a value. What is wrong with it is shown at it.
pub(crate) fn builder_call(method: &str, value: Option<impl ToTokens>) -> Option<TokenStream> {
    let method = Ident::new(method, generated());
    value.map(|value| quote_spanned!(generated_at(&value)=> .#method(#value)))
}

/// A number is one of seconds; what else the compiler must find to be a `Duration`.
pub(crate) fn duration(value: &Expr) -> TokenStream {
    match literal(value) {
        Some(Lit::Int(seconds)) => {
            quote_spanned!(generated_at(value)=> __mcp::Duration::from_secs(#seconds))
        }
        _ => value.to_token_stream(),
    }
}
