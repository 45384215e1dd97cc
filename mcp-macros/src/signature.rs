//! What a function must not be, to be a component; and its types as generated code may spell them.
//!
//! Parameters are checked one by one in `parameters`.

use proc_macro2::{Ident, Punct, Spacing, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote_spanned};
use syn::{GenericParam, Generics, ReturnType, Safety, Signature, Type};

use crate::errors::Errors;
use crate::expand::Kind;
use crate::parameters::is_unsized;
use crate::runtime_path::generated_at;

/// Reports what keeps generated code from calling the function.
pub(crate) fn check(kind: Kind, signature: &Signature, errors: &mut Errors) {
    if let Safety::Unsafe(token) = &signature.safety {
        errors.at(
            token,
            "clients cannot keep the promises of an `unsafe fn`: put the `unsafe` into the body",
        );
    }
    if let Some(abi) = &signature.abi {
        errors.at(
            abi,
            format!(
                "a {} is a Rust function: remove the `extern`",
                kind.attribute()
            ),
        );
    }
    if let Some(variadic) = &signature.variadic {
        errors.at(
            variadic,
            "clients send named arguments: take a `Vec<T>` in place of `...`",
        );
    }
    if let ReturnType::Type(_, ty) = &signature.output
        && let Type::Never(never) = &**ty
    {
        errors.at(
            never,
            "a function that never returns has no result to send: return `()`",
        );
    }
    if let ReturnType::Type(_, ty) = &signature.output
        && is_unsized(ty)
    {
        errors.leave_to_compiler();
    }
    check_generics(kind, &signature.generics, errors);
}

fn check_generics(kind: Kind, generics: &Generics, errors: &mut Errors) {
    for parameter in &generics.params {
        let (what, name) = match parameter {
            GenericParam::Lifetime(_) => continue,
            GenericParam::Type(parameter) => ("type", &parameter.ident),
            GenericParam::Const(parameter) => ("const", &parameter.ident),
        };
        errors.at(
            name,
            format!(
                "nobody could choose the {what} parameter `{name}` of a {}: write a concrete one",
                kind.attribute()
            ),
        );
    }
}

/// The place of the first `impl` of a type, however deep.
pub(crate) fn find_impl(ty: &impl ToTokens) -> Option<Span> {
    find_keyword(ty.to_token_stream(), "impl")
}

fn find_keyword(tokens: TokenStream, keyword: &str) -> Option<Span> {
    tokens.into_iter().find_map(|token| match token {
        TokenTree::Ident(ident) if ident == keyword => Some(ident.span()),
        TokenTree::Group(group) => find_keyword(group.stream(), keyword),
        _ => None,
    })
}

/// The type a function returns, as tokens: `()`, at its name, if it says nothing.
pub(crate) fn return_type(signature: &Signature) -> TokenStream {
    match &signature.output {
        ReturnType::Default => quote_spanned!(generated_at(&signature.ident)=> ()),
        ReturnType::Type(_, ty) => ty.to_token_stream(),
    }
}

/// The type with the function's own lifetimes replaced: outside the function they are not declared.
pub(crate) fn with_lifetime(
    ty: &impl ToTokens,
    generics: &Generics,
    lifetime: &str,
) -> TokenStream {
    let declared: Vec<&Ident> = generics
        .lifetimes()
        .map(|parameter| &parameter.lifetime.ident)
        .collect();
    replace_lifetimes(ty.to_token_stream(), &declared, lifetime)
}

fn replace_lifetimes(tokens: TokenStream, declared: &[&Ident], lifetime: &str) -> TokenStream {
    let mut after_apostrophe = false;
    let replace = |token| {
        let is_lifetime = std::mem::replace(&mut after_apostrophe, is_apostrophe(&token));
        match token {
            TokenTree::Ident(name) if is_lifetime && declared.contains(&&name) => {
                Ident::new(lifetime, name.span()).into()
            }
            TokenTree::Group(group) => {
                let stream = replace_lifetimes(group.stream(), declared, lifetime);
                let mut replaced = proc_macro2::Group::new(group.delimiter(), stream);
                replaced.set_span(group.span());
                replaced.into()
            }
            other => other,
        }
    };
    tokens
        .into_iter()
        .map(replace)
        .collect::<Vec<TokenTree>>()
        .into_iter()
        .collect()
}

fn is_apostrophe(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Punct(punct) if Punct::as_char(punct) == '\'' && punct.spacing() == Spacing::Joint)
}

#[cfg(test)]
mod tests {
    use super::{find_impl, with_lifetime};
    use quote::quote;
    use syn::{Signature, parse_quote};

    #[test]
    fn only_declared_lifetimes_are_replaced() {
        let signature: Signature = parse_quote!(fn f<'a>());
        let ty = quote!((
            &'a str,
            for<'b> fn(&'b str) -> &'static str,
            Vec<Cow<'a, str>>
        ));
        let expected = quote!((
            &'_ str,
            for<'b> fn(&'b str) -> &'static str,
            Vec<Cow<'_, str>>
        ));
        assert_eq!(
            with_lifetime(&ty, &signature.generics, "_").to_string(),
            expected.to_string()
        );
    }

    #[test]
    fn a_nested_impl_is_found() {
        assert!(find_impl(&quote!(Option<(u8, impl Copy)>)).is_some());
        assert!(find_impl(&quote!(Implementation)).is_none());
    }
}
