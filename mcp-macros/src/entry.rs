//! Expansion of an annotated function.

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, quote_spanned};
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::{Attribute, Token, Visibility};

use crate::annotated_fn::AnnotatedFn;
use crate::arguments::Arguments;
use crate::component::Component;
use crate::errors::Errors;
use crate::kind::Kind;
use crate::runtime_path::generated;
use crate::{prompt, resource, task, tool};

/// Returns the item, followed by the registration or by the errors.
///
/// The item is kept even after an error, so that one mistake does not make the function unknown everywhere else.
pub(crate) fn expand(kind: Kind, arguments: TokenStream, item: &TokenStream) -> TokenStream {
    match syn::parse2::<AnnotatedFn>(item.clone()) {
        Ok(function) => {
            let (Ok(generated) | Err(generated)) =
                define(kind, arguments, &function).map(|component| component.beside_function());
            let mut tokens = function.into_token_stream();
            tokens.extend(generated);
            tokens
        }
        Err(error) => with_error(item, &not_a_function(kind, item.clone()).unwrap_or(error)),
    }
}

/// Returns the item, followed by an error.
pub(crate) fn with_error(item: &TokenStream, error: &syn::Error) -> TokenStream {
    let error = error.to_compile_error();
    quote_spanned!(generated()=> #item #error)
}

/// Validates a function as a component. Returns the compile errors if the function is not valid.
pub(crate) fn define(
    kind: Kind,
    arguments: TokenStream,
    function: &AnnotatedFn,
) -> Result<Component, TokenStream> {
    let mut errors = Errors::new();
    let grammar = match kind {
        Kind::Tool => tool::GRAMMAR,
        Kind::Resource => resource::GRAMMAR,
        Kind::Prompt => prompt::GRAMMAR,
    };
    let arguments = Arguments::parse(&grammar, [arguments], &mut errors);
    let mut component = Component::validate(kind, &arguments, function, &mut errors);
    match kind {
        Kind::Tool => {
            component
                .options
                .extend(tool::options(&arguments, &mut errors));
            let task = task::option(&arguments, component.handler, &mut errors);
            component.is_task = task.is_some();
            component.options.extend(task);
        }
        Kind::Resource => {
            let has_all_parameters = component.parameters.len() == function.parameters.len();
            resource::complete(&mut component, &arguments, has_all_parameters, &mut errors);
        }
        Kind::Prompt => {}
    }
    errors.finish(Some(component))
}

/// Returns an error that names the kind of the item, if the item is not a function.
fn not_a_function(kind: Kind, item: TokenStream) -> Option<syn::Error> {
    const ITEMS: [&str; 11] = [
        "struct",
        "enum",
        "union",
        "trait",
        "impl",
        "mod",
        "use",
        "type",
        "static",
        "const",
        "macro_rules",
    ];
    let keyword = item_keyword.parse2(item).ok()?;
    let (attribute, name) = (kind.attribute(), keyword.to_string());
    let message = format!("`#[{attribute}]` goes on a function, not on `{name}`");
    ITEMS
        .contains(&name.as_str())
        .then(|| syn::Error::new(keyword.span(), message))
}

/// Parses the keyword of an item and skips the rest, for `Parser::parse2`.
pub(crate) fn item_keyword(input: ParseStream<'_>) -> syn::Result<Ident> {
    input.call(Attribute::parse_outer)?;
    input.parse::<Visibility>()?;
    input.parse::<Option<Token![unsafe]>>()?;
    let keyword = input.call(Ident::parse_any)?;
    input.parse::<TokenStream>()?;
    Ok(keyword)
}

#[cfg(test)]
mod tests {
    use super::{Kind, expand};
    use quote::quote;

    #[test]
    fn the_function_comes_first_and_without_our_attributes() {
        // In braces, because rustfmt would add commas between parentheses.
        let item = quote! { #[inline] pub fn f(#[arg(default)] #[doc = " A."] mut a: u8) {} };
        let function = quote! { #[inline] pub fn f(mut a: u8) {} };
        let expansion = expand(Kind::Tool, quote!(), &item).to_string();
        assert!(expansion.starts_with(&function.to_string()), "{expansion}");
    }

    #[test]
    fn the_function_comes_back_beside_an_error() {
        let item = quote!(
            fn f(#[arg(nonsense)] a: u8) {}
        );
        let expansion = expand(Kind::Tool, quote!(nonsense), &item).to_string();
        assert!(
            expansion.starts_with(
                &quote!(
                    fn f(a: u8) {}
                )
                .to_string()
            ),
            "{expansion}"
        );
        assert_eq!(expansion.matches("compile_error").count(), 2, "{expansion}");
        assert!(!expansion.contains("__mcp"), "{expansion}");
    }

    #[test]
    fn a_half_typed_body_is_no_mistake() {
        let item = quote!(fn f(a: u8) -> u8 { let b = a. ; match });
        let expansion = expand(Kind::Tool, quote!(), &item).to_string();
        assert!(expansion.starts_with(&item.to_string()), "{expansion}");
        assert!(!expansion.contains("compile_error"), "{expansion}");
    }

    #[test]
    fn what_is_no_function_comes_back_too() {
        let item = quote!(
            struct S;
        );
        let expansion = expand(Kind::Tool, quote!(), &item).to_string();
        assert!(expansion.starts_with("struct S ;"), "{expansion}");
        assert!(
            expansion.contains("goes on a function, not on `struct`"),
            "{expansion}"
        );
    }
}
