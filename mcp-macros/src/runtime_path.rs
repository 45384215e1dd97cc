//! The path of the runtime in generated code, and the spans of generated tokens.
//!
//! This is the only module that chooses the hygiene of spans: no other module calls `call_site()` or `mixed_site()`.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, format_ident, quote_spanned};
use syn::Path;

/// Returns the span of generated tokens. With mixed-site hygiene, generated local variables are invisible to the user's
/// expressions, and lints treat the code as that of an external macro.
pub(crate) fn generated() -> Span {
    Span::mixed_site()
}

/// Returns a span for generated tokens whose errors are reported at the first of the user's tokens.
pub(crate) fn generated_at(tokens: &impl ToTokens) -> Span {
    let first = tokens.to_token_stream().into_iter().next();
    first.map_or_else(generated, |token| generated().located_at(token.span()))
}

/// Returns the span of the whole attribute, for errors that are not caused by a single token.
pub(crate) fn attribute() -> Span {
    Span::call_site()
}

/// Returns the local variable that holds the parameter of this index.
pub(crate) fn variable(index: usize) -> Ident {
    format_ident!("__mcp_{index}", span = generated())
}

/// Returns the local variable that holds the value whose methods are called.
pub(crate) fn this() -> Ident {
    Ident::new("__mcp_self", generated())
}

/// Generates the import of the runtime as `__mcp`. This is the only absolute path of an expansion.
pub(crate) fn import(runtime: Option<&Path>) -> TokenStream {
    let here = generated();
    let runtime = runtime.map_or_else(
        || quote_spanned!(here=> ::mcp_runtime),
        ToTokens::to_token_stream,
    );
    quote_spanned!(here=> use #runtime::__private as __mcp;)
}

/// Generates an unnamed constant in which the runtime is in scope.
pub(crate) fn in_const(
    attributes: &TokenStream,
    runtime: Option<&Path>,
    content: &TokenStream,
) -> TokenStream {
    let import = import(runtime);
    quote_spanned! {generated()=>
        #attributes
        const _: () = {
            #import
            #content
        };
    }
}
