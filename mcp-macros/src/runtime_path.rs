//! Where generated code finds the runtime, and where its own tokens come from.
//!
//! The only file that names a hygiene: nothing else calls `call_site()` or `mixed_site()`.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, format_ident, quote_spanned};
use syn::Path;

/// The span of generated tokens. Under mixed-site hygiene our local variables are invisible to the user's
/// expressions, and lints treat the code as that of an external macro.
pub(crate) fn generated() -> Span {
    Span::mixed_site()
}

/// The span of generated tokens whose errors shall be shown at the first of the user's tokens.
pub(crate) fn generated_at(tokens: &impl ToTokens) -> Span {
    let first = tokens.to_token_stream().into_iter().next();
    first.map_or_else(generated, |token| generated().located_at(token.span()))
}

/// The whole attribute, for mistakes that no token of it stands for.
pub(crate) fn attribute() -> Span {
    Span::call_site()
}

/// The local variable that holds the parameter of this index.
pub(crate) fn variable(index: usize) -> Ident {
    format_ident!("__mcp_{index}", span = generated())
}

/// The local variable that holds the value whose methods are called.
pub(crate) fn this() -> Ident {
    Ident::new("__mcp_self", generated())
}

/// Brings the runtime into scope as `__mcp`. The one absolute path of an expansion: all else goes through it.
pub(crate) fn import(runtime: Option<&Path>) -> TokenStream {
    let here = generated();
    let runtime = runtime.map_or_else(
        || quote_spanned!(here=> ::mcp_runtime),
        ToTokens::to_token_stream,
    );
    quote_spanned!(here=> use #runtime::__private as __mcp;)
}

/// A constant without a name, in which the runtime is in scope.
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
